//! The attribute that makes functions tools. Use it as `siumai::tool`.
mod tool;

use proc_macro::TokenStream;

/// Makes a function, or methods of a type, tools that a model can call: see `siumai::tool`.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(attribute.into(), item.into()).into()
}

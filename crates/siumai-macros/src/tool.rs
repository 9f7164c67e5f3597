//! `#[tool]`: on a function, or on an `impl` block with methods that are tools.
mod callable;
mod definition;
mod function;
mod group;
mod marks;
mod parameter;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Error, Item, parse::Parse};

use self::marks::Marks;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error(),
    };
    match item {
        Item::Fn(function) => function::expand(attribute, function),
        Item::Impl(block) => group::expand(attribute, block),
        other => Error::new_spanned(
            other,
            "only functions can be tools; put `#[tool]` on an `async fn`, or on an `impl` block and \
             those of its methods that are tools",
        )
        .into_compile_error(),
    }
}

/// `parse` of what stands in an attribute, and what is wrong with it beside.
fn parsed<T: Parse + Default>(attribute: TokenStream, mistakes: &mut Mistakes) -> T {
    match syn::parse2(attribute) {
        Ok(parsed) => parsed,
        Err(mistake) => {
            mistakes.add(mistake);
            T::default()
        }
    }
}

/// Everything that is wrong, to be told at once.
#[derive(Default)]
struct Mistakes(Option<Error>);

impl Mistakes {
    fn add(&mut self, mistake: Error) {
        match &mut self.0 {
            Some(all) => all.combine(mistake),
            None => self.0 = Some(mistake),
        }
    }

    fn tell(&mut self, at: impl ToTokens, what: &str) {
        self.add(Error::new_spanned(at, what));
    }

    fn into_error(self) -> Option<TokenStream> {
        self.0.map(Error::into_compile_error)
    }
}

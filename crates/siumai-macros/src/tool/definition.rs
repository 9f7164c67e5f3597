//! The code that adds a tool to a set.
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident, parse_quote};

use super::{
    callable::{AnswerKind, Callable},
    parameter::Parameter,
};

/// Adds the tool to the set `__set`, whose calls are executed by `function` with the arguments that
/// the model gave. What `prepare` declares is made for each call.
pub(super) fn added(
    callable: &Callable,
    prepare: &TokenStream,
    function: &TokenStream,
) -> TokenStream {
    let Callable { marks, name, description, parameters, answer } = callable;
    let private = marks.private();
    let definition = marks.set(&quote!(#private::definition::<__Arguments>(#name, #description)));
    let arguments = arguments_type(callable);
    let passed = parameters.iter().map(passed);
    let read = match answer {
        AnswerKind::Value => quote!(#private::answer),
        AnswerKind::Result => quote!(#private::outcome),
    };
    quote! {{
        #arguments
        #private::with_function(__set, #definition, move |__arguments: __Arguments, __context| {
            #prepare
            async move { #read(#function(#(#passed),*).await) }
        })
    }}
}

/// The type that a call's arguments are read into.
fn arguments_type(callable: &Callable) -> TokenStream {
    if let Some(whole) = callable.parameters.iter().find_map(|it| match it {
        Parameter::All(kind) => Some(kind),
        _ => None,
    }) {
        return quote!(type __Arguments = #whole;);
    }
    let arguments = || {
        callable.parameters.iter().filter_map(|it| match it {
            Parameter::Argument(argument) => Some(argument),
            _ => None,
        })
    };
    let fields = arguments().map(|it| it.field());
    let defaults = arguments().filter_map(|it| it.default());
    let private = callable.marks.private();
    let serde = quote!(#private::serde).to_string();
    let schemars = quote!(#private::schemars).to_string();
    quote! {
        #(#defaults)*

        #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
        #[serde(crate = #serde, deny_unknown_fields)]
        #[schemars(crate = #schemars)]
        struct __Arguments { #(#fields),* }
    }
}

/// What the function is given for a parameter.
fn passed(parameter: &Parameter) -> TokenStream {
    match parameter {
        Parameter::Context { is_borrowed: true } => quote!(&__context),
        Parameter::Context { is_borrowed: false } => quote!(__context),
        Parameter::All(_) => quote!(__arguments),
        Parameter::Argument(argument) => {
            let name: &Ident = argument.name();
            quote!(__arguments.#name)
        }
    }
}

/// Keeps quiet about a tool that waits for nothing.
pub(super) fn unused_async() -> Attribute {
    // Not expected, since others do wait.
    parse_quote!(#[cfg_attr(
        clippy,
        allow(clippy::unused_async, reason = "a tool is async, whether it waits or not")
    )])
}

/// The name of the nth parameter, where its own does not matter.
pub(super) fn nth(place: usize) -> Ident {
    format_ident!("__{place}")
}

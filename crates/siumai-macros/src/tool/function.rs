//! A function that becomes a tool of its own.
//!
//! A value of its name stands for it, to be added to a set; the function itself moves out of sight,
//! and is called through that value.
use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ItemFn, ReturnType};

use super::{
    Mistakes,
    callable::{Callable, Place},
    definition::{added, nth, unused_async},
    parameter::Parameter,
    parsed,
};

pub(super) fn expand(attribute: TokenStream, mut function: ItemFn) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let marks = parsed(attribute, &mut mistakes);
    let signature = &mut function.sig;
    let callable = Callable::take(marks, &function.attrs, signature, Place::Free, &mut mistakes);
    let value = value(&function, &callable);
    if let Some(errors) = mistakes.into_error() {
        return quote!(#errors #value);
    }
    let name = &function.sig.ident;
    let private = callable.marks.private();
    let set = added(&callable, &TokenStream::new(), &quote!(#name));
    let tools = into_tool_set(
        &function,
        &callable,
        &quote! {
            let __set = #private::ToolSet::new();
            #set
        },
    );
    let call = call(&function, &callable);
    let unused_async = unused_async();
    quote! {
        #value
        const _: () = {
            #unused_async
            #function
            #tools
            #call
        };
    }
}

/// The value that stands for the tool.
fn value(function: &ItemFn, callable: &Callable) -> TokenStream {
    let (visibility, name) = (&function.vis, &function.sig.ident);
    let documentation = &callable.description;
    quote! {
        #[doc = #documentation]
        #[expect(non_camel_case_types, reason = "it goes by the function's name")]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #visibility struct #name;
    }
}

fn into_tool_set(function: &ItemFn, callable: &Callable, body: &TokenStream) -> TokenStream {
    let (name, private) = (&function.sig.ident, callable.marks.private());
    quote! {
        impl #private::IntoToolSet for #name {
            fn into_tool_set(self) -> #private::ToolSet { #body }
        }
    }
}

/// Lets the value be called like the function.
fn call(function: &ItemFn, callable: &Callable) -> TokenStream {
    let (name, private) = (&function.sig.ident, callable.marks.private());
    let inputs = function.sig.inputs.iter().filter_map(|it| match it {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    });
    let is_borrowed = |it: &Parameter| matches!(it, Parameter::Context { is_borrowed: true });
    let kinds: Vec<_> = inputs
        .zip(&callable.parameters)
        .map(|(input, parameter)| {
            let kind = &input.ty;
            if is_borrowed(parameter) { quote!(&'a #private::ToolContext) } else { quote!(#kind) }
        })
        .collect();
    let answer = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, kind) => quote!(#kind),
    };
    let names: Vec<_> = (0..kinds.len()).map(nth).collect();
    let (generic, bound, lifetime) = if callable.parameters.iter().any(is_borrowed) {
        (quote!(<'a>), quote!(for<'a>), quote!('a))
    } else {
        (TokenStream::new(), TokenStream::new(), quote!('static))
    };
    quote! {
        impl ::core::ops::Deref for #name {
            type Target = #bound fn(#(#kinds),*) -> #private::BoxFuture<#lifetime, #answer>;

            fn deref(&self) -> &Self::Target {
                fn call #generic (#(#names: #kinds),*) -> #private::BoxFuture<#lifetime, #answer> {
                    ::std::boxed::Box::pin(#name(#(#names),*))
                }
                const CALL: <#name as ::core::ops::Deref>::Target = call;
                &CALL
            }
        }
    }
}

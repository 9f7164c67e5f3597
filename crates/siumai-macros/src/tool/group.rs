//! Methods of a type that become tools, which share the value.
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ImplItemFn, ItemImpl, Meta};

use super::{
    Marks, Mistakes,
    callable::{Callable, Place},
    definition::{added, unused_async},
    parsed,
};

pub(super) fn expand(attribute: TokenStream, mut block: ItemImpl) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let marks: Marks = parsed(attribute, &mut mistakes);
    if !marks.is_plain() {
        mistakes.tell(block.impl_token, "the marks of a tool stand on its method");
    }
    if let Some((path, _)) = &block.trait_ {
        mistakes.tell(
            path,
            "a trait's methods can't be tools; write an `impl` block of the type alone",
        );
    }
    let private = marks.private();
    let methods = block.items.iter_mut().filter_map(|it| match it {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    let added: Vec<_> = methods.filter_map(|it| tool(it, &marks, &mut mistakes)).collect();
    if added.is_empty() {
        mistakes
            .tell(block.impl_token, "no method is marked; put `#[tool]` on those that are tools");
    }
    if let Some(errors) = mistakes.into_error() {
        return quote!(#block #errors);
    }
    let (generics, _, bounds) = block.generics.split_for_impl();
    let kind = &block.self_ty;
    quote! {
        #block

        impl #generics #private::ToolGroup for #kind #bounds {
            fn tools(self: ::std::sync::Arc<Self>) -> #private::ToolSet {
                let __set = #private::ToolSet::new();
                #(let __set = #added;)*
                __set
            }
        }
    }
}

/// The code that adds a method, if it is marked.
fn tool(method: &mut ImplItemFn, block: &Marks, mistakes: &mut Mistakes) -> Option<TokenStream> {
    let place = method.attrs.iter().position(|it| it.path().is_ident("tool"))?;
    let marks: Marks = match method.attrs.remove(place).meta {
        Meta::List(list) => parsed(list.tokens, mistakes),
        _ => Marks::default(),
    };
    let (docs, signature) = (&method.attrs, &mut method.sig);
    let callable = Callable::take(marks.within(block), docs, signature, Place::InImpl, mistakes);
    method.attrs.push(unused_async());
    let name = &method.sig.ident;
    if method.sig.receiver().is_none() {
        return Some(added(&callable, &TokenStream::new(), &quote!(Self::#name)));
    }
    let shared = quote!(let __shared = ::std::sync::Arc::clone(&__shared););
    let added = added(&callable, &shared, &quote!(__shared.#name));
    Some(quote! {{
        let __shared = ::std::sync::Arc::clone(&self);
        #added
    }})
}

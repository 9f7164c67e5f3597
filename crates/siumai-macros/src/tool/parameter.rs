//! A parameter of a function that is a tool.
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr, Pat, PatIdent, PatType, Result, Token,
    Type, TypeReference,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use super::{Mistakes, marks::value, parsed};

/// What a parameter stands for.
pub(super) enum Parameter {
    /// What is known of the call, borrowed or not.
    Context { is_borrowed: bool },
    /// One argument.
    Argument(Box<Argument>),
    /// A type whose fields are the arguments.
    All(Box<Type>),
}

/// One argument.
pub(super) struct Argument {
    name: Ident,
    kind: Type,
    docs: Vec<Attribute>,
    says: Says,
}

/// What `#[tool(…)]` of a parameter says.
#[derive(Default)]
struct Says {
    default: Option<DefaultValue>,
    rename: Option<LitStr>,
    flatten: Option<Span>,
}

enum DefaultValue {
    OfType,
    Is(Box<Expr>),
}

impl Parameter {
    /// Reads a parameter, and takes off what only stands there to be read.
    pub(super) fn take(parameter: &mut PatType, mistakes: &mut Mistakes) -> Option<Self> {
        let (docs, says) = attributes(parameter, mistakes);
        let kind = &*parameter.ty;
        if let Some(is_borrowed) = is_context(kind) {
            return Some(Self::Context { is_borrowed });
        }
        match kind {
            Type::Reference(_) => {
                mistakes.tell(
                    kind,
                    "a tool owns its arguments; take a `String` instead of a `&str`, a `Vec` instead of \
                     a slice (only `&ToolContext` can be borrowed)",
                );
                return None;
            }
            Type::ImplTrait(_) => {
                mistakes.tell(kind, "the model needs to know the type; name one");
                return None;
            }
            _ => {}
        }
        let Pat::Ident(PatIdent { ident, subpat: None, .. }) = &*parameter.pat else {
            return Some(Self::All(Box::new(kind.clone())));
        };
        if says.flatten.is_some() {
            return Some(Self::All(Box::new(kind.clone())));
        }
        let (name, kind) = (ident.clone(), kind.clone());
        Some(Self::Argument(Box::new(Argument { name, kind, docs, says })))
    }
}

impl Argument {
    pub(super) fn name(&self) -> &Ident {
        &self.name
    }

    /// The field that the argument is read into.
    pub(super) fn field(&self) -> TokenStream {
        let Self { name, kind, docs, says } = self;
        let default = says.default.as_ref().map(|default| match default {
            DefaultValue::OfType => quote!(#[serde(default)]),
            DefaultValue::Is(_) => {
                let path = LitStr::new(&self.default_name().to_string(), name.span());
                quote!(#[serde(default = #path)])
            }
        });
        let rename = says.rename.as_ref().map(|it| quote!(#[serde(rename = #it)]));
        quote!(#(#docs)* #default #rename #name: #kind)
    }

    /// The function that gives the default, if it is not that of the type.
    pub(super) fn default(&self) -> Option<TokenStream> {
        let Some(DefaultValue::Is(value)) = &self.says.default else { return None };
        let (name, kind) = (self.default_name(), &self.kind);
        let value = match &**value {
            text @ Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
                quote_spanned!(text.span()=> ::core::convert::Into::into(#text))
            }
            value => quote!(#value),
        };
        Some(quote!(fn #name() -> #kind { #value }))
    }

    fn default_name(&self) -> Ident {
        format_ident!("__default_{}", self.name.unraw())
    }
}

/// Takes the doc comments and `#[tool(…)]` off a parameter, which can't keep them.
fn attributes(parameter: &mut PatType, mistakes: &mut Mistakes) -> (Vec<Attribute>, Says) {
    let (mut docs, mut says) = (Vec::new(), Says::default());
    for attribute in std::mem::take(&mut parameter.attrs) {
        if attribute.path().is_ident("doc") {
            docs.push(attribute);
        } else if attribute.path().is_ident("tool") {
            match attribute.meta.require_list() {
                Ok(list) => says = parsed(list.tokens.clone(), mistakes),
                Err(_) => mistakes.tell(
                    &attribute,
                    "say what is special about the parameter, as in `#[tool(default)]`",
                ),
            }
        } else {
            parameter.attrs.push(attribute);
        }
    }
    (docs, says)
}

/// Whether a type is the context of a call, and then whether it is borrowed.
fn is_context(kind: &Type) -> Option<bool> {
    match kind {
        Type::Reference(TypeReference { mutability: None, elem, .. }) => {
            is_context(elem).map(|_| true)
        }
        Type::Path(it) if it.path.segments.last()?.ident == "ToolContext" => Some(false),
        _ => None,
    }
}

impl Parse for Says {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut says = Self::default();
        while !input.is_empty() {
            let word = input.call(Ident::parse_any)?;
            match word.to_string().as_str() {
                "default" if input.peek(Token![=]) => {
                    says.default = Some(DefaultValue::Is(Box::new(value(input)?)));
                }
                "default" => says.default = Some(DefaultValue::OfType),
                "rename" => says.rename = Some(value(input)?),
                "flatten" => says.flatten = Some(word.span()),
                other => {
                    return Err(Error::new(
                        word.span(),
                        format!(
                            "`{other}` says nothing of a parameter; there are `default`, `default = …`, \
                             `rename = \"…\"` and `flatten`"
                        ),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(says)
    }
}

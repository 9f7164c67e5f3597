//! What `#[tool(…)]` of a function says of it.
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

/// The marks of a tool.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) name: Option<LitStr>,
    pub(super) description: Option<LitStr>,
    /// The methods of a definition that set the others.
    setters: Vec<TokenStream>,
    library: Option<Path>,
    is_read_only: bool,
    is_destructive: bool,
}

const KNOWN: &str = "`name`, `description`, `read_only`, `destructive`, `needs_approval`, `exclusive`, \
                     `idempotent`, `timeout`, `max_result_bytes`, `crate`";

impl Marks {
    /// The definition with its marks.
    pub(super) fn set(&self, definition: &TokenStream) -> TokenStream {
        let setters = &self.setters;
        quote!(#definition #(#setters)*)
    }

    /// The marks of a method in a block that says where the library is.
    pub(super) fn within(self, block: &Self) -> Self {
        Self { library: block.library.clone(), ..self }
    }

    /// Whether it says nothing but where the library is.
    pub(super) fn is_plain(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.setters.is_empty()
    }

    /// What code that is written here may use.
    pub(super) fn private(&self) -> TokenStream {
        let library =
            self.library.as_ref().map_or_else(|| quote!(::siumai), ToTokens::to_token_stream);
        quote!(#library::tool::private)
    }

    fn take(&mut self, input: ParseStream<'_>) -> Result<()> {
        let mark = input.call(Ident::parse_any)?;
        let span = mark.span();
        match mark.to_string().as_str() {
            "name" => self.name = Some(checked_name(value(input)?)?),
            "description" => self.description = Some(value(input)?),
            "crate" => self.library = Some(value(input)?),
            "timeout" => {
                let limit: Expr = value(input)?;
                if let Expr::Lit(ExprLit {
                    lit: Lit::Int(_) | Lit::Float(_) | Lit::Str(_), ..
                }) = &limit
                {
                    return Err(Error::new(
                        limit.span(),
                        "say the unit, as in `timeout = Duration::from_secs(20)`",
                    ));
                }
                self.setters.push(quote_spanned!(limit.span()=> .timeout(#limit)));
            }
            "max_result_bytes" => {
                let limit: Expr = value(input)?;
                self.setters.push(quote_spanned!(limit.span()=> .max_result_bytes(#limit)));
            }
            "read_only" | "destructive" | "needs_approval" | "exclusive" | "idempotent" => {
                self.is_read_only |= mark == "read_only";
                self.is_destructive |= mark == "destructive";
                self.setters.push(quote_spanned!(span=> .#mark()));
                if self.is_read_only && self.is_destructive {
                    return Err(Error::new(
                        span,
                        "what is read-only destroys nothing; leave `read_only` or `destructive` out",
                    ));
                }
            }
            other => {
                return Err(Error::new(
                    span,
                    format!("there is no mark `{other}`; there are {KNOWN}"),
                ));
            }
        }
        Ok(())
    }
}

impl Parse for Marks {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut marks = Self::default();
        while !input.is_empty() {
            marks.take(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(marks)
    }
}

/// What stands after `=`.
pub(super) fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn checked_name(name: LitStr) -> Result<LitStr> {
    let text = name.value();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(is_plain) {
        return Ok(name);
    }
    Err(Error::new(
        name.span(),
        "this can't be a tool's name; use 1 to 64 of a-z, A-Z, 0-9, `_` and `-`",
    ))
}

//! A function that is a tool: what is read from its signature.
use syn::{Attribute, Expr, ExprLit, FnArg, Lit, Meta, ReceiverKind, ReturnType, Signature, Type};

use super::{Mistakes, marks::Marks, parameter::Parameter};

/// What a tool is made from.
pub(super) struct Callable {
    pub(super) marks: Marks,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) answer: AnswerKind,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum AnswerKind {
    Value,
    Result,
}

/// Where a function stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Free,
    InImpl,
}

impl Callable {
    /// Reads a signature, and takes off it what only stands there to be read.
    pub(super) fn take(
        marks: Marks,
        docs: &[Attribute],
        signature: &mut Signature,
        place: Place,
        mistakes: &mut Mistakes,
    ) -> Self {
        check(signature, place, mistakes);
        let name = match &marks.name {
            Some(name) => name.value(),
            None => syn::ext::IdentExt::unraw(&signature.ident).to_string(),
        };
        if name.len() > 64 || !name.is_ascii() {
            mistakes.tell(
                &signature.ident,
                "a tool's name has 1 to 64 of a-z, A-Z, 0-9, `_` and `-`; give another with `#[tool(name = \"…\")]`",
            );
        }
        let description = match &marks.description {
            Some(description) => description.value(),
            None => doc_text(docs),
        };
        if description.trim().is_empty() {
            mistakes.tell(
                &signature.ident,
                "the model knows a tool by its description; write a doc comment, or `#[tool(description = \"…\")]`",
            );
        }
        let typed = signature.inputs.iter_mut().filter_map(|it| match it {
            FnArg::Typed(parameter) => Some(parameter),
            FnArg::Receiver(_) => None,
        });
        let parameters: Vec<_> = typed.filter_map(|it| Parameter::take(it, mistakes)).collect();
        check_together(&parameters, signature, mistakes);
        let answer = answer_kind(&signature.output, mistakes);
        Self { marks, name, description, parameters, answer }
    }
}

fn check(signature: &Signature, place: Place, mistakes: &mut Mistakes) {
    if signature.asyncness.is_none() {
        mistakes.tell(signature.fn_token, "a tool is an `async fn`; write `async` before `fn`");
    }
    if !signature.generics.params.is_empty() {
        mistakes.tell(
            &signature.generics,
            "a tool can't be generic, since its schema is made from its types; name them",
        );
    }
    let Some(receiver) = signature.receiver() else { return };
    if place == Place::Free {
        mistakes
            .tell(receiver, "methods become tools together; put `#[tool]` on the `impl` block too");
    } else if !matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) {
        mistakes.tell(
            receiver,
            "tools run side by side and share the value; take `&self`, and keep what changes in a `Mutex`",
        );
    }
}

fn check_together(parameters: &[Parameter], signature: &Signature, mistakes: &mut Mistakes) {
    let count = |is: fn(&Parameter) -> bool| parameters.iter().filter(|it| is(it)).count();
    if count(|it| matches!(it, Parameter::Context { .. })) > 1 {
        mistakes.tell(&signature.inputs, "a tool has one context; leave the others out");
    }
    let wholes = count(|it| matches!(it, Parameter::All(_)));
    let arguments = count(|it| matches!(it, Parameter::Argument(_)));
    if wholes > 1 || (wholes == 1 && arguments > 0) {
        mistakes.tell(
            &signature.inputs,
            "a parameter whose fields are the arguments stands alone; put the others into its type",
        );
    }
}

/// The text of doc comments.
fn doc_text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines.map(|it| it.strip_prefix(' ').unwrap_or(&it).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

fn answer_kind(output: &ReturnType, mistakes: &mut Mistakes) -> AnswerKind {
    let ReturnType::Type(_, kind) = output else { return AnswerKind::Value };
    match &**kind {
        Type::ImplTrait(_) => mistakes.tell(kind, "name the type that the tool returns"),
        Type::Reference(it) if it.lifetime.is_none() => {
            mistakes
                .tell(kind, "a tool's answer is its own; return a `String` instead of a `&str`");
        }
        Type::Path(it) => {
            // `io::Result` and the like are results by other names.
            let last = it.path.segments.last().map(|it| it.ident.to_string());
            if last.is_some_and(|it| it.ends_with("Result")) {
                return AnswerKind::Result;
            }
        }
        _ => {}
    }
    AnswerKind::Value
}

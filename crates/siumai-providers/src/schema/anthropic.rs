//! Parameters as Anthropic takes them, and schemas of structured output.
//!
//! Strict tools and structured output refuse a request for any word that they have not: objects have
//! no properties but those that are named, and what the model can't be held to is told in the
//! description.
use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Value, json};
use siumai_core::types::Tool;

use super::{
    Offer, Words,
    inline::{has_references, inlined},
    lost_words,
    object::as_object,
};

/// The formats of text that the model can be held to.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// What Anthropic, or a server like it, is offered of a tool.
pub(crate) fn offer<'a>(tool: &'a Tool, provider: &str, strict: bool) -> Offer<'a> {
    let (object, odd) = as_object(tool.parameters());
    let mut words: BTreeSet<_> = odd.into_iter().map(str::to_owned).collect();
    let sentence = |words| lost_words(tool, provider, words);
    if !strict {
        return Offer {
            lost: sentence(&words).into_iter().collect(),
            parameters: object,
            is_strict: false,
        };
    }
    let inlined = inlined(&object);
    let (parameters, mut lost) = fitted(&inlined);
    let why = match (has_references(&inlined), lost.contains("additionalProperties")) {
        (true, _) => Some("types that hold themselves"),
        (_, true) => Some("properties that are not named"),
        _ => None,
    };
    if let Some(why) = why {
        let why = format!(
            "{provider}'s strict mode has no words for {why} in the parameters of tool `{}`; it is \
             offered without",
            tool.name()
        );
        let lost = sentence(&words).into_iter().chain([why]).collect();
        return Offer { parameters: object, is_strict: false, lost };
    }
    words.append(&mut lost);
    Offer {
        parameters: Cow::Owned(parameters),
        is_strict: true,
        lost: sentence(&words).into_iter().collect(),
    }
}

/// `schema` in the words that there are, and those that there are not.
pub(crate) fn fitted(schema: &Value) -> (Value, BTreeSet<String>) {
    let mut lost = BTreeSet::new();
    let schema = fit(schema, &mut lost);
    (schema, lost)
}

fn fit(schema: &Value, lost: &mut BTreeSet<String>) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let mut fitted = Words::default();
    for (word, value) in words {
        match fit_word(word, value, lost) {
            Fit::As(word, value) => fitted.keep(word, value),
            Fit::Told => fitted.tell(word, value),
            Fit::Meaningless => {}
        }
    }
    if fitted.kept.contains_key("$ref") {
        // Beside a reference nothing else may stand.
        fitted.kept.retain(|word, _| word.starts_with('$') || word == "definitions");
        return fitted.kept.into();
    }
    if fitted.kept.contains_key("properties") || words.get("type") == Some(&json!("object")) {
        fitted.keep("additionalProperties", false);
    }
    fitted.into_schema(lost)
}

/// What becomes of a word.
enum Fit<'a> {
    As(&'a str, Value),
    /// The model is told, and may not obey.
    Told,
    Meaningless,
}

fn fit_word<'a>(word: &'a str, value: &Value, lost: &mut BTreeSet<String>) -> Fit<'a> {
    match (word, value) {
        ("$schema" | "$id" | "$comment" | "examples", _)
        | ("additionalProperties", Value::Bool(false)) => Fit::Meaningless,
        ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
            let schemas = schemas.iter().map(|(name, it)| (name.clone(), fit(it, lost)));
            Fit::As(word, Value::Object(schemas.collect()))
        }
        ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
            let schemas = schemas.iter().map(|it| fit(it, lost)).collect();
            Fit::As(if word == "oneOf" { "anyOf" } else { word }, schemas)
        }
        ("items", Value::Object(_)) => Fit::As(word, fit(value, lost)),
        ("format", Value::String(format)) if FORMATS.contains(&format.as_str()) => {
            Fit::As(word, value.clone())
        }
        ("minItems", Value::Number(number)) if number.as_u64().is_some_and(|it| it <= 1) => {
            Fit::As(word, value.clone())
        }
        (
            "type" | "enum" | "const" | "default" | "title" | "description" | "required"
            | "pattern" | "$ref",
            _,
        ) => Fit::As(word, value.clone()),
        _ => Fit::Told,
    }
}

#[cfg(test)]
mod tests;

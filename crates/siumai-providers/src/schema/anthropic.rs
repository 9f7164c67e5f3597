//! A JSON Schema as structured output takes it, which refuses a request for any word that it has
//! not: objects have no properties but those that are named, and what it can't hold the model to
//! is told in the description.
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The formats of text that the model can be held to.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// `schema` in the words that there are, and those that there are not.
pub(super) fn fitted(schema: &Value) -> (Value, BTreeSet<String>) {
    let mut lost = BTreeSet::new();
    let schema = fit(schema, &mut lost);
    (schema, lost)
}

fn fit(schema: &Value, lost: &mut BTreeSet<String>) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let (mut kept, mut told) = (Map::new(), Map::new());
    for (word, value) in words {
        match fit_word(word, value, lost) {
            Fit::As(word, value) => {
                kept.insert(word.to_owned(), value);
            }
            Fit::Told => {
                told.insert(word.clone(), value.clone());
            }
            Fit::Meaningless => {}
        }
    }
    if kept.contains_key("$ref") {
        // Beside a reference nothing else may stand.
        kept.retain(|word, _| word.starts_with('$') || word == "definitions");
        return kept.into();
    }
    if kept.contains_key("properties") || words.get("type") == Some(&json!("object")) {
        kept.insert("additionalProperties".to_owned(), false.into());
    }
    if !told.is_empty() {
        lost.extend(told.keys().cloned());
        let before = kept.get("description").and_then(Value::as_str).map(|it| format!("{it}\n\n"));
        let told = Value::Object(told);
        let description = format!("{}It must fit {told}.", before.unwrap_or_default());
        kept.insert("description".to_owned(), description.into());
    }
    kept.into()
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

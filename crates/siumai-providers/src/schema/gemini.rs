//! A JSON Schema as Gemini takes it.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take JSON Schema itself, where the older
//! `parameters` and `responseSchema` refuse a request for any word that they do not have. The
//! documentation lets a whole schema be sent and lists the words that have an effect. A few
//! others have a listed word of the same meaning: a `const` that is text or a number is an
//! `enum` of one, `definitions` are `$defs`. Beside a `$ref` nothing else may stand. The rest is
//! left where it is.
use std::{borrow::Cow, collections::BTreeSet};

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value, json};
use siumai_core::types::Tool;

use super::{
    Offer, describe,
    inline::{has_references, inlined},
    lost_words,
    object::as_object,
    with_schemas,
};

/// What Gemini is offered of a tool.
pub(crate) fn offer(tool: &Tool) -> Offer<'_> {
    let (object, odd) = as_object(tool.parameters());
    let mut lost: BTreeSet<_> = odd.into_iter().map(str::to_owned).collect();
    let parameters = told(&inlined(&object), &mut lost);
    let lost = lost_words(tool, "Gemini", &lost).into_iter().collect();
    Offer { parameters: Cow::Owned(parameters), is_strict: false, lost }
}

/// `schema` with what has no effect told in words, and with fewer required properties: a reference
/// that comes back may not stand in one.
fn told(schema: &Value, lost: &mut BTreeSet<String>) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let mut schema = with_schemas(words, |it| told(it, lost));
    let ineffective: Map<_, _> = words
        .iter()
        .filter(|(word, _)| INEFFECTIVE.contains(&word.as_str()))
        .map(|(word, value)| (word.clone(), value.clone()))
        .collect();
    if !ineffective.is_empty() {
        lost.extend(ineffective.keys().cloned());
        describe(&mut schema, &format!("It must fit {}.", Value::Object(ineffective)));
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        let before = required.len();
        required.retain(|name| {
            let property = name.as_str().and_then(|it| words.get("properties")?.get(it));
            !property.is_some_and(has_references)
        });
        if required.len() < before {
            lost.insert("required".to_owned());
            describe(
                &mut schema,
                &format!("It must fit {}.", json!({ "required": words["required"] })),
            );
        }
    }
    schema.into()
}

/// The words that hold for a value and that Gemini does not heed.
const INEFFECTIVE: [&str; 22] = [
    "allOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "if",
    "maxContains",
    "maxLength",
    "maxProperties",
    "minContains",
    "minLength",
    "minProperties",
    "multipleOf",
    "not",
    "pattern",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
    "uniqueItems",
];

/// A schema, written as Gemini takes it.
#[derive(Clone, PartialEq)]
pub(crate) struct Schema<'a>(pub(crate) Cow<'a, Value>);

/// The same of a piece of it.
struct Piece<'a>(&'a Value);

/// Schemas by name, where names are no words of the schema.
struct Named<'a>(&'a Map<String, Value>);

struct Listed<'a>(&'a [Value]);

impl Serialize for Schema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Piece(&self.0).serialize(serializer)
    }
}

impl Serialize for Piece<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(words) = self.0 else { return self.0.serialize(serializer) };
        let is_reference = words.contains_key("$ref");
        let mut map = serializer.serialize_map(None)?;
        for (word, value) in words {
            match (word.as_str(), value) {
                ("$schema", _) => {}
                ("$ref", Value::String(to)) => match to.strip_prefix("#/definitions/") {
                    Some(name) => map.serialize_entry("$ref", &format!("#/$defs/{name}"))?,
                    None => map.serialize_entry("$ref", to)?,
                },
                ("$defs" | "definitions", Value::Object(schemas)) => {
                    map.serialize_entry("$defs", &Named(schemas))?;
                }
                _ if is_reference && !word.starts_with('$') => {}
                ("const", _) if words.contains_key("enum") => {}
                ("const", Value::String(_) | Value::Number(_)) => {
                    map.serialize_entry("enum", &[value])?;
                }
                (
                    "properties" | "patternProperties" | "dependentSchemas",
                    Value::Object(schemas),
                ) => {
                    map.serialize_entry(word, &Named(schemas))?;
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                    map.serialize_entry(word, &Listed(schemas))?;
                }
                (
                    "items"
                    | "additionalProperties"
                    | "not"
                    | "contains"
                    | "propertyNames"
                    | "if"
                    | "then"
                    | "else",
                    _,
                ) => map.serialize_entry(word, &Piece(value))?,
                _ => map.serialize_entry(word, value)?,
            }
        }
        map.end()
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, schema)| (name, Piece(schema))))
    }
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for schema in self.0 {
            list.serialize_element(&Piece(schema))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests;

//! A JSON Schema as Gemini takes it.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take JSON Schema itself, where the older
//! `parameters` and `responseSchema` refuse a request for any word that they do not have. The
//! documentation lets a whole schema be sent and lists the words that have an effect. A few
//! others have a listed word of the same meaning: a `const` that is text or a number is an
//! `enum` of one, `definitions` are `$defs`. Beside a `$ref` nothing else may stand. The rest is
//! left where it is.
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value};

/// A schema, written as Gemini takes it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Schema<'a>(pub(super) &'a Value);

/// Schemas by name, where names are no words of the schema.
struct Named<'a>(&'a Map<String, Value>);

struct Listed<'a>(&'a [Value]);

impl Serialize for Schema<'_> {
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
                ) => map.serialize_entry(word, &Schema(value))?,
                _ => map.serialize_entry(word, value)?,
            }
        }
        map.end()
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, schema)| (name, Schema(schema))))
    }
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for schema in self.0 {
            list.serialize_element(&Schema(schema))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests;

//! The schema of a tool's parameters, from the type that holds them.
//!
//! What a generator writes says the same in many ways. Here it is said in one: without titles and
//! formats that only Rust knows, with everything in its place instead of a reference (but for
//! types that hold themselves), with `anyOf` for alternatives, and with objects that take no
//! property but their own.
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The JSON Schema of a tool's parameters, which are the fields of `A`.
pub(crate) fn parameters_of<A: JsonSchema>() -> Value {
    let mut schema = generated::<A>();
    let is_alone = schema.as_object().is_some_and(|it| {
        it.keys().all(|it| {
            matches!(it.as_str(), "title" | "description" | "type" | "additionalProperties")
        })
    });
    match (schema["type"].as_str(), &schema["additionalProperties"]) {
        // A unit takes nothing, and so does a type without fields.
        (Some("null"), _) if is_alone => schema = json!({ "type": "object", "properties": {} }),
        (Some("object"), Value::Null | Value::Bool(false)) if is_alone => {
            schema["properties"] = json!({});
        }
        _ => {}
    }
    tidy(&mut schema, Objects::Closed);
    schema
}

/// The JSON Schema of a `T`, whatever that is.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let mut schema = generated::<T>();
    tidy(&mut schema, Objects::Closed);
    schema
}

fn generated<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Whether objects take properties that they don't name.
#[derive(Clone, Copy, PartialEq)]
enum Objects {
    Closed,
    /// They are pieces of one object, each with some of its properties.
    Open,
}

fn tidy(schema: &mut Value, objects: Objects) {
    let Value::Object(words) = schema else { return };
    words.retain(|word, value| match (word.as_str(), &*value) {
        ("title" | "$schema", Value::String(_)) | ("default", Value::Null) => false,
        ("format", Value::String(format)) => !is_rusts_own(format),
        _ => true,
    });
    if let Some(alternatives) = words.remove("oneOf") {
        insert_alternatives(words, alternatives);
    }
    let has_pieces = words.contains_key("properties")
        && ["anyOf", "allOf"].iter().any(|it| words.contains_key(*it));
    for (word, value) in words.iter_mut() {
        let objects = match word.as_str() {
            "anyOf" if !has_pieces => objects,
            "anyOf" | "allOf" => Objects::Open,
            _ => Objects::Closed,
        };
        match (word.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|it| tidy(it, objects));
            }
            ("anyOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                for schema in schemas {
                    tidy(schema, objects);
                }
            }
            ("items" | "additionalProperties", schema) => tidy(schema, objects),
            _ => {}
        }
    }
    let is_closed = objects == Objects::Closed && words.contains_key("properties") && !has_pieces;
    if is_closed && !words.contains_key("additionalProperties") {
        words.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// The widths of numbers, which their bounds say as well where they matter.
fn is_rusts_own(format: &str) -> bool {
    let number = format.trim_start_matches("uint").trim_start_matches("int");
    matches!(format, "float" | "double" | "char")
        || (number.len() < format.len() && number.chars().all(|it| it.is_ascii_digit()))
}

/// Puts `alternatives` into a schema: constants as one `enum`, whose description says what each means.
fn insert_alternatives(words: &mut Map<String, Value>, alternatives: Value) {
    let Some(constants) = alternatives.as_array().and_then(|it| Constants::of(it)) else {
        words.insert("anyOf".to_owned(), alternatives);
        return;
    };
    let before = words.get("description").and_then(Value::as_str).map(str::to_owned);
    let lines: Vec<_> = before.into_iter().chain(constants.meanings).collect();
    if !lines.is_empty() {
        words.insert("description".to_owned(), lines.join("\n").into());
    }
    words.insert("type".to_owned(), "string".into());
    words.insert("enum".to_owned(), constants.values.into());
}

/// Alternatives that are nothing but text.
#[derive(Default)]
struct Constants {
    values: Vec<Value>,
    meanings: Vec<String>,
}

impl Constants {
    fn of(alternatives: &[Value]) -> Option<Self> {
        let mut all = Self::default();
        for alternative in alternatives {
            if alternative["type"] != "string" {
                return None;
            }
            match (&alternative["const"], &alternative["enum"]) {
                (Value::String(value), _) => {
                    all.values.push(value.as_str().into());
                    let meaning = alternative["description"].as_str();
                    all.meanings.extend(meaning.map(|it| format!("- `{value}`: {it}")));
                }
                (_, Value::Array(values)) => all.values.extend(values.iter().cloned()),
                _ => return None,
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests;

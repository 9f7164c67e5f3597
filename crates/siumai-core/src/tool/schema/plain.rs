//! Which schemas are certainly well-formed, so that nobody has to compile them, and to read the rules
//! of all drafts, to tell: most of what the start of a short run would cost.
use std::collections::BTreeSet;

use serde_json::Value;

/// Those whose rules for the keywords known here are the same.
const DRAFTS: [&str; 3] = [
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Deeper ones are left to whoever knows them all.
const LEVELS: usize = 64;

/// Whether `schema` is made of common keywords alone, each as its draft wants it. Of any other,
/// which may be as good, it says `false`.
pub(super) fn is_plain(schema: &Value) -> bool {
    is_plain_in(schema, schema, LEVELS)
}

fn is_plain_in(root: &Value, schema: &Value, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return false };
    match schema {
        Value::Bool(_) => true,
        Value::Object(keywords) => {
            keywords.iter().all(|(keyword, value)| is_known(root, keyword, value, levels))
        }
        _ => false,
    }
}

fn is_known(root: &Value, keyword: &str, value: &Value, levels: usize) -> bool {
    let is_schema = |it: &Value| is_plain_in(root, it, levels);
    match keyword {
        "const" | "default" => true,
        "title" | "description" | "$comment" | "format" => value.is_string(),
        "deprecated" | "readOnly" | "writeOnly" | "uniqueItems" => value.is_boolean(),
        "examples" => value.is_array(),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            value.is_u64()
        }
        "type" => is_type(value) || is_filled(value, is_type) && is_distinct(value),
        "enum" => is_filled(value, is_simple) && is_distinct(value),
        "required" => is_list(value, Value::is_string) && is_distinct(value),
        "items" | "additionalProperties" | "not" | "propertyNames" => is_schema(value),
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => is_filled(value, is_schema),
        "properties" | "$defs" | "definitions" => {
            value.as_object().is_some_and(|it| it.values().all(is_schema))
        }
        "$ref" => value.as_str().is_some_and(|it| is_defined(root, it)),
        "$schema" => {
            value.as_str().is_some_and(|it| DRAFTS.contains(&it.strip_suffix('#').unwrap_or(it)))
        }
        _ => false,
    }
}

fn is_list(value: &Value, is_such: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|members| members.iter().all(is_such))
}

/// Whether it is a list of such, and not an empty one, which is malformed in most places.
fn is_filled(value: &Value, is_such: impl Fn(&Value) -> bool) -> bool {
    is_list(value, is_such) && value.get(0).is_some()
}

fn is_type(value: &Value) -> bool {
    value.as_str().is_some_and(|it| TYPES.contains(&it))
}

/// What is equal to another only if it is written alike: not `1.0`, which is `1`.
fn is_simple(value: &Value) -> bool {
    !(value.is_f64() || value.is_array() || value.is_object())
}

fn is_distinct(list: &Value) -> bool {
    let mut seen = BTreeSet::new();
    list.as_array().is_some_and(|members| members.iter().all(|it| seen.insert(it.to_string())))
}

/// Whether `reference` is to the whole schema or to one of its definitions, which are schemas too,
/// with nothing to decode in its name.
fn is_defined(root: &Value, reference: &str) -> bool {
    let Some(pointer) = reference.strip_prefix('#') else { return false };
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
    let name = pointer.strip_prefix("/$defs/").or_else(|| pointer.strip_prefix("/definitions/"));
    pointer.is_empty()
        || name.is_some_and(|it| it.chars().all(is_plain)) && root.pointer(pointer).is_some()
}

#[cfg(test)]
mod tests;

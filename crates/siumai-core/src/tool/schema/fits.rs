//! Which values certainly fit a schema, by the keywords that those of most tools are made of: nearly
//! all calls are well-formed, and of them nobody has to be told anything.
use std::{cell::Cell, ptr};

use serde_json::{Map, Value};

/// Deeper schemas are left to whoever knows all keywords.
const LEVELS: usize = 64;

/// So are values that take longer: a schema may come from anywhere, and have two ways at each level.
const PARTS: usize = 10_000;

/// Whether `value` certainly fits `schema`, which is well-formed. Of any other, which may fit as well,
/// it says `false`.
pub(super) fn fits(schema: &Value, value: &Value) -> bool {
    Part { root: schema, schema, levels: LEVELS, left: &Cell::new(PARTS) }.takes(value)
}

/// A part of the schema `root`.
#[derive(Clone, Copy)]
struct Part<'a> {
    root: &'a Value,
    schema: &'a Value,
    levels: usize,
    /// How many parts may still be looked at.
    left: &'a Cell<usize>,
}

impl<'a> Part<'a> {
    fn takes(self, value: &Value) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        match self.schema {
            Value::Bool(takes_all) => *takes_all,
            Value::Object(keywords) if self.levels > 0 => {
                keywords.iter().all(|(keyword, wanted)| self.allows(keyword, wanted, value))
            }
            _ => false,
        }
    }

    fn allows(self, keyword: &str, wanted: &'a Value, value: &Value) -> bool {
        match keyword {
            "title" | "description" | "default" | "examples" | "deprecated" | "readOnly"
            | "writeOnly" | "$comment" | "$defs" | "definitions" => true,
            // No more than a note, unless the schema is of an older draft than it is taken for.
            "format" => self.root.get("$schema").is_none(),
            "$schema" => ptr::eq(self.schema, self.root),
            "$ref" => self.definition(wanted).is_some_and(|it| it.takes(value)),
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
                kind => is_a(value, kind),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().is_some_and(|it| it.contains(value)),
            "anyOf" => {
                wanted.as_array().is_some_and(|it| it.iter().any(|it| self.part(it).takes(value)))
            }
            "minimum" => !value.is_number() || is_at_least(value, wanted),
            "maximum" => !value.is_number() || is_at_least(wanted, value),
            "items" => match value {
                Value::Array(items) => items.iter().all(|it| self.part(wanted).takes(it)),
                _ => true,
            },
            "properties" | "required" | "additionalProperties" => match value {
                Value::Object(fields) => self.allows_fields(keyword, wanted, fields),
                _ => true,
            },
            _ => false,
        }
    }

    fn allows_fields(self, keyword: &str, wanted: &'a Value, fields: &Map<String, Value>) -> bool {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| properties.and_then(|it| field(it, name));
        match keyword {
            "required" => wanted.as_array().is_some_and(|names| {
                names.iter().all(|it| it.as_str().and_then(|it| field(fields, it)).is_some())
            }),
            "properties" => fields
                .iter()
                .all(|(name, field)| property(name).is_none_or(|it| self.part(it).takes(field))),
            _ => fields
                .iter()
                .all(|(name, field)| property(name).is_some() || self.part(wanted).takes(field)),
        }
    }

    fn part(self, schema: &'a Value) -> Self {
        Self { schema, levels: self.levels - 1, ..self }
    }

    fn definition(self, reference: &Value) -> Option<Self> {
        self.root.pointer(reference.as_str()?.strip_prefix('#')?).map(|it| self.part(it))
    }
}

/// The field of that name. Looking at each of a few is faster than hashing the name.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    const FEW: usize = 8;
    if fields.len() > FEW {
        return fields.get(name);
    }
    fields.iter().find(|(it, _)| *it == name).map(|(_, value)| value)
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Whether `value` is at least `least`, as far as both are usual whole numbers.
fn is_at_least(value: &Value, least: &Value) -> bool {
    match (value.as_i64(), least.as_i64()) {
        (Some(value), Some(least)) => value >= least,
        _ => false,
    }
}

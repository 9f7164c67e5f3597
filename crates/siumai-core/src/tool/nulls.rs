//! Nulls in arguments that stand for nothing.
//!
//! A model that is held to a schema writes every property, and null for one that it would leave
//! out. A tool that knows no null there is to get nothing.
use serde_json::Value;

/// Whether there is a null in `value`.
pub(crate) fn has_nulls(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().any(has_nulls),
        Value::Array(items) => items.iter().any(has_nulls),
        _ => false,
    }
}

/// `arguments` without nulls in the place of properties that may be left out and can't be null; if
/// there is one.
pub(super) fn without_nulls(schema: &Value, arguments: &Value) -> Option<Value> {
    let mut arguments = arguments.clone();
    Nulls { root: schema, were_taken: false }.take(schema, &mut arguments).then_some(arguments)
}

struct Nulls<'a> {
    /// What references begin at.
    root: &'a Value,
    were_taken: bool,
}

impl<'a> Nulls<'a> {
    /// Takes the nulls out of `value`, and says whether there were any so far.
    fn take(&mut self, schema: &'a Value, value: &mut Value) -> bool {
        let schema = self.resolved(schema);
        match value {
            Value::Object(fields) => fields.retain(|name, value| {
                let property = &schema["properties"][name];
                if value.is_null() && self.stands_for_nothing(schema, name) {
                    self.were_taken = true;
                    return false;
                }
                self.take(property, value);
                true
            }),
            Value::Array(items) => {
                for item in items {
                    self.take(&schema["items"], item);
                }
            }
            _ => {}
        }
        self.were_taken
    }

    fn stands_for_nothing(&self, schema: &Value, name: &str) -> bool {
        let is_required =
            schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
        let property = schema["properties"].get(name);
        property.is_some_and(|it| !is_required && !self.takes_null(it))
    }

    fn takes_null(&self, schema: &Value) -> bool {
        let schema = self.resolved(schema);
        match (&schema["type"], &schema["anyOf"], &schema["oneOf"]) {
            (Value::String(kind), ..) => kind == "null",
            (Value::Array(kinds), ..) => kinds.iter().any(|it| it == "null"),
            (_, Value::Array(schemas), _) | (_, _, Value::Array(schemas)) => {
                schemas.iter().any(|it| !it["$ref"].is_string() && self.takes_null(it))
            }
            _ => schema["enum"].as_array().is_none_or(|it| it.contains(&Value::Null)),
        }
    }

    /// What a schema refers to, or itself.
    fn resolved<'b>(&self, schema: &'b Value) -> &'b Value
    where
        'a: 'b,
    {
        let target =
            schema["$ref"].as_str().and_then(|it| self.root.pointer(it.strip_prefix('#')?));
        target.unwrap_or(schema)
    }
}

#[cfg(test)]
mod tests;

//! JSON in one spelling, so that equal values have equal text.
use serde_json::Value;

/// `value` as compact JSON whose objects have their keys in order.
///
/// ```
/// use siumai_core::types::canonical_json;
/// use serde_json::json;
///
/// assert_eq!(canonical_json(&json!({ "b": [1, { "d": 2, "c": 3 }], "a": 4 })), r#"{"a":4,"b":[1,{"c":3,"d":2}]}"#);
/// ```
pub fn canonical_json(value: &Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

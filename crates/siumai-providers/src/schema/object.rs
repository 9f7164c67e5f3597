//! Parameters as an object: every provider refuses others.
use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::describe;

/// What may not stand at the top.
const ALTERNATIVES: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const CONDITIONS: [&str; 6] = ["not", "if", "then", "else", "enum", "const"];

/// `schema` with a type, named properties and no alternatives at the top; and which words it had
/// there.
pub(super) fn as_object(schema: &Value) -> (Cow<'_, Value>, Vec<&'static str>) {
    let Value::Object(words) = schema else {
        return (Cow::Owned(json!({ "type": "object", "properties": {} })), Vec::new());
    };
    if let Some(target) =
        words.get("$ref").map(|_| resolved(schema, schema)).filter(|it| *it != schema)
        && let Value::Object(target) = target
    {
        let mut there = words.clone();
        there.remove("$ref");
        there.extend(target.iter().map(|(word, value)| (word.clone(), value.clone())));
        // A reference that leads to another is followed no further than to itself.
        there.remove("$ref");
        let there = Value::Object(there);
        let (object, odd) = as_object(&there);
        return (Cow::Owned(object.into_owned()), odd);
    }
    let is_odd = |word: &&&str| words.contains_key(**word);
    let odd: Vec<_> = ALTERNATIVES.iter().chain(&CONDITIONS).filter(is_odd).copied().collect();
    if odd.is_empty()
        && words.get("type") == Some(&json!("object"))
        && words.contains_key("properties")
    {
        return (Cow::Borrowed(schema), odd);
    }
    let mut object = words.clone();
    let mut told = Map::new();
    for word in &odd {
        if let Some(value) = object.remove(*word) {
            told.insert((*word).to_owned(), value);
        }
    }
    object.insert("type".to_owned(), "object".into());
    object.entry("properties").or_insert_with(|| json!({}));
    for word in ALTERNATIVES {
        let branches = told.get(word).and_then(Value::as_array);
        let resolved = branches.into_iter().flatten().map(|it| resolved(it, schema));
        merge(&mut object, &resolved.collect::<Vec<_>>(), word == "allOf");
    }
    if !told.is_empty() {
        describe(&mut object, &format!("It must fit {}.", Value::Object(told)));
    }
    (Cow::Owned(object.into()), odd)
}

/// Adds what `branches` have: their properties, and what all of them require, or any of them if they
/// hold `together`.
fn merge(object: &mut Map<String, Value>, branches: &[&Value], together: bool) {
    let mut properties = object["properties"].as_object().cloned().unwrap_or_default();
    let mut required = names(object.get("required"));
    for branch in branches {
        for (name, property) in branch["properties"].as_object().into_iter().flatten() {
            add(&mut properties, name, property);
        }
        for name in names(branch.get("required")) {
            let is_required =
                together || branches.iter().all(|it| names(it.get("required")).contains(&name));
            if is_required && !required.contains(&name) {
                required.push(name);
            }
        }
    }
    object.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        object.insert("required".to_owned(), required.into());
    }
}

/// Adds a property, beside one of the same name.
fn add(properties: &mut Map<String, Value>, name: &str, property: &Value) {
    match properties.get_mut(name) {
        None => {
            properties.insert(name.to_owned(), property.clone());
        }
        Some(before) if before == property => {}
        Some(before) => {
            let mut alternatives = match before["anyOf"].as_array() {
                Some(alternatives) if before.as_object().is_some_and(|it| it.len() == 1) => {
                    alternatives.clone()
                }
                _ => vec![before.clone()],
            };
            if !alternatives.contains(property) {
                alternatives.push(property.clone());
            }
            *before = json!({ "anyOf": alternatives });
        }
    }
}

fn names(required: Option<&Value>) -> Vec<String> {
    let names = required.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|it| root.pointer(it.strip_prefix('#')?));
    target.unwrap_or(schema)
}

#[cfg(test)]
mod tests;

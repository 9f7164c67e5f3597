//! Parameters as `OpenAI` takes them, and the many servers that speak like it.
//!
//! Its strict mode holds a model to a schema, and refuses a request for whatever it has no word for:
//! objects are closed, every property is required, and one that may be left out is null instead.
//! Where that can't be said at all, a tool is offered without strictness.
use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value, json};
use siumai_core::types::Tool;

use super::{Offer, Words, describe, inline::inlined, lost_words, object::as_object};

/// The formats of text that strict mode has.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// How deep objects may lie in each other, how many properties and how many values there may be.
const DEEPEST: usize = 10;
const MOST_PROPERTIES: usize = 5_000;
const MOST_VALUES: usize = 1_000;

/// What `provider` is offered of a tool.
pub(crate) fn offer<'a>(tool: &'a Tool, provider: &str, strict: bool) -> Offer<'a> {
    let (object, odd) = as_object(tool.parameters());
    let mut words: BTreeSet<_> = odd.into_iter().map(str::to_owned).collect();
    if !strict {
        let lost = lost_words(tool, provider, &words).into_iter().collect();
        return Offer { parameters: object, is_strict: false, lost };
    }
    let mut fit = Fit::default();
    let parameters = fit.fit(&inlined(&object), 0);
    if let Some(why) = fit.unsayable() {
        let name = tool.name();
        let why = format!(
            "{provider}'s strict mode has no words for {why} in the parameters of tool `{name}`; it is \
             offered without"
        );
        let lost = lost_words(tool, provider, &words).into_iter().chain([why]).collect();
        return Offer { parameters: object, is_strict: false, lost };
    }
    words.append(&mut fit.lost);
    let lost = lost_words(tool, provider, &words).into_iter().collect();
    Offer { parameters: Cow::Owned(parameters), is_strict: true, lost }
}

#[derive(Default)]
struct Fit {
    lost: BTreeSet<String>,
    /// What can't be said.
    unsayable: Option<&'static str>,
    properties: usize,
    values: usize,
}

impl Fit {
    fn unsayable(&self) -> Option<&'static str> {
        if self.properties > MOST_PROPERTIES {
            return Some("so many properties");
        }
        if self.values > MOST_VALUES {
            return Some("so many values of an `enum`");
        }
        self.unsayable
    }

    fn fit(&mut self, schema: &Value, depth: usize) -> Value {
        let Value::Object(words) = schema else { return self.give_up("a value of any type") };
        if let Some(reference) = words.get("$ref") {
            // Beside a reference nothing else may stand.
            return json!({ "$ref": reference });
        }
        let mut fitted = Words::default();
        for (word, value) in words {
            self.fit_word(word, value, depth, &mut fitted);
        }
        let is_object = fitted.kept.get("type").is_some_and(|it| names(it, "object"));
        if is_object || fitted.kept.contains_key("properties") {
            self.close(words, &mut fitted.kept, depth);
        }
        if fitted.kept.get("type").is_some_and(|it| names(it, "array"))
            && !fitted.kept.contains_key("items")
        {
            return self.give_up("lists of anything");
        }
        if !["type", "enum", "anyOf"].iter().any(|it| fitted.kept.contains_key(*it)) {
            return self.give_up("a value of any type");
        }
        if let Some(default) = words.get("default").filter(|it| !it.is_null()) {
            describe(&mut fitted.kept, &format!("By default it is {default}."));
        }
        fitted.into_schema(&mut self.lost)
    }

    fn fit_word(&mut self, word: &str, value: &Value, depth: usize, fitted: &mut Words) {
        match (word, value) {
            (
                "$schema" | "$id" | "$comment" | "title" | "examples" | "default" | "required"
                | "deprecated" | "readOnly" | "writeOnly",
                _,
            )
            | ("additionalProperties", Value::Bool(false)) => {}
            ("additionalProperties" | "patternProperties", _) => {
                self.give_up("properties that are not named");
            }
            ("allOf" | "prefixItems", _) => {
                self.give_up("`allOf` or `prefixItems`");
            }
            ("properties" | "$defs", Value::Object(schemas)) => {
                let depth = depth + 1;
                let schemas = schemas.iter().map(|(name, it)| (name.clone(), self.fit(it, depth)));
                fitted.keep(word, schemas.collect::<Map<_, _>>());
            }
            ("anyOf" | "oneOf", Value::Array(schemas)) => {
                let schemas: Vec<_> = schemas.iter().map(|it| self.fit(it, depth)).collect();
                fitted.keep("anyOf", schemas);
            }
            ("items", Value::Object(_)) => {
                let items = self.fit(value, depth);
                fitted.keep(word, items);
            }
            ("const", _) => {
                self.values += 1;
                fitted.keep("enum", vec![value.clone()]);
            }
            ("enum", Value::Array(values)) => {
                self.values += values.len();
                fitted.keep(word, value.clone());
            }
            ("format", Value::String(format)) if FORMATS.contains(&format.as_str()) => {
                fitted.keep(word, value.clone());
            }
            (
                "type" | "description" | "pattern" | "multipleOf" | "minimum" | "maximum"
                | "exclusiveMinimum" | "exclusiveMaximum" | "minItems" | "maxItems",
                _,
            ) => fitted.keep(word, value.clone()),
            _ => fitted.tell(word, value),
        }
    }

    /// Closes an object: no property but the named, and none that may be missing.
    fn close(&mut self, words: &Map<String, Value>, fitted: &mut Map<String, Value>, depth: usize) {
        if depth >= DEEPEST {
            self.give_up("objects that lie so deep in each other");
        }
        let mut properties = match fitted.remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        self.properties += properties.len();
        let is_required = |name: &str| {
            words
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(|it| it.iter().any(|it| it == name))
        };
        for (name, property) in &mut properties {
            if !is_required(name) {
                let required = std::mem::take(property);
                *property = or_null(required);
            }
        }
        let names: Vec<_> = properties.keys().cloned().collect();
        fitted.insert("properties".to_owned(), properties.into());
        fitted.insert("required".to_owned(), names.into());
        fitted.insert("additionalProperties".to_owned(), false.into());
    }

    fn give_up(&mut self, what: &'static str) -> Value {
        self.unsayable.get_or_insert(what);
        Value::Null
    }
}

/// Whether a `type` names `kind`.
fn names(types: &Value, kind: &str) -> bool {
    types == kind || types.as_array().is_some_and(|it| it.iter().any(|it| it == kind))
}

/// `schema`, or null.
fn or_null(mut schema: Value) -> Value {
    let Value::Object(words) = &mut schema else { return schema };
    if let Some(Value::Array(alternatives)) = words.get_mut("anyOf") {
        let null = json!({ "type": "null" });
        if !alternatives.contains(&null) {
            alternatives.push(null);
        }
        return schema;
    }
    if words.contains_key("$ref") {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    match words.get_mut("type") {
        Some(Value::Array(types)) if !types.iter().any(|it| it == "null") => {
            types.push("null".into());
        }
        Some(types @ Value::String(_)) if types != "null" => {
            *types = json!([types, "null"]);
        }
        _ => {}
    }
    if let Some(Value::Array(values)) = words.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests;

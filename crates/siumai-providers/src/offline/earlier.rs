//! What an earlier result holds for a later call: `it`, `the result`, a path that was found.
use serde_json::{Map, Value};

use super::{
    answer,
    arguments::json_number,
    schema::{Meaning, Shape, Slot},
    text::{Kind, Text},
    words,
};

/// The result of a call that a later one may build on, with what it was asked.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    output: Value,
    arguments: Map<String, Value>,
}

impl Earlier {
    pub(super) fn new(output: Value, arguments: Map<String, Value>) -> Self {
        Self { output, arguments }
    }

    /// The number that the result is, or holds alone.
    pub(super) fn number(&self) -> Option<f64> {
        number(&self.output, &self.arguments)
    }

    /// A value for a slot; free text takes the whole result.
    pub(super) fn value_for(&self, slot: &Slot<'_>) -> Option<Value> {
        if let Shape::Number { whole } = slot.shape {
            return self.number().and_then(|it| json_number(it, whole));
        }
        if !matches!(slot.shape, Shape::Text | Shape::Anything) {
            return None;
        }
        let named = self.named(slot).filter(|it| !it.is_empty());
        let value = match slot.meaning {
            Meaning::Url => self.literal(Kind::Url),
            Meaning::Path => named.or_else(|| self.literal(Kind::Path)),
            Meaning::Email => self.literal(Kind::Email),
            Meaning::Date => named.or_else(|| self.literal(Kind::Date)),
            Meaning::Time => self.literal(Kind::Time),
            Meaning::Identifier => named.or_else(|| self.literal(Kind::Identifier)),
            Meaning::Zone
            | Meaning::Unit
            | Meaning::Currency
            | Meaning::Language
            | Meaning::Symbol
            | Meaning::Place
            | Meaning::Person => named,
            Meaning::Expression => self.number().map(|it| it.to_string()),
            _ => Some(answer::text_of(&self.output)),
        };
        value.filter(|it| !it.is_empty()).map(Value::String)
    }

    /// What the earlier call was given for a slot of that name.
    pub(super) fn argument_for(&self, slot: &Slot<'_>) -> Option<Value> {
        let stem = slot.words.last()?;
        let last_stem = |key: &str| words::stems(&words::words_of_name(key)).pop();
        let found = self.arguments.iter().find(|(key, _)| last_stem(key).as_ref() == Some(stem));
        found.map(|(_, value)| value.clone())
    }

    /// The text of a field that is named like the slot.
    fn named(&self, slot: &Slot<'_>) -> Option<String> {
        let is_named = |key: &str| {
            words::stems(&words::words_of_name(key)).iter().any(|it| slot.words.contains(it))
        };
        let fields = fields(&self.output, 0);
        let value = fields
            .into_iter()
            .find(|(key, value)| is_named(key) && (value.is_string() || value.is_number()))?
            .1;
        Some(answer::plain(value))
    }

    fn literal(&self, kind: Kind) -> Option<String> {
        // A long page may hold anything; what is meant comes early.
        const MOST_BYTES: usize = 20_000;
        let plain = answer::plain(&self.output);
        let end = (0..=MOST_BYTES.min(plain.len())).rev().find(|it| plain.is_char_boundary(*it))?;
        let text = Text::new(&plain[..end]);
        text.tokens.iter().find(|it| it.kind == kind).map(|it| it.value.clone())
    }
}

fn number(output: &Value, arguments: &Map<String, Value>) -> Option<f64> {
    match output {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            text.trim().parse().ok().filter(|it: &f64| it.is_finite()).or_else(|| only_number(text))
        }
        Value::Object(fields) => {
            // What was only passed in comes back in many results.
            let new = fields.iter().filter(|(key, value)| arguments.get(*key) != Some(value));
            let numbers: Vec<(&String, f64)> =
                new.filter_map(|(key, value)| Some((key, number(value, arguments)?))).collect();
            let is_result = |key: &str| {
                words::any_of(
                    "result value answer total sum amount converted output",
                    &words::words_of_name(key),
                )
            };
            let by_name = numbers.iter().find(|(key, _)| is_result(key));
            by_name.or_else(|| numbers.first()).map(|it| it.1)
        }
        Value::Array(items) => match items.as_slice() {
            [only] => number(only, arguments),
            _ => None,
        },
        Value::Null | Value::Bool(_) => None,
    }
}

/// The number of a short text that holds no other.
fn only_number(text: &str) -> Option<f64> {
    const MOST_BYTES: usize = 200;
    if text.len() > MOST_BYTES {
        return None;
    }
    let text = Text::new(text);
    let mut numbers = text.tokens.iter().filter_map(|it| match it.kind {
        Kind::Number(value) => Some(value),
        _ => None,
    });
    numbers.next().filter(|_| numbers.next().is_none())
}

/// All fields of a value, the outer ones first.
fn fields(value: &Value, depth: usize) -> Vec<(&str, &Value)> {
    const MAX_DEPTH: usize = 6;
    if depth > MAX_DEPTH {
        return Vec::new();
    }
    match value {
        Value::Object(object) => {
            let own = object.iter().map(|(key, value)| (key.as_str(), value));
            own.chain(object.values().flat_map(|it| fields(it, depth + 1))).collect()
        }
        Value::Array(items) => items.iter().take(20).flat_map(|it| fields(it, depth + 1)).collect(),
        _ => Vec::new(),
    }
}

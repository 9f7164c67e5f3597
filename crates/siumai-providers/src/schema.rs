//! The schemas of tools, as each provider takes them. All that is known of that is here.
//!
//! | who | takes | and so |
//! |---|---|---|
//! | all | an object at the top, of named properties, without alternatives | [`object`] makes one of whatever there is |
//! | OpenAI | nearly any words, and in its strict mode a few | [`openai`] closes objects, requires everything and lets the rest be null |
//! | Anthropic | any words, and in its strict mode a few without references to itself | [`anthropic`] closes objects |
//! | Gemini | any words, but heeds a few, and references that come back where nothing is required | [`gemini`] requires less |
//!
//! What a provider has no word for is told in the description. A run still holds each call to the
//! schema as it was given.
pub(crate) mod anthropic;
pub(crate) mod gemini;
mod inline;
mod object;
pub(crate) mod openai;

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};
use siumai_core::{
    LlmError,
    types::{Tool, Warning},
};

/// A tool's schema as a provider takes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Offer<'a> {
    pub(crate) parameters: Cow<'a, Value>,
    /// Whether the model can be held to it.
    pub(crate) is_strict: bool,
    /// What the provider has no word for, in sentences for people.
    pub(crate) lost: Vec<String>,
}

/// What is lost of `tools` where each is offered as `offer` says.
pub(crate) fn check<'a>(tools: &'a [Tool], offer: impl Fn(&'a Tool) -> Offer<'a>) -> Vec<Warning> {
    let lost = tools.iter().flat_map(|it| offer(it).lost);
    lost.map(|what| Warning::Unsupported { what }).collect()
}

/// Refuses tools that a provider refuses for their names.
///
/// # Errors
///
/// If there is one.
pub(crate) fn check_names(
    tools: &[Tool],
    provider: &str,
    is_taken: impl Fn(&str) -> bool,
    rule: &str,
) -> Result<(), LlmError> {
    match tools.iter().find(|it| !is_taken(it.name())) {
        Some(tool) => Err(LlmError::invalid_input(format!(
            "{provider} takes no tool named `{}`; {rule}",
            tool.name()
        ))),
        None => Ok(()),
    }
}

/// A schema that is being written in the words that there are.
#[derive(Default)]
struct Words {
    kept: Map<String, Value>,
    /// What there is no word for, and is told in the description.
    told: Map<String, Value>,
}

impl Words {
    fn keep(&mut self, word: &str, value: impl Into<Value>) {
        self.kept.insert(word.to_owned(), value.into());
    }

    fn tell(&mut self, word: &str, value: &Value) {
        self.told.insert(word.to_owned(), value.clone());
    }

    /// The schema; the words that are told are noted in `lost`.
    fn into_schema(mut self, lost: &mut BTreeSet<String>) -> Value {
        if !self.told.is_empty() {
            lost.extend(self.told.keys().cloned());
            let told = Value::Object(self.told);
            describe(&mut self.kept, &format!("It must fit {told}."));
        }
        self.kept.into()
    }
}

/// Adds `more` to the description of a schema.
fn describe(words: &mut Map<String, Value>, more: &str) {
    let before = words.get("description").and_then(Value::as_str).map(|it| format!("{it}\n\n"));
    words.insert("description".to_owned(), format!("{}{more}", before.unwrap_or_default()).into());
}

/// The words of `words` with `change` made to each schema among them.
fn with_schemas<'a>(
    words: &'a Map<String, Value>,
    mut change: impl FnMut(&'a Value) -> Value,
) -> Map<String, Value> {
    let mut changed = |(word, value): (&String, &'a Value)| {
        let value = match (word.as_str(), value) {
            (
                "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                Value::Object(schemas),
            ) => schemas.iter().map(|(name, it)| (name.clone(), change(it))).collect(),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                schemas.iter().map(&mut change).collect()
            }
            (
                "items"
                | "additionalProperties"
                | "not"
                | "contains"
                | "propertyNames"
                | "if"
                | "then"
                | "else"
                | "unevaluatedProperties"
                | "unevaluatedItems",
                Value::Object(_),
            ) => change(value),
            _ => value.clone(),
        };
        (word.clone(), value)
    };
    words.iter().map(&mut changed).collect()
}

/// The sentence that says of `tool` what could not be told `provider`, if anything could not.
fn lost_words(tool: &Tool, provider: &str, words: &BTreeSet<String>) -> Option<String> {
    if words.is_empty() {
        return None;
    }
    let list: Vec<_> = words.iter().map(|it| format!("`{it}`")).collect();
    Some(format!(
        "{provider} has no word for {} in the parameters of tool `{}`; the model is told in the description",
        list.join(", "),
        tool.name()
    ))
}

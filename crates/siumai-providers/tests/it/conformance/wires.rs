//! What the suite must know of a wire: how to ask over it, and how to read what is recorded.
mod chat;
mod gemini;
mod messages;
mod responses;

use std::sync::Arc;

use serde_json::Value;
use siumai_core::{
    ErrorKind,
    model::LanguageModel,
    types::{ChatMessage, Settings, ToolChoice},
};

use siumai_providers::http::Transport;

pub(crate) use self::{
    chat::Chat, gemini::GenerateContent, messages::Messages, responses::Responses,
};
use super::words;
use crate::support::Answer;

/// A wire. Where nothing else is said it is as one of OpenAI's.
pub(crate) trait Wire: Sync {
    /// A model of `provider` that asks `transport`, and asks as `request` did, if one is given.
    fn model(
        &self,
        provider: &str,
        model: &str,
        request: Option<&Value>,
        transport: Arc<dyn Transport>,
    ) -> Box<dyn LanguageModel>;

    /// Which event of a stream ends the reply: what comes after it says nothing more.
    fn last_event(&self, data: &[String]) -> Option<usize>;

    /// Why a recorded reply ended, in siumai's word.
    fn end(&self, expected: &Value) -> Value;

    /// A recorded count of tokens, in siumai's counting.
    fn usage(&self, usage: &Value) -> Value;

    /// What of a reply must go back as it came, as far as the facts tell of it.
    fn kept(&self, message: &ChatMessage) -> Value {
        let _ = message;
        Value::Null
    }

    /// The same as it was recorded. A provider may refuse some of it, which we then don't keep.
    fn recorded_as_kept(&self, expected: &Value, message: &ChatMessage) -> Value {
        let _ = (expected, message);
        Value::Null
    }

    /// Whether `kind` is what was recorded of an error.
    fn is_kind(&self, kind: ErrorKind, failure: &Value) -> bool {
        failure["class"].as_str().is_none_or(|class| words::is_of_class(kind, class))
    }

    /// The provider's code and message of an error.
    fn told<'a>(&self, failure: &'a Value) -> (Option<&'a str>, Option<&'a str>) {
        let body = &failure["body"];
        let code = failure["code"].as_str().or(failure["type"].as_str());
        (code, body["message"].as_str().or(body.as_str()))
    }

    /// The model that a request asks.
    fn model_of(&self, request: &Value, path: &str) -> String {
        let _ = path;
        request["model"].as_str().unwrap().to_owned()
    }

    /// The messages that a recorded conversation begins with.
    fn opening(&self, request: &Value) -> Vec<ChatMessage>;

    /// What is set for a whole conversation.
    fn settings(&self, request: &Value) -> Settings {
        let _ = request;
        Settings::default()
    }

    /// The functions on offer: name, description and schema.
    fn functions(&self, request: &Value) -> Vec<Function>;

    /// What is said about the choice of tools.
    fn tool_choice(&self, request: &Value) -> Option<ToolChoice>;

    /// What a tool gave, from what was recorded of it.
    fn output(&self, recorded: &Value) -> Value {
        recorded.clone()
    }

    /// The ids of the calls whose tools failed, as far as a request tells.
    fn failed_calls(&self, request: &Value) -> Vec<String> {
        let _ = request;
        Vec::new()
    }

    /// What the model is told to be.
    fn system(&self, request: &Value) -> Vec<String>;

    /// Who said what, in order.
    fn turns(&self, request: &Value) -> Vec<Value>;

    /// The field that holds the conversation.
    fn history_field(&self) -> &'static str;

    /// A reply in one piece that says `text` and calls `add` so often, each time with its own arguments.
    fn reply(&self, text: &str, calls: usize) -> Answer;
}

/// A function that a model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Value,
}

impl Function {
    /// From the object that holds name and description, and its schema.
    fn new(told: &Value, schema: Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Self { name: text("name"), description: text("description"), schema }
    }
}

/// What is in a list that may not be there.
fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// Text, or the text of parts; nothing said is no text.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    let parts: String = parts.filter_map(|part| part["text"].as_str()).collect();
    content.as_str().map_or(parts, str::to_owned)
}

/// The JSON of an event.
fn parsed(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_default()
}

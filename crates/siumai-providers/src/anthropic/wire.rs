//! The JSON of Messages, field for field: what is sent and what comes back.
//!
//! What comes back borrows its text from the bytes that arrived. Of blocks only the known ones
//! are looked into; what a message is made of stays the JSON that it was.
use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    http::Reported,
    json::{Count, Text, fields},
};

/// Under which name the input of a call holds what the model wrote, where that is no object.
pub(super) const INVALID_INPUT: &str = "invalid_json";

/// The fields of a request before its messages.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    pub(super) model: &'a str,
    pub(super) max_tokens: u32,
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    pub(super) output_config: OutputConfig<'a>,
    /// Marks the last block of the request, whichever that is: a mark in the block itself
    /// would be gone from its bytes in the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<&'a RawValue>,
}

/// The fields of a request behind its messages.
#[derive(Serialize)]
pub(super) struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking>,
    /// Where the code of the replies before has run, which knows their files and waits for
    /// results of the tools that it calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<OutputFormat<'a>>,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutputFormat<'a> {
    JsonSchema { schema: Cow<'a, Value> },
}

#[derive(Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CacheControl {
    Ephemeral,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Adaptive,
    Enabled { budget_tokens: u32 },
    Disabled,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "text")]
pub(super) struct System<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: Role,
    pub(super) content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    User,
    Assistant,
    /// In the midst of a conversation, with models that know it.
    System,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    /// Blocks as they came.
    AsItCame(&'a RawValue),
    Blocks(Vec<Block<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Cow<'a, str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: Cow<'a, str> },
    Text { media_type: &'static str, data: Cow<'a, str> },
    Url { url: &'a str },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Tool<'a> {
    /// One that the provider executes, in its own words.
    Hosted(&'a Value),
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: &'a str,
        input_schema: Cow<'a, Value>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        strict: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
}

#[derive(Serialize)]
pub(super) struct ToolChoice<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) disable_parallel_tool_use: bool,
}

/// An event of a stream; which fields it has depends on its kind.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) index: Option<u64>,
    pub(super) message: Option<Reply<'a>>,
    pub(super) content_block: Option<&'a RawValue>,
    pub(super) delta: Option<Delta<'a>>,
    pub(super) usage: Option<Usage>,
}

fields!(Event<'a>: kind as "type", index, message, content_block, delta, usage);

/// As much of an event as one of any kind has.
#[derive(Debug, Default)]
pub(super) struct AnyEvent<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) index: Option<u64>,
    pub(super) delta: Option<AnyBlock<'a>>,
}

fields!(AnyEvent<'a>: kind as "type", index, delta);

/// A whole message, or how one begins.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) model: Option<Text<'a>>,
    pub(super) content: Option<Vec<&'a RawValue>>,
    pub(super) stop_reason: Option<Text<'a>>,
    pub(super) stop_details: Option<&'a RawValue>,
    pub(super) container: Option<&'a RawValue>,
    pub(super) usage: Option<Usage>,
}

fields!(Reply<'a>: id, model, content, stop_reason, stop_details, container, usage);

/// Where the provider runs code.
#[derive(Debug, Default)]
pub(super) struct Container<'a> {
    pub(super) id: Option<Text<'a>>,
}

fields!(Container<'a>: id);

/// More of a block, or of the message itself.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) thinking: Option<Text<'a>>,
    pub(super) partial_json: Option<Text<'a>>,
    pub(super) citation: Option<&'a RawValue>,
    pub(super) stop_reason: Option<Text<'a>>,
    pub(super) stop_details: Option<&'a RawValue>,
    pub(super) container: Option<&'a RawValue>,
}

fields!(Delta<'a>: kind as "type", text, thinking, partial_json, citation, stop_reason, stop_details, container);

#[derive(Debug, Default)]
pub(super) struct StopDetails<'a> {
    pub(super) explanation: Option<Text<'a>>,
}

fields!(StopDetails<'a>: explanation);

/// What every block has, and every piece of one.
#[derive(Debug, Default)]
pub(super) struct AnyBlock<'a> {
    pub(super) kind: Option<Text<'a>>,
}

fields!(AnyBlock<'a>: kind as "type");

#[derive(Debug, Default)]
pub(super) struct TextBlock<'a> {
    pub(super) text: Option<Text<'a>>,
    pub(super) citations: Option<Vec<&'a RawValue>>,
}

fields!(TextBlock<'a>: text, citations);

#[derive(Debug, Default)]
pub(super) struct ThinkingBlock<'a> {
    pub(super) thinking: Option<Text<'a>>,
}

fields!(ThinkingBlock<'a>: thinking);

#[derive(Debug, Default)]
pub(super) struct CallBlock<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) input: Option<&'a RawValue>,
}

fields!(CallBlock<'a>: id, name, input);

/// Where a text is from: a page, a place in a document, or a search result.
#[derive(Debug, Default)]
pub(super) struct Citation<'a> {
    pub(super) url: Option<Text<'a>>,
    pub(super) source: Option<Text<'a>>,
    pub(super) title: Option<Text<'a>>,
    pub(super) document_title: Option<Text<'a>>,
    pub(super) cited_text: Option<Text<'a>>,
}

fields!(Citation<'a>: url, source, title, document_title, cited_text);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Without those that a cache was written with or read from.
    pub(super) input_tokens: Count,
    pub(super) cache_creation_input_tokens: Count,
    pub(super) cache_read_input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) output_tokens_details: Option<OutputDetails>,
}

fields!(Usage: input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, output_tokens_details);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutputDetails {
    pub(super) thinking_tokens: Count,
}

fields!(OutputDetails: thinking_tokens);

/// What the body of a refusal, or an event that is an error, says.
///
/// It is `{"type": "error", "error": {…}}`; other servers leave out what is around it, or
/// send text alone.
pub(super) fn error(body: &Value) -> Option<Reported> {
    let inner = body.get("error").filter(|it| !it.is_null());
    let error = inner.unwrap_or(body);
    let word = |name: &str| error[name].as_str().map(str::to_owned);
    let message = word("message").or_else(|| error.as_str().map(str::to_owned));
    if inner.is_none() && message.is_none() {
        return None;
    }
    let category = word("type").filter(|it| it != "error");
    Some(Reported { code: word("code"), category, message, ..Reported::default() })
}

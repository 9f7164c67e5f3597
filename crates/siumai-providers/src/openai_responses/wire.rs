//! The JSON of Responses, field for field: what is sent and what comes back.
//!
//! What comes back borrows its text from the bytes that arrived, and takes from a server
//! what can be understood: an item is read as what its type says only once that is known.
use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    http::Reported,
    json::{Count, Fields, JsonText, MaybeText, Passed, Text, fields, object, objects},
    openai_chat,
};

/// The fields of a request before its input.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    pub(super) model: &'a str,
    #[serde(flatten)]
    pub(super) settings: Settings<'a>,
    pub(super) store: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) include: &'a [&'a str],
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions: Option<&'a RawValue>,
}

/// The fields of a request behind its input.
#[derive(Serialize)]
pub(super) struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextSettings<'a>>,
}

#[derive(Serialize)]
pub(super) struct Reasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct TextSettings<'a> {
    pub(super) format: TextFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum TextFormat<'a> {
    JsonObject,
    JsonSchema { name: &'a str, schema: &'a Value, strict: bool },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Input<'a> {
    /// What the model itself said over this wire.
    Came(Cow<'a, RawValue>),
    Written(Item<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        role: &'static str,
        content: Content<'a>,
    },
    FunctionCall {
        call_id: Cow<'a, str>,
        name: &'a str,
        /// JSON, as text.
        arguments: Cow<'a, str>,
    },
    FunctionCallOutput {
        call_id: Cow<'a, str>,
        /// Who called, as the call says, if it was not the model itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        caller: Option<&'a RawValue>,
        output: Cow<'a, str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Part<'a> {
    #[serde(rename = "input_text")]
    Text { text: &'a str },
    #[serde(rename = "input_image")]
    Image { image_url: Cow<'a, str>, detail: &'static str },
    #[serde(rename = "input_file")]
    File {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Cow<'a, str>>,
        /// A `data:` URL.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Tool<'a> {
    Function(Function<'a>),
    /// A tool that the provider executes, as the user wrote it.
    Hosted(&'a Value),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    pub(super) parameters: Cow<'a, Value>,
    pub(super) strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolChoice<'a> {
    Mode(&'static str),
    Named(NamedTool<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum NamedTool<'a> {
    Function { name: &'a str },
}

/// One event of a stream. Which of the fields it has depends on its type.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: MaybeText<'a>,
    /// The place of its item in the reply.
    pub(super) output_index: Count,
    pub(super) item_id: MaybeText<'a>,
    pub(super) delta: MaybeText<'a>,
    /// All of what came in deltas.
    pub(super) arguments: JsonText<'a>,
    pub(super) annotation: Option<&'a RawValue>,
    pub(super) item: Option<&'a RawValue>,
    pub(super) response: Option<&'a RawValue>,
}

fields!(Event<'a>: kind as "type", output_index, item_id, delta, arguments, annotation, item, response);

/// A whole reply, or what is known of it so far.
#[derive(Debug, Default)]
pub(super) struct Response<'a> {
    pub(super) id: MaybeText<'a>,
    pub(super) model: MaybeText<'a>,
    pub(super) status: MaybeText<'a>,
    pub(super) store: Option<bool>,
    pub(super) error: Option<Box<Value>>,
    pub(super) incomplete_details: Option<IncompleteDetails<'a>>,
    pub(super) output: Option<Vec<&'a RawValue>>,
    pub(super) usage: Option<Usage>,
}

fields!(Response<'a>: id, model, status, store, error, incomplete_details, output, usage);

#[derive(Debug, Default)]
pub(super) struct IncompleteDetails<'a> {
    pub(super) reason: MaybeText<'a>,
}

fields!(IncompleteDetails<'a>: reason);

/// What is the same in items of every type.
#[derive(Debug, Default)]
pub(super) struct OutputItem<'a> {
    pub(super) kind: MaybeText<'a>,
    pub(super) id: MaybeText<'a>,
    pub(super) call_id: MaybeText<'a>,
    /// Who executes the call: `server`, or `client`.
    pub(super) execution: MaybeText<'a>,
    /// Who made the call: the model, or a program of its own.
    pub(super) caller: Option<&'a RawValue>,
}

fields!(OutputItem<'a>: kind as "type", id, call_id, execution, caller);

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    /// A list of [`MessagePart`]s; some servers send bare text.
    pub(super) content: Option<&'a RawValue>,
}

fields!(Message<'a>: content);

#[derive(Debug, Default)]
pub(super) struct MessagePart<'a> {
    pub(super) kind: MaybeText<'a>,
    pub(super) text: MaybeText<'a>,
    pub(super) refusal: MaybeText<'a>,
    /// A list of [`Annotation`]s.
    pub(super) annotations: Option<&'a RawValue>,
}

fields!(MessagePart<'a>: kind as "type", text, refusal, annotations);

/// Where a stretch of text is from: a page, or a file.
#[derive(Debug, Default)]
pub(super) struct Annotation<'a> {
    pub(super) url: MaybeText<'a>,
    pub(super) title: MaybeText<'a>,
    pub(super) filename: MaybeText<'a>,
    pub(super) file_id: MaybeText<'a>,
}

fields!(Annotation<'a>: url, title, filename, file_id);

#[derive(Debug, Default)]
pub(super) struct Thinking<'a> {
    /// What may be shown of it: a list of [`TextPart`]s, as is the next.
    pub(super) summary: Option<&'a RawValue>,
    /// The thinking itself, which OpenAI keeps to itself.
    pub(super) content: Option<&'a RawValue>,
    pub(super) encrypted_content: MaybeText<'a>,
}

fields!(Thinking<'a>: summary, content, encrypted_content);

#[derive(Debug, Default)]
pub(super) struct TextPart<'a> {
    pub(super) text: MaybeText<'a>,
}

fields!(TextPart<'a>: text);

#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    pub(super) name: MaybeText<'a>,
    /// JSON as text; some servers send the JSON itself.
    pub(super) arguments: JsonText<'a>,
}

fields!(Call<'a>: name, arguments);

#[derive(Debug, Default)]
pub(super) struct Picture<'a> {
    /// The bytes, in Base64.
    pub(super) result: MaybeText<'a>,
    /// Such as `png`, which it is where nothing is said.
    pub(super) output_format: MaybeText<'a>,
}

fields!(Picture<'a>: result, output_format);

#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) total_tokens: Count,
    pub(super) input_tokens_details: Option<InputDetails>,
    pub(super) output_tokens_details: Option<OutputDetails>,
}

fields!(Usage: input_tokens, output_tokens, total_tokens, input_tokens_details, output_tokens_details);

#[derive(Debug, Default)]
pub(super) struct InputDetails {
    pub(super) cached_tokens: Count,
}

fields!(InputDetails: cached_tokens);

#[derive(Debug, Default)]
pub(super) struct OutputDetails {
    pub(super) reasoning_tokens: Count,
}

fields!(OutputDetails: reasoning_tokens);

/// The items of a list that can be read; none of what is no list.
pub(super) fn items<'a, T: Fields<'a>>(list: Option<&'a RawValue>) -> Vec<T> {
    let list: Vec<&RawValue> =
        list.and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default();
    list.into_iter().filter_map(|it| object(it.get()).ok()).collect()
}

impl<'a> Message<'a> {
    pub(super) fn parts(&self) -> Vec<MessagePart<'a>> {
        let text = self.content.and_then(|it| serde_json::from_str::<Text<'_>>(it.get()).ok());
        match text {
            Some(text) => vec![MessagePart {
                kind: "output_text".into(),
                text: text.into(),
                ..MessagePart::default()
            }],
            None => items(self.content),
        }
    }
}

/// What [`complete`] looks for in an item.
#[derive(Debug, Default)]
struct Outline<'a> {
    kind: MaybeText<'a>,
    status: Option<Passed>,
    role: Option<Passed>,
    content: Option<&'a RawValue>,
    summary: Option<Passed>,
    arguments: Option<Passed>,
}

fields!(Outline<'a>: kind as "type", status, role, content, summary, arguments);

#[derive(Debug, Default)]
struct PartOutline<'a> {
    kind: MaybeText<'a>,
    annotations: Option<Passed>,
    logprobs: Option<Passed>,
}

fields!(PartOutline<'a>: kind as "type", annotations, logprobs);

/// Whether the item `json` can be sent back as it came: [`complete`] would change nothing of it.
pub(super) fn is_complete(json: &str) -> bool {
    let Ok(item) = object::<Outline<'_>>(json) else { return false };
    let has_null = || json.contains("null");
    match item.kind.as_str() {
        "message" => {
            let content = item.content.and_then(|it| objects::<PartOutline<'_>>(it.get()).ok());
            let is_whole = |part: PartOutline<'_>| {
                let is_text = part.kind.as_str() == "output_text";
                !is_text || (part.annotations.is_some() && part.logprobs.is_some())
            };
            let is_whole = content.is_some_and(|it| it.into_iter().all(is_whole));
            is_whole && item.status.is_some() && item.role.is_some() && !has_null()
        }
        "reasoning" => item.summary.is_some() && !has_null(),
        "function_call" => item.arguments.is_some() && !has_null(),
        _ => true,
    }
}

/// Whether `item` lacks what it is there for.
pub(super) fn is_hollow(item: &serde_json::Map<String, Value>) -> bool {
    let has = |name: &str| item.get(name).is_some_and(|it| !it.is_null());
    match item.get("type").and_then(Value::as_str) {
        Some("message") => !has("content"),
        Some("function_call") => !has("arguments"),
        _ => false,
    }
}

/// What an item that is sent back must have, and some servers leave out or say with a null.
pub(super) fn complete(item: &mut serde_json::Map<String, Value>) {
    let kind = item.get("type").and_then(Value::as_str);
    if !matches!(kind, Some("message" | "reasoning" | "function_call")) {
        return;
    }
    let (is_message, is_reasoning) = (kind == Some("message"), kind == Some("reasoning"));
    item.retain(|_, value| !value.is_null());
    if is_reasoning {
        item.entry("summary").or_insert_with(|| Value::Array(Vec::new()));
    }
    if !is_message {
        return;
    }
    item.entry("status").or_insert_with(|| "completed".into());
    item.entry("role").or_insert_with(|| "assistant".into());
    let parts = item.get_mut("content").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten().filter(|it| it["type"] == "output_text") {
        for list in ["annotations", "logprobs"] {
            if part[list].is_null() {
                part[list] = Value::Array(Vec::new());
            }
        }
    }
}

/// What the body of a refusal, an event that is an error, or a failed reply says.
///
/// It is `{"error": {…}}`, or the error without anything around it.
pub(super) fn error(body: &Value) -> Option<Reported> {
    let mut reported = openai_chat::error::read(body)?;
    // That is the type of the event.
    reported.category = reported.category.filter(|it| it != "error");
    let told = [&body["status"], &body["status_code"]].into_iter().find_map(Value::as_u64);
    let told = told.and_then(|status| status.try_into().ok());
    reported.status = reported.status.or(told);
    if reported.status.is_none() {
        let code = reported.code.as_deref().unwrap_or_default();
        if code == "image_content_policy_violation" {
            reported.category = Some("content_policy_violation".to_owned());
        }
        reported.status = status_of(code);
    }
    Some(reported)
}

/// The status that a request would have been refused with, for the reasons a reply fails of.
fn status_of(code: &str) -> Option<u16> {
    match code {
        "server_is_overloaded" | "slow_down" => Some(529),
        "vector_store_timeout" => Some(408),
        "empty_image_file" | "failed_to_download_image" | "unsupported_image_media_type" => {
            Some(400)
        }
        _ if code.starts_with("invalid_") && code != "invalid_api_key" => Some(400),
        _ if code.starts_with("image_") => Some(400),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

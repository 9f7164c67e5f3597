//! The facts of a reply, as we read them and as they were recorded.
use serde_json::{Map, Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::ModelEvent,
    types::{ChatMessage, ChatResponse, ContentPart, FinishReason, ToolCall, Usage},
};

use super::{
    counting,
    differences::{Difference, compare},
    wires::Wire,
};
use crate::support::assembled;

/// A reply, wherever it came from.
pub(super) struct Reply<'a> {
    pub(super) message: &'a ChatMessage,
    pub(super) finish_reason: &'a FinishReason,
    pub(super) usage: Option<&'a Usage>,
}

impl<'a> From<&'a ChatResponse> for Reply<'a> {
    fn from(response: &'a ChatResponse) -> Self {
        let ChatResponse { message, finish_reason, usage, .. } = response;
        Self { message, finish_reason, usage: usage.as_ref() }
    }
}

/// What differs in a reply that was read to its end or to an error.
pub(super) fn check(
    wire: &dyn Wire,
    expected: &Value,
    events: &[ModelEvent],
    error: Option<&LlmError>,
) -> Vec<Difference> {
    if let Some(error) = error {
        return check_failure(wire, expected, events, error);
    }
    let response = assembled(events).finish().unwrap();
    let mut ours = of_reply(wire, expected, &Reply::from(&response));
    let mut recorded = recorded(wire, expected, &Reply::from(&response));
    let given = |value: Value| if value.is_null() { json!("") } else { value };
    for (name, value) in [("response_id", &response.id), ("model", &response.model)] {
        ours.insert(name.to_owned(), given(json!(value)));
        recorded.insert(name.to_owned(), given(expected[name].clone()));
    }
    compare(&ours, &recorded)
}

/// What differs in a reply that a run took as one of its steps.
pub(super) fn check_step(wire: &dyn Wire, expected: &Value, reply: &Reply<'_>) -> Vec<Difference> {
    compare(&of_reply(wire, expected, reply), &recorded(wire, expected, reply))
}

fn of_reply(wire: &dyn Wire, expected: &Value, reply: &Reply<'_>) -> Map<String, Value> {
    let text = |of: fn(&ContentPart) -> Option<&str>| -> String {
        reply.message.content().iter().filter_map(of).collect()
    };
    let refusal = text(|part| match part {
        ContentPart::Refusal { text, .. } => Some(text),
        _ => None,
    });
    let reasoning = text(|part| match part {
        ContentPart::Reasoning { text, .. } => Some(text),
        _ => None,
    });
    let calls = reply.message.tool_calls().enumerate();
    let calls = calls.map(|(at, call)| our_call(call, &expected["tool_calls"][at]));
    // Not every provider's client has a word for it.
    let refusal = if expected.get("refusal").is_none() { Value::Null } else { json!(refusal) };
    fields([
        ("kind", json!("success")),
        ("text", json!(reply.message.text().unwrap_or_default())),
        ("reasoning", json!(reasoning)),
        ("refusal", refusal),
        ("tool_calls", calls.collect()),
        ("finish_reason", json!(reply.finish_reason)),
        ("usage", counting::ours(reply.usage)),
        ("kept", wire.kept(reply.message)),
    ])
}

/// A call; an id that the provider did not give is ours.
fn our_call(call: &ToolCall, expected: &Value) -> Value {
    assert!(!call.id.is_empty());
    let is_given = !expected.is_object() || expected["id"].is_string();
    json!({
        "id": is_given.then_some(&call.id),
        "name": call.name,
        "arguments": call.arguments,
    })
}

fn recorded(wire: &dyn Wire, expected: &Value, reply: &Reply<'_>) -> Map<String, Value> {
    let text = |name: &str| json!(expected[name].as_str().unwrap_or_default());
    let calls = expected["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.zip(0..).map(|(call, at)| {
        let read = reply.message.tool_calls().nth(at).map(|it| &it.arguments);
        recorded_call(call, read, reply.finish_reason)
    });
    fields([
        ("kind", expected["kind"].clone()),
        ("text", text("text")),
        ("reasoning", text("reasoning")),
        ("refusal", expected.get("refusal").map_or(Value::Null, |_| text("refusal"))),
        ("tool_calls", calls.collect()),
        ("finish_reason", wire.end(expected)),
        ("usage", wire.usage(&expected["usage"])),
        ("kept", wire.recorded_as_kept(expected, reply.message)),
    ])
}

/// Arguments that are no JSON are, with us, the text they are. That holds for those that were
/// cut off too, where a provider's client closes the brackets itself.
fn recorded_call(call: &Value, read: Option<&Value>, reason: &FinishReason) -> Value {
    let raw = Some(&call["arguments_raw"]).filter(|it| it.is_string());
    let cut_off = read.filter(|it| *reason == FinishReason::Length && it.is_string());
    let arguments = raw.or(cut_off).unwrap_or(&call["arguments"]);
    json!({ "id": call["id"], "name": call["name"], "arguments": arguments })
}

/// How an error differs from the one that was recorded.
fn check_failure(
    wire: &dyn Wire,
    expected: &Value,
    events: &[ModelEvent],
    error: &LlmError,
) -> Vec<Difference> {
    // To its provider's client a prompt that is blocked is a success.
    if let Some(reason) = expected["block_reason"].as_str() {
        let ours = (error.kind(), error.code());
        let is_told = ours == (ErrorKind::ContentFilter, Some(reason));
        let what = format!("ours {ours:?}, recorded {reason}");
        return if is_told { Vec::new() } else { vec![Difference::new("block_reason", what)] };
    }
    let failure = &expected["error"];
    let mut wrong = match expected["kind"].as_str() {
        Some("error") => {
            let ours = fields([("status", json!(error.status()))]);
            compare(&ours, &fields([("status", failure["status"].clone())]))
        }
        Some("stream_error" | "failed") => {
            let before = assembled(events).partial();
            let before = before.as_ref().and_then(|it| it.text()).unwrap_or_default();
            let recorded = expected["text"].as_str().unwrap_or_default();
            compare(&fields([("text", before.into())]), &fields([("text", recorded.into())]))
        }
        other => {
            return vec![Difference::new("kind", format!("ours {error}, recorded {other:?}"))];
        }
    };
    if !wire.is_kind(error.kind(), failure) {
        let what = format!("ours {:?}, recorded {}", error.kind(), failure["class"]);
        wrong.push(Difference::new("error_kind", what));
    }
    let (code, message) = wire.told(failure);
    if code.is_some() && code != error.code() {
        let what = format!("ours {:?}, recorded {code:?}", error.code());
        wrong.push(Difference::new("error_code", what));
    }
    // Of a web page nothing is repeated, and of a long text not all.
    let message = message.unwrap_or_default().trim();
    let message: String = message.trim_end_matches('.').chars().take(900).collect();
    if !message.starts_with('<') && !error.message().contains(&message) {
        let what = format!("ours {}, recorded {message}", error.message());
        wrong.push(Difference::new("error_message", what));
    }
    wrong
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

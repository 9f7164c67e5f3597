//! Answers of each wire, cut as a socket cuts them.
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use siumai_core::{LlmError, async_trait, model::LanguageModel};
use siumai_providers::{
    Anthropic, Gemini, OpenAiChat, OpenAiResponses,
    http::{Body, HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport},
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    Chat,
    Responses,
    Messages,
    Gemini,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini];

    /// A model that answers with `answers`, one after the other.
    pub(crate) fn model(self, answers: Vec<Bytes>) -> Arc<dyn LanguageModel> {
        let transport = Answers(Mutex::new(answers.into_iter()));
        match self {
            Self::Chat => Arc::new(
                OpenAiChat::openai().api_key("k").model("m").transport(transport).build().unwrap(),
            ),
            Self::Responses => Arc::new(
                OpenAiResponses::openai()
                    .api_key("k")
                    .model("m")
                    .transport(transport)
                    .build()
                    .unwrap(),
            ),
            Self::Messages => Arc::new(
                Anthropic::builder()
                    .api_key("k")
                    .model("claude-sonnet-4-5")
                    .transport(transport)
                    .build()
                    .unwrap(),
            ),
            Self::Gemini => Arc::new(
                Gemini::builder()
                    .api_key("k")
                    .model("gemini-2.5-flash")
                    .transport(transport)
                    .build()
                    .unwrap(),
            ),
        }
    }

    /// An answer of `count` pieces of text.
    pub(crate) fn text(self, count: usize) -> Bytes {
        let pieces = (0..count).map(|number| format!("word {number}, "));
        match self {
            Self::Chat => {
                let pieces = pieces.map(|text| json!({ "id": "1", "model": "m", "choices": [{ "index": 0, "delta": { "content": text } }] }));
                let end = json!({ "id": "1", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
                events(pieces.chain([end]), "data: [DONE]\n\n")
            }
            Self::Responses => {
                let item =
                    json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [] });
                let start = json!({ "type": "response.output_item.added", "output_index": 0, "item": item });
                let pieces = pieces.map(|text| {
                    json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text })
                });
                events([start].into_iter().chain(pieces).chain([completed(&item)]), "")
            }
            Self::Messages => {
                let start = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } });
                let pieces = pieces.map(|text| {
                    json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } })
                });
                message(start, pieces, "end_turn")
            }
            Self::Gemini => {
                let pieces = pieces.map(|text| candidate(&json!({ "text": text }), None));
                events(pieces.chain([candidate(&json!({ "text": "" }), Some("STOP"))]), "")
            }
        }
    }

    /// An answer that calls `add`.
    pub(crate) fn call(self) -> Bytes {
        match self {
            Self::Chat => {
                let call = json!({ "index": 0, "id": "call_1", "function": { "name": "add", "arguments": "{\"a\":1}" } });
                let reply = json!({ "id": "1", "choices": [{ "delta": { "tool_calls": [call] }, "finish_reason": "tool_calls" }] });
                events([reply], "data: [DONE]\n\n")
            }
            Self::Responses => {
                let item = json!({ "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": "{\"a\":1}" });
                let done =
                    json!({ "type": "response.output_item.done", "output_index": 0, "item": item });
                events([done, completed(&item)], "")
            }
            Self::Messages => {
                let start = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "id": "call_1", "name": "add", "input": {} } });
                let input = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{\"a\":1}" } });
                message(start, [input].into_iter(), "tool_use")
            }
            Self::Gemini => {
                let call = json!({ "functionCall": { "name": "add", "args": { "a": 1 } } });
                events([candidate(&call, Some("STOP"))], "")
            }
        }
    }
}

fn completed(item: &Value) -> Value {
    let response = json!({ "id": "resp_1", "status": "completed", "model": "m", "output": [item] });
    json!({ "type": "response.completed", "response": response })
}

fn message(start: Value, deltas: impl Iterator<Item = Value>, reason: &str) -> Bytes {
    let message = json!({ "id": "msg_1", "role": "assistant", "content": [], "model": "m", "usage": { "input_tokens": 1, "output_tokens": 1 } });
    let begin = [json!({ "type": "message_start", "message": message }), start];
    let end = [
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": { "output_tokens": 9 } }),
        json!({ "type": "message_stop" }),
    ];
    events(begin.into_iter().chain(deltas).chain(end), "")
}

fn candidate(part: &Value, reason: Option<&str>) -> Value {
    json!({ "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": reason }] })
}

fn events(events: impl IntoIterator<Item = Value>, end: &str) -> Bytes {
    let events = events.into_iter().map(|event| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    });
    (events.collect::<String>() + end).into()
}

struct Answers(Mutex<std::vec::IntoIter<Bytes>>);

#[async_trait]
impl Transport for Answers {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, LlmError> {
        let mut body = self.0.lock().unwrap().next().expect("there is an answer for each request");
        let pieces = std::iter::from_fn(move || {
            let size = body.len().min(8 * 1024);
            (size > 0).then(|| Ok(body.split_to(size)))
        });
        let response = HttpResponse::new(200, Body::new(stream::iter(pieces)));
        let event_stream = HeaderValue::from_static("text/event-stream");
        Ok(response.with_header(HeaderName::from_static("content-type"), event_stream))
    }
}

//! What holds for whatever is sent: a reply that came can go back, over any wire.
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use siumai_core::{
    types::{ChatMessage, ChatRequest, ChatResponse, Memo, ToolResult},
    user,
};

use super::reading::{Wire, written};

/// Sends `reply` back, with results for its calls.
pub(crate) fn goes_back(reply: &ChatResponse) {
    let calls = &reply.tool_calls;
    assert!(calls.iter().all(|it| !it.id.is_empty() && !it.name.is_empty()), "{calls:?}");
    let results =
        calls.iter().map(|call| ChatMessage::tool(ToolResult::executed(call, json!("done"))));
    let stored = restored(&reply.message);
    for wire in Wire::ALL {
        let history = |message: &ChatMessage| {
            let before = [user!("hello"), message.clone()];
            before.into_iter().chain(results.clone()).chain([user!("go on")]).collect()
        };
        let body = check_written(wire, ChatRequest::new(history(&reply.message)));
        check_answered(wire, &body);
        let again = check_written(wire, ChatRequest::new(history(&stored)));
        assert_eq!(body, again, "a message that was stored is sent otherwise");
    }
}

/// `message` from the JSON it is stored as.
fn restored(message: &ChatMessage) -> ChatMessage {
    let stored = serde_json::to_string(message).expect("a message can be stored");
    let restored: ChatMessage = serde_json::from_str(&stored).expect("a message can be restored");
    assert_eq!(&restored, message, "a message is stored with losses");
    restored
}

/// Writes `request`: what is sent is JSON.
pub(crate) fn check_written(wire: Wire, request: ChatRequest) -> Bytes {
    let body = written(wire, request).expect("the request can be written");
    serde_json::from_slice::<IgnoredAny>(&body).expect("what is sent is JSON");
    body
}

/// What is sent of `messages` does not depend on what was sent before in the same run: a part of
/// them, more of them, or others in between.
pub(crate) fn check_written_once(wire: Wire, messages: &[ChatMessage]) {
    let memo = Memo::default();
    let without = |left_out: usize| {
        let rest = messages.iter().enumerate().filter(|(at, _)| *at != left_out);
        rest.map(|(_, message)| message.clone()).collect()
    };
    let other = |changed: usize| {
        let mut all = messages.to_vec();
        all[changed] = user!("instead of what was there");
        all
    };
    let parts = (1..=messages.len()).map(|end| messages[..end].to_vec());
    let fewer = (0..messages.len()).map(without);
    let others = (0..messages.len()).map(other);
    for messages in parts.chain(fewer).chain(others).chain([messages.to_vec()]) {
        let anew = written(wire, ChatRequest::new(messages.clone()));
        let again = written(wire, ChatRequest::new(messages).with_memo(memo.clone()));
        match (anew, again) {
            (Ok(anew), Ok(again)) => {
                assert_eq!(anew, again, "{wire:?} writes what it does not send");
            }
            (anew, again) => assert_eq!(anew.is_err(), again.is_err()),
        }
    }
}

/// Each call in a request has its result.
pub(crate) fn check_answered(wire: Wire, body: &[u8]) {
    // What is nested too deeply for a tree can't be looked into.
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
    let (mut calls, mut results) = calls_and_results(wire, &body);
    calls.sort();
    results.sort();
    assert_eq!(calls, results, "calls and results of {wire:?} don't match: {body}");
}

/// The ids of all calls and of all results. Gemini goes by their order, and may have none.
fn calls_and_results(wire: Wire, body: &Value) -> (Vec<String>, Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let parts = |messages: &str, parts: &str| -> Vec<Value> {
        list(&body[messages]).iter().flat_map(|it| list(&it[parts])).collect()
    };
    let of_type = |items: &[Value], kind: &str, id: &str| -> Vec<String> {
        items.iter().filter(|it| it["type"] == kind).map(|it| it[id].to_string()).collect()
    };
    let with = |items: &[Value], key: &str| -> Vec<String> {
        items.iter().filter(|it| it.get(key).is_some()).map(|_| String::new()).collect()
    };
    match wire {
        Wire::OpenAiChat => {
            let calls = parts("messages", "tool_calls");
            let results = list(&body["messages"]);
            let calls = calls.iter().map(|it| it["id"].to_string()).collect();
            let results = results.iter().filter(|it| it["role"] == "tool");
            (calls, results.map(|it| it["tool_call_id"].to_string()).collect())
        }
        Wire::OpenAiResponses => {
            let items = list(&body["input"]);
            let calls = of_type(&items, "function_call", "call_id");
            (calls, of_type(&items, "function_call_output", "call_id"))
        }
        Wire::Anthropic => {
            let blocks = parts("messages", "content");
            let calls = of_type(&blocks, "tool_use", "id");
            (calls, of_type(&blocks, "tool_result", "tool_use_id"))
        }
        Wire::Gemini => {
            let parts = parts("contents", "parts");
            (with(&parts, "functionCall"), with(&parts, "functionResponse"))
        }
    }
}

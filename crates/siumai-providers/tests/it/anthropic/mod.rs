//! Anthropic Messages: every recorded answer, in one piece, in small ones, and cut off.
mod asking;
mod conversations;

use std::path::Path;

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::ModelEvent,
    types::{ChatRequest, ChatResponse, FinishReason},
    user,
};
use siumai_providers::Anthropic;

use crate::{
    differences::apart_from_listed,
    recorded::{is_finish, is_of_class, reasoning, text, told, tool_calls, usage},
    support::{Answer, Canned, assembled, cases, read, wire_folder},
};

#[tokio::test]
async fn every_recorded_answer_of_messages_is_read_as_it_should_be() {
    let Some(folder) = wire_folder("anthropic") else { return };
    let cases = cases(&folder);
    let mut failed = Vec::new();
    for case in &cases {
        let meta = crate::support::json(&case.join("meta.json"));
        let wrong = apart_from_listed(meta["id"].as_str().unwrap(), check(case, &meta).await);
        if !wrong.is_empty() {
            failed.push(format!("{}:\n  {}", case.display(), wrong.join("\n  ")));
        }
    }
    println!("anthropic: {} cases, {} passed", cases.len(), cases.len() - failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn model(answer: Answer) -> Anthropic {
    let builder = Anthropic::builder().api_key("sk-ant-test").model("claude-test");
    builder.transport(Canned::new(vec![answer])).build().unwrap()
}

/// What is wrong with how a case is read.
async fn check(case: &Path, meta: &Value) -> Vec<String> {
    let body = std::fs::read(case.join(meta["response_file"].as_str().unwrap())).unwrap();
    let whole = Answer::recorded(&meta["http"], body.clone());
    let request = || {
        let request = ChatRequest::new(vec![user!("hello")]);
        if meta["streamed"] == true { request } else { request.whole() }
    };

    let (events, error) = read(&model(whole.clone()), request()).await;
    let mut wrong = facts(&meta["expected"], &events, error.as_ref());
    for size in [1, 7, 1000] {
        let (in_pieces, error_in_pieces) =
            read(&model(whole.clone().in_pieces_of(size)), request()).await;
        if in_pieces != events || told(error_in_pieces.as_ref()) != told(error.as_ref()) {
            wrong.push(format!("it is read otherwise in pieces of {size}"));
        }
    }
    if meta["streamed"] != true || meta["expected"]["kind"] != "success" {
        return wrong;
    }
    for cut in boundaries(&body) {
        let cut_off = Answer::recorded(&meta["http"], body[..cut].to_vec());
        let (before, error) = read(&model(cut_off), request()).await;
        if error.map(|it| it.kind()) != Some(ErrorKind::IncompleteReply) {
            wrong.push(format!("cut off at byte {cut} it is no incomplete reply"));
        }
        if !events.starts_with(&before) || before.iter().any(is_finish) {
            wrong.push(format!("cut off at byte {cut} it does not bring what came before"));
        }
    }
    wrong
}

/// Where an event ends before the one that ends the message.
fn boundaries(body: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(body).unwrap();
    let marker = text.rfind("message_stop").unwrap_or(text.len());
    let ends = ["\n\n", "\r\n\r\n"].into_iter().flat_map(|end| {
        text.match_indices(end).map(move |(at, _)| at + end.len()).collect::<Vec<_>>()
    });
    ends.filter(|at| *at <= marker).chain([0]).collect()
}

/// What differs from `expected`.
fn facts(expected: &Value, events: &[ModelEvent], error: Option<&LlmError>) -> Vec<String> {
    if let Some(error) = error {
        return failure(expected, events, error);
    }
    let mut wrong = Vec::new();
    let mut compare = |fact: &str, read: Value, expected: &Value| {
        if read != *expected {
            wrong.push(format!("{fact}: read {read}, expected {expected}"));
        }
    };
    let response = assembled(events).finish().unwrap();
    compare("kind", json!("success"), &expected["kind"]);
    compare("text", json!(text(&response)), &expected["text"]);
    compare("reasoning", json!(reasoning(&response)), &expected["reasoning"]);
    compare("tool_calls", tool_calls(&response), &expected_calls(expected, &response));
    let reason = finish_reason(expected["finish_reason"].as_str().unwrap_or_default());
    compare("finish_reason", json!(response.finish_reason), &json!(reason));
    compare("usage", usage(&response), &expected_usage(&expected["usage"]));
    let given = |text: &Option<String>| json!(text.as_deref().unwrap_or_default());
    compare("response_id", given(&response.id), &expected["response_id"]);
    compare("model", given(&response.model), &expected["model"]);
    wrong.extend(blocks(&expected["blocks"], &response));
    wrong
}

/// How an error differs from the one that was recorded.
fn failure(expected: &Value, events: &[ModelEvent], error: &LlmError) -> Vec<String> {
    let mut wrong = Vec::new();
    let failure = &expected["error"];
    match expected["kind"].as_str() {
        Some("error") if json!(error.status()) == failure["status"] => {}
        Some("stream_error") => {
            let before = assembled(events).partial();
            let before = before.as_ref().and_then(|it| it.text()).unwrap_or_default();
            if before != expected["text"].as_str().unwrap_or_default() {
                wrong.push(format!("text before the error: {before}"));
            }
        }
        _ => wrong.push(format!("kind: failed with {error}")),
    }
    let class = failure["class"].as_str().unwrap_or_default();
    let is_of_class = match class {
        "OverloadedError" => error.kind() == ErrorKind::Overloaded,
        "ServiceUnavailableError" | "DeadlineExceededError" => error.is_retryable(),
        "RequestTooLargeError" => error.kind() == ErrorKind::InvalidRequest,
        class => is_of_class(error.kind(), class),
    };
    if !is_of_class {
        wrong.push(format!("error kind: read {:?}, expected {class}", error.kind()));
    }
    let said = &failure["body"]["error"];
    if let Some(kind) = said["type"].as_str()
        && error.code() != Some(kind)
    {
        wrong.push(format!("error code: read {:?}, expected {kind}", error.code()));
    }
    let message = said["message"].as_str().or(failure["body"].as_str()).unwrap_or_default();
    let message: String = message.trim().trim_end_matches('.').chars().take(900).collect();
    // Of a web page nothing is repeated.
    if message.starts_with('<') {
        return wrong;
    }
    if !error.message().contains(&message) {
        wrong.push(format!("error message: `{message}` is not in `{}`", error.message()));
    }
    wrong
}

/// What a message goes back with must be the blocks that came, but for those that the
/// provider would refuse: text without words, thinking without a signature.
fn blocks(expected: &Value, response: &ChatResponse) -> Vec<String> {
    let origin = response.message.origin("anthropic").unwrap_or("[]");
    let kept: Vec<Value> = serde_json::from_str(origin).unwrap();
    let mut kept = kept.iter().map(|block| block["type"].clone()).peekable();
    let mut lost = Vec::new();
    for kind in expected.as_array().into_iter().flatten() {
        if kept.next_if_eq(kind).is_none() && kind != "text" && kind != "thinking" {
            lost.push(format!("blocks: `{kind}` is lost"));
        }
    }
    lost.extend(kept.map(|kind| format!("blocks: `{kind}` came from nowhere")));
    lost
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        "pause_turn" | "compaction" => FinishReason::Paused,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The calls as we tell them: arguments that are no JSON are the text they are. That holds for
/// those that were cut off too, where the provider's client closes the brackets itself.
fn expected_calls(expected: &Value, response: &ChatResponse) -> Value {
    let is_cut_off = response.finish_reason == FinishReason::Length;
    let calls = expected["tool_calls"].as_array().unwrap().iter().enumerate();
    calls
        .map(|(at, call)| {
            let raw = Some(&call["arguments_raw"]).filter(|it| it.is_string());
            let read = response.tool_calls.get(at).map(|it| &it.arguments);
            let cut_off = read.filter(|it| is_cut_off && it.is_string());
            let arguments = raw.or(cut_off).unwrap_or(&call["arguments"]);
            json!({ "id": call["id"], "name": call["name"], "arguments": arguments })
        })
        .collect()
}

/// The provider counts cached input beside the rest, where we count it in, and tells no total.
/// The reasoning is in its own words only.
fn expected_usage(usage: &Value) -> Value {
    if usage.is_null() {
        return Value::Null;
    }
    let count = |name: &str| usage[name].as_u64();
    let cached =
        count("cached_input_tokens").unwrap_or(0) + count("cache_write_input_tokens").unwrap_or(0);
    let input = count("input_tokens").map(|it| it + cached);
    let output = count("output_tokens");
    let reasoning = usage["raw"]["output_tokens_details"]["thinking_tokens"].as_u64();
    json!({
        "input_tokens": input,
        "output_tokens": output,
        "total_tokens": input.zip(output).map(|(input, output)| input + output),
        "cached_input_tokens": count("cached_input_tokens"),
        "reasoning_tokens": count("reasoning_tokens").or(reasoning),
    })
}

//! Every recorded answer, in one piece, in small ones, and cut off.
use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::ModelEvent,
    types::{ChatRequest, ChatResponse, ContentPart, FinishReason, TokenCount},
    user,
};
use siumai_providers::OpenAiChat;

use crate::{
    differences::apart_from_listed,
    support::{Answer, assembled, cases, model, read, wire_folder},
};

#[tokio::test]
async fn every_recorded_answer_of_chat_completions_is_read_as_it_should_be() {
    every_case("openai-chat", |_, answer| model(answer)).await;
}

/// Makes a model of the provider of that name, whose next answer is the one given.
pub(crate) type Maker = fn(&str, Answer) -> OpenAiChat;

/// Checks the cases of an API that is Chat Completions.
pub(crate) async fn every_case(api: &str, make: Maker) {
    let Some(folder) = wire_folder(api) else { return };
    let cases = cases(&folder);
    let mut failed = Vec::new();
    for case in &cases {
        let id = format!("{api}/{}", case.file_name().unwrap().to_str().unwrap());
        let wrong = apart_from_listed(&id, check(case, make).await);
        failed.extend(wrong.into_iter().map(|it| (id.clone(), it)));
    }
    let failures: BTreeSet<_> = failed.iter().map(|(case, _)| case).collect();
    println!("{api}: {} cases, {} passed", cases.len(), cases.len() - failures.len());
    let failed: Vec<_> = failed.iter().map(|(case, wrong)| format!("{case}: {wrong}")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is wrong with how a case is read.
async fn check(case: &Path, make: Maker) -> Vec<String> {
    let meta = crate::support::json(&case.join("meta.json"));
    let provider = meta["provider"].as_str().unwrap();
    let model = |answer| make(provider, answer);
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

/// Where an event ends before the end marker.
fn boundaries(body: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(body).unwrap();
    let marker = text.find("data: [DONE]").unwrap();
    let ends = text.match_indices("\n\n").map(|(at, _)| at + 2);
    ends.filter(|at| *at <= marker).chain([0]).collect()
}

pub(crate) fn is_finish(event: &ModelEvent) -> bool {
    matches!(event, ModelEvent::Finish { .. })
}

pub(crate) fn told(error: Option<&LlmError>) -> Option<(ErrorKind, String)> {
    error.map(|error| (error.kind(), error.to_string()))
}

/// What differs from `expected`.
pub(crate) fn facts(
    expected: &Value,
    events: &[ModelEvent],
    error: Option<&LlmError>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |fact: &str, read: Value, expected: &Value| {
        if read != *expected {
            wrong.push(format!("{fact}: read {read}, expected {expected}"));
        }
    };
    let Some(error) = error else {
        let response = assembled(events).finish().unwrap();
        compare("kind", json!("success"), &expected["kind"]);
        compare("text", json!(text(&response)), &expected["text"]);
        compare("reasoning", json!(reasoning(&response)), &expected["reasoning"]);
        let refusal = expected["refusal"].as_str().filter(|it| !it.is_empty());
        compare("refusal", json!(refusal_of(&response)), &json!(refusal));
        compare("tool_calls", tool_calls(&response), &expected_calls(&expected["tool_calls"]));
        let reason = reason(&response.finish_reason);
        compare("finish_reason", json!(reason), &expected["finish_reason"]);
        compare("usage", usage(&response), &expected_usage(&expected["usage"]));
        let given = |text: &Option<String>| json!(text.as_deref().unwrap_or_default());
        compare("response_id", given(&response.id), &expected["response_id"]);
        compare("model", given(&response.model), &expected["model"]);
        return wrong;
    };
    let failure = &expected["error"];
    let is_stream_error = expected["kind"] == "stream_error";
    if !is_stream_error {
        compare("kind", json!("error"), &expected["kind"]);
        compare("status", json!(error.status()), &failure["status"]);
    }
    let Some(class) = failure["class"].as_str() else { return vec![format!("failed: {error}")] };
    if !is_of_class(error.kind(), class) {
        wrong.push(format!("error kind: read {:?}, expected {class}", error.kind()));
    }
    if let Some(code) = failure["code"].as_str().or(failure["type"].as_str())
        && error.code() != Some(code)
    {
        wrong.push(format!("error code: read {:?}, expected {code}", error.code()));
    }
    let message = failure["body"]["message"].as_str().or(failure["body"].as_str());
    let message = message.unwrap_or_default().trim_end_matches('.');
    if !error.message().contains(message) {
        wrong.push(format!("error message: `{message}` is not in `{}`", error.message()));
    }
    if is_stream_error {
        let before = assembled(events).partial();
        let before = before.as_ref().and_then(|it| it.text()).unwrap_or_default();
        if before != expected["text"].as_str().unwrap_or_default() {
            wrong.push(format!("text before the error: {before}"));
        }
    }
    wrong
}

pub(crate) fn text(response: &ChatResponse) -> &str {
    response.content_text().unwrap_or_default()
}

pub(crate) fn reasoning(response: &ChatResponse) -> String {
    let parts = response.message.content().iter();
    parts
        .filter_map(|part| {
            if let ContentPart::Reasoning { text, .. } = part { Some(text.as_str()) } else { None }
        })
        .collect()
}

fn refusal_of(response: &ChatResponse) -> Option<&str> {
    response.message.content().iter().find_map(|part| match part {
        ContentPart::Refusal { text, .. } => Some(text.as_str()),
        _ => None,
    })
}

pub(crate) fn tool_calls(response: &ChatResponse) -> Value {
    let calls = response.tool_calls.iter();
    calls.map(|it| json!({ "id": it.id, "name": it.name, "arguments": it.arguments })).collect()
}

/// Arguments that are no JSON are, with us, the text they are.
fn expected_calls(calls: &Value) -> Value {
    let calls = calls.as_array().unwrap().iter();
    calls
        .map(|call| {
            let raw = Some(&call["arguments_raw"]).filter(|it| it.is_string());
            let arguments = raw.unwrap_or(&call["arguments"]);
            json!({ "id": call["id"], "name": call["name"], "arguments": arguments })
        })
        .collect()
}

fn reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
        other => panic!("an unknown finish reason: {other:?}"),
    }
}

pub(crate) const COUNTS: [&str; 5] =
    ["input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens"];

pub(crate) fn usage(response: &ChatResponse) -> Value {
    let Some(usage) = &response.usage else { return Value::Null };
    let counts: [TokenCount; 5] = [
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
    ];
    COUNTS
        .iter()
        .zip(counts)
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect::<Map<_, _>>()
        .into()
}

fn expected_usage(usage: &Value) -> Value {
    let Some(usage) = usage.as_object() else { return Value::Null };
    COUNTS
        .iter()
        .map(|name| ((*name).to_owned(), counted(usage, name)))
        .collect::<Map<_, _>>()
        .into()
}

/// A count as siumai counts: the output includes the reasoning, which xAI counts apart, so
/// that it takes input, output and reasoning to make the total.
fn counted(usage: &Map<String, Value>, name: &str) -> Value {
    let count = |name: &str| usage[name].as_u64();
    let whole = count("output_tokens").zip(count("reasoning_tokens")).map(|(a, b)| a + b);
    let sum = count("input_tokens").zip(whole).map(|(a, b)| a + b);
    let is_apart = sum.is_some() && sum == count("total_tokens");
    if name == "output_tokens" && is_apart { json!(whole) } else { usage[name].clone() }
}

/// Whether an error of `kind` is what the provider's own client calls `class`.
pub(crate) fn is_of_class(kind: ErrorKind, class: &str) -> bool {
    match class {
        "BadRequestError" => matches!(
            kind,
            ErrorKind::InvalidRequest
                | ErrorKind::ContextTooLong
                | ErrorKind::ContentFilter
                | ErrorKind::PermissionDenied
        ),
        "UnprocessableEntityError" => kind == ErrorKind::InvalidRequest,
        "AuthenticationError" => kind == ErrorKind::Authentication,
        "PermissionDeniedError" => kind == ErrorKind::PermissionDenied,
        "NotFoundError" => kind == ErrorKind::NotFound,
        "RateLimitError" => kind == ErrorKind::RateLimited,
        "InternalServerError" => matches!(kind, ErrorKind::Server | ErrorKind::Overloaded),
        // The provider's client has no finer word for an error in the midst of a stream.
        "APIError" | "APIStatusError" | "ConflictError" => true,
        _ => false,
    }
}

//! Gemini: every recorded answer, in one piece, in small ones, and cut off; and every recorded
//! tool loop, run by the orchestrator on both of its surfaces.
mod conversations;

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::ModelEvent,
    types::{ChatRequest, ChatResponse, ContentPart, FinishReason},
    user,
};
use siumai_providers::Gemini;

use crate::{
    recorded::{COUNTS, is_finish, reasoning, text, told, usage},
    support::{Answer, Canned, assembled, cases, json, read, wire_folder},
};

#[tokio::test]
async fn every_recorded_answer_of_gemini_is_read_as_it_should_be() {
    let Some(folder) = wire_folder("gemini") else { return };
    let cases = cases(&folder);
    let mut failed = Vec::new();
    for case in &cases {
        let found = check(case).await;
        failed.extend(found.into_iter().map(|it| format!("{}: {it}", case.display())));
    }
    let failures = failed.iter().map(|it| it.split(':').next()).collect::<BTreeSet<_>>();
    println!("gemini: {} cases, {} passed", cases.len(), cases.len() - failures.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn model(answer: Answer) -> Gemini {
    let builder = Gemini::builder().api_key("test-key").model("gemini-test");
    builder.transport(Canned::new(vec![answer])).build().unwrap()
}

/// What is wrong with how a case is read.
async fn check(case: &Path) -> Vec<String> {
    let meta = json(&case.join("meta.json"));
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

/// Where an event ends before the last one.
fn boundaries(body: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(body).unwrap().trim_end();
    let starts = text.match_indices("data: ").map(|(at, _)| at);
    starts.filter(|at| *at == 0 || text[..*at].ends_with('\n')).collect()
}

/// What differs from `expected`.
fn facts(expected: &Value, events: &[ModelEvent], error: Option<&LlmError>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |fact: &str, read: Value, expected: &Value| {
        if read != *expected {
            wrong.push(format!("{fact}: read {read}, expected {expected}"));
        }
    };
    if let Some(error) = error {
        let failure = &expected["error"];
        // A prompt that is blocked is a success to the provider's client.
        if expected["block_reason"].is_string() {
            compare("block reason", json!(error.code()), &expected["block_reason"]);
            compare("blocked", json!(error.kind() == ErrorKind::ContentFilter), &json!(true));
            return wrong;
        }
        compare("kind", json!("error"), &expected["kind"]);
        compare("status", json!(error.status()), &failure["status"]);
        compare("code", json!(error.code()), &failure["type"]);
        let message = failure["message"].as_str().unwrap_or_default().trim_end_matches('.');
        compare("message", json!(error.message().contains(message)), &json!(true));
        compare("error kind", json!(is_as_told(error.kind(), failure)), &json!(true));
        return wrong;
    }
    let response = assembled(events).finish().unwrap();
    compare("kind", json!("success"), &expected["kind"]);
    compare("text", json!(text(&response)), &expected["text"]);
    compare("reasoning", json!(reasoning(&response)), &expected["reasoning"]);
    compare("tool_calls", tool_calls(&response, expected), &expected["tool_calls"]);
    let reason = &response.finish_reason;
    compare("finish_reason", json!(is_reason(reason, expected)), &json!(true));
    compare("usage", usage(&response), &expected_usage(&expected["usage"]));
    compare("response_id", json!(response.id), &expected["response_id"]);
    compare("model", json!(response.model), &expected["model"]);
    compare("other_parts", json!(other_parts(&response)), &expected["other_parts"]);
    let signatures = kept_parts(&response);
    let signatures = signatures.iter().filter(|it| it["thoughtSignature"].is_string()).count();
    compare("thought_signatures", json!(signatures), &expected["thought_signatures"]);
    wrong
}

/// The calls; an id that the provider did not give is ours.
fn tool_calls(response: &ChatResponse, expected: &Value) -> Value {
    let calls = response.tool_calls.iter().enumerate();
    calls
        .map(|(at, it)| {
            let has_id = expected["tool_calls"][at]["id"].is_string();
            assert!(!it.id.is_empty());
            json!({ "id": has_id.then_some(&it.id), "name": it.name, "arguments": it.arguments })
        })
        .collect()
}

/// Whether ours is what the provider's word means: it has none for a reply that calls tools.
fn is_reason(reason: &FinishReason, expected: &Value) -> bool {
    let has_calls = expected["tool_calls"].as_array().is_some_and(|it| !it.is_empty());
    match expected["finish_reason"].as_str() {
        Some("STOP") if has_calls => *reason == FinishReason::ToolCalls,
        Some("STOP") => *reason == FinishReason::Stop,
        Some("MAX_TOKENS") => *reason == FinishReason::Length,
        Some(
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY",
        ) => *reason == FinishReason::ContentFilter,
        Some(word) => *reason == FinishReason::Other(word.to_owned()),
        None => true,
    }
}

/// The provider's figures in our counting: what the model read again after the provider's own
/// tools ran is input, and its thoughts are output. Where one of two is not told, it is 0.
fn expected_usage(usage: &Value) -> Value {
    if usage.is_null() {
        return Value::Null;
    }
    let sum = |one: &Value, other: &Value| match (one.as_u64(), other.as_u64()) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    let count = |name: &&str| match *name {
        "input_tokens" => json!(sum(&usage[name], &usage["raw"]["toolUsePromptTokenCount"])),
        "output_tokens" => json!(sum(&usage[name], &usage["reasoning_tokens"])),
        name => usage[name].clone(),
    };
    COUNTS.iter().map(|name| ((*name).to_owned(), count(name))).collect::<Map<_, _>>().into()
}

/// The message's parts as they go back.
fn kept_parts(response: &ChatResponse) -> Vec<Value> {
    let kept = response.message.origin("gemini").unwrap_or("[]");
    serde_json::from_str(kept).unwrap()
}

/// What is neither text nor a call, in the words of the provider's client.
fn other_parts(response: &ChatResponse) -> Vec<&'static str> {
    const KINDS: [(&str, &str); 4] = [
        ("executableCode", "executable_code"),
        ("codeExecutionResult", "code_execution_result"),
        ("inlineData", "inline_data"),
        ("fileData", "file_data"),
    ];
    let kind = |part: &Value| KINDS.iter().find(|(name, _)| !part[*name].is_null()).map(|it| it.1);
    let media = response.message.content().iter();
    let media =
        media.filter(|it| matches!(it, ContentPart::Image { .. } | ContentPart::File { .. }));
    let kinds: Vec<_> = kept_parts(response).iter().filter_map(kind).collect();
    assert_eq!(media.count(), kinds.iter().filter(|it| it.ends_with("_data")).count());
    kinds
}

/// Whether an error of `kind` is what the provider says it is.
fn is_as_told(kind: ErrorKind, failure: &Value) -> bool {
    let is_about_key = failure["message"].as_str().is_some_and(|it| it.contains("API key"));
    match failure["status"].as_u64() {
        Some(400 | 403) if is_about_key => kind == ErrorKind::Authentication,
        Some(400) => matches!(
            kind,
            ErrorKind::InvalidRequest | ErrorKind::ContextTooLong | ErrorKind::PermissionDenied
        ),
        Some(401) => kind == ErrorKind::Authentication,
        Some(403) => kind == ErrorKind::PermissionDenied,
        Some(404) => kind == ErrorKind::NotFound,
        Some(429) => kind == ErrorKind::RateLimited,
        Some(503) => kind == ErrorKind::Overloaded,
        Some(504) => kind == ErrorKind::Timeout,
        _ => kind == ErrorKind::Server,
    }
}

#[tokio::test]
async fn a_key_travels_in_its_header_alone_and_shows_nowhere() {
    const KEY: &str = "canary-4f1d2b";
    let told = format!(r#"{{"error":{{"code":400,"message":"bad {KEY}","status":"{KEY}"}}}}"#);
    let answers = [
        Answer::new(400, "application/json", told.clone()),
        Answer::new(200, "application/json", told.clone()),
        Answer::events(format!("data: {told}\n\n")),
    ];
    for answer in answers {
        let transport = Canned::new(vec![answer]);
        let builder = Gemini::builder().api_key(KEY).model("models/gemini-test");
        let shown = format!("{builder:?}");
        let model = builder.transport(transport.clone()).build().unwrap();
        let (_, error) = read(&model, ChatRequest::new(vec![user!("hello")])).await;
        let error = error.unwrap();
        let shown = format!("{shown} {model:?} {error} {error:?} {:?}", error.code());
        transport.with_requests(|requests| {
            assert!(!format!("{shown} {requests:?} {}", requests[0].url).contains(KEY), "{shown}");
            assert_eq!(requests[0].headers["x-goog-api-key"], KEY);
            assert_eq!(requests[0].headers.get("authorization"), None);
        });
    }
}

#[test]
fn a_missing_key_or_model_is_named() {
    let refused = |builder: siumai_providers::GeminiBuilder| builder.build().unwrap_err();
    let no_key = refused(Gemini::builder().model("gemini-test"));
    assert_eq!(no_key.kind(), ErrorKind::Authentication);
    assert_eq!(no_key.to_string(), "gemini wants an API key; pass one with `api_key`");
    let no_model = refused(Gemini::builder().api_key("test-key").model("models/"));
    assert_eq!(no_model.to_string(), "no model of gemini is named");
    assert!(Gemini::builder().base_url("http://localhost:1/v1beta").model("own").build().is_ok());
}

//! Every recorded answer of Responses, in one piece, in small ones, and cut off; and what goes
//! back of it.
use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use siumai_core::{
    ErrorKind,
    model::{LanguageModel, ModelEvent},
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, ToolResult,
    },
    user,
};
use siumai_providers::{OpenAiResponses, OpenAiResponsesBuilder};

use crate::{
    differences::apart_from_listed,
    recorded::{facts, is_finish, told},
    schema::{RequestSchema, requests},
    support::{Answer, Canned, assembled, cases, json, read, wire_folder},
};

#[tokio::test]
async fn every_recorded_answer_of_responses_is_read_as_it_should_be() {
    every_case("openai-responses").await;
}

#[tokio::test]
async fn every_recorded_answer_of_servers_like_it_is_read_as_it_should_be() {
    every_case("responses-compatible").await;
}

async fn every_case(api: &str) {
    let Some(folder) = wire_folder(api) else { return };
    let cases = cases(&folder);
    let mut failed = Vec::new();
    for case in &cases {
        let id = format!("{api}/{}", case.file_name().unwrap().to_str().unwrap());
        let wrong = apart_from_listed(&id, check(case).await);
        failed.extend(wrong.into_iter().map(|it| (id.clone(), it)));
    }
    let failures: BTreeSet<_> = failed.iter().map(|(case, _)| case).collect();
    println!("{api}: {} cases, {} passed", cases.len(), cases.len() - failures.len());
    let failed: Vec<_> = failed.iter().map(|(case, wrong)| format!("{case}: {wrong}")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn builder() -> OpenAiResponsesBuilder {
    OpenAiResponses::openai().api_key("sk-test").model("gpt-5-test")
}

fn model(answer: Answer) -> OpenAiResponses {
    builder().transport(Canned::new(vec![answer])).build().unwrap()
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
    let mut wrong = facts(&expected(&meta["expected"]), &events, error.as_ref());
    for size in [1, 7, 1000] {
        let pieces = whole.clone().in_pieces_of(size);
        let (in_pieces, error_in_pieces) = read(&model(pieces), request()).await;
        let is_same = in_pieces == events && told(error_in_pieces.as_ref()) == told(error.as_ref());
        if !is_same {
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

/// The facts in siumai's words: a status says less than a finish reason, which also tells
/// whether the reply waits for tools. The counts of tokens are the same.
fn expected(recorded: &Value) -> Value {
    let mut expected = recorded.clone();
    let calls = recorded["tool_calls"].as_array().is_some_and(|it| !it.is_empty());
    let reason = match (recorded["status"].as_str(), recorded["incomplete_reason"].as_str()) {
        (Some("completed"), _) if calls => json!("tool_calls"),
        (Some("completed"), _) => json!("stop"),
        (Some("incomplete"), Some("max_output_tokens")) => json!("length"),
        (Some("incomplete"), reason) => json!(reason),
        _ => Value::Null,
    };
    expected["finish_reason"] = reason;
    if recorded["kind"] == "failed" {
        expected["kind"] = json!("stream_error");
    }
    expected
}

/// Where an event ends before the last one.
fn boundaries(body: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(body).unwrap();
    let ends: Vec<_> = text.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    let is_last = |start: usize| {
        let event = text[start..].split("\n\n").next().unwrap();
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        let data: Value = data.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        matches!(data["type"].as_str(), Some("response.completed" | "response.incomplete"))
    };
    let last = ends.iter().position(|at| is_last(*at)).unwrap();
    ends[..=last].iter().copied().chain([0]).collect()
}

#[tokio::test]
async fn what_the_model_said_goes_back_as_it_came() {
    let schema = RequestSchema::of("openai-responses");
    for api in ["openai-responses", "responses-compatible"] {
        let Some(folder) = wire_folder(api) else { return };
        for case in cases(&folder) {
            let meta = json(&case.join("meta.json"));
            if meta["expected"]["kind"] != "success" {
                continue;
            }
            let body = std::fs::read(case.join(meta["response_file"].as_str().unwrap())).unwrap();
            let (sent, body_sent) = sent_back(&Answer::recorded(&meta["http"], body.clone())).await;
            assert_eq!(sent, given(&body), "{}", case.display());
            if let Some(schema) = schema.as_ref().filter(|_| api == "openai-responses") {
                schema.check(&body_sent);
            }
        }
    }
}

/// The items of a reply as the next request has them, and that request.
async fn sent_back(answer: &Answer) -> (Vec<Value>, Value) {
    let (events, error) =
        read(&model(answer.clone()), ChatRequest::new(vec![user!("hello")])).await;
    assert!(error.is_none(), "{error:?}");
    let response = assembled(&events).finish().unwrap();
    let results: Vec<_> = response
        .tool_calls
        .iter()
        .map(|call| ChatMessage::tool(ToolResult::executed(call, json!("done"))))
        .collect();
    let messages = [vec![user!("hello"), response.message], results.clone()].concat();
    let body = posted(builder(), ChatRequest::new(messages)).await;
    let input = body["input"].as_array().unwrap();
    (input[1..input.len() - results.len()].to_vec(), body)
}

/// The items that a reply brought and that may go back, without what says nothing.
fn given(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let mut items = Vec::new();
    let mut end = serde_json::from_str::<Value>(text).unwrap_or_default();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: {")) {
        let event: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        match event["type"].as_str() {
            Some("response.output_item.done") => {
                items.push((event["output_index"].as_u64(), event["item"].clone()));
            }
            Some("response.completed" | "response.incomplete") => end = event["response"].clone(),
            _ => {}
        }
    }
    items.sort_by_key(|(index, _)| *index);
    let mut items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
    if items.is_empty() {
        items.clone_from(end["output"].as_array().unwrap());
    }
    // Calls of the user's side that nobody can answer, and reasoning that led to nothing.
    let is_dropped = |item: &Value| match item["type"].as_str().unwrap() {
        "apply_patch_call" | "custom_tool_call" | "shell_call" => true,
        "tool_search_call" => item["execution"] == "client",
        "reasoning" => end["status"] == "incomplete",
        _ => false,
    };
    items.retain(|item| !is_dropped(item));
    items.iter_mut().for_each(fill);
    items
}

/// Says what a request must have: the schema wants it, and some servers leave it out.
fn fill(item: &mut Value) {
    let nullable = ["message", "reasoning", "function_call"];
    if nullable.iter().any(|kind| item["type"] == *kind) {
        item.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    if item["type"] != "message" {
        return;
    }
    for part in item["content"].as_array_mut().unwrap() {
        for list in ["annotations", "logprobs"] {
            if part["type"] == "output_text" && part[list].is_null() {
                part[list] = json!([]);
            }
        }
    }
}

/// The body that `request` is posted as.
async fn posted(builder: OpenAiResponsesBuilder, request: ChatRequest) -> Value {
    let transport = Canned::new(vec![Answer::events("")]);
    let model = builder.transport(transport.clone()).build().unwrap();
    drop(model.stream(request).await.unwrap());
    transport.bodies().remove(0)
}

#[tokio::test]
async fn whatever_is_asked_is_written_as_the_published_schema_wants() {
    let Some(schema) = RequestSchema::of("openai-responses") else { return };
    let builders = || {
        let all = builder().stored().strict_tools().reasoning_summary("auto");
        let all = all.system_as_messages().hosted_tool(json!({ "type": "web_search" }));
        [builder(), all]
    };
    let mut extra = Map::new();
    extra.insert("metadata".to_owned(), json!({ "run": "7" }));
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_output_tokens: Some(5),
        seed: Some(7),
        stop_sequences: vec!["END".to_owned()],
        reasoning_effort: Some("low".to_owned()),
        parallel_tool_calls: Some(false),
        extra,
        ..Settings::default()
    };
    for request in requests().into_iter().chain([with_media()]) {
        let variants =
            [request.clone(), request.clone().whole(), request.with_settings(settings.clone())];
        for request in variants {
            for builder in builders() {
                schema.check(&posted(builder, request.clone()).await);
            }
        }
    }
}

/// Pictures and files, and an answer of a shape.
fn with_media() -> ChatRequest {
    let format = ResponseFormat::JsonSchema {
        name: "city".to_owned(),
        schema: json!({ "type": "object" }),
        strict: true,
    };
    let parts = vec![
        ContentPart::image(Media::url("https://example.com/cat.png")),
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF"), "a.pdf"),
        ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf"),
    ];
    let settings = Settings { response_format: Some(format), ..Settings::default() };
    ChatRequest::new(vec![ChatMessage::new(Role::User, parts)]).with_settings(settings)
}

#[tokio::test]
async fn what_could_not_be_asked_is_told_with_the_reply() {
    let body = json!({ "id": "resp_1", "status": "completed", "output": [] }).to_string();
    let settings = Settings { seed: Some(7), ..Settings::default() };
    let request = ChatRequest::new(vec![user!("hello")]).whole().with_settings(settings);
    let answer = Answer::new(200, "application/json", body);
    let (events, error) = read(&model(answer), request).await;
    assert!(error.is_none(), "{error:?}");
    let [ModelEvent::Start { .. }, ModelEvent::Warning(warning), ModelEvent::Finish { .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(warning.to_string(), "Responses takes no seed; it was left out");
}

#[tokio::test]
async fn a_key_shows_in_nothing_that_is_told() {
    const KEY: &str = "sk-canary-4f1d2b";
    let as_error = format!(r#"{{"error":{{"message":"bad key {KEY}","code":"{KEY}"}}}}"#);
    let flat = format!(r#"{{"type":"error","code":"{KEY}","message":"bad key {KEY}"}}"#);
    let failed = format!(r#"{{"status":"failed","error":{{"message":"{KEY}","code":"{KEY}"}}}}"#);
    let answers = [
        Answer::new(401, "application/json", as_error.clone()),
        Answer::new(200, "application/json", as_error.clone()),
        Answer::new(200, "application/json", failed.clone()),
        Answer::new(200, "application/json", format!(r#"{{"output":"{KEY}"}}"#)),
        Answer::events(format!("data: {flat}\n\n")),
        Answer::events(format!("data: {{\"type\":\"response.failed\",\"response\":{failed}}}\n\n")),
        Answer::events(format!("data: {KEY}\n\n")),
    ];
    for answer in answers {
        let builder = builder().api_key(KEY).transport(Canned::new(vec![answer.clone()]));
        let builder = builder.hosted_tool(json!({ "type": "mcp", "authorization": KEY }));
        assert!(!format!("{builder:?}").contains(KEY));
        let model = builder.build().unwrap();
        assert!(!format!("{model:?}").contains(KEY));
        let (_, error) = read(&model, ChatRequest::new(vec![user!("hello")])).await;
        let error = error.unwrap_or_else(|| panic!("no error: {answer:?}"));
        let shown = format!("{error} {error:?} {:?}", error.code());
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let refused = |builder: OpenAiResponsesBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        refused(OpenAiResponses::openai().api_key("sk-test")),
        "no model of openai is named"
    );
    assert_eq!(
        refused(OpenAiResponses::openai().model("gpt-5-test")),
        "openai wants an API key; pass one with `api_key`"
    );
    let own = OpenAiResponses::openai().base_url("http://localhost:1234/v1").model("own");
    assert_eq!(own.build().unwrap().provider(), "openai");
    let other = OpenAiResponses::compatible("xai", "https://api.x.ai/v1").model("grok-4");
    assert_eq!(other.build().unwrap().provider(), "xai");
}

//! Where and how Messages are asked, and what is said where that can't be.
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind,
    model::LanguageModel,
    orchestrator::{OrchestratorOptions, run},
    types::{ChatRequest, Settings, Warning},
    user,
};
use siumai_providers::{
    Anthropic, AnthropicBuilder,
    http::{HeaderMap, Url},
};

use crate::support::{Answer, Canned, assembled, read};

fn hello() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

fn model(answer: Answer) -> Anthropic {
    let builder = Anthropic::builder().api_key("sk-ant-test").model("claude-test");
    builder.transport(Canned::new(vec![answer])).build().unwrap()
}

/// What is posted by a model that is built so.
async fn posted(build: impl FnOnce(AnthropicBuilder) -> AnthropicBuilder) -> (Url, HeaderMap) {
    let transport = Canned::new(vec![Answer::events("")]);
    let builder = Anthropic::builder().api_key("sk-ant-test").model("claude-test");
    let model = build(builder.transport(transport.clone())).build().unwrap();
    read(&model, hello()).await;
    transport.with_requests(|requests| (requests[0].url.clone(), requests[0].headers.clone()))
}

#[tokio::test]
async fn the_key_travels_alone_and_the_version_beside_it() {
    let (url, headers) = posted(|it| it.beta("one-2025-01-01").beta("two-2025-01-01")).await;
    assert_eq!(url.as_str(), "https://api.anthropic.com/v1/messages");
    assert_eq!(headers["x-api-key"], "sk-ant-test");
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    assert_eq!(headers["anthropic-beta"], "one-2025-01-01,two-2025-01-01");
    assert_eq!(headers.get("authorization"), None);
    let (_, headers) = posted(|it| it.header("anthropic-version", "2099-01-01")).await;
    assert_eq!(headers["anthropic-version"], "2099-01-01");
    assert_eq!(headers.get("anthropic-beta"), None);
}

#[tokio::test]
async fn a_base_url_may_name_the_version_or_not() {
    for base_url in ["https://example.com/claude", " https://example.com/claude/v1/ "] {
        let (url, _) = posted(|it| it.base_url(base_url)).await;
        assert_eq!(url.as_str(), "https://example.com/claude/v1/messages");
    }
    let (url, _) = posted(|it| it.base_url("https://example.com/v1?tenant=7")).await;
    assert_eq!(url.as_str(), "https://example.com/v1/messages?tenant=7");
}

#[test]
fn a_missing_key_or_model_is_named() {
    let refused = |builder: AnthropicBuilder| builder.build().unwrap_err();
    let no_key = refused(Anthropic::builder().model("claude-test"));
    assert_eq!(no_key.kind(), ErrorKind::Authentication);
    assert_eq!(no_key.to_string(), "anthropic wants an API key; pass one with `api_key`");
    assert_eq!(refused(Anthropic::builder()).to_string(), "no model of anthropic is named");
    let own = Anthropic::compatible("moonshot", "https://example.com").model("kimi-k2").build();
    assert_eq!(own.unwrap().provider(), "moonshot");
}

#[tokio::test]
async fn what_could_not_be_asked_is_told_with_the_reply() {
    let reply =
        r#"{"id":"msg_1","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#;
    let request = hello().with_settings(Settings { seed: Some(7), ..Settings::default() });
    let (events, error) = read(&model(Answer::new(200, "application/json", reply)), request).await;
    assert!(error.is_none(), "{error:?}");
    let warnings = assembled(&events).finish().unwrap().warnings;
    let [Warning::Unsupported { what, .. }] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(what, "Anthropic takes no seed; it was left out");
}

#[tokio::test]
async fn a_status_and_a_body_tell_the_sort_of_an_error() {
    let error = |kind: &str, message: &str| {
        let error = format!(r#"{{"type":"{kind}","message":"{message}"}}"#);
        format!(r#"{{"type":"error","error":{error},"request_id":"req_7"}}"#)
    };
    let invalid = "invalid_request_error";
    let cases = [
        (400, error(invalid, "Bad."), ErrorKind::InvalidRequest),
        (
            400,
            error(invalid, "prompt is too long: 210000 tokens > 200000 maximum"),
            ErrorKind::ContextTooLong,
        ),
        (
            400,
            error(
                invalid,
                "input length and `max_tokens` exceed context limit: 199000 + 21333 > 200000",
            ),
            ErrorKind::ContextTooLong,
        ),
        (
            400,
            error(invalid, "Output blocked by content filtering policy"),
            ErrorKind::ContentFilter,
        ),
        (
            400,
            error(invalid, "Your credit balance is too low to access the Anthropic API."),
            ErrorKind::PermissionDenied,
        ),
        (401, error("authentication_error", "invalid x-api-key"), ErrorKind::Authentication),
        (403, error("permission_error", "No."), ErrorKind::PermissionDenied),
        (404, error("not_found_error", "model: claude-test"), ErrorKind::NotFound),
        (413, error("request_too_large", "Too large."), ErrorKind::InvalidRequest),
        (429, error("rate_limit_error", "Slow."), ErrorKind::RateLimited),
        (500, error("api_error", "Oh no."), ErrorKind::Server),
        (529, error("overloaded_error", "Overloaded"), ErrorKind::Overloaded),
        (529, String::new(), ErrorKind::Overloaded),
    ];
    for (status, body, kind) in cases {
        let answer = Answer::new(status, "application/json", body.clone());
        let (_, error) = read(&model(answer.with_header("request-id", "req_8")), hello()).await;
        let error = error.unwrap();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{body}");
        assert_eq!(error.request_id(), Some("req_8"));
    }
    let body = error(invalid, "prompt is too long: 2 tokens > 1 maximum");
    let (_, error) = read(&model(Answer::new(400, "application/json", body)), hello()).await;
    assert_eq!(
        error.unwrap().to_string(),
        "the conversation is too long for `claude-test`: prompt is too long: 2 tokens > 1 maximum; \
         shorten the history (status 400)"
    );
}

#[tokio::test]
async fn a_server_that_is_overloaded_in_the_midst_of_a_reply_says_so() {
    let events = "event: content_block_start\n\
         data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hel\"}}\n\n\
         event: error\n\
         data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (before, error) = read(&model(Answer::events(events)), hello()).await;
    assert_eq!(before, [siumai_core::model::ModelEvent::content("Hel")]);
    let error = error.unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Overloaded, Some("overloaded_error")));
    assert_eq!(error.to_string(), "anthropic is overloaded: Overloaded; try again later");
}

#[tokio::test]
async fn a_paused_turn_goes_on_from_where_it_was() {
    let search =
        r#"{"id":"srv_1","input":{"query":"news"},"name":"web_search","type":"server_tool_use"}"#;
    let reply = |blocks: &str, reason: &str| {
        let usage = r#"{"input_tokens":3,"output_tokens":2}"#;
        let body = format!(r#"{{"content":[{blocks}],"stop_reason":"{reason}","usage":{usage}}}"#);
        Answer::new(200, "application/json", body)
    };
    let answers =
        vec![reply(search, "pause_turn"), reply(r#"{"type":"text","text":"None."}"#, "end_turn")];
    let transport = Canned::new(answers);
    let model = Anthropic::builder().api_key("sk-ant-test").model("claude-test");
    let model = model.transport(transport.clone()).build().unwrap();
    let messages = vec![user!("What is new?")];
    let output = run(&model, messages, None, None, &[], OrchestratorOptions::default()).await;
    let output = output.unwrap();
    assert_eq!((output.response.content_text(), output.steps.len()), (Some("None."), 2));
    assert_eq!(output.usage.total_tokens, 10);
    let paused: Value = serde_json::from_str(search).unwrap();
    let messages = &transport.bodies()[1]["messages"];
    assert_eq!(messages[1], json!({ "role": "assistant", "content": [paused] }));
    assert_eq!(messages.as_array().unwrap().len(), 2);
}

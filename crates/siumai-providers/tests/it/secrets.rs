//! A key shows nowhere, whatever goes wrong and whoever repeats it.
use siumai_core::{LlmError, types::ChatRequest, user};
use siumai_providers::{OpenAiChat, OpenAiChatBuilder};

use crate::support::{Answer, Canned, read};

const KEY: &str = "sk-canary-4f1d2b";
const HEADER: &str = "canary-header-77aa";
const PASSWORD: &str = "canary-password-9c";

fn builder(answer: Answer) -> OpenAiChatBuilder {
    OpenAiChat::compatible("example", format!("https://me:{PASSWORD}@example.com/v1?key={KEY}"))
        .api_key(KEY)
        .header("x-extra", HEADER)
        .model("gpt-test")
        .transport(Canned::new(vec![answer]))
}

fn check(shown: &str) {
    for secret in [KEY, HEADER, PASSWORD] {
        assert!(!shown.contains(secret), "{secret} shows in {shown}");
    }
}

fn check_error(error: &LlmError) {
    check(&format!("{error} {error:?} {error:#?} {:?}", error.code()));
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        check(&format!("{error} {error:?}"));
        source = error.source();
    }
}

#[tokio::test]
async fn a_key_that_the_provider_repeats_is_taken_out() {
    let told = format!("bad key {KEY}, header {HEADER}, password {PASSWORD}");
    let as_error = format!(r#"{{"error":{{"message":"{told}","code":"{KEY}"}}}}"#);
    let answers = [
        Answer::new(401, "application/json", as_error.clone()),
        Answer::new(500, "text/plain", told.clone()),
        Answer::new(404, "text/html", format!("<html>{told}</html>")),
        Answer::new(302, "text/plain", "").with_header("location", &format!("/v2?key={KEY}")),
        Answer::new(200, "application/json", as_error.clone()),
        Answer::new(200, "application/json", told.clone()),
        Answer::new(200, "application/json", format!(r#"{{"choices":"{told}"}}"#)),
        Answer::events(format!("data: {as_error}\n\n")),
        Answer::events(format!("data: {told}\n\n")),
        Answer::events("data: {}\n\n"),
    ];
    for answer in answers {
        let shown = format!("{answer:?}");
        let model = builder(answer).build().unwrap();
        let (_, error) = read(&model, ChatRequest::new(vec![user!("hello")])).await;
        check_error(&error.unwrap_or_else(|| panic!("no error: {shown}")));
    }
}

#[tokio::test]
async fn a_model_and_its_requests_show_no_secret() {
    let transport = Canned::new(vec![Answer::events("data: [DONE]\n\n")]);
    let builder = builder(Answer::events("")).transport(transport.clone());
    check(&format!("{builder:?}"));
    let model = builder.build().unwrap();
    check(&format!("{model:?} {model:#?}"));
    read(&model, ChatRequest::new(vec![user!("hello")])).await;
    transport.with_requests(|requests| {
        check(&format!("{requests:?}"));
        assert_eq!(requests[0].headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(requests[0].headers["x-extra"], HEADER);
    });
}

#[test]
fn what_cannot_be_built_shows_no_secret() {
    let fails = |builder: OpenAiChatBuilder| check_error(&builder.build().unwrap_err());
    let ok = || OpenAiChat::openai().model("gpt-test").api_key(KEY);
    fails(ok().api_key(format!("{KEY}\n{KEY}")));
    fails(ok().header("x-extra", format!("{HEADER}\n{HEADER}")));
    fails(ok().header("no header", HEADER));
    fails(ok().base_url(format!("me:{PASSWORD}@example.com/v1?key={KEY}")));
    fails(ok().base_url(format!("ftp://me:{PASSWORD}@example.com/v1?key={KEY}")));
    fails(ok().base_url(format!("https://me:{PASSWORD}@exa mple.com:x/v1?key={KEY}")));
}

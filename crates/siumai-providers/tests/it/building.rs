//! What a model is built of, and what is said where that can't be.
use siumai_core::{ErrorKind, model::LanguageModel, types::ChatRequest, user};
use siumai_providers::{Gemini, GeminiBuilder, OpenAiChat, OpenAiChatBuilder};

use crate::support::{Answer, Canned, read};

fn openai() -> OpenAiChatBuilder {
    OpenAiChat::openai().api_key("sk-test").model("gpt-test")
}

fn refused(builder: OpenAiChatBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

/// Where a model with this base URL posts to.
async fn posts_to(base_url: &str) -> String {
    let transport = Canned::new(vec![Answer::events("")]);
    let model = openai().base_url(base_url).transport(transport.clone()).build().unwrap();
    read(&model, ChatRequest::new(vec![user!("hello")])).await;
    transport.with_requests(|requests| requests[0].url.to_string())
}

#[tokio::test]
async fn slashes_spaces_and_queries_of_a_base_url_are_understood() {
    assert_eq!(posts_to("http://localhost/v1").await, "http://localhost/v1/chat/completions");
    assert_eq!(
        posts_to(" http://localhost:80/v1// ").await,
        "http://localhost/v1/chat/completions"
    );
    assert_eq!(posts_to("https://example.com").await, "https://example.com/chat/completions");
    assert_eq!(
        posts_to("https://example.com/v1?version=2#top").await,
        "https://example.com/v1/chat/completions?version=2"
    );
}

#[test]
fn a_base_url_that_is_none_is_named() {
    assert_eq!(
        refused(openai().base_url("api.example.com/v1")),
        "the base URL `api.example.com/v1` has no scheme; write `https://api.example.com/v1` or \
         `http://api.example.com/v1`"
    );
    assert_eq!(
        refused(openai().base_url("localhost:11434/v1")),
        "the base URL `localhost:11434/v1` has no scheme; write `https://localhost:11434/v1` or \
         `http://localhost:11434/v1`"
    );
    assert_eq!(
        refused(openai().base_url("ftp://example.com")),
        "the base URL begins with `ftp`; it must be http or https"
    );
    assert_eq!(refused(openai().base_url(" ")), "the base URL is empty");
    assert_eq!(
        refused(openai().base_url("http://exa mple.com")),
        "the base URL `http://exa mple.com` is no URL: invalid international domain name"
    );
}

#[test]
fn a_missing_key_or_model_is_named() {
    let no_key = OpenAiChat::openai().model("gpt-test").build().unwrap_err();
    assert_eq!(no_key.kind(), ErrorKind::Authentication);
    assert_eq!(no_key.to_string(), "openai wants an API key; pass one with `api_key`");
    assert_eq!(refused(openai().api_key(" \n")), "the API key of openai is empty");
    assert_eq!(
        refused(openai().api_key("sk-\u{1}")),
        "the API key of openai has a character that no header can hold; is it only the key?"
    );
    assert_eq!(refused(OpenAiChat::ollama()), "no model of ollama is named");
    assert_eq!(refused(openai().header("a b", "c")), "`a b` is no name of a header");
}

#[tokio::test]
async fn white_space_around_a_key_is_not_sent() {
    let transport = Canned::new(vec![Answer::events("")]);
    let model = openai().api_key(" sk-test\n").transport(transport.clone()).build().unwrap();
    read(&model, ChatRequest::new(vec![user!("hello")])).await;
    transport.with_requests(|it| assert_eq!(it[0].headers["authorization"], "Bearer sk-test"));
}

#[test]
fn other_servers_need_no_key() {
    let ollama = OpenAiChat::ollama().model("llama3.2").build().unwrap();
    assert_eq!((ollama.provider(), ollama.model()), ("ollama", "llama3.2"));
    let own = OpenAiChat::openai().base_url("http://localhost:8080/v1").model("own").build();
    assert_eq!(own.unwrap().provider(), "openai");
}

#[test]
fn a_missing_key_or_model_of_gemini_is_named() {
    let refused = |builder: GeminiBuilder| builder.build().unwrap_err();
    let no_key = refused(Gemini::builder().model("gemini-test"));
    assert_eq!(no_key.kind(), ErrorKind::Authentication);
    assert_eq!(no_key.to_string(), "gemini wants an API key; pass one with `api_key`");
    let no_model = refused(Gemini::builder().api_key("test-key").model("models/"));
    assert_eq!(no_model.to_string(), "no model of gemini is named");
    assert!(Gemini::builder().base_url("http://localhost:1/v1beta").model("own").build().is_ok());
}

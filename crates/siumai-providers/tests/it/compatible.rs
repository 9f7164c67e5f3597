//! Servers that speak Chat Completions like OpenAI: what goes back to them of what they said.
use serde_json::{Value, json};
use siumai_core::{
    types::{ChatMessage, ChatRequest},
    user,
};
use siumai_providers::{OpenAiChat, OpenAiChatBuilder};

use crate::support::{Answer, Canned, assembled, read};

fn server(provider: &str) -> OpenAiChatBuilder {
    OpenAiChat::compatible(provider, "https://example.com/v1")
}

/// The model's message as it goes back to `to`, if `from` sent `message` in a whole reply.
async fn sent_back(from: &str, to: &str, message: Value) -> Value {
    let reply = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
    let answer = Answer::new(200, "application/json", reply.to_string());
    goes_back(from, to, answer).await
}

async fn goes_back(from: &str, to: &str, answer: Answer) -> Value {
    let first = server(from).model("test").transport(Canned::new(vec![answer])).build().unwrap();
    let (events, error) = read(&first, ChatRequest::new(vec![user!("hello")])).await;
    assert!(error.is_none(), "{error:?}");
    let said: ChatMessage = assembled(&events).finish().unwrap().message;
    let transport = Canned::new(vec![Answer::events("")]);
    let next = server(to).model("test").transport(transport.clone()).build().unwrap();
    read(&next, ChatRequest::new(vec![user!("hello"), said, user!("go on")])).await;
    transport.bodies()[0]["messages"][1].clone()
}

fn call() -> Value {
    json!([{ "id": "a", "type": "function", "function": { "name": "add", "arguments": "{}" } }])
}

#[tokio::test]
async fn the_reasoning_behind_a_call_goes_back_to_where_it_came_from_alone() {
    let said = json!({
        "role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": call(),
    });
    assert_eq!(sent_back("deepseek", "deepseek", said.clone()).await, said);
    let bare = json!({ "role": "assistant", "content": null, "tool_calls": call() });
    assert_eq!(sent_back("deepseek", "openrouter", said.clone()).await, bare);
    assert_eq!(sent_back("groq", "groq", said).await, bare);
}

#[tokio::test]
async fn reasoning_without_a_call_goes_back_only_where_it_is_wanted() {
    let said = json!({ "role": "assistant", "content": "Hi", "reasoning": "hm" });
    assert_eq!(sent_back("ollama", "ollama", said.clone()).await, said);
    let bare = json!({ "role": "assistant", "content": "Hi" });
    assert_eq!(sent_back("deepseek", "deepseek", said).await, bare);
}

#[tokio::test]
async fn parts_of_a_message_go_back_as_they_came() {
    let content = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }], "closed": true },
        { "type": "text", "text": "Hi" },
    ]);
    let said = json!({ "role": "assistant", "content": content });
    assert_eq!(sent_back("mistral", "mistral", said.clone()).await, said);
    let bare = json!({ "role": "assistant", "content": "Hi" });
    assert_eq!(sent_back("mistral", "groq", said).await, bare);
}

#[tokio::test]
async fn thinking_and_text_of_a_stream_are_put_together_as_parts() {
    let thinking = |text: &str| json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": text }] }]);
    let chunk = |content: Value, reason: Value| {
        let chunk =
            json!({ "choices": [{ "delta": { "content": content }, "finish_reason": reason }] });
        format!("data: {chunk}\n\n")
    };
    let stream = [
        chunk(json!(""), Value::Null),
        chunk(thinking("so"), Value::Null),
        chunk(thinking(" so"), Value::Null),
        chunk(json!("Hi"), Value::Null),
        chunk(json!(" you"), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let said = goes_back("mistral", "mistral", Answer::events(stream.concat())).await;
    let mut content = thinking("so so").as_array().unwrap().clone();
    content.push(json!({ "type": "text", "text": "Hi you" }));
    assert_eq!(said, json!({ "role": "assistant", "content": content }));
}

#[tokio::test]
async fn what_came_with_a_call_goes_back_with_it() {
    let mut calls = call();
    calls[0]["extra_content"] = json!({ "google": { "thought_signature": "abc" } });
    let said = json!({ "role": "assistant", "content": null, "tool_calls": calls });
    assert_eq!(sent_back("google", "google", said.clone()).await, said);
}

#[tokio::test]
async fn a_deployment_of_azure_is_asked_with_its_own_header() {
    let transport = Canned::new(vec![Answer::events("")]);
    let azure = OpenAiChat::server("azure").unwrap().base_url("https://me.openai.azure.com");
    let azure = azure.api_key("secret").model("gpt-4o").transport(transport.clone());
    read(&azure.build().unwrap(), ChatRequest::new(vec![user!("hello")])).await;
    transport.with_requests(|requests| {
        let deployment = "https://me.openai.azure.com/openai/deployments/gpt-4o";
        let url = format!("{deployment}/chat/completions?api-version=2024-10-21");
        assert_eq!(requests[0].url.as_str(), url);
        assert_eq!(requests[0].headers["api-key"], "secret");
        assert_eq!(requests[0].headers.get("authorization"), None);
    });
}

//! What goes back of a recorded reply of Responses, and what is told with one.
use serde_json::{Value, json};
use siumai_core::{
    model::{LanguageModel, ModelEvent},
    types::{ChatMessage, ChatRequest, Settings, ToolResult},
    user,
};
use siumai_providers::{OpenAiResponses, OpenAiResponsesBuilder};

use crate::{
    schema::RequestSchema,
    support::{Answer, Canned, assembled, cases, json, read, wire_folder},
};

fn builder() -> OpenAiResponsesBuilder {
    OpenAiResponses::openai().api_key("sk-test").model("gpt-5-test")
}

fn model(answer: Answer) -> OpenAiResponses {
    builder().transport(Canned::new(vec![answer])).build().unwrap()
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

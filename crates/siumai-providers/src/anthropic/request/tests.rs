use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    system,
    types::{Origin, Role, Settings, ToolCall, ToolResult},
    user,
};

use super::*;

pub(super) const MODEL: &str = "claude-sonnet-4-5";

pub(super) fn usual() -> Manner {
    Manner::of("anthropic".to_owned())
}

pub(super) fn asked(model: &str, request: &ChatRequest) -> (Value, Vec<String>) {
    let question = question(model, &Arc::new(usual()), request).unwrap();
    let warnings = question.warnings.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&question.body.to_bytes()).unwrap(), warnings)
}

pub(super) fn written(request: &ChatRequest) -> Value {
    let (body, warnings) = asked(MODEL, request);
    assert_eq!(warnings, [""; 0]);
    body
}

pub(super) fn messages(messages: Vec<ChatMessage>) -> Value {
    written(&ChatRequest::new(messages))["messages"].clone()
}

pub(super) fn said(parts: Vec<ContentPart>) -> ChatMessage {
    ChatMessage::new(Role::Assistant, parts)
}

pub(super) fn a_call(id: &str, arguments: Value) -> ContentPart {
    ContentPart::ToolCall(Arc::new(ToolCall { id: id.into(), name: "add".into(), arguments }))
}

pub(super) fn a_result(id: &str, output: Value) -> ToolResult {
    let call = ToolCall { id: id.into(), name: "add".into(), arguments: json!({}) };
    ToolResult::executed(&call, output)
}

pub(super) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(super) fn a_tool() -> Tool {
    Tool::function("add", "Adds").parameter("x", "number", "First", true)
}

#[test]
fn a_request_is_told_in_blocks() {
    let request = ChatRequest::new(vec![system!("Be brief."), system!("And kind."), user!("Hi")]);
    let request = request.with_tools(vec![a_tool(), Tool::function("ping", "")]);
    let expected = json!({
        "model": MODEL,
        "max_tokens": 32000,
        "stream": true,
        "system": [text("Be brief."), text("And kind.")],
        "messages": [{ "role": "user", "content": [text("Hi")] }],
        "tools": [
            { "name": "add", "description": "Adds", "input_schema": a_tool().parameters() },
            {
                "name": "ping",
                "input_schema": { "type": "object", "properties": {}, "additionalProperties": false },
            },
        ],
    });
    assert_eq!(written(&request), expected);
    assert_eq!(written(&request.whole())["stream"], false);
}

#[test]
fn the_choice_among_tools_is_told() {
    let request = ChatRequest::new(vec![user!("Hi")]).with_tools(vec![a_tool()]);
    let choice = |parallel_tool_calls, choice: Option<ToolChoice>| {
        let settings = Settings { parallel_tool_calls, ..Settings::default() };
        let request = request.clone().with_settings(settings).with_tool_choice(choice);
        written(&request).get("tool_choice").cloned()
    };
    let named = ToolChoice::Specific { tool_name: "add".into() };
    assert_eq!(choice(None, None), None);
    assert_eq!(choice(Some(true), None), None);
    assert_eq!(choice(None, Some(ToolChoice::Auto)), Some(json!({ "type": "auto" })));
    assert_eq!(choice(None, Some(ToolChoice::Required)), Some(json!({ "type": "any" })));
    assert_eq!(choice(None, Some(named)), Some(json!({ "type": "tool", "name": "add" })));
    assert_eq!(choice(Some(false), Some(ToolChoice::None)), Some(json!({ "type": "none" })));
    let alone = json!({ "type": "auto", "disable_parallel_tool_use": true });
    assert_eq!(choice(Some(false), None), Some(alone));
    let without = ChatRequest::new(vec![user!("Hi")]).with_tool_choice(ToolChoice::None);
    assert_eq!(written(&without).get("tool_choice"), None);
}

fn caching() -> Manner {
    let search = json!({ "type": "web_search_20250305", "name": "web_search" });
    Manner { hosted_tools: vec![search], prompt_caching: true, ..usual() }
}

#[test]
fn tools_are_strict_where_that_is_wanted() {
    let request = ChatRequest::new(vec![user!("Hi")]).with_tools(vec![a_tool()]);
    let manner = Manner { strict_tools: true, ..usual() };
    let body = question(MODEL, &Arc::new(manner), &request).unwrap().body.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["tools"][0]["strict"], true);
}

#[test]
fn a_tool_that_the_provider_describes_and_we_execute_is_told_once() {
    let hosted = json!({ "type": "memory_20250818", "name": "memory" });
    let manner = Manner { hosted_tools: vec![hosted.clone()], ..usual() };
    let tools = vec![Tool::function("memory", "Files"), Tool::function("ping", "")];
    let request = ChatRequest::new(vec![user!("Hi")]).with_tools(tools);
    let body = question(MODEL, &Arc::new(manner), &request).unwrap().body.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["tools"][0], &body["tools"][1]["name"]), (&hosted, &json!("ping")));
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(2));
}

#[test]
fn code_runs_on_where_it_ran_last() {
    let ran = |container: &str| {
        let origin = Origin::new("anthropic", r#"[{"type":"text","text":"Hi"}]"#);
        said(vec![ContentPart::text("Hi")]).with_origin(origin.with_context(container))
    };
    let origin = Origin::new("anthropic", r#"[{"type":"text","text":"Hi"}]"#);
    let plain = said(vec![ContentPart::text("Hi")]).with_origin(origin);
    let history = vec![user!("1"), ran("a"), user!("2"), ran("b"), user!("3"), plain, user!("4")];
    let request = ChatRequest::new(history);
    let container = |manner: &Manner| {
        let body = question(MODEL, &Arc::new(manner.clone()), &request).unwrap().body.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["messages"][1]["content"], json!([text("Hi")]));
        body["container"].clone()
    };
    assert_eq!(container(&caching()), "b");
    // Without a tool of the provider's there is nothing that runs.
    assert_eq!(container(&usual()), Value::Null);
}

#[test]
fn what_stays_the_same_is_marked_for_the_cache() {
    let request = ChatRequest::new(vec![system!("one"), system!("two"), user!("Hi")]);
    let request = request.with_tools(vec![Tool::function("ping", ""), a_tool()]);
    let body = question(MODEL, &Arc::new(caching()), &request).unwrap().body.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mark = json!({ "type": "ephemeral" });
    assert_eq!(body["cache_control"], mark);
    assert_eq!(
        body["system"],
        json!([text("one"), { "type": "text", "text": "two", "cache_control": mark }])
    );
    assert_eq!(body["messages"], json!([{ "role": "user", "content": [text("Hi")] }]));
    let tools = body["tools"].as_array().unwrap();
    assert_eq!(tools[0], caching().hosted_tools[0]);
    assert_eq!((tools[1].get("cache_control"), &tools[2]["cache_control"]), (None, &mark));
}

#[test]
fn the_next_step_begins_with_the_bytes_of_the_one_before() {
    let mut history = vec![system!("Be brief."), user!("Add")];
    let mut before = String::new();
    let settings = Settings { reasoning_effort: Some("low".into()), ..Settings::default() };
    for step in 0..6 {
        let choice = if step % 2 == 0 { ToolChoice::Required } else { ToolChoice::Auto };
        let request = ChatRequest::new(history.clone()).with_tools(vec![a_tool()]);
        let request = request.with_tool_choice(choice).with_settings(settings.clone());
        let next = question(MODEL, &Arc::new(caching()), &request).unwrap().body.to_bytes();
        let next = String::from_utf8(next.to_vec()).unwrap();
        let messages = before.split(r#"],"tools""#).next().unwrap();
        assert!(next.starts_with(messages), "step {step}:\n{messages}\n{next}");
        before = next;
        let (one, two) = (format!("a{step}"), "same.id");
        let call = said(vec![a_call(&one, json!({ "x": step })), a_call(two, json!({}))]);
        let origin = r#"[{"type":"thinking","thinking":"","signature":"s"},{"type":"tool_use","id":"a1","name":"add","input":{}}]"#;
        let call =
            if step == 1 { call.with_origin(Origin::new("anthropic", origin)) } else { call };
        history.extend([call, ChatMessage::tool(a_result(&one, json!(step)))]);
        history.push(ChatMessage::tool(a_result(two, json!(step))));
    }
}

#[test]
fn what_cannot_be_told_is_an_error_that_says_so() {
    let refused = |messages| {
        let request = ChatRequest::new(messages);
        question(MODEL, &Arc::new(usual()), &request).err().unwrap().to_string()
    };
    let nothing = "the request has no messages; add one to answer";
    assert_eq!(refused(vec![]), nothing);
    assert_eq!(refused(vec![system!("Be brief."), user!(" ")]), nothing);
    assert_eq!(
        refused(vec![ChatMessage::new(Role::Tool, vec![ContentPart::text("7")])]),
        "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`"
    );
}

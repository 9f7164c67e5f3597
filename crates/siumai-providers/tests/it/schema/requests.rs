//! Requests with one of everything: parts, results, tools, choices and settings.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, ToolStatus,
    },
    user,
};

/// Every history with every set of tools, every choice and every set of settings.
pub(super) fn requests() -> Vec<ChatRequest> {
    let mut requests = Vec::new();
    for messages in histories() {
        for tools in toolboxes() {
            for choice in choices() {
                for settings in settings() {
                    let request = ChatRequest::new(messages.clone()).with_tools(tools.clone());
                    let choice = choice.clone().filter(|choice| is_on_offer(choice, &tools));
                    requests.push(request.with_tool_choice(choice).with_settings(settings));
                }
            }
        }
    }
    requests
}

fn is_on_offer(choice: &ToolChoice, tools: &[Tool]) -> bool {
    match choice {
        ToolChoice::Specific { tool_name } => tools.iter().any(|tool| tool.name() == tool_name),
        _ => true,
    }
}

fn choices() -> [Option<ToolChoice>; 5] {
    let named = ToolChoice::Specific { tool_name: "add".to_owned() };
    [None, Some(ToolChoice::Auto), Some(ToolChoice::Required), Some(ToolChoice::None), Some(named)]
}

fn toolboxes() -> [Vec<Tool>; 3] {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "unit": { "const": "metre" },
            "place": { "$ref": "#/definitions/place", "description": "Where" },
        },
        "definitions": { "place": { "type": "string", "minLength": 1 } },
        "additionalProperties": false,
    });
    [
        Vec::new(),
        vec![Tool::function("add", "Adds").parameter("x", "number", "First", true)],
        vec![
            Tool::function("add", "Adds").parameter("x", "number", "First", true),
            Tool::function("ping", ""),
            Tool::function_with_schema("measure", "Measures", schema),
            Tool::function_with_schema("any", "Takes anything", json!({})),
        ],
    ]
}

fn settings() -> [Settings; 6] {
    let format = |response_format| Settings {
        response_format: Some(response_format),
        ..Settings::default()
    };
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string" } },
        "required": ["city"],
        "additionalProperties": false,
    });
    [
        Settings::default(),
        Settings {
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_output_tokens: Some(2000),
            seed: Some(7),
            stop_sequences: vec!["END".to_owned(), "STOP".to_owned()],
            parallel_tool_calls: Some(false),
            ..Settings::default()
        },
        Settings {
            reasoning_effort: Some("low".to_owned()),
            parallel_tool_calls: Some(true),
            ..Settings::default()
        },
        Settings {
            reasoning_effort: Some("high".to_owned()),
            max_output_tokens: Some(1025),
            temperature: Some(0.2),
            ..Settings::default()
        },
        format(ResponseFormat::Json),
        format(ResponseFormat::JsonSchema { name: "city".to_owned(), schema, strict: true }),
    ]
}

fn histories() -> [Vec<ChatMessage>; 4] {
    [vec![user!("Hi")], told(), with_media(), several_calls()]
}

fn said(parts: Vec<ContentPart>) -> ChatMessage {
    ChatMessage::new(Role::Assistant, parts)
}

fn call(id: &str, arguments: Value) -> Arc<ToolCall> {
    Arc::new(ToolCall { id: id.to_owned(), name: "add".to_owned(), arguments })
}

/// One of everything that a history may hold.
fn told() -> Vec<ChatMessage> {
    let text = ContentPart::text;
    let (good, broken) = (call("a", json!({ "x": 1 })), call("b", json!("{oops")));
    vec![
        ChatMessage::system("Be brief."),
        ChatMessage::new(Role::System, vec![text("one"), text("two")]),
        ChatMessage::new(Role::User, vec![text("one"), text("two")]),
        said(vec![
            ContentPart::reasoning("hm"),
            text("Let me see."),
            ContentPart::ToolCall(Arc::clone(&good)),
            ContentPart::ToolCall(Arc::clone(&broken)),
        ]),
        ChatMessage::tool(ToolResult::executed(&good, json!({ "sum": 1 }))),
        ChatMessage::tool(ToolResult::unexecuted(&broken, ToolStatus::Failed, "No JSON.")),
        said(vec![ContentPart::ToolCall(Arc::clone(&good))]),
        ChatMessage::tool(ToolResult::executed(&good, Value::Null)),
        said(vec![ContentPart::refusal("I would rather not.")]),
        said(vec![ContentPart::reasoning("hm")]),
        said(vec![text(" "), text("")]),
        user!("Go on"),
    ]
}

/// Pictures and files, by their address and by their bytes.
fn with_media() -> Vec<ChatMessage> {
    let parts = vec![
        ContentPart::text("Look"),
        ContentPart::image(Media::url("https://example.com/cat.png")),
        ContentPart::image(Media::typed_url("image/png", "https://example.com/cat.png")),
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF"), "a.pdf"),
        ContentPart::unnamed_file(Media::bytes("text/plain", *b"Hello")),
        ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf"),
    ];
    let shown = said(vec![
        ContentPart::text("Here"),
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
    ]);
    vec![ChatMessage::new(Role::User, parts), shown, user!("Thanks")]
}

/// Calls whose ids some provider would not take, and results of all sorts.
fn several_calls() -> Vec<ChatMessage> {
    let ids = ["call.1", "call 2", "call_3", "functions.add:0"];
    let calls: Vec<_> = ids.iter().map(|id| call(id, json!({ "x": 1 }))).collect();
    let outputs = [json!(1), json!([1, 2]), json!(""), json!({ "ok": true })];
    let mut messages = vec![user!("Add")];
    messages.push(said(calls.iter().cloned().map(ContentPart::ToolCall).collect()));
    for (call, output) in calls.iter().zip(outputs) {
        messages.push(ChatMessage::tool(ToolResult::executed(call, output)));
    }
    messages
}

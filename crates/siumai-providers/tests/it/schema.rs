//! Every request we write against the schema that OpenAI publishes.
use std::sync::Arc;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    types::{
        ChatMessage, ChatRequest, ContentPart, Role, Tool, ToolCall, ToolChoice, ToolResult,
        ToolStatus,
    },
    user,
};
use siumai_providers::OpenAiChat;

use crate::support::{Answer, Canned, folder, json};

/// The published schema of a request, if it is there.
pub(crate) struct RequestSchema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl RequestSchema {
    /// Of Chat Completions.
    pub(crate) fn load() -> Option<Self> {
        Self::of("openai-chat")
    }

    pub(crate) fn of(api: &str) -> Option<Self> {
        let folder = folder("SIUMAI_SCHEMA_DIR", "../shared/schemas")?;
        let mut compiler = Compiler::new();
        let mut schema = json(&folder.join(format!("{api}.openapi.json")));
        let definitions = schema["$defs"].as_object_mut().unwrap();
        for definition in definitions.values_mut().filter_map(Value::as_object_mut) {
            // A word of an older draft, which this one does not let be a boolean.
            definition.remove("$recursiveAnchor");
        }
        compiler.add_resource("https://example.invalid/request.json", schema).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("https://example.invalid/request.json", &mut schemas).unwrap();
        Some(Self { schemas, index })
    }

    pub(crate) fn check(&self, request: &Value) {
        if let Err(error) = self.schemas.validate(request, self.index) {
            panic!("{error:#}\n{request:#}");
        }
    }
}

#[tokio::test]
async fn whatever_is_asked_is_written_as_the_published_schema_wants() {
    let Some(schema) = RequestSchema::load() else { return };
    for request in requests() {
        for request in [request.clone(), request.whole()] {
            schema.check(&posted(request).await);
        }
    }
}

#[test]
fn the_schema_refuses_what_is_no_request() {
    let Some(schema) = RequestSchema::load() else { return };
    let nameless = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    assert!(schema.schemas.validate(&nameless, schema.index).is_err());
    let numbers = json!({ "model": "gpt", "messages": [{ "role": "user", "content": 7 }] });
    assert!(schema.schemas.validate(&numbers, schema.index).is_err());
}

/// The body that `request` is posted as.
async fn posted(request: ChatRequest) -> Value {
    let transport = Canned::new(vec![Answer::events("")]);
    let model = OpenAiChat::openai().api_key("sk-test").model("gpt-test");
    let model = model.transport(transport.clone()).build().unwrap();
    drop(model.stream(request).await.unwrap());
    transport.bodies().remove(0)
}

pub(crate) fn requests() -> Vec<ChatRequest> {
    let tools = vec![
        Tool::function("add", "Adds").parameter("x", "number", "First", true),
        Tool::function("ping", ""),
    ];
    let named = ToolChoice::Specific { tool_name: "add".to_owned() };
    let choices = [ToolChoice::Auto, ToolChoice::Required, ToolChoice::None, named];
    let mut requests: Vec<_> = choices
        .into_iter()
        .map(|choice| {
            let request = ChatRequest::new(history()).with_tools(tools.clone());
            request.with_tool_choice(choice)
        })
        .collect();
    requests.push(ChatRequest::new(vec![user!("Hi")]));
    requests.push(ChatRequest::new(history()).with_tool_choice(ToolChoice::Auto));
    requests
}

/// One of everything that a history may hold.
fn history() -> Vec<ChatMessage> {
    let text = ContentPart::text;
    let call = |id: &str, arguments| {
        Arc::new(ToolCall { id: id.to_owned(), name: "add".to_owned(), arguments })
    };
    let (good, broken) = (call("a", json!({ "x": 1 })), call("b", json!("{oops")));
    let said = |parts| ChatMessage::new(Role::Assistant, parts);
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
        user!("Go on"),
    ]
}

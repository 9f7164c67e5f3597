//! What holds for any task, any tools and any results.
use boon::{Compiler, Schemas};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use siumai_core::types::{
    ChatMessage, ChatRequest, ChatResponse, Tool, ToolCall, ToolChoice, ToolResult, ToolStatus,
};

use super::{calls, reply};

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_any_tools_get_a_reply_whose_calls_fit(
        task in task(),
        tools in vec(tool(), 0..6),
        choice in choice(),
    ) {
        let choice = chosen(choice, &tools);
        let tools = distinct(tools);
        let request = ChatRequest::new(vec![ChatMessage::user(task)])
            .with_tools(tools.clone())
            .with_tool_choice(choice.clone());
        let first = reply(request.clone());
        check(&first, &tools, &choice);
        prop_assert_eq!(&reply(request.clone()), &first, "the same request, another reply");
        prop_assert_eq!(reply(request.whole()), first, "a stream, another reply");
    }

    #[test]
    fn any_run_ends_and_calls_nothing_twice(
        task in task(),
        tools in vec(tool(), 1..6),
        results in vec(result(), 1..4),
        choice in choice(),
    ) {
        const MOST_STEPS: usize = 120;
        let choice = chosen(choice, &tools);
        let tools = distinct(tools);
        let mut messages = vec![ChatMessage::user(task)];
        let mut made: Vec<(String, Value)> = Vec::new();
        for _ in 0..MOST_STEPS {
            let request = ChatRequest::new(messages.clone()).with_tools(tools.clone()).with_tool_choice(choice.clone());
            let reply = reply(request);
            check(&reply, &tools, &choice);
            messages.push(reply.message.clone());
            if reply.tool_calls.is_empty() {
                return Ok(());
            }
            for (call, name_and_arguments) in reply.tool_calls.iter().zip(calls(&reply)) {
                let output = &results[made.len() % results.len()];
                messages.push(ChatMessage::tool(executed(call, output)));
                prop_assert!(!made.contains(&name_and_arguments), "{name_and_arguments:?} is called twice");
                made.push(name_and_arguments);
            }
        }
        prop_assert!(false, "it goes on after {MOST_STEPS} steps");
    }

    #[test]
    fn any_conversation_gets_a_reply(messages in vec(message(), 0..8), tools in vec(tool(), 0..4)) {
        let tools = distinct(tools);
        let reply = reply(ChatRequest::new(messages).with_tools(tools.clone()));
        check(&reply, &tools, &ToolChoice::Auto);
    }
}

fn check(reply: &ChatResponse, tools: &[Tool], choice: &ToolChoice) {
    for call in &reply.tool_calls {
        let tool =
            tools.iter().find(|it| it.name() == call.name).expect("only tools on offer are called");
        assert!(fits(tool, &call.arguments), "{call:?} does not fit {:?}", tool.parameters());
        let is_named =
            matches!(choice, ToolChoice::Specific { tool_name } if *tool_name == call.name);
        assert!(
            !tool.is_destructive() || is_named,
            "{call:?} was picked though it can destroy something"
        );
        assert_ne!(*choice, ToolChoice::None, "{call:?} was made though none may be");
    }
    let ids: Vec<_> = reply.tool_calls.iter().map(|it| &it.id).collect();
    assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)), "{ids:?}");
    assert!(
        !reply.tool_calls.is_empty()
            || reply.content_text().is_some_and(|it| !it.trim().is_empty())
    );
    let usage = reply.usage.as_ref().expect("usage is always told");
    assert!(usage.estimated && usage.output_tokens.get() > Some(0));
}

fn fits(tool: &Tool, arguments: &Value) -> bool {
    let mut compiler = Compiler::new();
    let mut schemas = Schemas::new();
    compiler.add_resource("tool:///it", tool.parameters().clone()).unwrap();
    let index = compiler.compile("tool:///it", &mut schemas).unwrap();
    schemas.validate(arguments, index).is_ok()
}

fn executed(call: &ToolCall, output: &Result<Value, ToolStatus>) -> ToolResult {
    match output {
        Ok(value) => ToolResult::executed(call, value.clone()),
        Err(status) => ToolResult::unexecuted(call, *status, "It did not work."),
    }
}

/// Words that mean something to the model, and whatever else there is.
fn task() -> impl Strategy<Value = String> {
    let known = select(KNOWN).prop_map(str::to_owned);
    let piece = prop_oneof![6 => known, 1 => any::<String>(), 1 => "\\PC{0,6}", 1 => "[0-9.,:/#@+*()%-]{1,8}"];
    (vec(piece, 0..14), select(vec![" ", " ", " ", "", "\n"]))
        .prop_map(|(pieces, between)| pieces.join(between))
}

const KNOWN: &[&str] = &[
    "What",
    "is",
    "the",
    "weather",
    "in",
    "Tokyo",
    "São Paulo",
    "and",
    "then",
    ",",
    "?",
    ".",
    "it",
    "that",
    "read",
    "Cargo.toml",
    "list",
    "files",
    "src/",
    "search",
    "for",
    "\"quoted text\"",
    "'single'",
    "calculate",
    "(3+4)*12",
    "12% of 250",
    "add",
    "5",
    "twenty",
    "minutes",
    "half an hour",
    "$20",
    "to",
    "EUR",
    "from",
    "Berlin",
    "2026-03-01",
    "May 4",
    "3pm",
    "UTC",
    "translate",
    "into",
    "French",
    "a@b.com",
    "https://example.com/x",
    "A-1042",
    "turn on",
    "off",
    "not",
    "result",
    "the result",
    "saying",
    ":",
    "- ",
    "1.",
    "between",
    "research",
    "🌧️",
    "Ü",
    "ſ",
    "İ",
    "`code`",
    "```",
    "between",
    "under",
    "*.rs",
];

fn tool() -> impl Strategy<Value = Tool> {
    let names = "[a-z]{1,8}(_[a-z]{1,8}){0,2}";
    let name = prop_oneof![select(NAMES).prop_map(str::to_owned), names.prop_map(|it: String| it)];
    let properties = vec((select(PARAMETERS), schema(), any::<bool>(), any::<String>()), 0..5);
    (name, select(DESCRIPTIONS), properties, 0..4_u8).prop_map(|(name, description, properties, mark)| {
        let mut schemas = Map::new();
        let mut required = Vec::new();
        for (name, mut schema, is_required, described) in properties {
            if let (Value::Object(schema), false) = (&mut schema, described.is_empty()) {
                schema.insert("description".to_owned(), described.into());
            }
            if is_required && !schemas.contains_key(name) {
                required.push(name);
            }
            schemas.insert(name.to_owned(), schema);
        }
        let schema = json!({
            "type": "object", "properties": schemas, "required": required, "additionalProperties": false,
        });
        let tool = Tool::function_with_schema(name, description, schema);
        match mark {
            0 => tool.destructive(),
            1 => tool.read_only(),
            _ => tool,
        }
    })
}

const NAMES: &[&str] = &[
    "get_weather",
    "calculator",
    "read_file",
    "search_web",
    "read_article",
    "finalAnswer",
    "add",
    "list_files",
    "translate",
    "now",
];
const DESCRIPTIONS: &[&str] = &[
    "",
    "Get weather for a city",
    "Calculate an expression",
    "Read a file",
    "Search the web",
    "Read article content",
    "Provide final answer",
    "Add two numbers",
    "Übersetzt Text 🌍",
    "Date and time",
];
const PARAMETERS: &[&str] = &[
    "city",
    "expression",
    "path",
    "query",
    "url",
    "answer",
    "a",
    "b",
    "text",
    "language",
    "from",
    "to",
    "date",
    "on",
    "unit",
    "items",
    "minutes",
    "time_zone",
    "größe",
    "",
    "order_id",
    "amount",
    "title",
    "code",
    "recursive",
];

/// Schemas of all shapes, some of them with limits that few values keep.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = select(vec![
        json!({ "type": "string" }),
        json!({ "type": "string", "maxLength": 3 }),
        json!({ "type": "string", "minLength": 2, "pattern": "^[a-z]+$" }),
        json!({ "type": "string", "format": "date" }),
        json!({ "type": "string", "enum": ["celsius", "fahrenheit"] }),
        json!({ "type": ["string", "null"] }),
        json!({ "type": "number" }),
        json!({ "type": "number", "minimum": 10, "exclusiveMaximum": 20.5 }),
        json!({ "type": "integer", "multipleOf": 5 }),
        json!({ "type": "integer", "default": 3 }),
        json!({ "type": "boolean" }),
        json!({ "enum": [1, "two", null, true] }),
        json!({ "const": "only" }),
        json!({ "anyOf": [{ "type": "null" }, { "type": "integer" }] }),
        json!({ "oneOf": [{ "const": "a", "description": "first" }, { "const": "b" }] }),
        json!({ "not": {} }),
        json!({}),
        json!(true),
        json!({ "$ref": "#" }),
        json!({ "type": "array" }),
    ]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| json!({ "type": "array", "items": it })),
            inner.clone().prop_map(|it| json!({ "type": "array", "items": it, "minItems": 2, "uniqueItems": true })),
            (inner.clone(), inner).prop_map(|(a, b)| {
                json!({ "type": "object", "properties": { "name": a, "value": b }, "required": ["name"] })
            }),
        ]
    })
}

fn choice() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0_u8), 1 => 1..4_u8]
}

fn chosen(choice: u8, tools: &[Tool]) -> ToolChoice {
    match (choice, tools.first()) {
        (1, _) => ToolChoice::Required,
        (2, _) => ToolChoice::None,
        (3, Some(tool)) => ToolChoice::Specific { tool_name: tool.name().to_owned() },
        _ => ToolChoice::Auto,
    }
}

/// A run refuses two tools of one name.
fn distinct(tools: Vec<Tool>) -> Vec<Tool> {
    let mut kept: Vec<Tool> = Vec::new();
    for tool in tools {
        if !kept.iter().any(|it| it.name() == tool.name()) {
            kept.push(tool);
        }
    }
    kept
}

fn result() -> impl Strategy<Value = Result<Value, ToolStatus>> {
    let value = select(vec![
        json!(42),
        json!("see https://example.com/a and src/lib.rs"),
        json!(""),
        json!(null),
        json!([]),
        json!([{ "title": "Ü", "url": "https://example.com/b" }, 7, [null]]),
        json!({ "result": -3.5, "city": "Oslo", "nested": { "deep": [1, { "x": true }] } }),
        json!("line one\nline two\n```\ncode\n```"),
    ]);
    let failed = select(vec![ToolStatus::Failed, ToolStatus::Denied, ToolStatus::Cancelled]);
    prop_oneof![4 => value.prop_map(Ok), 1 => failed.prop_map(Err)]
}

fn message() -> impl Strategy<Value = ChatMessage> {
    let call = ToolCall {
        id: "call_1".into(),
        name: "get_weather".into(),
        arguments: json!({ "city": "Rome" }),
    };
    let answer = ToolResult::executed(&call, json!({ "temperature": 20 }));
    let calling = ChatMessage::new(
        siumai_core::types::Role::Assistant,
        vec![siumai_core::types::ContentPart::ToolCall(call.into())],
    );
    prop_oneof![
        3 => task().prop_map(ChatMessage::user),
        1 => task().prop_map(ChatMessage::system),
        1 => task().prop_map(ChatMessage::assistant),
        2 => Just(calling),
        2 => Just(ChatMessage::tool(answer)),
    ]
}

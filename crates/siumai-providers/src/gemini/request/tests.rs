use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    system,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, Origin, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, ToolStatus, Warning,
    },
    user,
};

use super::question;

fn asked(model: &str, request: &ChatRequest) -> (Value, Vec<String>) {
    let question = question(model, request).unwrap();
    let warnings = question.warnings.into_iter().map(|warning| match warning {
        Warning::Unsupported { what } => what,
        other => panic!("{other}"),
    });
    (serde_json::from_slice(&question.body.to_bytes()).unwrap(), warnings.collect())
}

fn body(messages: Vec<ChatMessage>) -> Value {
    asked("gemini-2.5-flash", &ChatRequest::new(messages)).0
}

fn call(id: &str, name: &str, arguments: Value) -> Arc<ToolCall> {
    Arc::new(ToolCall { id: id.into(), name: name.into(), arguments })
}

fn assistant(parts: Vec<ContentPart>) -> ChatMessage {
    ChatMessage::new(Role::Assistant, parts)
}

#[test]
fn a_message_of_another_wire_is_told_by_its_parts() {
    let good = call("a", "add", json!({ "x": 1 }));
    let broken = call("b", "add", json!("{\"x\":"));
    let body = body(vec![
        system!("Be brief."),
        system!("Be kind."),
        ChatMessage::new(
            Role::User,
            vec![
                ContentPart::text("What is it?"),
                ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
                ContentPart::image(Media::url("https://example.com/cat.png")),
            ],
        ),
        assistant(vec![
            ContentPart::reasoning("hm"),
            ContentPart::text("Let me see."),
            ContentPart::ToolCall(Arc::clone(&good)),
            ContentPart::ToolCall(Arc::clone(&broken)),
        ]),
        // They come in the order in which they were done.
        ChatMessage::tool(ToolResult::unexecuted(&broken, ToolStatus::Invalid, "No JSON.")),
        ChatMessage::tool(ToolResult::executed(&good, json!(2))),
        assistant(vec![ContentPart::reasoning("hm")]),
        assistant(vec![ContentPart::refusal("I would rather not.")]),
        user!("Go on"),
    ]);
    let expected = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }, { "text": "Be kind." }] },
        "contents": [
            { "role": "user", "parts": [
                { "text": "What is it?" },
                { "inlineData": { "mimeType": "image/png", "data": "iVBORw==" } },
                { "fileData": { "fileUri": "https://example.com/cat.png" } },
            ] },
            { "role": "model", "parts": [
                { "text": "Let me see." },
                { "functionCall": { "name": "add", "args": { "x": 1 } } },
                { "functionCall": { "name": "add", "args": { "arguments": "{\"x\":" } } },
            ] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "add", "response": { "result": 2 } } },
                { "functionResponse": { "name": "add", "response": { "error": "No JSON." } } },
            ] },
            { "role": "model", "parts": [{ "text": "I would rather not." }] },
            { "role": "user", "parts": [{ "text": "Go on" }] },
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn a_message_of_this_wire_goes_back_as_it_came_with_the_ids_it_had() {
    let parts = r#"[{"text":"hm","thought":true},{"functionCall":{"name":"add","args":{"x":1.0},"id":"w1"},"thoughtSignature":"c2ln"},{"functionCall":{"name":"add","args":{}}}]"#;
    let (first, second) =
        (call("w1", "add", json!({ "x": 1.0 })), call("call_2", "add", json!({})));
    let calls =
        vec![ContentPart::ToolCall(Arc::clone(&first)), ContentPart::ToolCall(Arc::clone(&second))];
    let request = ChatRequest::new(vec![
        user!("Add"),
        assistant(calls).with_origin(Origin::new("gemini", parts)),
        ChatMessage::tool(ToolResult::executed(&first, json!({ "sum": 1 }))),
        ChatMessage::tool(ToolResult::executed(&second, json!({ "sum": 2 }))),
    ]);
    let question = question("gemini-3-pro", &request).unwrap();
    let sent = String::from_utf8(question.body.to_bytes().to_vec()).unwrap();
    assert!(sent.contains(&format!(r#"{{"role":"model","parts":{parts}}}"#)), "{sent}");
    let body: Value = serde_json::from_str(&sent).unwrap();
    let results = json!([
        { "functionResponse": { "id": "w1", "name": "add", "response": { "sum": 1 } } },
        { "functionResponse": { "name": "add", "response": { "sum": 2 } } },
    ]);
    assert_eq!(body["contents"][2]["parts"], results);
}

#[test]
fn a_note_stands_beside_what_came_of_the_call() {
    let add = call("a", "add", json!({}));
    let response = |mut result: ToolResult| {
        result.note = Some("Again.".to_owned());
        let messages = vec![
            user!("Add"),
            assistant(vec![ContentPart::ToolCall(Arc::clone(&add))]),
            ChatMessage::tool(result),
        ];
        let (body, _) = asked("gemini-3-flash", &ChatRequest::new(messages));
        body["contents"][2]["parts"][0]["functionResponse"]["response"].clone()
    };
    let executed = response(ToolResult::executed(&add, json!({ "sum": 1 })));
    assert_eq!(executed, json!({ "result": { "sum": 1 }, "note": "Again." }));
    let failed = response(ToolResult::unexecuted(&add, ToolStatus::Failed, "No."));
    assert_eq!(failed, json!({ "error": "No.", "note": "Again." }));
}

#[test]
fn a_call_that_no_gemini_model_made_is_said_to_have_no_signature() {
    let calls = assistant(vec![
        ContentPart::ToolCall(call("a", "ping", json!({}))),
        ContentPart::ToolCall(call("b", "ping", json!({}))),
    ]);
    let (body, _) = asked("gemini-3-flash", &ChatRequest::new(vec![user!("Ping"), calls]));
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[1].get("thoughtSignature"), None);
}

#[test]
fn tools_and_settings_have_their_places() {
    let schema = json!({ "type": "object", "properties": { "unit": { "const": "C" } } });
    let answer = json!({ "type": "object", "additionalProperties": false });
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_output_tokens: Some(100),
        stop_sequences: vec!["END".to_owned()],
        seed: Some(7),
        reasoning_effort: Some("low".to_owned()),
        response_format: Some(ResponseFormat::JsonSchema {
            name: "answer".to_owned(),
            schema: answer.clone(),
            strict: true,
        }),
        extra: serde_json::from_value(json!({
            "generationConfig": { "topK": 5 },
            "tools": [{ "googleSearch": {} }],
            "cachedContent": "cachedContents/1",
        }))
        .unwrap(),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hello")])
        .with_tools(vec![Tool::function_with_schema("weather", "", schema)])
        .with_tool_choice(ToolChoice::Specific { tool_name: "weather".to_owned() })
        .with_settings(settings);
    let (body, warnings) = asked("gemini-2.5-flash", &request);
    let declared = json!({
        "name": "weather",
        "description": "",
        "parametersJsonSchema": { "type": "object", "properties": { "unit": { "enum": ["C"] } } },
    });
    let expected = json!({
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "maxOutputTokens": 100,
            "stopSequences": ["END"],
            "seed": 7,
            "responseMimeType": "application/json",
            "responseJsonSchema": answer,
            "thinkingConfig": { "includeThoughts": true, "thinkingBudget": 1024 },
            "topK": 5,
        },
        "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }],
        "tools": [{ "functionDeclarations": [declared] }, { "googleSearch": {} }],
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["weather"] } },
        "cachedContent": "cachedContents/1",
    });
    assert_eq!((body, warnings), (expected, vec![]));
}

#[test]
fn a_choice_without_tools_is_not_sent() {
    let request = ChatRequest::new(vec![user!("Hello")]).with_tool_choice(ToolChoice::None);
    let (body, _) = asked("gemini-2.5-flash", &request);
    assert_eq!(body, json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] }));
    let mode = |choice: ToolChoice| {
        let tools = vec![Tool::function("ping", "Pings")];
        let request = request.clone().with_tools(tools).with_tool_choice(choice);
        asked("gemini-2.5-flash", &request).0["toolConfig"]["functionCallingConfig"].take()
    };
    assert_eq!(mode(ToolChoice::Auto), json!({ "mode": "AUTO" }));
    assert_eq!(mode(ToolChoice::Required), json!({ "mode": "ANY" }));
    assert_eq!(mode(ToolChoice::None), json!({ "mode": "NONE" }));
}

#[test]
fn effort_is_told_as_each_generation_understands_it() {
    let thinking = |model: &str, effort: &str| {
        let effort = Some(effort.to_owned());
        let settings = Settings { reasoning_effort: effort, ..Settings::default() };
        let request = ChatRequest::new(vec![user!("Hello")]).with_settings(settings);
        let (mut body, warnings) = asked(model, &request);
        (body["generationConfig"]["thinkingConfig"].take(), warnings.len())
    };
    let budget =
        |shown: bool, tokens: u32| json!({ "includeThoughts": shown, "thinkingBudget": tokens });
    let level =
        |shown: bool, word: &str| json!({ "includeThoughts": shown, "thinkingLevel": word });
    assert_eq!(thinking("gemini-2.5-flash", "none"), (budget(false, 0), 0));
    assert_eq!(thinking("gemini-2.5-pro", "none"), (budget(false, 128), 1));
    assert_eq!(thinking("gemini-2.5-pro", "high"), (budget(true, 24_576), 0));
    assert_eq!(thinking("gemini-3-flash-preview", "none"), (level(false, "MINIMAL"), 1));
    assert_eq!(thinking("gemini-3-pro-preview", "minimal"), (level(true, "LOW"), 0));
    assert_eq!(thinking("gemini-3-pro-preview", "medium"), (level(true, "HIGH"), 1));
    assert_eq!(thinking("gemini-flash-latest", "medium"), (level(true, "MEDIUM"), 0));
    assert_eq!(thinking("gemini-2.0-flash", "high"), (Value::Null, 1));
    assert_eq!(thinking("gemini-2.0-flash", "none"), (Value::Null, 0));
    assert_eq!(thinking("gemini-2.5-flash", "max"), (budget(true, 24_576), 1));
    assert_eq!(thinking("gemini-2.5-flash", "enormous"), (Value::Null, 1));
}

#[test]
fn what_gemini_cannot_do_is_said() {
    let settings =
        Settings { parallel_tool_calls: Some(false), seed: Some(u64::MAX), ..Settings::default() };
    let messages = vec![user!("Hello"), system!("Be brief.")];
    let (body, warnings) =
        asked("gemini-2.5-flash", &ChatRequest::new(messages).with_settings(settings));
    assert_eq!(body["contents"][1], json!({ "role": "user", "parts": [{ "text": "Be brief." }] }));
    assert_eq!(body.get("generationConfig"), None);
    assert_eq!(
        warnings,
        [
            "Gemini takes a system message only at the beginning; one was sent as the user's",
            "Gemini can't be kept from calling several tools at once; it was not told so",
            "Gemini takes seeds up to 2147483647; 18446744073709551615 was left out",
        ]
    );
}

#[test]
fn a_request_with_nothing_to_answer_is_refused() {
    let refused =
        |messages| question("gemini-3", &ChatRequest::new(messages)).err().unwrap().to_string();
    assert_eq!(
        refused(vec![system!("Be brief.")]),
        "the request has no messages beside the system's; add one to answer"
    );
    assert_eq!(
        refused(vec![ChatMessage::new(Role::Tool, vec![])]),
        "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`"
    );
}

#[test]
fn what_lies_in_a_url_is_sent_along() {
    let picture = ContentPart::image(Media::url("data:image/png;base64,iVBORw=="));
    assert_eq!(
        body(vec![ChatMessage::new(Role::User, vec![picture])])["contents"][0]["parts"],
        json!([{ "inlineData": { "mimeType": "image/png", "data": "iVBORw==" } }])
    );
}

#[test]
fn what_a_tool_brings_beside_its_result_follows_all_results() {
    let (one, two) = (call("a", "draw", json!({})), call("b", "ping", json!({})));
    let brought = vec![
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
        ContentPart::ToolResult(Arc::new(ToolResult::executed(&one, json!({ "is": "it" })))),
    ];
    let calls = vec![ContentPart::ToolCall(one), ContentPart::ToolCall(Arc::clone(&two))];
    let body = body(vec![
        user!("Draw"),
        assistant(calls),
        ChatMessage::new(Role::Tool, brought),
        ChatMessage::tool(ToolResult::executed(&two, json!({}))),
    ]);
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            { "functionResponse": { "name": "draw", "response": { "is": "it" } } },
            { "functionResponse": { "name": "ping", "response": {} } },
            { "inlineData": { "mimeType": "image/png", "data": "iVBORw==" } },
        ])
    );
}

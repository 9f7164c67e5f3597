use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use siumai_core::{assistant, system, types::ToolStatus, user};

use super::*;

const WIRE: &str = "openai-chat:test";

fn written(request: &ChatRequest) -> Value {
    let (body, warnings) = written_for(Dialect::PLAIN, request);
    assert_eq!(warnings, [] as [String; 0]);
    body
}

/// The body, and what it is warned of.
fn written_for(dialect: Dialect, request: &ChatRequest) -> (Value, Vec<String>) {
    let question = question("gpt-test", &WIRE.into(), dialect, request).unwrap();
    let warnings = question.warnings.iter().map(ToString::to_string);
    (serde_json::from_slice(&question.body.to_bytes()).unwrap(), warnings.collect())
}

fn server(name: &str) -> Dialect {
    crate::compatible::find(name).unwrap().dialect()
}

fn messages(messages: Vec<ChatMessage>) -> Value {
    written(&ChatRequest::new(messages))["messages"].clone()
}

fn a_call(id: &str, arguments: Value) -> ContentPart {
    ContentPart::ToolCall(Arc::new(ToolCall { id: id.into(), name: "add".into(), arguments }))
}

fn a_result(id: &str, output: Value) -> ToolResult {
    let call = ToolCall { id: id.into(), name: "add".into(), arguments: json!({}) };
    ToolResult::executed(&call, output)
}

#[test]
fn a_streamed_request_asks_for_the_usage() {
    let request = ChatRequest::new(vec![system!("Be brief."), user!("Hi")]);
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Hi" },
    ]);
    let expected = json!({
        "model": "gpt-test",
        "stream": true,
        "stream_options": { "include_usage": true },
        "messages": messages,
    });
    assert_eq!(written(&request), expected);
    let whole = json!({ "model": "gpt-test", "stream": false, "messages": messages });
    assert_eq!(written(&request.whole()), whole);
}

#[test]
fn calls_and_their_results_go_back_by_id() {
    let calls = vec![a_call("a", json!({ "y": 2, "x": 1 })), a_call("b", json!("{oops"))];
    let results = vec![
        ContentPart::ToolResult(Arc::new(a_result("a", json!({ "sum": 3 })))),
        ContentPart::ToolResult(Arc::new(a_result("b", json!("plain")))),
    ];
    let history = vec![
        user!("Add"),
        ChatMessage::new(Role::Assistant, calls),
        ChatMessage::new(Role::Tool, results),
        assistant!("3"),
    ];
    let call = |id: &str, arguments: &str| json!({ "type": "function", "id": id, "function": { "name": "add", "arguments": arguments } });
    assert_eq!(
        messages(history),
        json!([
            { "role": "user", "content": "Add" },
            {
                "role": "assistant",
                "content": null,
                "tool_calls": [call("a", r#"{"y":2,"x":1}"#), call("b", r#"{"not_json":"{oops"}"#)],
            },
            { "role": "tool", "tool_call_id": "a", "content": r#"{"sum":3}"# },
            { "role": "tool", "tool_call_id": "b", "content": "plain" },
            { "role": "assistant", "content": "3" },
        ])
    );
}

#[test]
fn a_failed_call_tells_the_model_what_happened() {
    let call = ToolCall { id: "a".into(), name: "add".into(), arguments: json!({}) };
    let failed = ToolResult::unexecuted(&call, ToolStatus::Denied, "You may not.");
    let expected = json!([{ "role": "tool", "tool_call_id": "a", "content": "You may not." }]);
    assert_eq!(messages(vec![ChatMessage::tool(failed)]), expected);
}

#[test]
fn reasoning_is_left_out_and_refusals_go_back() {
    let said = |parts| messages(vec![ChatMessage::new(Role::Assistant, parts)])[0].clone();
    let text = ContentPart::text;
    assert_eq!(
        said(vec![
            ContentPart::reasoning("hm"),
            text("one, "),
            a_call("a", json!({})),
            text("two")
        ]),
        json!({
            "role": "assistant",
            "content": "one, two",
            "tool_calls": [
                { "type": "function", "id": "a", "function": { "name": "add", "arguments": "{}" } }
            ],
        })
    );
    assert_eq!(
        said(vec![ContentPart::refusal("I won't"), ContentPart::refusal(".")]),
        json!({ "role": "assistant", "content": null, "refusal": "I won't." })
    );
    assert_eq!(
        said(vec![ContentPart::reasoning("hm")]),
        json!({ "role": "assistant", "content": "" })
    );
}

#[test]
fn several_texts_of_a_person_stay_apart() {
    let parts = vec![ContentPart::text("one"), ContentPart::text("two")];
    let part = |text: &str| json!({ "type": "text", "text": text });
    assert_eq!(
        messages(vec![ChatMessage::new(Role::User, parts)]),
        json!([{ "role": "user", "content": [part("one"), part("two")] }])
    );
}

#[test]
fn tools_and_the_choice_among_them_are_told() {
    let tool = Tool::function("add", "Adds").parameter("x", "number", "First", true);
    let silent = Tool::function_with_schema("ping", "", json!({ "type": "object" }));
    let request = ChatRequest::new(vec![user!("Hi")]).with_tools(vec![tool.clone(), silent]);
    let choice = |choice| written(&request.clone().with_tool_choice(choice))["tool_choice"].clone();
    assert_eq!(
        written(&request)["tools"],
        json!([
            {
                "type": "function",
                "function": { "name": "add", "description": "Adds", "parameters": tool.parameters() },
            },
            {
                "type": "function",
                "function": { "name": "ping", "parameters": { "type": "object", "properties": {} } },
            },
        ])
    );
    assert_eq!(choice(ToolChoice::Auto), "auto");
    assert_eq!(choice(ToolChoice::Required), "required");
    assert_eq!(choice(ToolChoice::None), "none");
    assert_eq!(
        choice(ToolChoice::Specific { tool_name: "add".into() }),
        json!({ "type": "function", "function": { "name": "add" } })
    );
}

#[test]
fn pictures_and_files_of_the_user_are_sent() {
    let parts = vec![
        ContentPart::text("Compare"),
        ContentPart::image(Media::url("https://example.com/cat.png")),
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF"), "a.pdf"),
    ];
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    assert_eq!(
        messages(vec![ChatMessage::new(Role::User, parts)])[0]["content"],
        json!([
            { "type": "text", "text": "Compare" },
            image("https://example.com/cat.png"),
            image("data:image/png;base64,iVBORw=="),
            {
                "type": "file",
                "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg==" },
            },
        ])
    );
}

#[test]
fn what_the_format_has_no_place_for_is_warned_of() {
    let image = || ContentPart::image(Media::url("https://example.com/cat.png"));
    let file = ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf");
    let request = ChatRequest::new(vec![
        ChatMessage::new(Role::System, vec![ContentPart::text("Look"), image()]),
        ChatMessage::new(Role::User, vec![ContentPart::text("Compare"), file]),
        ChatMessage::new(Role::Assistant, vec![image()]),
    ]);
    let question = question("gpt-test", &WIRE.into(), Dialect::PLAIN, &request).unwrap();
    let body: Value = serde_json::from_slice(&question.body.to_bytes()).unwrap();
    let said = body["messages"].as_array().unwrap().iter().map(|it| &it["content"]);
    assert_eq!(said.collect::<Vec<_>>(), ["Look", "Compare", ""]);
    let warnings: Vec<_> = question.warnings.iter().map(ToString::to_string).collect();
    let not_from_the_user =
        "Chat Completions takes pictures and files from the user alone; one was left out";
    let no_url = "Chat Completions takes no file by its URL; one was left out, send its bytes";
    assert_eq!(warnings, [not_from_the_user, no_url, not_from_the_user]);
}

#[test]
fn settings_are_told_in_the_words_of_the_wire() {
    let mut extra = serde_json::Map::new();
    extra.insert("seed".into(), json!(8));
    extra.insert("service_tier".into(), json!("flex"));
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_output_tokens: Some(100),
        stop_sequences: vec!["END".into()],
        seed: Some(7),
        reasoning_effort: Some("low".into()),
        parallel_tool_calls: Some(false),
        response_format: Some(ResponseFormat::JsonSchema {
            name: "city".into(),
            schema: json!({ "type": "object" }),
            strict: true,
        }),
        extra: serde_json::Map::new(),
    };
    let request = ChatRequest::new(vec![user!("Hi")]).whole();
    let request = request.with_tools(vec![Tool::function("ping", "Pings")]);
    let with = |settings| written(&request.clone().with_settings(settings));
    let told = with(settings.clone());
    let expected = json!({
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "stop": ["END"],
        "seed": 7,
        "reasoning_effort": "low",
        "parallel_tool_calls": false,
        "response_format": {
            "type": "json_schema",
            "json_schema": { "name": "city", "schema": { "type": "object" }, "strict": true },
        },
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    let told = with(Settings { extra, ..settings.clone() });
    assert_eq!((&told["seed"], &told["service_tier"]), (&json!(8), &json!("flex")));

    let json = Some(ResponseFormat::Json);
    let told = with(Settings { response_format: json, ..Settings::default() });
    assert_eq!(told["response_format"], json!({ "type": "json_object" }));

    let request = request.with_settings(settings);
    let body =
        question("gpt-test", &WIRE.into(), Dialect::OPENAI, &request).unwrap().body.to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["max_completion_tokens"], 100);
    assert_eq!(told.get("max_tokens"), None);
}

#[test]
fn without_tools_nothing_is_said_about_a_choice() {
    let request = ChatRequest::new(vec![user!("Hi")]).with_tool_choice(ToolChoice::None);
    assert_eq!(written(&request).get("tool_choice"), None);
}

#[test]
fn the_next_step_begins_with_the_bytes_of_the_one_before() {
    let tools = vec![Tool::function("add", "Adds").parameter("x", "number", "First", true)];
    let mut history = vec![system!("Be brief."), user!("Add")];
    let mut before = Bytes::new();
    for step in 0..4 {
        let choice = if step % 2 == 0 { ToolChoice::Required } else { ToolChoice::Auto };
        let request =
            ChatRequest::new(history.clone()).with_tools(tools.clone()).with_tool_choice(choice);
        let next =
            question("gpt-test", &WIRE.into(), Dialect::PLAIN, &request).unwrap().body.to_bytes();
        let text = String::from_utf8(before.to_vec()).unwrap();
        let messages = text.split(r#"],"tools""#).next().unwrap();
        assert!(next.starts_with(messages.as_bytes()), "step {step}");
        before = next;
        history.push(ChatMessage::new(Role::Assistant, vec![a_call("a", json!({ "x": step }))]));
        history.push(ChatMessage::tool(a_result("a", json!(step))));
    }
}

#[test]
fn what_cannot_be_told_is_an_error_that_says_so() {
    let refused = |messages| {
        let request = ChatRequest::new(messages);
        question("gpt-test", &WIRE.into(), Dialect::PLAIN, &request).err().unwrap().to_string()
    };
    assert_eq!(refused(vec![]), "the request has no messages; add one to answer");
    assert_eq!(
        refused(vec![ChatMessage::new(Role::Tool, vec![ContentPart::text("7")])]),
        "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`"
    );
}

#[test]
fn a_seed_has_the_name_that_the_server_knows() {
    let settings = Settings { seed: Some(7), ..Settings::default() };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let seeds = |name| {
        let (body, _) = written_for(server(name), &request);
        (body.get("seed").cloned(), body.get("random_seed").cloned())
    };
    assert_eq!(seeds("groq"), (Some(json!(7)), None));
    assert_eq!(seeds("mistral"), (None, Some(json!(7))));
}

#[test]
fn a_server_that_tells_the_usage_unasked_is_not_asked() {
    let request = ChatRequest::new(vec![user!("Hi")]);
    let asked = |name| written_for(server(name), &request).0.get("stream_options").cloned();
    assert_eq!(asked("mistral"), None);
    assert_eq!(asked("groq"), Some(json!({ "include_usage": true })));
}

#[test]
fn a_form_that_the_server_has_not_is_the_nearest_it_has() {
    let with = |format| {
        let settings = Settings { response_format: Some(format), ..Settings::default() };
        ChatRequest::new(vec![user!("Hi")]).with_settings(settings)
    };
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let schema = ResponseFormat::JsonSchema { name: "city".into(), schema, strict: true };
    let (body, warnings) = written_for(server("deepseek"), &with(schema.clone()));
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
    let lost = "this server holds a reply to no JSON schema; it was asked for JSON alone";
    assert_eq!(warnings, [lost]);

    let (body, warnings) = written_for(server("lmstudio"), &with(ResponseFormat::Json));
    let any = json!({ "name": "json", "schema": { "type": "object" }, "strict": false });
    assert_eq!(body["response_format"], json!({ "type": "json_schema", "json_schema": any }));
    assert_eq!(warnings, [] as [String; 0]);
    let (body, _) = written_for(server("lmstudio"), &with(schema));
    assert_eq!(body["response_format"]["json_schema"]["name"], "city");
}

#[test]
fn files_are_sent_as_the_server_wants_them() {
    let parts = vec![
        ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf"),
        ContentPart::unnamed_file(Media::bytes("application/pdf", *b"%PDF")),
        ContentPart::unnamed_file(Media::bytes("audio/mpeg", *b"ID3")),
        ContentPart::unnamed_file(Media::bytes("audio/x-wav", *b"RIFF")),
    ];
    let request = ChatRequest::new(vec![ChatMessage::new(Role::User, parts)]);
    let content = |name| {
        let (body, warnings) = written_for(server(name), &request);
        (body["messages"][0]["content"].clone(), warnings.len())
    };
    let pdf = "data:application/pdf;base64,JVBERg==";
    let file = |fields: Value| json!({ "type": "file", "file": fields });
    let sound = |sound: Value| json!({ "type": "input_audio", "input_audio": sound });
    let by_bytes = json!([
        file(json!({ "file_data": pdf })),
        sound(json!({ "data": "SUQz", "format": "mp3" })),
        sound(json!({ "data": "UklGRg==", "format": "wav" })),
    ]);
    assert_eq!(content("groq"), (by_bytes.clone(), 1));
    let mut all = by_bytes.as_array().unwrap().clone();
    let by_url = json!({ "filename": "a.pdf", "file_data": "https://example.com/a.pdf" });
    all.insert(0, file(by_url));
    assert_eq!(content("openrouter"), (json!(all), 0));
    let documents = json!([
        {
            "type": "document_url",
            "document_url": "https://example.com/a.pdf",
            "document_name": "a.pdf",
        },
        { "type": "document_url", "document_url": pdf },
        sound(json!("SUQz")),
        sound(json!("UklGRg==")),
    ]);
    assert_eq!(content("mistral"), (documents, 0));
}

#[test]
fn arguments_that_are_no_json_go_back_as_they_are_where_nobody_reads_them() {
    let arguments = |dialect, written: &str| {
        let said = ChatMessage::new(Role::Assistant, vec![a_call("a", json!(written))]);
        let (body, _) = written_for(dialect, &ChatRequest::new(vec![user!("Add"), said]));
        body["messages"][1]["tool_calls"][0]["function"]["arguments"].clone()
    };
    assert_eq!(arguments(Dialect::OPENAI, "{oops"), "{oops");
    assert_eq!(arguments(server("azure"), "{oops"), "{oops");
    assert_eq!(arguments(server("vllm"), "{oops"), r#"{"not_json":"{oops"}"#);
    assert_eq!(arguments(server("vllm"), "null"), "null");
}

#[test]
fn the_model_is_held_to_the_schemas_of_tools_if_that_is_asked_for() {
    let request = ChatRequest::new(vec![user!("Hi")]);
    let request = request.with_tools(vec![Tool::function("ping", "Pings")]);
    let dialect = Dialect { strict_tools: true, ..Dialect::OPENAI };
    let (body, _) = written_for(dialect, &request);
    assert_eq!(body["tools"][0]["function"]["strict"], true);
    let (body, _) = written_for(Dialect::OPENAI, &request);
    assert_eq!(body["tools"][0]["function"].get("strict"), None);
}

#[test]
fn a_spoken_reply_goes_back_by_its_name_where_reasoning_never_does() {
    let origin =
        siumai_core::types::Origin::new(WIRE, r#"{"reasoning":"hm","audio":{"id":"audio_1"}}"#);
    let said = ChatMessage::new(Role::Assistant, vec![]).with_origin(origin);
    let (body, _) = written_for(Dialect::OPENAI, &ChatRequest::new(vec![said]));
    let expected = json!({ "role": "assistant", "content": "", "audio": { "id": "audio_1" } });
    assert_eq!(body["messages"][0], expected);
}

use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    assistant, system,
    types::{Origin, ToolResult, ToolStatus},
    user,
};

use super::*;

fn manner() -> Manner {
    Manner {
        wire: "openai-responses".into(),
        system: SystemPlace::Instructions,
        stores: false,
        strict_tools: false,
        reasoning_summary: None,
        hosted_tools: Vec::new(),
    }
}

fn asked(manner: &Manner, request: &ChatRequest) -> (Value, Vec<String>) {
    let question = question("gpt-5-test", &Arc::new(manner.clone()), request).unwrap();
    let warnings = question.warnings.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&question.body.to_bytes()).unwrap(), warnings)
}

fn written(request: &ChatRequest) -> Value {
    let (body, warnings) = asked(&manner(), request);
    assert_eq!(warnings, Vec::<String>::new());
    body
}

fn items(messages: Vec<ChatMessage>) -> Value {
    written(&ChatRequest::new(messages))["input"].clone()
}

fn said(role: &str, content: impl Into<Value>) -> Value {
    json!({ "type": "message", "role": role, "content": content.into() })
}

fn a_call(id: &str, arguments: Value) -> ContentPart {
    ContentPart::ToolCall(Arc::new(ToolCall { id: id.into(), name: "add".into(), arguments }))
}

fn a_result(id: &str, output: Value) -> ToolResult {
    let call = ToolCall { id: id.into(), name: "add".into(), arguments: json!({}) };
    ToolResult::executed(&call, output)
}

fn called(id: &str, arguments: &str) -> Value {
    json!({ "type": "function_call", "call_id": id, "name": "add", "arguments": arguments })
}

fn answered(id: &str, output: &str) -> Value {
    json!({ "type": "function_call_output", "call_id": id, "output": output })
}

/// A message that came over this wire as `output`, with these calls.
fn came(output: &Value, calls: Vec<ContentPart>) -> ChatMessage {
    let origin = Origin::new("openai-responses", output.to_string());
    ChatMessage::new(Role::Assistant, calls).with_origin(origin)
}

#[test]
fn nothing_is_kept_by_the_provider_unless_that_is_asked_for() {
    let request = ChatRequest::new(vec![system!("Be brief."), user!("Hi")]);
    let expected = json!({
        "model": "gpt-5-test",
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "stream": true,
        "instructions": "Be brief.",
        "input": [said("user", "Hi")],
    });
    assert_eq!(written(&request), expected);
    let (stored, _) = asked(&Manner { stores: true, ..manner() }, &request.whole());
    let expected = json!({
        "model": "gpt-5-test",
        "store": true,
        "stream": false,
        "instructions": "Be brief.",
        "input": [said("user", "Hi")],
    });
    assert_eq!(stored, expected);
}

#[test]
fn a_model_that_does_not_reason_is_not_asked_for_its_reasoning() {
    let includes = |model: &str| {
        let question =
            question(model, &Arc::new(manner()), &ChatRequest::new(vec![user!("Hi")])).unwrap();
        let body: Value = serde_json::from_slice(&question.body.to_bytes()).unwrap();
        body.get("include").is_some()
    };
    for model in ["gpt-4o-mini", "gpt-4.1", "openai/gpt-4o", "ft:gpt-4o:acme", "gpt-5-chat-latest"]
    {
        assert!(!includes(model), "{model}");
    }
    for model in
        ["gpt-5", "gpt-5.2-codex", "o3-mini", "openai/gpt-5", "gpt-oss-20b", "my-deployment"]
    {
        assert!(includes(model), "{model}");
    }
}

#[test]
fn system_messages_go_where_the_server_takes_them() {
    let messages = vec![system!("Be brief."), system!(""), system!("Be kind."), user!("Hi")];
    let later = vec![user!("Hi"), assistant!("Hello"), system!("Now be long."), user!("Go on")];
    let request = ChatRequest::new(messages);
    let body = written(&request);
    assert_eq!(body["instructions"], "Be brief.\n\nBe kind.");
    assert_eq!(body["input"], json!([said("user", "Hi")]));

    let (body, _) = asked(&Manner { system: SystemPlace::Input, ..manner() }, &request);
    assert_eq!(body.get("instructions"), None);
    let expected =
        json!([said("system", "Be brief."), said("system", "Be kind."), said("user", "Hi")]);
    assert_eq!(body["input"], expected);

    assert_eq!(items(later)[2], said("system", "Now be long."));
    let body = written(&ChatRequest::new(vec![system!("Say hello.")]));
    assert_eq!(body.get("instructions"), None);
    assert_eq!(body["input"], json!([said("system", "Say hello.")]));
}

#[test]
fn what_came_over_another_wire_is_told_part_by_part() {
    let parts = vec![
        ContentPart::reasoning("hm"),
        ContentPart::text("one, "),
        ContentPart::text(""),
        ContentPart::text("two"),
        a_call("a", json!({ "y": 2, "x": 1 })),
        a_call("b", json!("{oops")),
        ContentPart::refusal("No more."),
    ];
    let origin = Origin::new("anthropic", r#"[{"type":"text","text":"one, two"}]"#);
    let denied = ToolCall { id: "b".into(), name: "add".into(), arguments: json!({}) };
    let denied = ToolResult::unexecuted(&denied, ToolStatus::Denied, "You may not.");
    let results = vec![
        ContentPart::ToolResult(Arc::new(a_result("a", json!({ "sum": 3 })))),
        ContentPart::ToolResult(Arc::new(denied)),
    ];
    let history = vec![
        user!("Add"),
        ChatMessage::new(Role::Assistant, parts).with_origin(origin),
        ChatMessage::new(Role::Tool, results),
        ChatMessage::new(Role::Assistant, vec![ContentPart::reasoning("hm")]),
        user!("Go on"),
    ];
    assert_eq!(
        items(history),
        json!([
            said("user", "Add"),
            said("assistant", "one, two"),
            called("a", r#"{"y":2,"x":1}"#),
            called("b", "{oops"),
            said("assistant", "No more."),
            answered("a", r#"{"sum":3}"#),
            answered("b", "You may not."),
            said("user", "Go on"),
        ])
    );
}

#[test]
fn what_came_over_this_wire_goes_back_as_it_came() {
    let output = json!([
        { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" },
        { "type": "web_search_call", "id": "ws_1", "status": "completed" },
        { "type": "of_tomorrow", "id": "x_1", "anything": { "a": 1.5 } },
        { "type": "function_call", "id": "fc_1", "call_id": "a", "name": "add", "arguments": "{}" },
    ]);
    let message = came(&output, vec![a_call("a", json!({}))]);
    let history = vec![user!("Add"), message.clone(), ChatMessage::tool(a_result("a", json!(1)))];
    let items = items(history.clone());
    assert_eq!(items.as_array().unwrap()[1..5], output.as_array().unwrap()[..]);
    assert_eq!(items[5], answered("a", "1"));

    // Another server can't read it.
    let other = Manner { wire: "openai-responses:xai".into(), ..manner() };
    let (body, _) = asked(&other, &ChatRequest::new(history));
    assert_eq!(body["input"], json!([said("user", "Add"), called("a", "{}"), answered("a", "1")]));
}

#[test]
fn calls_go_back_with_the_ids_that_their_results_have() {
    let call = |call_id: Value| json!({ "type": "function_call", "id": "fc", "call_id": call_id, "name": "add", "arguments": "{}" });
    let reasoning = json!({ "type": "reasoning", "id": "rs_1", "summary": [] });
    let output = json!([call(Value::Null), call(json!("a")), reasoning, call(json!("a"))]);
    let calls = ["call_1", "a", "a_2"].iter().map(|id| a_call(id, json!({}))).collect::<Vec<_>>();
    let expected = json!([call(json!("call_1")), call(json!("a")), reasoning, call(json!("a_2"))]);
    assert_eq!(items(vec![came(&output, calls)]), expected);
}

#[test]
fn an_id_that_is_too_long_is_cut_alike_for_a_call_and_its_result() {
    let (one, two) = ("x".repeat(100), format!("{}y", "x".repeat(99)));
    let calls = vec![a_call(&one, json!({})), a_call(&two, json!({}))];
    let output =
        json!([{ "type": "function_call", "call_id": one, "name": "add", "arguments": "{}" }]);
    let history = vec![
        ChatMessage::new(Role::Assistant, calls),
        ChatMessage::tool(a_result(&one, json!(1))),
        ChatMessage::tool(a_result(&two, json!(2))),
        came(&output, vec![a_call(&one, json!({}))]),
    ];
    let items = items(history);
    let ids: Vec<_> = (0..5).map(|at| items[at]["call_id"].as_str().unwrap()).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    assert_eq!(ids[0], ids[4]);
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() <= 64), "{ids:?}");
}

#[test]
fn calls_that_nobody_here_can_answer_are_left_out_with_what_led_to_them() {
    let reasoning = json!({ "type": "reasoning", "id": "rs_1", "summary": [] });
    let text = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [] });
    let shell = json!({ "type": "shell_call", "id": "sh_1", "call_id": "s", "action": {} });
    let shown = json!({ "type": "shell_call_output", "id": "sho_1", "call_id": "s", "output": [] });
    let search = json!({ "type": "tool_search_call", "call_id": "t", "execution": "client", "arguments": {} });
    let sent = |output: &Value| items(vec![came(output, vec![])]);
    assert_eq!(sent(&json!([text, reasoning, shell])), json!([text]));
    assert_eq!(sent(&json!([reasoning, search])), json!([]));
    let hosted = json!([reasoning, shell, shown]);
    assert_eq!(sent(&hosted), hosted);
    // Some servers think last.
    let late = json!([text, reasoning]);
    assert_eq!(sent(&late), late);
}

#[test]
fn an_origin_that_is_no_list_is_not_sent() {
    let origin = Origin::new("openai-responses", "{oops");
    assert_eq!(items(vec![assistant!("Hi").with_origin(origin)]), json!([said("assistant", "Hi")]));
}

#[test]
fn pictures_and_files_of_the_user_are_sent() {
    let parts = vec![
        ContentPart::text("Compare"),
        ContentPart::image(Media::url("https://example.com/cat.png")),
        ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF"), "a.pdf"),
        ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf"),
    ];
    let image = |url: &str| json!({ "type": "input_image", "image_url": url, "detail": "auto" });
    assert_eq!(
        items(vec![ChatMessage::new(Role::User, parts)])[0]["content"],
        json!([
            { "type": "input_text", "text": "Compare" },
            image("https://example.com/cat.png"),
            image("data:image/png;base64,iVBORw=="),
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,JVBERg==",
            },
            { "type": "input_file", "file_url": "https://example.com/a.pdf" },
        ])
    );
    let nameless: ContentPart = serde_json::from_value(json!({
        "type": "file",
        "media": { "from": "bytes", "media_type": "application/pdf", "data": "JVBERg==" },
    }))
    .unwrap();
    let items = items(vec![ChatMessage::new(Role::User, vec![nameless])]);
    assert_eq!(items[0]["content"][0]["filename"], "file.pdf");
}

#[test]
fn several_texts_of_a_person_stay_apart_and_results_come_first() {
    let parts = vec![
        ContentPart::text("one"),
        ContentPart::ToolResult(Arc::new(a_result("a", json!("plain")))),
        ContentPart::text("two"),
    ];
    let part = |text: &str| json!({ "type": "input_text", "text": text });
    let only_results = vec![ContentPart::ToolResult(Arc::new(a_result("b", json!(true))))];
    let history = vec![
        ChatMessage::new(Role::User, parts),
        ChatMessage::new(Role::User, only_results),
        ChatMessage::new(Role::User, vec![]),
    ];
    assert_eq!(
        items(history),
        json!([
            answered("a", "plain"),
            said("user", json!([part("one"), part("two")])),
            answered("b", "true"),
            said("user", ""),
        ])
    );
}

#[test]
fn settings_are_told_in_the_words_of_the_wire() {
    let schema = json!({ "type": "object" });
    let format =
        ResponseFormat::JsonSchema { name: "city".into(), schema: schema.clone(), strict: true };
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_output_tokens: Some(100),
        reasoning_effort: Some("low".into()),
        parallel_tool_calls: Some(false),
        response_format: Some(format),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).whole();
    let request = request.with_tools(vec![Tool::function("ping", "Pings")]);
    let summarising = Manner { reasoning_summary: Some("auto".into()), ..manner() };
    let told = |settings| asked(&summarising, &request.clone().with_settings(settings)).0;
    let body = told(settings.clone());
    let expected = json!({
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 100,
        "parallel_tool_calls": false,
        "reasoning": { "effort": "low", "summary": "auto" },
        "text": { "format": { "type": "json_schema", "name": "city", "schema": schema, "strict": true } },
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name}");
    }
    let extra = json!({ "text": { "verbosity": "low" }, "service_tier": "flex" });
    let Value::Object(extra) = extra else { unreachable!() };
    let body = told(Settings { extra, ..settings });
    assert_eq!(body["text"], json!({ "verbosity": "low" }));
    assert_eq!(body["service_tier"], "flex");

    let json = Some(ResponseFormat::Json);
    let body =
        written(&request.with_settings(Settings { response_format: json, ..Settings::default() }));
    assert_eq!(body["text"], json!({ "format": { "type": "json_object" } }));
    assert_eq!(body.get("reasoning"), None);
}

#[test]
fn what_the_format_has_no_place_for_is_warned_of() {
    let image = || ContentPart::image(Media::url("https://example.com/cat.png"));
    let settings = Settings {
        seed: Some(7),
        stop_sequences: vec!["END".into()],
        max_output_tokens: Some(5),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![
        ChatMessage::new(Role::System, vec![ContentPart::text("Look"), image()]),
        user!("Hi"),
        ChatMessage::new(Role::Assistant, vec![ContentPart::text("Here"), image()]),
    ]);
    let (body, warnings) = asked(&manner(), &request.with_settings(settings));
    assert_eq!(body["instructions"], "Look");
    assert_eq!(body["max_output_tokens"], 16);
    assert_eq!(body["input"], json!([said("user", "Hi"), said("assistant", "Here")]));
    let not_from_the_user =
        "Responses takes pictures and files from the user alone; one was left out";
    assert_eq!(
        warnings,
        [
            "Responses takes no seed; it was left out",
            "Responses takes no stop sequences; they were left out",
            "Responses takes no limit below 16 output tokens; it was raised",
            not_from_the_user,
            not_from_the_user,
        ]
    );
}

#[test]
fn tools_and_the_choice_among_them_are_told() {
    let add = Tool::function("add", "Adds").parameter("x", "number", "First", true);
    let request = ChatRequest::new(vec![user!("Hi")]).with_tools(vec![add.clone()]);
    let choice = |choice| written(&request.clone().with_tool_choice(choice))["tool_choice"].clone();
    assert_eq!(choice(ToolChoice::Auto), "auto");
    assert_eq!(choice(ToolChoice::Required), "required");
    assert_eq!(choice(ToolChoice::None), "none");
    let named = ToolChoice::Specific { tool_name: "add".into() };
    assert_eq!(choice(named), json!({ "type": "function", "name": "add" }));

    let function = |strict: bool| {
        json!({
            "type": "function",
            "name": "add",
            "description": "Adds",
            "parameters": add.parameters(),
            "strict": strict,
        })
    };
    assert_eq!(written(&request)["tools"], json!([function(false)]));
    let search = json!({ "type": "web_search" });
    let strict = Manner { strict_tools: true, hosted_tools: vec![search.clone()], ..manner() };
    assert_eq!(asked(&strict, &request).0["tools"], json!([function(true), search]));

    let no_tools = ChatRequest::new(vec![user!("Hi")]).with_tool_choice(ToolChoice::None);
    let body = written(&no_tools);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}

#[test]
fn the_next_step_begins_with_the_bytes_of_the_one_before() {
    let tools = vec![Tool::function("add", "Adds")];
    let mut history = vec![system!("Be brief."), user!("Add")];
    let mut before = String::new();
    for step in 0..4 {
        let choice = if step % 2 == 0 { ToolChoice::Required } else { ToolChoice::Auto };
        let request =
            ChatRequest::new(history.clone()).with_tools(tools.clone()).with_tool_choice(choice);
        let body = question("gpt-test", &Arc::new(manner()), &request).unwrap().body.to_bytes();
        let next = String::from_utf8(body.to_vec()).unwrap();
        assert!(next.starts_with(&before), "step {step}");
        before = next.split(r#"],"tools""#).next().unwrap().to_owned();
        let output = json!([
            { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" },
            { "type": "function_call", "call_id": "a", "name": "add", "arguments": "{}" },
        ]);
        history.push(came(&output, vec![a_call("a", json!({}))]));
        history.push(ChatMessage::tool(a_result("a", json!(step))));
    }
}

#[test]
fn what_cannot_be_told_is_an_error_that_says_so() {
    let refused = |messages| {
        let request = ChatRequest::new(messages);
        question("gpt-test", &Arc::new(manner()), &request).err().unwrap().to_string()
    };
    assert_eq!(refused(vec![]), "the request has no messages; add one to answer");
    assert_eq!(
        refused(vec![ChatMessage::new(Role::Tool, vec![ContentPart::text("7")])]),
        "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`"
    );
}

#[test]
fn an_answer_names_who_called() {
    let caller = json!({ "type": "program", "caller_id": "p" });
    let program = json!({ "type": "program", "call_id": "p", "code": "…", "fingerprint": "f" });
    let by_program = json!({ "type": "function_call", "call_id": "a", "name": "add", "arguments": "{}", "caller": caller });
    let output = json!([program, by_program, called("b", "{}")]);
    let calls = vec![a_call("a", json!({})), a_call("b", json!({}))];
    let results = ["a", "b"].map(|id| ChatMessage::tool(a_result(id, json!("3"))));
    let history = [vec![user!("Add"), came(&output, calls)], results.to_vec()].concat();
    let mut answer = answered("a", "3");
    answer["caller"] = caller;
    let expected =
        [said("user", "Add"), program, by_program, called("b", "{}"), answer, answered("b", "3")];
    assert_eq!(items(history), json!(expected));
}

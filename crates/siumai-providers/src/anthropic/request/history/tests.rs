use std::sync::Arc;

use siumai_core::{
    assistant, system,
    types::{ChatRequest, Origin, ToolStatus},
    user,
};

use super::{
    super::{
        Manner, question,
        tests::{MODEL, a_call, a_result, asked, messages, said, text as a_text, usual, written},
    },
    *,
};

#[test]
fn calls_and_their_results_go_back_by_id() {
    let call = ToolCall { id: "b".into(), name: "add".into(), arguments: json!({}) };
    let history = vec![
        user!("Add"),
        said(vec![
            ContentPart::reasoning("hm"),
            a_call("a", json!({ "y": 2, "x": 1 })),
            ContentPart::text("Let me see."),
            a_call("b", json!({})),
        ]),
        ChatMessage::tool(a_result("a", json!({ "sum": 3 }))),
        ChatMessage::tool(ToolResult::unexecuted(&call, ToolStatus::Denied, "You may not.")),
        user!("Well?"),
        assistant!("3"),
    ];
    let call =
        |id: &str, input| json!({ "type": "tool_use", "id": id, "name": "add", "input": input });
    assert_eq!(
        messages(history),
        json!([
            { "role": "user", "content": [a_text("Add")] },
            {
                "role": "assistant",
                "content": [a_text("Let me see."), call("a", json!({ "y": 2, "x": 1 })), call("b", json!({}))],
            },
            {
                "role": "user",
                "content": [
                    { "type": "tool_result", "tool_use_id": "a", "content": "{\"sum\":3}" },
                    {
                        "type": "tool_result",
                        "tool_use_id": "b",
                        "content": "You may not.",
                        "is_error": true,
                    },
                    a_text("Well?"),
                ],
            },
            { "role": "assistant", "content": [a_text("3")] },
        ])
    );
}

#[test]
fn a_message_that_came_over_this_wire_goes_back_as_it_came() {
    let origin = r#"[{"type":"thinking","thinking":"hm","signature":"s"}, {"type":"text","text":"Hi","citations":null}]"#;
    let message = |wire: &str| {
        let message = said(vec![ContentPart::reasoning("hm"), ContentPart::text("Hi")]);
        message.with_origin(Origin::new(wire, origin))
    };
    let request = ChatRequest::new(vec![user!("Hi"), message("anthropic"), user!("Go on")]);
    let body = question(MODEL, &Arc::new(usual()), &request).unwrap().body.to_bytes();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(origin));
    let portable = json!({ "role": "assistant", "content": [a_text("Hi")] });
    for wire in ["gemini", "anthropic:moonshot"] {
        assert_eq!(messages(vec![user!("Hi"), message(wire), user!("Go on")])[1], portable);
    }
    let manner = Manner::of("anthropic:moonshot".to_owned());
    let body = question("kimi-k2", &Arc::new(manner), &request).unwrap().body.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["messages"][1], portable);
}

#[test]
fn an_origin_that_is_none_is_not_sent() {
    for origin in ["", "[]", "[1]", "{}", "[{", "[{}] x", "\"[{}]\""] {
        let message = assistant!("Hi").with_origin(Origin::new("anthropic", origin));
        let expected = json!({ "role": "assistant", "content": [a_text("Hi")] });
        assert_eq!(messages(vec![user!("Hi"), message])[1], expected, "{origin}");
    }
}

#[test]
fn a_paused_turn_and_what_came_of_it_stay_two_messages() {
    let paused = assistant!("").with_origin(Origin::new("anthropic", r#"[{"type":"x"}]"#));
    assert_eq!(
        messages(vec![user!("Search"), paused, assistant!("Found.")]),
        json!([
            { "role": "user", "content": [a_text("Search")] },
            { "role": "assistant", "content": [{ "type": "x" }] },
            { "role": "assistant", "content": [a_text("Found.")] },
        ])
    );
}

#[test]
fn arguments_that_are_no_object_are_shown_in_one() {
    let input = |arguments| {
        let call = said(vec![a_call("a", arguments)]);
        messages(vec![call, ChatMessage::tool(a_result("a", json!(1)))])[0]["content"][0]["input"]
            .clone()
    };
    assert_eq!(input(json!("{\"x\": 1")), json!({ "invalid_json": "{\"x\": 1" }));
    assert_eq!(input(json!([1])), json!({ "invalid_json": "[1]" }));
    assert_eq!(input(json!(" ")), json!({}));
    assert_eq!(input(Value::Null), json!({}));
}

#[test]
fn ids_of_other_providers_are_made_fit() {
    let exchange = |id: &str| {
        let result = ChatMessage::tool(a_result(id, json!(1)));
        [said(vec![a_call(id, json!({}))]), result]
    };
    let history: Vec<_> =
        ["call_1", "functions.add:0", "call_1", "call_1"].into_iter().flat_map(exchange).collect();
    let messages = messages(history);
    let ids: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["content"][0])
        .map(|block| block.get("id").unwrap_or(&block["tool_use_id"]))
        .collect();
    assert_eq!(
        ids,
        [
            "call_1",
            "call_1",
            "functions_add_0",
            "functions_add_0",
            "call_1_2",
            "call_1_2",
            "call_1_3",
            "call_1_3"
        ]
    );
}

#[test]
fn what_says_nothing_is_left_out() {
    let silent = said(vec![ContentPart::text(" \n"), ContentPart::reasoning("hm")]);
    let parts = vec![ContentPart::text(""), ContentPart::text("two")];
    let history =
        vec![system!(" "), user!("one"), silent, ChatMessage::new(Role::User, parts), user!("")];
    let body = written(&ChatRequest::new(history));
    assert_eq!(body.get("system"), None);
    assert_eq!(
        body["messages"],
        json!([{ "role": "user", "content": [a_text("one"), a_text("two")] }])
    );
}

#[test]
fn a_refusal_goes_back_as_text() {
    let history = vec![user!("Hi"), said(vec![ContentPart::refusal("I won't.")])];
    assert_eq!(messages(history)[1]["content"], json!([a_text("I won't.")]));
}

#[test]
fn pictures_and_files_of_the_user_are_sent() {
    let parts = vec![
        ContentPart::image(Media::url("https://example.com/cat.png")),
        ContentPart::image(Media::bytes("image/jpg", *b"\xff\xd8")),
        ContentPart::image(Media::url("data:image/png;base64,iVBORw==")),
        ContentPart::file(Media::bytes("image/webp", *b"RIFF"), "a.webp"),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF"), "a.pdf"),
        ContentPart::file(Media::url("https://example.com/a.pdf"), ""),
        ContentPart::file(Media::bytes("text/csv", *b"a,b"), "a.csv"),
        ContentPart::unnamed_file(Media::url("data:text/plain;base64,SGk=")),
    ];
    let bytes = |media_type: &str, data: &str| json!({ "type": "base64", "media_type": media_type, "data": data });
    let image = |source| json!({ "type": "image", "source": source });
    assert_eq!(
        messages(vec![ChatMessage::new(Role::User, parts)])[0]["content"],
        json!([
            image(json!({ "type": "url", "url": "https://example.com/cat.png" })),
            image(bytes("image/jpeg", "/9g=")),
            image(bytes("image/png", "iVBORw==")),
            image(bytes("image/webp", "UklGRg==")),
            { "type": "document", "source": bytes("application/pdf", "JVBERg=="), "title": "a.pdf" },
            { "type": "document", "source": { "type": "url", "url": "https://example.com/a.pdf" } },
            {
                "type": "document",
                "source": { "type": "text", "media_type": "text/plain", "data": "a,b" },
                "title": "a.csv",
            },
            {
                "type": "document",
                "source": { "type": "text", "media_type": "text/plain", "data": "Hi" },
            },
        ])
    );
}

#[test]
fn what_the_format_has_no_place_for_is_warned_of() {
    let parts = vec![
        ContentPart::text("Look"),
        ContentPart::image(Media::bytes("image/tiff", *b"II")),
        ContentPart::file(Media::bytes("application/zip", *b"PK\xff"), "a.zip"),
        ContentPart::file(Media::url("data:application/zip;base64,UEs="), "b.zip"),
    ];
    let picture = ContentPart::image(Media::url("https://example.com/cat.png"));
    let request = ChatRequest::new(vec![
        ChatMessage::new(Role::User, parts),
        said(vec![ContentPart::text("I see"), picture]),
    ]);
    let (body, warnings) = asked(MODEL, &request);
    assert_eq!(
        body["messages"],
        json!([
            { "role": "user", "content": [a_text("Look")] },
            { "role": "assistant", "content": [a_text("I see")] },
        ])
    );
    let zip = "Anthropic takes files that are PDF or text; one of `application/zip` was left out";
    assert_eq!(
        warnings,
        [
            "Anthropic takes pictures as JPEG, PNG, GIF or WebP; one of `image/tiff` was left out",
            zip,
            zip,
            "Anthropic takes pictures and files from the user alone; one was left out",
        ]
    );
}

#[test]
fn a_system_message_in_the_midst_is_sent_as_the_model_takes_it() {
    let history = vec![user!("Hi"), system!("Be brief."), assistant!("Hi.")];
    let request = ChatRequest::new(history);
    let (body, warnings) = asked("claude-opus-4-8", &request);
    assert_eq!(body["messages"][1], json!({ "role": "system", "content": [a_text("Be brief.")] }));
    assert_eq!(warnings, [""; 0]);
    let (body, warnings) = asked(MODEL, &request);
    assert_eq!(body["messages"][0]["content"], json!([a_text("Hi"), a_text("Be brief.")]));
    let said = "a system message in the midst of the conversation was sent as the user's";
    assert_eq!(warnings, [said]);
}

#[test]
fn the_result_of_a_call_that_goes_back_as_it_came_keeps_its_id() {
    let block = json!({ "type": "tool_use", "id": "functions.add:0", "name": "add", "input": {} });
    let origin = Origin::new("anthropic", json!([block]).to_string());
    let call = said(vec![a_call("functions.add:0", json!({}))]).with_origin(origin);
    let result = ChatMessage::tool(a_result("functions.add:0", json!("3")));
    let result_block =
        json!({ "type": "tool_result", "tool_use_id": "functions.add:0", "content": "3" });
    assert_eq!(
        messages(vec![call, result]),
        json!([
            { "role": "assistant", "content": [block] },
            { "role": "user", "content": [result_block] },
        ])
    );
}

#[test]
fn results_stand_before_all_that_was_said_since_the_call() {
    let brought = vec![
        ContentPart::ToolResult(Arc::new(a_result("a", json!(1)))),
        ContentPart::image(Media::url("https://example.com/cat.png")),
    ];
    let history = vec![
        user!("Add"),
        said(vec![a_call("a", json!({})), a_call("b", json!({}))]),
        user!("Hurry"),
        ChatMessage::new(Role::Tool, brought),
        ChatMessage::tool(a_result("b", json!(2))),
    ];
    let result =
        |id: &str, told: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": told });
    assert_eq!(
        messages(history)[2]["content"],
        json!([
            result("a", "1"),
            result("b", "2"),
            a_text("Hurry"),
            { "type": "image", "source": { "type": "url", "url": "https://example.com/cat.png" } },
        ])
    );
}

#[test]
fn words_to_go_on_from_do_not_end_with_white_space() {
    let history = vec![user!("Hi"), assistant!("One \n"), user!("Go on"), assistant!("Two \n")];
    let messages = messages(history);
    assert_eq!(messages[1]["content"], json!([a_text("One \n")]));
    assert_eq!(messages[3]["content"], json!([a_text("Two")]));
}

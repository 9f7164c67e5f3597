use proptest::{prelude::*, sample::select};
use serde_json::json;
use siumai_core::{
    ErrorKind,
    model::Assembler,
    types::{ChatResponse, Origin, ToolCall},
};

use super::*;

/// The events of a stream of these, and how it ended.
fn read(stream: &[Value]) -> (Vec<ModelEvent>, Result<Option<ModelEvent>, Fault>) {
    let (mut reader, mut events) = (Reader::default(), Events::new());
    for event in stream {
        let data = event.to_string();
        match reader.read_event(sse::Event { name: b"", data: data.as_bytes() }, &mut events) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(finish)) => return (events.into(), Ok(Some(finish))),
            Err(fault) => return (events.into(), Err(fault)),
        }
    }
    (events.into(), Ok(None))
}

/// The events of a stream that ends.
fn whole_stream(stream: &[Value]) -> Vec<ModelEvent> {
    let (mut events, end) = read(stream);
    events.push(end.unwrap().unwrap());
    events
}

fn read_whole(body: &Value) -> Result<Vec<ModelEvent>, Fault> {
    let mut events = Events::new();
    Reader::default().read_whole(body.to_string().as_bytes(), &mut events)?;
    Ok(events.into())
}

fn put_together(events: Vec<ModelEvent>) -> ChatResponse {
    let mut assembler = Assembler::new("call");
    for event in events {
        assembler.push(event).unwrap();
    }
    assembler.finish().unwrap()
}

fn origin(response: &ChatResponse) -> Value {
    serde_json::from_str(response.message.origin(WIRE).unwrap()).unwrap()
}

fn delta(kind: &str, index: u64, delta: &str) -> Value {
    json!({ "type": format!("response.{kind}.delta"), "output_index": index, "delta": delta })
}

fn added(index: u64, item: &Value) -> Value {
    json!({ "type": "response.output_item.added", "output_index": index, "item": item })
}

fn done(index: u64, item: &Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

fn completed(output: &Value) -> Value {
    json!({ "type": "response.completed", "response": { "status": "completed", "output": output } })
}

fn message(text: &str) -> Value {
    json!({
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }],
    })
}

fn call(id: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call",
        "id": format!("fc_{id}"),
        "call_id": id,
        "name": "add",
        "arguments": arguments,
    })
}

fn a_call(id: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.into(), name: "add".into(), arguments }
}

fn calls(response: &ChatResponse) -> Vec<ToolCall> {
    response.tool_calls.iter().map(|it| ToolCall::clone(it)).collect()
}

#[test]
fn a_stream_brings_its_pieces_and_each_of_them_once() {
    let reasoning = json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "Hm." }], "encrypted_content": "gAAA" });
    let response = json!({ "id": "resp_1", "model": "gpt-5", "status": "in_progress" });
    let usage = json!({
        "input_tokens": 7,
        "input_tokens_details": { "cached_tokens": 4 },
        "output_tokens": 5,
        "output_tokens_details": { "reasoning_tokens": 3 },
        "total_tokens": 12,
    });
    let output = json!([reasoning, message("Sunny"), call("a", r#"{"x":1}"#)]);
    let mut end = completed(&output);
    end["response"]["usage"] = usage;
    let events = whole_stream(&[
        json!({ "type": "response.created", "response": response }),
        json!({ "type": "response.in_progress", "response": response }),
        added(0, &json!({ "type": "reasoning", "id": "rs_1", "summary": [] })),
        delta("reasoning_summary_text", 0, "Hm."),
        done(0, &reasoning),
        added(1, &json!({ "type": "message", "id": "msg_1", "content": [] })),
        delta("output_text", 1, "Sun"),
        delta("output_text", 1, "ny"),
        json!({ "type": "response.output_text.done", "output_index": 1, "text": "Sunny" }),
        done(1, &message("Sunny")),
        added(2, &call("a", "")),
        delta("function_call_arguments", 2, r#"{"x""#),
        delta("function_call_arguments", 2, ":1}"),
        done(2, &call("a", r#"{"x":1}"#)),
        end,
    ]);
    let mut usage = Usage::new(7, 5);
    (usage.cached_input_tokens, usage.reasoning_tokens) = (4.into(), 3.into());
    assert_eq!(
        events,
        [
            ModelEvent::start(Some("resp_1".into()), Some("gpt-5".into())),
            ModelEvent::Delta(Delta::reasoning("Hm.")),
            ModelEvent::content("Sun"),
            ModelEvent::content("ny"),
            ModelEvent::Delta(Delta::tool_call(ToolCallDelta::begin(2, "a", "add"))),
            ModelEvent::Delta(Delta::tool_call(ToolCallDelta::arguments(2, r#"{"x""#))),
            ModelEvent::Delta(Delta::tool_call(ToolCallDelta::arguments(2, ":1}"))),
            ModelEvent::Origin(Origin::new(WIRE, output.to_string())),
            ModelEvent::finish(FinishReason::ToolCalls, Some(usage)),
        ]
    );
}

#[test]
fn what_a_stream_leaves_out_is_taken_from_what_follows() {
    let output = json!([message("Sunny"), call("a", r#"{"x":1}"#)]);
    let streams = [
        vec![completed(&output)],
        vec![done(0, &message("Sunny")), done(1, &call("a", r#"{"x":1}"#)), completed(&json!([]))],
        vec![done(0, &message("Sunny")), completed(&output)],
        vec![delta("output_text", 0, "Sunny"), completed(&output)],
        // Begun without a name, or without a beginning.
        vec![
            delta("output_text", 0, "Sunny"),
            added(1, &json!({ "type": "function_call" })),
            delta("function_call_arguments", 1, "{"),
            done(1, &call("a", r#"{"x":1}"#)),
            completed(&output),
        ],
    ];
    for stream in streams {
        let response = put_together(whole_stream(&stream));
        assert_eq!(response.content_text(), Some("Sunny"), "{stream:?}");
        assert_eq!(calls(&response), [a_call("a", json!({ "x": 1 }))], "{stream:?}");
        assert_eq!(origin(&response), output, "{stream:?}");
    }
}

#[test]
fn items_without_a_count_are_known_by_their_names() {
    let named = |kind: &str, item: &str, text: &str| json!({ "type": format!("response.{kind}.delta"), "item_id": item, "delta": text });
    let uncounted = |kind: &str, item: &Value| json!({ "type": format!("response.output_item.{kind}"), "item": item });
    let (one, two) = (call("a", r#"{"x":1}"#), call("b", r#"{"x":2}"#));
    let output = json!([message("Sunny"), one, two]);
    let events = whole_stream(&[
        uncounted("added", &json!({ "type": "message", "id": "msg_1" })),
        named("output_text", "msg_1", "Sunny"),
        uncounted("done", &message("Sunny")),
        uncounted("added", &call("a", "")),
        uncounted("added", &call("b", "")),
        named("function_call_arguments", "fc_a", r#"{"x":"#),
        named("function_call_arguments", "b", r#"{"x":2}"#),
        named("function_call_arguments", "fc_a", "1}"),
        uncounted("done", &one),
        uncounted("done", &two),
        completed(&output),
    ]);
    let response = put_together(events);
    assert_eq!(response.content_text(), Some("Sunny"));
    assert_eq!(calls(&response), [a_call("a", json!({ "x": 1 })), a_call("b", json!({ "x": 2 }))]);
    assert_eq!(origin(&response), output);
}

#[test]
fn items_that_change_their_names_are_known_by_their_count() {
    let renamed = |id: &str| json!({ "type": "message", "role": "assistant", "id": id, "status": "completed", "content": [{ "type": "output_text", "text": "Hi", "annotations": [], "logprobs": [] }] });
    let events = whole_stream(&[
        added(0, &renamed("1")),
        json!({ "type": "response.output_text.delta", "output_index": 0, "item_id": "2", "delta": "Hi" }),
        done(0, &renamed("3")),
        completed(&json!([renamed("4")])),
    ]);
    let response = put_together(events);
    assert_eq!(response.content_text(), Some("Hi"));
    assert_eq!(origin(&response), json!([renamed("3")]));
}

#[test]
fn a_count_that_begins_elsewhere_makes_nothing_come_twice() {
    let output = json!([message("Hi"), call("a", "{}")]);
    let stream = [done(1, &message("Hi")), done(2, &call("a", "{}")), completed(&output)];
    let response = put_together(whole_stream(&stream));
    assert_eq!((response.content_text(), response.tool_calls.len()), (Some("Hi"), 1));
    let response = put_together(whole_stream(&[done(5, &message("Hi")), completed(&output)]));
    assert_eq!((response.content_text(), response.tool_calls.len()), (Some("Hi"), 1));
}

#[test]
fn events_may_be_named_by_the_stream_alone() {
    let (mut reader, mut events) = (Reader::default(), Events::new());
    let mut read = |name: &[u8], data: &str| {
        reader.read_event(sse::Event { name, data: data.as_bytes() }, &mut events).unwrap()
    };
    read(b"response.output_text.delta", r#"{"delta":"Hi"}"#);
    read(b"response.something.new", r#"{"delta":{"a":[1]},"item_id":7,"output_index":"x"}"#);
    read(b"ping", "{}");
    read(b"", r#"{"comment":"still here"}"#);
    read(b"", "");
    let end = read(b"response.completed", r#"{"response":{}}"#);
    assert!(matches!(end, Progress::Done(_)));
    assert_eq!(events, [ModelEvent::content("Hi")]);
}

#[test]
fn thinking_and_its_summary_are_reasoning() {
    let part = |text: &str| json!({ "type": "any_text", "text": text });
    let item = json!({
        "type": "reasoning",
        "id": "rs_1",
        "summary": [part("one, "), part("two, ")],
        "content": [part("three")],
    });
    let response = json!({ "status": "completed", "output": [item] });
    let message = put_together(read_whole(&response).unwrap()).message;
    assert_eq!(message.content(), [ContentPart::reasoning("one, two, three")]);
    let events = whole_stream(&[
        delta("reasoning_text", 0, "thr"),
        delta("reasoning_text", 0, "ee"),
        done(0, &item),
        completed(&json!([])),
    ]);
    let message = put_together(events).message;
    assert_eq!(message.content(), [ContentPart::reasoning("threeone, two, ")]);
}

#[test]
fn a_refusal_is_no_text() {
    let part = json!({ "type": "refusal", "refusal": "I won't." });
    let item = json!({ "type": "message", "content": [part] });
    let expected = [ContentPart::refusal("I won't.")];
    let response = json!({ "status": "completed", "output": [item] });
    assert_eq!(put_together(read_whole(&response).unwrap()).message.content(), expected);
    let stream = [
        delta("refusal", 0, "I "),
        delta("refusal", 0, "won't."),
        done(0, &item),
        completed(&json!([])),
    ];
    assert_eq!(put_together(whole_stream(&stream)).message.content(), expected);
}

#[test]
fn sources_are_told_behind_their_text() {
    let page = json!({ "type": "url_citation", "url": "https://example.com", "title": "Example", "start_index": 0 });
    let file =
        json!({ "type": "file_citation", "file_id": "file_1", "filename": "a.pdf", "index": 3 });
    let path = json!({ "type": "file_path", "file_id": "file_2" });
    let with = |annotations: &Value| json!({ "type": "message", "content": [{ "type": "output_text", "text": "Hi", "annotations": annotations }] });
    let sources = || {
        let named = |name: &str| ContentPart::Source(Source::default().with_title(name));
        let page = ContentPart::Source(Source::url("https://example.com").with_title("Example"));
        [ContentPart::text("Hi"), page, named("a.pdf"), named("file_2")]
    };
    let cited = with(&json!([page, file, path, { "type": "new" }]));
    let response = json!({ "status": "completed", "output": [cited] });
    assert_eq!(put_together(read_whole(&response).unwrap()).message.content(), sources());

    let cite = |annotation: &Value| json!({ "type": "response.output_text.annotation.added", "output_index": 0, "annotation": annotation });
    for item in [&cited, &with(&json!(null))] {
        let events = whole_stream(&[
            delta("output_text", 0, "H"),
            cite(&page),
            cite(&file),
            delta("output_text", 0, "i"),
            cite(&path),
            done(0, item),
            completed(&json!([])),
        ]);
        assert_eq!(put_together(events).message.content(), sources());
    }
}

#[test]
fn a_picture_that_was_made_is_a_part() {
    let item = |result: &str| json!({ "type": "image_generation_call", "id": "ig_1", "output_format": "webp", "result": result });
    let response = |item: Value| json!({ "status": "completed", "output": [item] });
    let made = put_together(read_whole(&response(item("iVBORw=="))).unwrap());
    let picture = ContentPart::image(Media::bytes("image/webp", *b"\x89PNG"));
    assert_eq!(made.message.content(), [picture]);
    assert_eq!(put_together(read_whole(&response(item("?"))).unwrap()).message.content(), []);
}

#[test]
fn tools_that_the_provider_executes_are_kept_and_are_no_calls() {
    let output = json!([
        { "type": "web_search_call", "id": "ws_1", "call_id": "", "name": "web_search", "arguments": "{}" },
        { "type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{}", "output": "4" },
        { "type": "tool_search_call", "id": "ts_1", "arguments": { "queries": [] }, "call_id": null },
        { "type": "of_tomorrow", "content": "text", "score": 0.25 },
    ]);
    // One server tells the arguments of its own tools as if they were ours.
    let events = whole_stream(&[
        added(0, &output[0]),
        delta("function_call_arguments", 0, "{}"),
        delta("mcp_call_arguments", 1, "{}"),
        done(0, &output[0]),
        completed(&output),
    ]);
    let response = put_together(events);
    assert_eq!(
        (response.message.content(), &response.finish_reason),
        (&[][..], &FinishReason::Stop)
    );
    assert_eq!(origin(&response), output);
}

#[test]
fn an_item_goes_back_with_what_requests_must_have() {
    let output = json!([
        { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null, "content": null },
        { "type": "message", "id": "msg_1", "status": null, "content": [{ "type": "output_text", "text": "Hi", "annotations": null }] },
        { "type": "code_interpreter_call", "id": "ci_1", "outputs": null },
    ]);
    let response =
        put_together(read_whole(&json!({ "status": "completed", "output": output })).unwrap());
    assert_eq!(
        origin(&response),
        json!([
            { "type": "reasoning", "id": "rs_1", "summary": [] },
            { "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{ "type": "output_text", "text": "Hi", "annotations": [], "logprobs": [] }] },
            { "type": "code_interpreter_call", "id": "ci_1", "outputs": null },
        ])
    );
}

#[test]
fn reasoning_that_can_not_be_spoken_of_again_does_not_go_back() {
    let empty = json!({ "type": "reasoning", "id": "rs_1", "summary": [] });
    let sealed =
        json!({ "type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA" });
    let open = json!({ "type": "reasoning", "id": "rs_3", "summary": [], "content": [{ "type": "reasoning_text", "text": "Hm." }] });
    let output = json!([empty, sealed, open, message("Hi"), sealed]);
    let goes_back = |status: &str, store: Value| {
        let body = json!({ "status": status, "store": store, "output": output });
        origin(&put_together(read_whole(&body).unwrap()))
    };
    assert_eq!(goes_back("completed", json!(true)), output);
    assert_eq!(goes_back("completed", Value::Null), output);
    assert_eq!(goes_back("completed", json!(false)), json!([sealed, open, message("Hi"), sealed]));
    // Reasoning was cut off before it led to anything.
    assert_eq!(goes_back("incomplete", json!(false)), json!([sealed, open, message("Hi")]));
}

#[test]
fn a_message_is_sent_back_part_by_part_where_an_item_of_it_never_came_whole() {
    let events = whole_stream(&[delta("output_text", 0, "Hi"), completed(&json!([]))]);
    let response = put_together(events);
    assert_eq!(response.content_text(), Some("Hi"));
    assert_eq!(response.message.origin(WIRE), None);
}

#[test]
fn a_reply_says_why_it_is_incomplete() {
    let reason = |details: Value| {
        let body = json!({ "status": "incomplete", "incomplete_details": details, "output": [message("Hi")] });
        put_together(read_whole(&body).unwrap()).finish_reason
    };
    assert_eq!(reason(json!({ "reason": "max_output_tokens" })), FinishReason::Length);
    assert_eq!(reason(json!({ "reason": "content_filter" })), FinishReason::ContentFilter);
    assert_eq!(reason(json!({ "reason": "new" })), FinishReason::Other("new".into()));
    assert_eq!(reason(Value::Null), FinishReason::Other("incomplete".into()));

    let event = json!({ "type": "response.incomplete", "response": { "incomplete_details": { "reason": "max_output_tokens" } } });
    let cut = [
        added(0, &call("a", "")),
        delta("function_call_arguments", 0, r#"{"x":"#),
        done(0, &call("a", r#"{"x":"#)),
        event,
    ];
    let response = put_together(whole_stream(&cut));
    assert_eq!(response.finish_reason, FinishReason::Length);
    assert_eq!(calls(&response), [a_call("a", json!(r#"{"x":"#))]);
}

#[test]
fn arguments_may_be_empty_and_ids_may_be_missing() {
    let nameless_id =
        json!({ "type": "function_call", "id": "fc_1", "name": "add", "arguments": "" });
    let object =
        json!({ "type": "function_call", "call_id": "b", "name": "add", "arguments": { "x": 1 } });
    let body = json!({ "output": [nameless_id, object] });
    let response = put_together(read_whole(&body).unwrap_or_default());
    assert_eq!(calls(&response), [a_call("fc_1", json!({})), a_call("b", json!({ "x": 1 }))]);
}

#[test]
fn calls_that_share_an_id_are_calls_of_their_own() {
    let output = json!([call("a", r#"{"x":1}"#), call("a", r#"{"x":2}"#)]);
    let expected = [a_call("a", json!({ "x": 1 })), a_call("a_2", json!({ "x": 2 }))];
    let body = json!({ "status": "completed", "output": output });
    assert_eq!(calls(&put_together(read_whole(&body).unwrap())), expected);
    let counted = |index: u64| {
        [added(index, &call("a", "")), done(index, &output[usize::try_from(index).unwrap()])]
    };
    let stream = [&counted(0)[..], &counted(1), &[completed(&output)]].concat();
    assert_eq!(calls(&put_together(whole_stream(&stream))), expected);
}

fn kind(fault: Fault) -> (ErrorKind, Option<String>, Option<String>) {
    match fault {
        Fault::Reported(said) => (said.kind(), said.code, said.message),
        other => panic!("not reported: {other:?}"),
    }
}

#[test]
fn a_failure_tells_its_sort_by_its_code() {
    let cases = [
        ("server_error", ErrorKind::Server),
        ("rate_limit_exceeded", ErrorKind::RateLimited),
        ("insufficient_quota", ErrorKind::PermissionDenied),
        ("context_length_exceeded", ErrorKind::ContextTooLong),
        ("server_is_overloaded", ErrorKind::Overloaded),
        ("vector_store_timeout", ErrorKind::Timeout),
        ("invalid_prompt", ErrorKind::InvalidRequest),
        ("invalid_api_key", ErrorKind::Authentication),
        ("image_too_large", ErrorKind::InvalidRequest),
        ("failed_to_download_image", ErrorKind::InvalidRequest),
        ("image_content_policy_violation", ErrorKind::ContentFilter),
        ("of_tomorrow", ErrorKind::Server),
    ];
    for (code, expected) in cases {
        let error = json!({ "code": code, "message": "Oh no." });
        let flat = json!({ "type": "error", "code": code, "message": "Oh no.", "param": null });
        let failed = json!({ "status": "failed", "error": error, "output": [] });
        let streams = [
            flat,
            json!({ "type": "error", "error": error }),
            json!({ "error": error }),
            json!({ "type": "response.failed", "response": failed }),
            json!({ "type": "response.failed", "response": { "error": error } }),
            json!({ "type": "response.completed", "response": failed }),
        ];
        let said = (expected, Some(code.to_owned()), Some("Oh no.".to_owned()));
        for stream in streams {
            let (events, end) = read(&[delta("output_text", 0, "Hi"), stream.clone()]);
            assert_eq!(events, [ModelEvent::content("Hi")]);
            assert_eq!(kind(end.unwrap_err()), said, "{stream}");
        }
        for body in [failed, json!({ "error": error })] {
            assert_eq!(kind(read_whole(&body).unwrap_err()), said, "{body}");
        }
    }
}

#[test]
fn a_failure_without_a_reason_is_one_all_the_same() {
    let unknown = (ErrorKind::Server, None, None);
    for stream in
        [json!({ "type": "response.failed" }), json!({ "type": "error", "sequence_number": 2 })]
    {
        assert_eq!(kind(read(std::slice::from_ref(&stream)).1.unwrap_err()), unknown, "{stream}");
    }
    let (mut reader, mut events) = (Reader::default(), Events::new());
    let data = br#"{"type":"server_error","message":"Oh no."}"#;
    let named = reader.read_event(sse::Event { name: b"error", data }, &mut events);
    let said = (ErrorKind::Server, None, Some("Oh no.".to_owned()));
    assert_eq!(kind(named.map(drop).unwrap_err()), said);
    let told = json!({ "type": "error", "status": 429, "error": { "type": "usage_limit_reached", "message": "Enough." } });
    let (kind, code, _) = kind(read(&[told]).1.unwrap_err());
    assert_eq!((kind, code), (ErrorKind::RateLimited, None));
}

#[test]
fn what_has_no_end_is_incomplete() {
    let (mut reader, mut events) = (Reader::default(), Events::new());
    let marker = reader.read_event(sse::Event { name: b"", data: b"[DONE]" }, &mut events);
    assert!(matches!(marker, Err(Fault::Incomplete)));
    assert!(read(&[delta("output_text", 0, "Hi")]).1.unwrap().is_none());
    for status in ["queued", "in_progress", "cancelled"] {
        let body = json!({ "status": status, "output": [] });
        assert_eq!(read_whole(&body), Err(Fault::Incomplete));
    }
    let cut = Reader::default().read_whole(br#"{"output":[{"type":"mess"#, &mut events);
    assert_eq!(cut, Err(Fault::Incomplete));
}

#[test]
fn what_is_no_reply_is_malformed() {
    let malformed = |read: Result<_, Fault>| matches!(read, Err(Fault::Malformed { .. }));
    for body in [json!({}), json!([]), json!({ "output": "Hi" }), json!({ "choices": [] })] {
        assert!(malformed(read_whole(&body).map(drop)), "{body}");
    }
    let nameless = [delta("function_call_arguments", 0, "{}"), completed(&json!([]))];
    assert!(malformed(read(&nameless).1.map(drop)));
}

/// Events of every sort about a few items, as no server would send them.
fn any_event() -> impl Strategy<Value = Value> {
    let kinds = [
        "output_item.added",
        "output_item.done",
        "output_text.delta",
        "refusal.delta",
        "reasoning_text.delta",
        "function_call_arguments.delta",
        "output_text.annotation.added",
        "in_progress",
        "completed",
        "incomplete",
    ];
    let items =
        [message("Hi"), call("a", "{}"), call("", ""), json!({ "type": "reasoning" }), json!({})];
    let index = proptest::option::of(0_u64..3);
    let output = proptest::collection::vec(select(items.to_vec()), 0..3);
    (select(kinds.to_vec()), index, select(items.to_vec()), output).prop_map(
        |(kind, index, item, output)| {
            json!({
                "type": format!("response.{kind}"),
                "output_index": index,
                "item_id": item["id"],
                "delta": "x",
                "item": item,
                "annotation": { "url": "https://example.com" },
                "response": { "output": output },
            })
        },
    )
}

proptest! {
    #[test]
    fn whatever_comes_makes_a_reply_or_an_error(stream in proptest::collection::vec(any_event(), 0..12)) {
        let (events, end) = read(&stream);
        let mut assembler = Assembler::new("call");
        for event in events.into_iter().chain(end.ok().flatten()) {
            assembler.push(event).unwrap();
        }
    }
}

#[test]
fn a_start_that_comes_late_is_left_out() {
    let created = json!({ "type": "response.created", "response": { "id": "r", "model": "m" } });
    let stream = [delta("output_text", 0, "Hi"), created, completed(&json!([message("Hi")]))];
    let events = whole_stream(&stream);
    assert_eq!(events[0], ModelEvent::content("Hi"));
    assert!(!events.iter().any(|it| matches!(it, ModelEvent::Start { .. })), "{events:?}");
}

#[test]
fn a_call_that_ends_as_something_else_is_a_call_all_the_same() {
    let item = |kind: &str| json!({ "type": kind, "id": "fc_1", "call_id": "k", "name": "add" });
    let stream = [added(0, &item("function_call")), done(0, &item("odd")), completed(&json!([]))];
    let response = put_together(whole_stream(&stream));
    assert_eq!(response.tool_calls.len(), 1);
    assert_eq!(response.message.origin(WIRE), None, "without the call its result would be refused");
}

#[test]
fn arguments_that_come_at_once_are_told_once() {
    let begun = json!({ "type": "function_call", "call_id": "a", "name": "add", "arguments": "" });
    let arguments = r#"{"x":1}"#;
    let all_at_once = json!({
        "type": "response.function_call_arguments.done",
        "output_index": 0,
        "arguments": arguments,
    });
    let call =
        json!({ "type": "function_call", "call_id": "a", "name": "add", "arguments": arguments });
    for end in [vec![done(0, &call), completed(&json!([call]))], vec![completed(&json!([]))]] {
        let stream = [vec![added(0, &begun), all_at_once.clone()], end].concat();
        let response = put_together(whole_stream(&stream));
        let expected =
            ToolCall { id: "a".into(), name: "add".into(), arguments: json!({ "x": 1 }) };
        assert_eq!(*response.tool_calls, [expected.into()]);
    }
}

#[test]
fn what_is_not_as_it_should_be_costs_no_more_than_itself() {
    let odd =
        json!({ "output_text": 7, "type": "output_text", "text": "Hi", "annotations": "none" });
    let annotated =
        json!({ "type": "output_text", "text": "!", "annotations": [7, { "url": "https://a" }] });
    let output = json!([
        { "type": "message", "content": "Say: " },
        { "type": "message", "content": [odd, 7, annotated] },
        { "type": "reasoning", "summary": "none", "content": [{ "text": "hm" }, null] },
    ]);
    let reply = read_whole(&json!({ "status": "completed", "output": output })).unwrap();
    let response = put_together(reply);
    assert_eq!(response.content_text(), Some("Say: Hi!"));
    let source = ContentPart::Source(Source::url("https://a"));
    assert_eq!(response.message.content()[1..], [source, ContentPart::reasoning("hm")]);
}

#[test]
fn items_without_what_came_in_pieces_do_not_go_back_as_they_are() {
    let bare = json!({ "type": "message", "id": "m" });
    let stream = [
        added(0, &bare),
        delta("output_text", 0, "Hi"),
        done(0, &bare),
        json!({ "type": "response.completed", "response": { "usage": null } }),
    ];
    let response = put_together(whole_stream(&stream));
    assert_eq!(response.content_text(), Some("Hi"));
    assert_eq!(response.message.origin(WIRE), None);
}

use std::collections::VecDeque;

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind,
    model::ToolCallDelta,
    types::{ContentPart, Source},
};

use super::*;

/// The events of a stream of these, and how it ended.
fn read(stream: &[Value]) -> (Vec<ModelEvent>, Result<Option<ModelEvent>, Fault>) {
    let (mut reader, mut events) = (Reader::default(), VecDeque::new());
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

fn read_whole(body: &Value) -> Result<Vec<ModelEvent>, Fault> {
    let mut events = VecDeque::new();
    Reader::default().read_whole(body.to_string().as_bytes(), &mut events)?;
    Ok(events.into())
}

fn message_start() -> Value {
    json!({ "type": "message_start", "message": {
        "type": "message", "id": "msg_1", "role": "assistant", "model": "claude", "content": [],
        "stop_reason": null,
        "usage": { "input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1 },
    } })
}

fn start(index: u64, block: &Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

fn stop(index: u64) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

fn message_delta(stop_reason: &str) -> Value {
    json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason, "stop_sequence": null },
        "usage": { "output_tokens": 5 },
    })
}

fn message_stop() -> Value {
    json!({ "type": "message_stop" })
}

/// What a stream of these blocks and pieces tells of them, and its origin.
fn told(pieces: &[Value], stop_reason: &str) -> (Vec<Delta>, Option<Value>) {
    let end = [message_delta(stop_reason), message_stop()];
    let (events, finish) = read(&[pieces, &end].concat());
    assert!(matches!(finish, Ok(Some(_))), "{finish:?}");
    told_of(events)
}

fn told_of(events: Vec<ModelEvent>) -> (Vec<Delta>, Option<Value>) {
    let (mut deltas, mut kept) = (Vec::new(), None);
    for event in events {
        match event {
            ModelEvent::Delta(delta) => deltas.push(delta),
            ModelEvent::Origin(origin) => {
                let origin = serde_json::to_value(origin).unwrap();
                assert_eq!(origin["wire"], "anthropic");
                kept = Some(serde_json::from_str(origin["content"].as_str().unwrap()).unwrap());
            }
            _ => {}
        }
    }
    (deltas, kept)
}

fn begin(index: usize, id: &str) -> Delta {
    Delta::tool_call(ToolCallDelta::begin(index, id, "add"))
}

fn arguments(index: usize, text: &str) -> Delta {
    Delta::tool_call(ToolCallDelta::arguments(index, text))
}

fn a_call(id: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "add", "input": input })
}

#[test]
fn a_stream_brings_its_text_and_ends_with_its_reason_and_usage() {
    let (events, end) = read(&[
        message_start(),
        start(0, &json!({ "type": "text", "text": "" })),
        json!({ "type": "ping" }),
        delta(0, &json!({ "type": "text_delta", "text": "Sun\nny" })),
        delta(0, &json!({ "type": "text_delta", "text": " " })),
        stop(0),
        message_delta("end_turn"),
        message_stop(),
    ]);
    let mut usage = Usage::new(9, 5);
    usage.cached_input_tokens = 2.into();
    assert_eq!(
        events,
        [
            ModelEvent::start(Some("msg_1".into()), Some("claude".into())),
            ModelEvent::content("Sun\nny"),
            ModelEvent::content(" "),
            ModelEvent::Origin(Origin::new("anthropic", r#"[{"text":"Sun\nny ","type":"text"}]"#)),
        ]
    );
    assert_eq!(end, Ok(Some(ModelEvent::finish(FinishReason::Stop, Some(usage)))));
}

#[test]
fn a_whole_reply_brings_the_same_events() {
    let blocks = json!([
        { "type": "thinking", "thinking": "hm", "signature": "s" },
        { "type": "text", "text": "Hi", "citations": null },
        a_call("a", &json!({ "x": 1 })),
    ]);
    let events = read_whole(&json!({
        "type": "message", "id": "msg_1", "model": "claude", "content": blocks,
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 7, "cache_creation_input_tokens": 3, "cache_read_input_tokens": null,
            "output_tokens": 5, "output_tokens_details": { "thinking_tokens": 2 },
        },
    }))
    .unwrap();
    let mut usage = Usage::new(10, 5);
    usage.reasoning_tokens = 2.into();
    usage.cache_write_tokens = 3.into();
    assert_eq!(
        events.first(),
        Some(&ModelEvent::start(Some("msg_1".into()), Some("claude".into())))
    );
    assert_eq!(events.last(), Some(&ModelEvent::finish(FinishReason::ToolCalls, Some(usage))));
    let deltas = vec![
        Delta::reasoning("hm"),
        Delta::content("Hi"),
        begin(2, "a"),
        arguments(2, r#"{"x":1}"#),
    ];
    assert_eq!(told_of(events), (deltas, Some(blocks)));
}

#[test]
fn thinking_goes_back_with_what_it_was_signed_with() {
    let (deltas, origin) = told(
        &[
            start(0, &json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(0, &json!({ "type": "thinking_delta", "thinking": "Let me" })),
            delta(0, &json!({ "type": "thinking_delta", "thinking": " see" })),
            delta(0, &json!({ "type": "signature_delta", "signature": "c2ln" })),
            stop(0),
            start(1, &json!({ "type": "redacted_thinking", "data": "eHl6" })),
            stop(1),
            start(2, &json!({ "type": "thinking", "thinking": "" })),
            delta(2, &json!({ "type": "signature_delta", "signature": "b21pdHRlZA" })),
            stop(2),
        ],
        "end_turn",
    );
    assert_eq!(deltas, [Delta::reasoning("Let me"), Delta::reasoning(" see")]);
    let kept = json!([
        { "type": "thinking", "thinking": "Let me see", "signature": "c2ln" },
        { "type": "redacted_thinking", "data": "eHl6" },
        { "type": "thinking", "thinking": "", "signature": "b21pdHRlZA" },
    ]);
    assert_eq!(origin, Some(kept));
}

#[test]
fn the_pieces_of_calls_are_told_apart() {
    let (deltas, origin) = told(
        &[
            start(0, &a_call("a", &json!({}))),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "" })),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "{\"x\": 1" })),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "}" })),
            stop(0),
            start(1, &a_call("b", &json!({}))),
            stop(1),
            start(2, &a_call("c", &json!({ "y": 2 }))),
            stop(2),
        ],
        "tool_use",
    );
    assert_eq!(
        deltas,
        [
            begin(0, "a"),
            arguments(0, "{\"x\": 1"),
            arguments(0, "}"),
            begin(1, "b"),
            begin(2, "c"),
            arguments(2, r#"{"y":2}"#),
        ]
    );
    let kept = json!([
        a_call("a", &json!({ "x": 1 })),
        a_call("b", &json!({})),
        a_call("c", &json!({ "y": 2 }))
    ]);
    assert_eq!(origin, Some(kept));
}

#[test]
fn what_was_cut_off_goes_back_in_a_form_that_is_taken() {
    let (_, origin) = told(
        &[
            start(0, &json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(0, &json!({ "type": "thinking_delta", "thinking": "Let" })),
            start(1, &json!({ "type": "text", "text": "" })),
            stop(1),
            start(2, &a_call("a", &json!({}))),
            delta(2, &json!({ "type": "input_json_delta", "partial_json": "{\"x\": [1" })),
        ],
        "max_tokens",
    );
    assert_eq!(origin, Some(json!([a_call("a", &json!({ "invalid_json": "{\"x\": [1" }))])));
}

#[test]
fn a_reply_that_says_nothing_has_no_origin() {
    let (deltas, origin) = told(&[message_start()], "end_turn");
    assert_eq!((deltas, origin), (vec![], None));
}

#[test]
fn a_call_without_an_id_keeps_the_message_from_going_back_as_it_came() {
    let pieces = [start(0, &a_call("a", &json!({}))), start(1, &a_call("", &json!({})))];
    let (deltas, origin) = told(&pieces, "tool_use");
    assert_eq!((deltas.len(), origin), (2, None));
}

#[test]
fn other_servers_get_back_thinking_that_they_did_not_sign() {
    let mut events = VecDeque::new();
    let thinking = json!([{ "type": "thinking", "thinking": "hm" }]);
    let body = json!({ "content": thinking, "stop_reason": "end_turn" }).to_string();
    Reader::new("anthropic:moonshot").read_whole(body.as_bytes(), &mut events).unwrap();
    let origin = Origin::new("anthropic:moonshot", r#"[{"thinking":"hm","type":"thinking"}]"#);
    assert_eq!(events[1], ModelEvent::Origin(origin));
}

#[test]
fn tools_of_the_provider_are_kept_and_are_no_calls() {
    let result = json!({
        "type": "web_search_tool_result",
        "tool_use_id": "srv_1",
        "content": [{ "type": "web_search_result", "url": "https://a.example", "encrypted_content": "x" }],
    });
    let search = |input| json!({ "type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": input });
    let (deltas, origin) = told(
        &[
            start(0, &search(json!({}))),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "{\"query\":" })),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "\"news\"}" })),
            stop(0),
            start(1, &result),
            stop(1),
        ],
        "pause_turn",
    );
    assert_eq!(deltas, []);
    assert_eq!(origin, Some(json!([search(json!({ "query": "news" })), result])));
}

#[test]
fn citations_are_sources_after_the_text_that_they_are_for() {
    let page = json!({
        "type": "web_search_result_location", "url": "https://a.example", "title": "A",
        "cited_text": "words", "encrypted_index": "x",
    });
    let place = json!({
        "type": "char_location", "document_index": 0, "document_title": "b.txt", "cited_text": "more",
        "start_char_index": 0, "end_char_index": 4, "file_id": null,
    });
    let search = json!({
        "type": "search_result_location", "source": "https://c.example", "title": null,
        "cited_text": "found", "search_result_index": 0,
    });
    let (deltas, origin) = told(
        &[
            start(0, &json!({ "type": "text", "text": "", "citations": [] })),
            delta(0, &json!({ "type": "citations_delta", "citation": page })),
            delta(0, &json!({ "type": "text_delta", "text": "So they say" })),
            delta(0, &json!({ "type": "citations_delta", "citation": place })),
            delta(0, &json!({ "type": "citations_delta", "citation": search })),
            stop(0),
        ],
        "end_turn",
    );
    let mut sources = vec![Source::default(); 3];
    sources[0] = Source::url("https://a.example").with_title("A").with_quote("words");
    sources[1] = Source::default().with_title("b.txt").with_quote("more");
    sources[2] = Source::url("https://c.example").with_quote("found");
    let sources = sources.into_iter().map(|it| Delta::part(ContentPart::Source(it)));
    let expected: Vec<_> = [Delta::content("So they say")].into_iter().chain(sources).collect();
    let block =
        json!({ "type": "text", "text": "So they say", "citations": [page, place, search] });
    assert_eq!((&deltas, &origin), (&expected, &Some(json!([block]))));

    let whole = json!({ "content": [block], "stop_reason": "end_turn" });
    assert_eq!(told_of(read_whole(&whole).unwrap()), (expected, origin));
}

#[test]
fn every_reason_to_stop_has_its_name() {
    let reason = |word: &str| match read(&[message_delta(word), message_stop()]).1 {
        Ok(Some(ModelEvent::Finish { finish_reason, .. })) => finish_reason,
        other => panic!("no end: {other:?}"),
    };
    assert_eq!(reason("end_turn"), FinishReason::Stop);
    assert_eq!(reason("stop_sequence"), FinishReason::Stop);
    assert_eq!(reason("max_tokens"), FinishReason::Length);
    assert_eq!(reason("model_context_window_exceeded"), FinishReason::Length);
    assert_eq!(reason("tool_use"), FinishReason::ToolCalls);
    assert_eq!(reason("pause_turn"), FinishReason::Paused);
    assert_eq!(reason("refusal"), FinishReason::ContentFilter);
    assert_eq!(reason("tired"), FinishReason::Other("tired".into()));
}

#[test]
fn a_refusal_says_why_where_the_provider_does() {
    let details = json!({ "type": "refusal", "category": "bio", "explanation": "Blocked." });
    let end = json!({
        "type": "message_delta",
        "delta": { "stop_reason": "refusal", "stop_details": details },
    });
    let (deltas, _) = told_of(read(&[end, message_stop()]).0);
    assert_eq!(deltas, [Delta::refusal("Blocked.")]);
    let whole = json!({ "content": [], "stop_reason": "refusal", "stop_details": details });
    assert_eq!(told_of(read_whole(&whole).unwrap()), (vec![Delta::refusal("Blocked.")], None));
}

#[test]
fn what_is_not_known_is_kept_or_skipped() {
    let compacted = json!({ "type": "compaction", "content": null });
    let (deltas, origin) = told(
        &[
            json!({ "type": "something_new", "index": 3, "message": "x" }),
            start(0, &compacted),
            delta(0, &json!({ "type": "compaction_delta", "content": "A sum" })),
            delta(
                0,
                &json!({ "type": "compaction_delta", "content": "mary", "text": { "level": 2 } }),
            ),
            stop(0),
            start(1, &json!({ "type": "text", "text": "Hi" })),
            delta(1, &json!({ "type": "thinking_delta", "thinking": "odd" })),
            stop(1),
        ],
        "compaction",
    );
    assert_eq!(deltas, [Delta::content("Hi")]);
    let kept = json!([
        { "type": "compaction", "content": "A summary", "text": { "level": 2 } },
        { "type": "text", "text": "Hi", "thinking": "odd" },
    ]);
    assert_eq!(origin, Some(kept));
}

#[test]
fn a_message_that_begins_twice_is_one_message() {
    let text = start(0, &json!({ "type": "text", "text": "Hi" }));
    let (events, _) = read(&[message_start(), message_start(), text, message_stop()]);
    let starts = events.iter().filter(|it| matches!(it, ModelEvent::Start { .. }));
    assert_eq!(starts.count(), 1);
}

#[test]
fn a_message_may_begin_with_blocks() {
    let mut begun = message_start();
    begun["message"]["content"] = json!([a_call("a", &json!({ "x": 1 }))]);
    let (deltas, _) = told(&[begun], "tool_use");
    assert_eq!(deltas, [begin(0, "a"), arguments(0, r#"{"x":1}"#)]);
}

#[test]
fn an_error_in_a_stream_is_an_error_after_what_came_before() {
    let error = |kind: &str| {
        json!({
            "type": "error",
            "error": { "type": kind, "message": "Busy", "details": null },
            "request_id": "req_7",
        })
    };
    let (events, end) =
        read(&[start(0, &json!({ "type": "text", "text": "Hel" })), error("overloaded_error")]);
    assert_eq!(events, [ModelEvent::content("Hel")]);
    let Err(Fault::Reported(reported)) = end else { panic!("no error: {end:?}") };
    assert_eq!(reported.category.as_deref(), Some("overloaded_error"));
    assert_eq!(reported.message.as_deref(), Some("Busy"));
    let kinds = [
        ("overloaded_error", ErrorKind::Overloaded),
        ("rate_limit_error", ErrorKind::RateLimited),
        ("api_error", ErrorKind::Server),
        ("timeout_error", ErrorKind::Timeout),
        ("billing_error", ErrorKind::PermissionDenied),
        ("not_found_error", ErrorKind::NotFound),
        ("request_too_large", ErrorKind::InvalidRequest),
    ];
    for (name, kind) in kinds {
        let Err(Fault::Reported(reported)) = read(&[error(name)]).1 else { panic!("no error") };
        assert_eq!(reported.kind(), kind, "{name}");
    }
}

#[test]
fn an_error_need_not_be_framed_as_one() {
    let named = |data: &[u8]| {
        let event = sse::Event { name: b"error", data };
        Reader::default().read_event(event, &mut VecDeque::new()).err()
    };
    let said =
        |message: &str| Reported { message: Some(message.to_owned()), ..Reported::default() };
    assert_eq!(named(b"oops"), Some(Fault::Reported(said("oops"))));
    assert_eq!(named(br#"{"message":"Busy"}"#), Some(Fault::Reported(said("Busy"))));
    let bare = read(&[json!({ "error": "Busy" })]).1;
    assert_eq!(bare, Err(Fault::Reported(said("Busy"))));
    let whole = json!({ "type": "error", "error": { "message": "Busy" } });
    assert_eq!(read_whole(&whole), Err(Fault::Reported(said("Busy"))));
}

#[test]
fn what_cannot_be_read_is_malformed() {
    let is_malformed = |fault| matches!(fault, Err(Fault::Malformed { .. }));
    assert!(is_malformed(read(&[delta(0, &json!({ "type": "text_delta", "text": "Hi" }))]).1));
    assert!(is_malformed(read(&[json!({ "type": "content_block_start", "index": 0 })]).1));
    assert!(is_malformed(read(&[start(0, &json!({ "type": "tool_use", "id": "a" }))]).1));
    assert!(is_malformed(read_whole(&json!({ "id": "msg_1" })).map(|_| None)));
    let cut_off = Reader::default().read_whole(b"{\"id\": \"msg", &mut VecDeque::new());
    assert_eq!(cut_off, Err(Fault::Incomplete));
}

#[test]
fn a_stream_may_tell_its_blocks_and_its_end_at_its_start() {
    let mut start = message_start();
    start["message"]["content"] = json!([a_call("a", &json!({ "x": 1 }))]);
    start["message"]["stop_reason"] = json!("tool_use");
    let (events, end) = read(&[start, message_stop()]);
    let (deltas, kept) = told_of(events);
    assert_eq!(deltas, [begin(0, "a"), arguments(0, r#"{"x":1}"#)]);
    assert_eq!(kept, Some(json!([a_call("a", &json!({ "x": 1 }))])));
    let Ok(Some(ModelEvent::Finish { finish_reason, .. })) = end else { panic!("no end") };
    assert_eq!(finish_reason, FinishReason::ToolCalls);
}

#[test]
fn where_code_ran_is_kept_with_the_message() {
    let origin = |events: Vec<ModelEvent>| {
        events.into_iter().find_map(|event| match event {
            ModelEvent::Origin(origin) => Some(origin),
            _ => None,
        })
    };
    let mut begun = message_start();
    begun["message"]["container"] = json!({ "id": "container_1", "expires_at": "2026-01-01" });
    let mut ended = message_delta("end_turn");
    ended["delta"]["container"] = json!({ "id": "container_2" });
    let block = json!({ "type": "text", "text": "Hi" });
    let (events, _) = read(&[begun, start(0, &block), stop(0), ended, message_stop()]);
    let kept = Origin::new("anthropic", r#"[{"text":"Hi","type":"text"}]"#);
    assert_eq!(origin(events), Some(kept.clone().with_context("container_2")));
    let mut whole = json!({ "content": [block], "container": { "id": "container_1" } });
    assert_eq!(origin(read_whole(&whole).unwrap()), Some(kept.clone().with_context("container_1")));
    whole["container"] = Value::Null;
    assert_eq!(origin(read_whole(&whole).unwrap()), Some(kept));
}

#[test]
fn a_stream_goes_on_until_its_message_stops() {
    let (_, end) = read(&[message_start(), message_delta("end_turn")]);
    assert_eq!(end, Ok(None));
}

#[test]
fn a_start_that_comes_late_is_left_out() {
    let block = start(0, &json!({ "type": "text", "text": "Hi" }));
    let (events, finish) =
        read(&[block, message_start(), message_delta("end_turn"), message_stop()]);
    assert_eq!(events[0], ModelEvent::content("Hi"));
    assert!(!events.iter().any(|it| matches!(it, ModelEvent::Start { .. })), "{events:?}");
    assert!(matches!(finish, Ok(Some(_))), "{finish:?}");
}

use std::collections::VecDeque;

use siumai_core::{
    model::ToolCallDelta,
    types::{Origin, TokenCount},
};

use super::*;

/// The events of a stream of these chunks, and how it ended.
fn read(chunks: &[&str]) -> (Vec<ModelEvent>, Result<Option<ModelEvent>, Fault>) {
    let (mut reader, mut events) = (Reader::default(), VecDeque::new());
    for chunk in chunks {
        match reader.read_event(event(chunk), &mut events) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(finish)) => return (events.into(), Ok(Some(finish))),
            Err(fault) => return (events.into(), Err(fault)),
        }
    }
    (events.into(), Ok(None))
}

fn read_whole(body: &str) -> Result<Vec<ModelEvent>, Fault> {
    let mut events = VecDeque::new();
    Reader::default().read_whole(body.as_bytes(), &mut events)?;
    Ok(events.into())
}

fn event(data: &str) -> sse::Event<'_> {
    sse::Event { name: b"", data: data.as_bytes() }
}

fn call(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{delta}]}}}}]}}"#)
}

/// The deltas of a stream whose chunks bring these pieces of calls.
fn calls(pieces: &[&str]) -> Vec<ToolCallDelta> {
    let chunks: Vec<_> = pieces.iter().map(|piece| call(piece)).collect();
    let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
    let (events, _) = read(&chunks);
    let deltas = events.into_iter().map(|event| match event {
        ModelEvent::Delta(Delta { tool_call: Some(call), .. }) => call,
        other => panic!("no tool call: {other:?}"),
    });
    deltas.collect()
}

fn begin(index: usize, id: &str, name: &str, arguments: &str) -> ToolCallDelta {
    ToolCallDelta { arguments: arguments.to_owned(), ..ToolCallDelta::begin(index, id, name) }
}

#[test]
fn a_stream_brings_its_text_and_ends_with_its_reason_and_usage() {
    let (events, end) = read(&[
        r#"{"id":"chatcmpl-1","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Sun\nny"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":" "},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,
            "prompt_tokens_details":{"cached_tokens":4}}}"#,
        "[DONE]",
    ]);
    let mut usage = Usage::new(7, 2);
    usage.cached_input_tokens = TokenCount::from(4);
    assert_eq!(
        events,
        [
            ModelEvent::start(Some("chatcmpl-1".into()), Some("gpt".into())),
            ModelEvent::content("Sun\nny"),
            ModelEvent::content(" "),
        ]
    );
    assert_eq!(end, Ok(Some(ModelEvent::finish(FinishReason::Stop, Some(usage)))));
}

#[test]
fn a_whole_reply_brings_the_same_events() {
    let events = read_whole(
        r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning":"hm"},
            "finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#,
    );
    let expected = vec![
        ModelEvent::start(Some("1".into()), None),
        ModelEvent::Delta(Delta::reasoning("hm")),
        ModelEvent::content("Hi"),
        ModelEvent::Origin(Origin::new("", r#"{"reasoning":"hm"}"#)),
        ModelEvent::finish(FinishReason::Stop, Some(Usage::new(7, 2))),
    ];
    assert_eq!(events, Ok(expected));
}

#[test]
fn a_model_that_is_known_before_the_id_is_told_with_it() {
    let (events, _) = read(&[
        r#"{"id":"","model":"gpt","choices":[]}"#,
        r#"{"id":"1","model":"gpt","choices":[{"delta":{"content":"Hi"}}]}"#,
    ]);
    let start = ModelEvent::start(Some("1".into()), Some("gpt".into()));
    assert_eq!(events, [start, ModelEvent::content("Hi")]);
}

#[test]
fn of_several_choices_the_first_is_read() {
    let (events, _) = read(&[
        r#"{"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(events, [ModelEvent::content("yes")]);
}

#[test]
fn what_was_said_so_far_beside_a_piece_is_not_said_again() {
    let chunk = r#"{"choices":[{"delta":{"content":"b"},"message":{"content":"ab"}}]}"#;
    assert_eq!(read(&[chunk]).0, [ModelEvent::content("b")]);
    let whole = r#"{"choices":[{"message":{"content":"ab"},"delta":null,"finish_reason":"stop"}]}"#;
    assert_eq!(read_whole(whole).unwrap()[0], ModelEvent::content("ab"));
}

#[test]
fn calls_stream_as_a_beginning_and_pieces_of_arguments() {
    let deltas = calls(&[
        r#"{"index":0,"id":"a","type":"function","function":{"name":"add","arguments":""}}"#,
        r#"{"index":0,"function":{"arguments":"{\"x\":"}}"#,
        r#"{"index":0,"function":{"arguments":"1}"}}"#,
        r#"{"index":1,"id":"b","type":"function","function":{"name":"sub","arguments":"{}"}}"#,
    ]);
    assert_eq!(
        deltas,
        [
            ToolCallDelta::begin(0, "a", "add"),
            ToolCallDelta::arguments(0, "{\"x\":"),
            ToolCallDelta::arguments(0, "1}"),
            begin(1, "b", "sub", "{}"),
        ]
    );
}

#[test]
fn ids_and_names_that_are_repeated_begin_no_call() {
    let deltas = calls(&[
        r#"{"index":0,"id":"a","function":{"name":"add","arguments":"{"}}"#,
        r#"{"index":0,"id":"a","function":{"name":"add","arguments":"}"}}"#,
        r#"{"id":"a","function":{"arguments":" "}}"#,
        r#"{"index":0,"id":"other","function":{"name":"","arguments":" "}}"#,
    ]);
    let first = begin(0, "a", "add", "{");
    let rest = ["}", " ", " "].map(|more| ToolCallDelta::arguments(0, more));
    assert_eq!(deltas, [vec![first], rest.to_vec()].concat());
}

#[test]
fn calls_without_an_index_are_told_apart_by_id_or_name() {
    let deltas = calls(&[
        r#"{"id":"a","function":{"name":"add","arguments":"{}"}}"#,
        r#"{"id":"b","function":{"name":"add"}}"#,
        r#"{"function":{"arguments":"{}"}}"#,
        r#"{"function":{"name":"sub","arguments":"{}"}}"#,
    ]);
    let unnumbered = ToolCallDelta { id: None, ..begin(2, "", "sub", "{}") };
    assert_eq!(
        deltas,
        [
            begin(0, "a", "add", "{}"),
            ToolCallDelta::begin(1, "b", "add"),
            ToolCallDelta::arguments(1, "{}"),
            unnumbered,
        ]
    );
}

#[test]
fn calls_that_are_all_counted_as_the_first_are_told_apart_by_id() {
    let deltas = calls(&[
        r#"{"index":0,"id":"a","function":{"name":"add","arguments":"{}"}},
           {"index":0,"id":"b","function":{"name":"add","arguments":"{"}}"#,
        r#"{"index":0,"function":{"arguments":"}"}}"#,
    ]);
    let more = ToolCallDelta::arguments(1, "}");
    assert_eq!(deltas, [begin(0, "a", "add", "{}"), begin(1, "b", "add", "{"), more]);
}

#[test]
fn what_comes_before_the_name_is_kept_for_it() {
    let deltas = calls(&[
        r#"{"index":0,"id":"a"}"#,
        r#"{"index":0,"function":{"arguments":"{\"x\""}}"#,
        r#"{"index":0,"function":{"name":"add","arguments":":1}"}}"#,
    ]);
    assert_eq!(deltas, [begin(0, "a", "add", "{\"x\":1}")]);
}

#[test]
fn calls_of_a_whole_reply_stay_apart_even_with_one_id() {
    let events = read_whole(
        r#"{"choices":[{"message":{"tool_calls":[
            {"id":"a","function":{"name":"add","arguments":{"x":1}}},
            {"id":"a","index":0,"function":{"name":"add","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
    );
    let calls = [begin(0, "a", "add", "{\"x\":1}"), begin(1, "a", "add", "{}")];
    let mut expected = calls.map(|it| ModelEvent::Delta(Delta::tool_call(it))).to_vec();
    expected.push(ModelEvent::finish(FinishReason::ToolCalls, None));
    assert_eq!(events, Ok(expected));
}

#[test]
fn a_call_that_never_gets_a_name_is_malformed() {
    let unnamed = call(r#"{"index":0,"id":"a","function":{"arguments":"{}"}}"#);
    let finish = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;
    let (_, end) = read(&[&unnamed, finish, "[DONE]"]);
    assert_eq!(end, Err(Fault::malformed(&"a tool call has no name", b"")));
}

#[test]
fn an_end_marker_without_a_finish_reason_is_no_end() {
    let (events, end) = read(&[r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, "[DONE]"]);
    assert_eq!((events, end), (vec![ModelEvent::content("Hi")], Err(Fault::Incomplete)));
}

#[test]
fn an_error_in_a_stream_is_an_error_in_whatever_frame() {
    let framed = r#"{"error":{"message":"too much","type":"rate_limit_error","code":429}}"#;
    let in_choice = r#"{"choices":[{"delta":{},"finish_reason":"error","error":{"message":"too much","type":"rate_limit_error","code":429}}]}"#;
    let bare = r#"{"object":"error","message":"too much","type":"rate_limit_error","code":429}"#;
    let expected = Reported {
        status: None,
        code: Some("429".into()),
        category: Some("rate_limit_error".into()),
        message: Some("too much".into()),
        ..Reported::default()
    };
    for chunk in [framed, in_choice, bare] {
        let Err(Fault::Reported(said)) = read(&[chunk]).1 else { panic!("{chunk} is no error") };
        assert_eq!(said, expected, "{chunk}");
    }
    let silent = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#;
    assert_eq!(read(&[silent]).1, Err(Fault::Reported(Reported::default())));
    let named = sse::Event { name: b"error", data: br#"{"message":"too much"}"# };
    let said = Reader::default().read_event(named, &mut Events::new()).err();
    let message = Some("too much".to_owned());
    assert_eq!(said, Some(Fault::Reported(Reported { message, ..Reported::default() })));
}

#[test]
fn unknown_fields_and_events_are_skipped() {
    let (events, end) = read(&[
        r#"{"type":"ping","at":1}"#,
        r#""ping""#,
        "",
        r#"{"choices":[{"delta":{"content":"Hi","mood":["glad"]},"logprobs":{},"finish_reason":"stop"}],"x":{"y":[1]}}"#,
        " [DONE] ",
    ]);
    assert_eq!(events, [ModelEvent::content("Hi")]);
    assert_eq!(end, Ok(Some(ModelEvent::finish(FinishReason::Stop, None))));
}

#[test]
fn what_is_no_json_is_malformed_and_what_is_cut_off_incomplete() {
    assert!(matches!(read(&["oops"]).1, Err(Fault::Malformed { .. })));
    assert!(matches!(read_whole("{]"), Err(Fault::Malformed { .. })));
    assert!(matches!(read_whole(r#"{"choices":[]}"#), Err(Fault::Malformed { .. })));
    assert_eq!(read_whole(""), Err(Fault::Incomplete));
    assert_eq!(read_whole(r#"{"choices":[{"message":{"content":"Hi"#), Err(Fault::Incomplete));
}

#[test]
fn pieces_of_signed_thinking_are_put_together_and_told_once() {
    let piece = |fields: &str| {
        format!(r#"{{"choices":[{{"delta":{{"reasoning_details":[{{{fields}}}]}}}}]}}"#)
    };
    let (events, _) = read(&[
        &piece(r#""type":"reasoning.text","index":0,"text":"so""#),
        &piece(r#""type":"reasoning.text","index":0,"text":" so""#),
        &piece(r#""type":"reasoning.text","index":0,"signature":"abc","format":"v1""#),
        &piece(r#""type":"reasoning.encrypted","index":1,"id":"r","data":"xyz""#),
        r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let details = r#"{"reasoning_details":[{"type":"reasoning.text","index":0,"format":"v1","text":"so so","signature":"abc"},{"type":"reasoning.encrypted","index":1,"id":"r","data":"xyz"}]}"#;
    let reasoning = |text| ModelEvent::Delta(Delta::reasoning(text));
    let expected = [
        reasoning("so"),
        reasoning(" so"),
        ModelEvent::content("Hi"),
        ModelEvent::Origin(Origin::new("", details)),
    ];
    assert_eq!(events, expected);
}

#[test]
fn usage_in_odd_places_is_found() {
    let used = |body: &str| {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"Hi"}}}}],{body}}}"#);
        match read_whole(&body).unwrap().pop() {
            Some(ModelEvent::Finish { usage, .. }) => usage.unwrap(),
            other => panic!("no end: {other:?}"),
        }
    };
    let mut expected = Usage::new(7, 2);
    let aside = r#""x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
    assert_eq!(used(aside), expected);
    expected.cached_input_tokens = TokenCount::from(4);
    let hit = r#""usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_cache_hit_tokens":4,"reasoning_tokens":0}"#;
    assert_eq!(used(hit), expected);
    let apart = r#""usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":5}}"#;
    assert_eq!(used(apart).output_tokens, TokenCount::from(7));
}

#[test]
fn calls_that_are_not_counted_go_on_by_their_place() {
    let begun = r#"{"choices":[{"delta":{"tool_calls":[
        {"id":"a","function":{"name":"add"}},{"id":"b","function":{"name":"sub"}}]}}]}"#;
    let go_on = r#"{"choices":[{"delta":{"tool_calls":[
        {"function":{"arguments":"{\"x\":1}"}},{"function":{"arguments":"{\"y\":2}"}}]}}]}"#;
    let (events, _) = read(&[begun, go_on]);
    let deltas = [
        begin(0, "a", "add", ""),
        begin(1, "b", "sub", ""),
        ToolCallDelta::arguments(0, "{\"x\":1}"),
        ToolCallDelta::arguments(1, "{\"y\":2}"),
    ];
    assert_eq!(events, deltas.map(|it| ModelEvent::Delta(Delta::tool_call(it))));
}

#[test]
fn calls_may_be_counted_once_they_have_begun_and_by_what_is_no_number() {
    let pieces = [
        r#"{"id":"a","function":{"name":"add","arguments":"{\"x\":"}},{"id":"b","function":{"name":"sub"}}"#,
        r#"{"index":1,"function":{"arguments":"{}"}},{"index":0,"function":{"arguments":"1}"}}"#,
    ];
    let deltas = [
        begin(0, "a", "add", "{\"x\":"),
        begin(1, "b", "sub", ""),
        ToolCallDelta::arguments(1, "{}"),
        ToolCallDelta::arguments(0, "1}"),
    ];
    assert_eq!(calls(&pieces), deltas);
    let odd = r#"{"index":"zero","id":7,"function":{"name":"add","arguments":[1]}}"#;
    assert_eq!(calls(&[odd]), [begin(0, "7", "add", "[1]")]);
}

#[test]
fn a_call_of_the_old_sort_is_a_call_unless_it_is_told_twice() {
    let old = r#""function_call":{"name":"add","arguments":"{}"}"#;
    let new = r#""tool_calls":[{"id":"a","function":{"name":"add","arguments":"{}"}}]"#;
    let told = |fields: &str| {
        let reply = format!(
            r#"{{"choices":[{{"message":{{{fields}}},"finish_reason":"function_call"}}]}}"#
        );
        read_whole(&reply).unwrap()
    };
    let call = |id: Option<&str>| {
        let delta = ToolCallDelta { id: id.map(str::to_owned), ..begin(0, "", "add", "{}") };
        let finish = ModelEvent::finish(FinishReason::ToolCalls, None);
        vec![ModelEvent::Delta(Delta::tool_call(delta)), finish]
    };
    assert_eq!(told(old), call(None));
    assert_eq!(told(&format!("{new},{old}")), call(Some("a")));
}

#[test]
fn a_call_of_a_tool_that_takes_text_is_skipped() {
    let custom = r#"{"index":0,"id":"a","type":"custom","custom":{"name":"say","input":"Hi"}}"#;
    assert_eq!(calls(&[custom]), []);
}

#[test]
fn text_before_thinking_goes_back_before_it() {
    let (events, _) = read(&[
        r#"{"choices":[{"delta":{"content":"First"}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}"#,
        r#"{"choices":[{"delta":{"content":"then"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let content = r#"{"content":[{"type":"text","text":"First"},{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"then"}]}"#;
    assert_eq!(events.last(), Some(&ModelEvent::Origin(Origin::new("", content))));
}

#[test]
fn what_says_nothing_in_the_place_of_an_error_is_none() {
    for nothing in ["null", "false", r#""""#, "{}", "[]", r#"{"message":null}"#] {
        let (events, _) = read(&[&format!(
            r#"{{"error":{nothing},"choices":[{{"delta":{{"content":"Hi"}}}}]}}"#
        )]);
        assert_eq!(events, [ModelEvent::content("Hi")], "{nothing}");
    }
}

#[test]
fn why_a_server_stopped_early_is_an_error() {
    let stopped = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","error":"no JSON"}}"#;
    let said = Reported { message: Some("no JSON".into()), ..Reported::default() };
    assert_eq!(read(&[stopped]).1, Err(Fault::Reported(said)));
}

#[test]
fn an_error_that_came_as_a_success_is_told() {
    let said = read_whole(r#"{"code":"x","message":"no such model"}"#);
    let reported = Reported {
        code: Some("x".into()),
        message: Some("no such model".into()),
        ..Reported::default()
    };
    assert_eq!(said, Err(Fault::Reported(reported)));
}

#[test]
fn the_end_of_the_connection_is_the_end_where_there_is_no_marker() {
    let ended = |chunk: &str| {
        let (mut reader, mut events) = (Reader::new("", End::Connection), VecDeque::new());
        assert!(reader.read_event(event(chunk), &mut events).is_ok());
        reader.end(&mut events)
    };
    let whole = r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    assert_eq!(ended(whole), Ok(ModelEvent::finish(FinishReason::Stop, None)));
    let cut_off = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    assert_eq!(ended(cut_off), Err(Fault::Incomplete));
    assert_eq!(Reader::default().end(&mut VecDeque::new()), Err(Fault::Incomplete));
}

use std::collections::VecDeque;

use proptest::{prelude::*, sample::select};
use siumai_core::model::ModelEvent;

use super::*;
use crate::{
    http::Fault,
    openai_chat::reply::Reader,
    reply::{Progress, ReplyReader},
    sse,
};

/// What a stream of `pieces` brings, and how it ends; each read as if it were the first, or not.
fn read(pieces: &[String], is_each_first: bool) -> (Vec<ModelEvent>, Result<(), Fault>) {
    let (mut reader, mut events) = (Reader::default(), VecDeque::new());
    for piece in pieces.iter().map(String::as_str).chain(["[DONE]"]) {
        if is_each_first {
            reader.head = Head::default();
        }
        match reader.read_event(sse::Event { name: b"", data: piece.as_bytes() }, &mut events) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(finish)) => events.push_back(finish),
            Err(fault) => return (events.into(), Err(fault)),
        }
    }
    (events.into(), Ok(()))
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    let heads = select(vec![
        r#"{"id":"a","model":"gpt","created":1,"#,
        r#"{"id":"a","model":"gpt","created":2,"#,
        r#"{ "id": "", "citations": ["https://a.example"], "#,
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":1},"#,
        r#"{"choices":[{"delta":{"content":"passed over"}}],"#,
        r#"{"error":{"message":"too much"},"#,
        "{",
    ]);
    let choices = select(vec![
        r#""choices":[{"index":0,"delta":{"content":"Hi"}}]"#,
        r#""choices": [ {"delta":{"content":"\u0041, \"B\""},"finish_reason":"stop"} ]"#,
        r#""ch\u006fices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]"#,
        r#""choices":[{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"look"}}]}}]"#,
        r#""choices":[]"#,
        r#""choices":null"#,
        r#""choices":{}"#,
        r#""object":"chunk""#,
    ]);
    let tails = select(vec![
        "}",
        " }",
        r#","usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#,
        r#","model":"other","id":"b"}"#,
        r#","choices":[{"delta":{"content":"instead"}}]}"#,
        "}}",
        ",",
        "",
    ]);
    prop::collection::vec((heads, choices, tails).prop_map(|(a, b, c)| [a, b, c].concat()), 0..8)
}

proptest! {
    #[test]
    fn a_piece_that_begins_as_the_last_brings_what_it_would_alone(pieces in pieces()) {
        prop_assert_eq!(read(&pieces, false), read(&pieces, true));
    }
}

#[test]
fn what_is_not_read_again_is_what_all_pieces_begin_with() {
    let long = format!(r#"{{"id":"{}","#, "a".repeat(LIMIT));
    let mut head = Head::default();
    for (piece, kept) in [
        (r#"{"id":"a","choices":[]}"#.to_owned(), r#"{"id":"a","choices":"#),
        (r#"{"id":"b","choices":[],"created":1}"#.to_owned(), r#"{"id":"b","choices":"#),
        (r#"{"id":"c","choices":[],"usage":{}}"#.to_owned(), r#"{"id":"b","choices":"#),
        (r#"{"id":"c"}"#.to_owned(), ""),
        (format!(r#"{long}"choices":[]}}"#), ""),
    ] {
        head.read(&piece, &mut Reply::default()).unwrap();
        assert_eq!(head.0, kept);
    }
}

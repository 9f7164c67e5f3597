//! One reply, wherever its bytes are cut, and what is said beside it.
use bytes::Bytes;
use siumai_core::{
    ErrorKind,
    model::ModelEvent,
    types::{ChatMessage, ChatRequest, ContentPart, Media, Role},
    user,
};

use crate::support::{Answer, assembled, model, read};

/// With everything that may be cut in two: a byte order mark, line ends, characters, escapes.
const STREAM: &str = "\u{feff}: hello\r\n\r\n\
    data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"reasoning\":\"h\\u00e9 ☃\"}}]}\r\n\r\n\
    data: {\"choices\":[{\"delta\":{\"content\":\"☃ \\ud83d\\ude00\"}}]}\n\n\
    data: {\"choices\":[\ndata: {\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\
    \"function\":{\"name\":\"add\",\"arguments\":\"{\\\"x\\\":\"}}]}}]}\n\n\
    data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":\
    {\"arguments\":\"1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n\
    data: [DONE]\n\n";

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

fn in_pieces(pieces: &[&[u8]]) -> Answer {
    let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
    Answer { pieces, ..Answer::events("") }
}

#[tokio::test]
async fn a_reply_reads_alike_wherever_its_bytes_are_cut() {
    let (whole, error) = read(&model(in_pieces(&[STREAM.as_bytes()])), request()).await;
    assert!(error.is_none(), "{error:?}");
    let response = assembled(&whole).finish().unwrap();
    assert_eq!(response.content_text(), Some("☃ 😀"));
    assert_eq!(response.tool_calls[0].arguments, serde_json::json!({ "x": 1 }));
    for cut in 0..=STREAM.len() {
        let (first, second) = STREAM.as_bytes().split_at(cut);
        let (events, error) = read(&model(in_pieces(&[first, second])), request()).await;
        assert!(error.is_none(), "cut at {cut}: {error:?}");
        assert_eq!(events, whole, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_reply_that_ends_before_its_end_marker_is_incomplete_after_what_came() {
    let (whole, _) = read(&model(in_pieces(&[STREAM.as_bytes()])), request()).await;
    let end = STREAM.find("[DONE]").unwrap() + "[DONE]".len();
    for cut in 0..end {
        let answer = in_pieces(&[&STREAM.as_bytes()[..cut]]);
        let (events, error) = read(&model(answer), request()).await;
        assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::IncompleteReply), "cut at {cut}");
        assert!(whole.starts_with(&events), "cut at {cut}: {events:?}");
    }
    for cut in end..STREAM.len() {
        let (events, error) =
            read(&model(in_pieces(&[&STREAM.as_bytes()[..cut]])), request()).await;
        assert!(error.is_none(), "cut at {cut}: {error:?}");
        assert_eq!(events, whole, "cut at {cut}");
    }
}

#[tokio::test]
async fn what_could_not_be_asked_is_told_with_the_reply() {
    let file = ContentPart::file(Media::url("https://example.com/a.pdf"), "a.pdf");
    let message = ChatMessage::new(Role::User, vec![ContentPart::text("Read"), file]);
    let whole = r#"{"id":"1","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let streams = format!("data: {}\n\ndata: [DONE]\n\n", whole.replace("message", "delta"));
    for answer in [Answer::events(streams), Answer::new(200, "application/json", whole)] {
        let request = ChatRequest::new(vec![message.clone()]);
        let (events, error) = read(&model(answer), request).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(events[0], ModelEvent::start(Some("1".into()), None));
        let warnings = assembled(&events).finish().unwrap().warnings;
        let said = "Chat Completions takes no file by its URL; one was left out, send its bytes";
        assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
    }
}

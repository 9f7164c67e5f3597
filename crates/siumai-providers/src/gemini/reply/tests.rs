use std::time::Duration;

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind,
    model::{Assembler, ModelEvent},
    types::{ChatResponse, ContentPart, FinishReason, Media, Source},
};

use super::Reader;
use crate::{
    http::{Fault, Reported},
    reply::{Events, ReplyReader},
    sse,
};

fn read(pieces: &[Value]) -> (Events, Result<ModelEvent, Fault>) {
    let (mut reader, mut events) = (Reader::default(), Events::new());
    for piece in pieces {
        let data = piece.to_string();
        let event = sse::Event { name: b"", data: data.as_bytes() };
        if let Err(fault) = reader.read_event(event, &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

fn response(pieces: &[Value]) -> ChatResponse {
    let (events, end) = read(pieces);
    assembled(events.into_iter().chain([end.unwrap()]))
}

fn assembled(events: impl IntoIterator<Item = ModelEvent>) -> ChatResponse {
    let mut assembler = Assembler::new("call");
    for event in events {
        assembler.push(event).unwrap();
    }
    assembler.finish().unwrap()
}

fn whole(body: &str) -> Result<ChatResponse, Fault> {
    let mut events = Events::new();
    Reader::default().read_whole(body.as_bytes(), &mut events)?;
    Ok(assembled(events))
}

fn said(parts: impl Into<Value>) -> Value {
    let parts = parts.into();
    json!({ "candidates": [{ "content": { "role": "model", "parts": parts } }] })
}

fn ended(parts: impl Into<Value>, reason: &str) -> Value {
    let parts = parts.into();
    json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": reason, "index": 0 }] })
}

fn kept(response: &ChatResponse) -> Value {
    serde_json::from_str(response.message.origin("gemini").unwrap()).unwrap()
}

#[test]
fn parts_go_back_as_they_came_and_text_joined() {
    let code = json!({ "executableCode": { "language": "PYTHON", "code": "1" } });
    let result = json!({ "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "1" } });
    let call = json!({ "functionCall": { "name": "add", "args": { "x": 1.50 } }, "thoughtSignature": "c2ln" });
    let unknown = json!({ "somethingElse": { "text": "no" }, "partMetadata": {} });
    let signed = json!({ "text": "", "thoughtSignature": "c2ln" });
    let response = response(&[
        said(json!([{ "text": "h", "thought": true }])),
        said(json!([{ "text": "m\u{2028}\"", "thought": true }, { "text": "one" }])),
        said(json!([{ "text": "" }, { "text": " two", "thought": false }])),
        said(json!([code, result, unknown])),
        said(json!([{ "text": "three" }])),
        said(json!([{ "text": "four", "thoughtSignature": "c2ln" }, call])),
        ended(json!([signed]), "STOP"),
    ]);
    assert_eq!(
        kept(&response),
        json!([
            { "text": "hm\u{2028}\"", "thought": true },
            { "text": "one two" },
            code,
            result,
            unknown,
            { "text": "three" },
            { "text": "four", "thoughtSignature": "c2ln" },
            call,
            signed,
        ])
    );
    assert_eq!(response.content_text(), Some("one twothreefour"));
    assert_eq!(response.message.content()[0], ContentPart::reasoning("hm\u{2028}\""));
    assert_eq!(response.tool_calls[0].arguments, json!({ "x": 1.5 }));
    assert_eq!(response.finish_reason, FinishReason::ToolCalls);
}

#[test]
fn a_stream_is_whole_only_if_its_last_words_say_why_it_ended() {
    let is_cut_off = |pieces: &[Value]| read(pieces).1 == Err(Fault::Incomplete);
    let stop = ended(json!([{ "text": "a" }]), "STOP");
    let code = json!([{ "executableCode": { "code": "1" } }]);
    let result = json!([{ "codeExecutionResult": { "output": "1" } }]);
    assert!(is_cut_off(&[]));
    assert!(is_cut_off(&[said(json!([{ "text": "a" }]))]));
    assert!(is_cut_off(&[stop.clone(), said(json!([{ "text": "b" }]))]));
    assert!(is_cut_off(&[ended(code.clone(), "STOP")]));
    assert!(is_cut_off(&[ended(code.clone(), "STOP"), said(result)]));
    assert!(!is_cut_off(&[ended(code, "MAX_TOKENS")]));
    assert!(!is_cut_off(&[stop.clone(), json!({ "usageMetadata": { "promptTokenCount": 1 } })]));
    assert!(!is_cut_off(&[stop, said(json!([{ "text": "" }]))]));
}

#[test]
fn why_a_reply_ended_is_told_in_our_words() {
    let reason = |word: &str| response(&[ended(Value::Null, word)]).finish_reason;
    assert_eq!(reason("STOP"), FinishReason::Stop);
    assert_eq!(reason("MAX_TOKENS"), FinishReason::Length);
    for word in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY"]
    {
        assert_eq!(reason(word), FinishReason::ContentFilter, "{word}");
    }
    for word in ["MALFORMED_FUNCTION_CALL", "OTHER", "LANGUAGE", "NO_SUCH_WORD"] {
        assert_eq!(reason(word), FinishReason::Other(word.to_owned()));
    }
    let call = json!([{ "functionCall": { "name": "add" } }]);
    assert_eq!(response(&[ended(call, "MAX_TOKENS")]).finish_reason, FinishReason::Length);
}

#[test]
fn calls_without_ids_and_arguments_are_told_apart() {
    let calls = json!([
        { "functionCall": { "name": "ping" } },
        { "functionCall": { "name": "ping", "args": null, "id": "" } },
        { "functionCall": { "name": "ping", "args": {}, "id": "its-own" } },
    ]);
    let response = response(&[ended(calls, "STOP")]);
    let ids: Vec<_> = response.tool_calls.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["call_1", "call_2", "its-own"]);
    assert!(response.tool_calls.iter().all(|it| it.arguments == json!({})));
    let nameless = read(&[ended(json!([{ "functionCall": { "args": {} } }]), "STOP")]);
    assert!(matches!(nameless.1, Err(Fault::Malformed { .. })));
}

#[test]
fn pictures_files_and_sources_are_parts() {
    let grounded = json!({ "candidates": [{
        "content": { "parts": [
            { "text": "Look:" },
            { "inlineData": { "mimeType": "image/png", "data": "iVBORw==" } },
            { "inlineData": { "mimeType": "image/png", "data": "iVBORw==" }, "thought": true },
            { "fileData": { "mimeType": "application/pdf", "fileUri": "https://example.com/a" } },
        ] },
        "groundingMetadata": { "groundingChunks": [
            { "web": { "uri": "https://example.com", "title": "Example" } },
            { "retrievedContext": { "title": "Notes", "text": "It is so." } },
            { "web": { "uri": "https://example.com", "title": "Example" } },
            7,
        ] },
        "citationMetadata": { "citationSources": [{ "startIndex": 1, "uri": "https://example.org" }] },
        "urlContextMetadata": { "urlMetadata": [
            { "retrievedUrl": "https://example.com", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS" },
            { "retrievedUrl": "https://example.net", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS" },
            { "retrievedUrl": "https://example.edu", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR" },
        ] },
        "finishReason": "STOP",
    }] });
    let mut notes = Source::default().with_title("Notes");
    notes.quote = Some("It is so.".to_owned());
    assert_eq!(
        response(&[grounded]).message.content(),
        [
            ContentPart::text("Look:"),
            ContentPart::image(Media::bytes("image/png", *b"\x89PNG")),
            ContentPart::unnamed_file(Media::typed_url("application/pdf", "https://example.com/a")),
            ContentPart::Source(Source::url("https://example.com").with_title("Example")),
            ContentPart::Source(notes),
            ContentPart::Source(Source::url("https://example.org")),
            ContentPart::Source(Source::url("https://example.net")),
        ]
    );
    let cited = json!({ "candidates": [{
        "citationMetadata": { "citations": [{ "uri": "https://example.org", "title": "Vertex" }] },
        "finishReason": "STOP",
    }] });
    let vertex = Source::url("https://example.org").with_title("Vertex");
    assert_eq!(response(&[cited]).message.content(), [ContentPart::Source(vertex)]);
}

fn call_piece(call: &Value) -> Value {
    said(json!([{ "functionCall": call }]))
}

fn placed(path: &str, more: Value) -> Value {
    let mut piece = more;
    piece["jsonPath"] = json!(path);
    call_piece(&json!({ "partialArgs": [piece], "willContinue": true }))
}

#[test]
fn a_call_may_come_in_pieces() {
    let begin = json!({ "functionCall": { "name": "cook", "id": "a", "willContinue": true }, "thoughtSignature": "c2ln" });
    let pieces = [
        said(json!([begin])),
        placed("$.dish.name", json!({ "stringValue": "Las", "willContinue": true })),
        placed("$.dish.name", json!({ "stringValue": "agna" })),
        placed("$.dish['a b'][1].n", json!({ "numberValue": 0.5 })),
        call_piece(&json!({ "willContinue": true })),
        placed("$.is_hot", json!({ "boolValue": true })),
        placed("$.note", json!({ "nullValue": null })),
        call_piece(&json!({})),
        // The second ends with its last piece.
        call_piece(&json!({ "name": "ping", "willContinue": true })),
        call_piece(&json!({ "partialArgs": [{ "jsonPath": "$.n", "numberValue": 3 }] })),
        ended(json!([{ "text": "" }]), "STOP"),
    ];
    let response = response(&pieces);
    let arguments = json!({
        "dish": { "name": "Lasagna", "a b": [null, { "n": 0.5 }] },
        "is_hot": true,
        "note": null,
    });
    let calls: Vec<_> = response.tool_calls.iter().map(|it| (&*it.id, &it.arguments)).collect();
    assert_eq!(calls, [("a", &arguments), ("call_2", &json!({ "n": 3 }))]);
    assert_eq!(
        kept(&response),
        json!([
            {
                "functionCall": { "id": "a", "name": "cook", "args": arguments },
                "thoughtSignature": "c2ln",
            },
            { "functionCall": { "name": "ping", "args": { "n": 3 } } },
        ])
    );
}

#[test]
fn a_call_in_pieces_that_the_limit_cuts_off_is_no_whole_one() {
    let begin = call_piece(&json!({ "name": "cook", "willContinue": true }));
    let piece = placed("$.dish", json!({ "stringValue": "Las", "willContinue": true }));
    let cut_off = |reason| response(&[begin.clone(), piece.clone(), ended(json!([]), reason)]);
    assert_eq!(cut_off("MAX_TOKENS").tool_calls[0].arguments, json!(r#"{"dish":"Las""#));
    assert_eq!(cut_off("STOP").tool_calls[0].arguments, json!({ "dish": "Las" }));
    assert_eq!(read(&[begin, piece]).1, Err(Fault::Incomplete));
}

#[test]
fn a_piece_of_a_call_must_have_a_call_and_a_place() {
    let begin = call_piece(&json!({ "name": "cook", "willContinue": true }));
    let is_malformed = |pieces: &[Value]| matches!(read(pieces).1, Err(Fault::Malformed { .. }));
    let value = || json!({ "numberValue": 1 });
    assert!(is_malformed(&[placed("$.a", value())]));
    let deep = format!("$.a{}", "[0]".repeat(100));
    for path in ["", "a", "$a", "$.", "$.a[", "$.a[x]", "$['a]", "$.a[99999]", &deep] {
        assert!(is_malformed(&[begin.clone(), placed(path, value())]), "{path}");
    }
    // An end of nothing is nothing.
    assert!(!is_malformed(&[call_piece(&json!({})), ended(json!([]), "STOP")]));
}

#[test]
fn usage_is_told_in_our_counting_and_what_is_unknown_stays_so() {
    let usage = |told: Value| {
        let mut piece = ended(json!([]), "STOP");
        piece["usageMetadata"] = told;
        json!(response(&[piece]).usage)
    };
    let all = json!({
        "promptTokenCount": 10, "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 20,
    });
    let counted = json!({
        "input_tokens": 15, "output_tokens": 5, "total_tokens": 20, "cached_input_tokens": 4,
        "reasoning_tokens": 2, "estimated": false,
    });
    assert_eq!(usage(all), counted);
    let thoughts = usage(json!({ "promptTokenCount": 10, "thoughtsTokenCount": 2 }));
    assert_eq!((&thoughts["output_tokens"], &thoughts["total_tokens"]), (&json!(2), &Value::Null));
    assert_eq!(usage(json!({}))["output_tokens"], Value::Null);
    assert_eq!(usage(Value::Null), Value::Null);
}

#[test]
fn of_several_candidates_the_first_is_read() {
    let other = json!({ "candidates": [
        { "index": 1, "content": { "parts": [{ "text": "no" }] }, "finishReason": "STOP" },
        { "index": 0, "content": { "parts": [{ "text": "yes" }] }, "finishReason": "STOP" },
    ] });
    assert_eq!(response(&[other]).content_text(), Some("yes"));
}

#[test]
fn a_blocked_prompt_is_an_error_of_the_filter() {
    let blocked = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" } });
    let Err(Fault::Reported(reported)) = read(&[blocked]).1 else { panic!("no error") };
    assert_eq!(reported.kind(), ErrorKind::ContentFilter);
    assert_eq!(reported.code.as_deref(), Some("PROHIBITED_CONTENT"));
    let rated = json!({ "promptFeedback": { "safetyRatings": [] } });
    assert_eq!(read(&[rated]).1, Err(Fault::Incomplete));
}

#[test]
fn whole_replies_may_be_a_list_of_pieces_or_lack_a_reason() {
    let pieces = json!([said(json!([{ "text": "a" }])), ended(json!([{ "text": "b" }]), "STOP")]);
    assert_eq!(whole(&pieces.to_string()).unwrap().content_text(), Some("ab"));
    let unended = json!([said(json!([{ "text": "a" }]))]);
    assert_eq!(whole(&unended.to_string()), Err(Fault::Incomplete));
    let reply = whole(&said(json!([{ "text": "a" }])).to_string()).unwrap();
    assert_eq!(reply.finish_reason, FinishReason::Other("FINISH_REASON_UNSPECIFIED".to_owned()));
    assert!(matches!(whole(r#"{"modelVersion":"x"}"#), Err(Fault::Malformed { .. })));
    assert_eq!(whole(r#"{"candidates":["#), Err(Fault::Incomplete));
}

fn error(status: &str, message: &str, details: &Value) -> Reported {
    let body = json!({ "error": { "status": status, "message": message, "details": details } });
    let listed = Reader::read_error(json!([body]).to_string().as_bytes());
    let alone = Reader::read_error(body.to_string().as_bytes());
    assert_eq!(listed, alone);
    alone.unwrap()
}

#[test]
fn errors_are_told_apart_by_name_details_and_words() {
    let kind = |status, message| error(status, message, &Value::Null).kind();
    assert_eq!(kind("INVALID_ARGUMENT", "Bad."), ErrorKind::InvalidRequest);
    assert_eq!(kind("INVALID_ARGUMENT", "API key expired."), ErrorKind::Authentication);
    assert_eq!(
        kind(
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8)."
        ),
        ErrorKind::ContextTooLong
    );
    assert_eq!(kind("FAILED_PRECONDITION", "Not there."), ErrorKind::PermissionDenied);
    assert_eq!(kind("UNAVAILABLE", "Overloaded."), ErrorKind::Overloaded);
    assert_eq!(kind("DEADLINE_EXCEEDED", "Late."), ErrorKind::Timeout);
    assert_eq!(kind("INTERNAL", "Oh."), ErrorKind::Server);
    let details = json!([{ "violations": [] }, { "retryDelay": "34.4s" }]);
    let limited = error("RESOURCE_EXHAUSTED", "Slow down.", &details);
    assert_eq!(limited.kind(), ErrorKind::RateLimited);
    assert_eq!(limited.retry_after, Some(Duration::from_millis(34_400)));
    let key = json!([{ "reason": "API_KEY_INVALID" }]);
    assert_eq!(error("INVALID_ARGUMENT", "No.", &key).kind(), ErrorKind::Authentication);
}

#[test]
fn an_error_in_the_midst_of_a_stream_ends_it_with_what_came_before() {
    let overloaded =
        json!({ "error": { "code": 503, "message": "Busy.", "status": "UNAVAILABLE" } });
    let (events, end) = read(&[said(json!([{ "text": "a" }])), overloaded]);
    assert_eq!(events, [ModelEvent::content("a")]);
    let Err(Fault::Reported(reported)) = end else { panic!("no error") };
    assert_eq!((reported.kind(), reported.status), (ErrorKind::Overloaded, Some(503)));
}

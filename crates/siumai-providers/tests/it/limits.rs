//! Answers that are too large, and errors as a status and a body tell them.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use siumai_core::{ErrorKind, LlmError, async_trait, types::ChatRequest, user};
use siumai_providers::http::{Body, HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport};

use crate::{
    conformance::{APIS, wires::Wire},
    support::{Answer, model, read},
};

const MIB: usize = 1 << 20;

async fn failure(answer: Answer) -> (ErrorKind, String) {
    let (events, error) = read(&model(answer), request()).await;
    assert_eq!(events, []);
    let error = error.unwrap();
    (error.kind(), error.to_string())
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

/// Answers with `start` and then a hundred pieces of a mebibyte, and counts how many are taken.
#[derive(Clone)]
struct Endless {
    content_type: &'static str,
    status: u16,
    start: &'static str,
    piece: Bytes,
    taken: Arc<AtomicUsize>,
}

impl Endless {
    fn new(content_type: &'static str, start: &'static str) -> Self {
        let piece = Bytes::from(vec![b'x'; MIB]);
        Self { content_type, status: 200, start, piece, taken: Arc::default() }
    }

    /// What comes of it over a wire, and how many pieces were taken for that.
    async fn failure(&self, wire: &dyn Wire) -> (ErrorKind, String, usize) {
        let model = wire.model("openai", "test", None, Arc::new(self.clone()));
        let (_, error) = read(&*model, request()).await;
        let error = error.unwrap();
        (error.kind(), error.to_string(), self.taken.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Transport for Endless {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, LlmError> {
        let (piece, taken) = (self.piece.clone(), Arc::clone(&self.taken));
        let pieces = stream::iter(0..1000).map(move |_| {
            taken.fetch_add(1, Ordering::Relaxed);
            Ok(piece.clone())
        });
        let start = stream::iter([Ok(Bytes::from_static(self.start.as_bytes()))]);
        let response = HttpResponse::new(self.status, Body::new(start.chain(pieces)));
        let content_type = HeaderName::from_static("content-type");
        Ok(response.with_header(content_type, HeaderValue::from_static(self.content_type)))
    }
}

#[tokio::test]
async fn an_endless_line_is_an_error_once_it_is_larger_than_an_event_may_be() {
    for (api, wire) in APIS {
        for start in ["data: \"", "event: ", ": ", "data: {}\ndata: "] {
            let endless = Endless::new("text/event-stream", start);
            let (kind, said, taken) = endless.failure(wire).await;
            assert_eq!(kind, ErrorKind::MalformedReply, "{api}: {said}");
            assert!(said.starts_with("an event of "), "{said}");
            assert!(said.ends_with(" is larger than 16 MiB"), "{said}");
            assert!(taken <= 17, "{taken} of a thousand pieces were taken");
        }
    }
}

#[tokio::test]
async fn an_endless_reply_is_an_error_once_it_is_larger_than_one_may_be() {
    for (api, wire) in APIS {
        let endless = Endless::new("application/json", "{\"choices\": \"");
        let (kind, said, taken) = endless.failure(wire).await;
        assert_eq!(kind, ErrorKind::MalformedReply, "{api}: {said}");
        assert!(said.ends_with(" is larger than 64 MiB"), "{said}");
        assert!(taken <= 65, "{taken} of a thousand pieces were taken");
    }
}

#[tokio::test]
async fn a_stream_without_an_end_is_an_error_once_it_is_larger_than_one_may_be() {
    let mut endless = Endless::new("text/event-stream", "");
    let comment = format!(":{}\n\n", "x".repeat(MIB - 3));
    endless.piece = Bytes::from(comment);
    let (kind, said, taken) = endless.failure(APIS[0].1).await;
    assert_eq!(kind, ErrorKind::MalformedReply);
    assert_eq!(said, "the reply of openai is larger than 256 MiB");
    assert_eq!(taken, 257, "of a thousand pieces");
}

#[tokio::test]
async fn of_an_endless_error_the_beginning_is_told() {
    let endless = Endless { status: 500, ..Endless::new("text/plain", "oh no ") };
    let (kind, said, taken) = endless.failure(APIS[0].1).await;
    assert_eq!((kind, taken), (ErrorKind::Server, 1));
    assert!(said.starts_with("openai failed: oh no xxx"), "{said}");
    assert!(said.len() < 1200, "{}", said.len());
}

#[tokio::test]
async fn a_status_and_a_body_tell_the_sort_of_an_error() {
    let error = |message: &str, code: &str| {
        format!(r#"{{"error": {{"message": "{message}", "code": "{code}"}}}}"#)
    };
    let cases = [
        (
            400,
            error("Bad.", "x"),
            ErrorKind::InvalidRequest,
            "openai refused the request: Bad (status 400)",
        ),
        (
            400,
            error("Too long.", "context_length_exceeded"),
            ErrorKind::ContextTooLong,
            "the conversation is too long for `gpt-test`: Too long; shorten the history (status 400)",
        ),
        (
            400,
            error("This model's maximum context length is 10 tokens.", "x"),
            ErrorKind::ContextTooLong,
            "the conversation is too long for `gpt-test`: This model's maximum context length is 10 \
             tokens; shorten the history (status 400)",
        ),
        (
            402,
            error("Pay.", "x"),
            ErrorKind::PermissionDenied,
            "openai does not allow this: Pay (status 402)",
        ),
        (
            403,
            error("No.", "x"),
            ErrorKind::PermissionDenied,
            "openai does not allow this: No (status 403)",
        ),
        (
            404,
            error("None.", "model_not_found"),
            ErrorKind::NotFound,
            "openai has no model `gpt-test` at https://api.openai.com/v1/chat/completions: None; \
             check its name and the base URL (status 404)",
        ),
        (
            408,
            String::new(),
            ErrorKind::Timeout,
            "openai waited too long: it does not say why; try again (status 408)",
        ),
        (
            409,
            error("Locked.", "x"),
            ErrorKind::Server,
            "openai failed: Locked; try again later (status 409)",
        ),
        (
            413,
            error("Too many tokens a minute.", "rate_limit_exceeded"),
            ErrorKind::RateLimited,
            "openai limits how much is asked: Too many tokens a minute; wait (status 413)",
        ),
        (
            422,
            error("Odd.", "x"),
            ErrorKind::InvalidRequest,
            "openai refused the request: Odd (status 422)",
        ),
        (
            429,
            error("Slow.", "x"),
            ErrorKind::RateLimited,
            "openai limits how much is asked: Slow; wait (status 429)",
        ),
        (
            503,
            "busy".to_owned(),
            ErrorKind::Server,
            "openai failed: busy; try again later (status 503)",
        ),
        (
            529,
            error("Full.", "x"),
            ErrorKind::Overloaded,
            "openai is overloaded: Full; try again later (status 529)",
        ),
    ];
    for (status, body, kind, said) in cases {
        let answer = Answer::new(status, "application/json", body);
        assert_eq!(failure(answer).await, (kind, said.to_owned()));
    }
}

#[tokio::test]
async fn an_error_in_a_stream_is_an_error_after_what_came_before() {
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n\
                  data: {\"error\":{\"message\":\"Broken.\",\"type\":\"server_error\"}}\n\n";
    let answer = Answer::events(events).with_header("x-request-id", "req_7");
    let (before, error) = read(&model(answer), request()).await;
    assert_eq!(before, [siumai_core::model::ModelEvent::content("Hel")]);
    let error = error.unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Server, Some("server_error")));
    assert_eq!(error.to_string(), "openai failed: Broken; try again later (request req_7)");
}

#[tokio::test]
async fn what_is_no_json_is_shown_as_it_begins() {
    let (kind, said) = failure(Answer::events("data: {\"choices\": oops}\n\n")).await;
    assert_eq!(kind, ErrorKind::MalformedReply);
    assert_eq!(
        said,
        "the reply of openai can't be read: expected value at line 1 column 13; it begins \
         `{\"choices\": oops}`"
    );
}

#[tokio::test]
async fn a_stream_with_another_content_type_is_read_all_the_same() {
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]";
    for content_type in ["text/plain", "application/json", ""] {
        let answer = Answer::new(200, content_type, events);
        let (events, error) = read(&model(answer), request()).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(events.len(), 2);
    }
}

//! The client with a socket, against a server on loopback that says what it is told.
use std::time::Duration;

use futures_util::StreamExt;
use siumai_core::{
    ErrorKind,
    model::{LanguageModel, ModelEvent, collect},
    types::{ChatRequest, FinishReason},
    user,
};
use siumai_providers::OpenAiChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::read;

const HELLO: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// A place to listen, and a model that asks there.
pub(crate) async fn listen() -> (TcpListener, OpenAiChat) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let model = OpenAiChat::openai().api_key("sk-test").model("gpt-test").base_url(base_url);
    (listener, model.build().unwrap())
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

/// Reads one request, head and body.
pub(crate) async fn hear(socket: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(socket.read_u8().await.unwrap());
    }
    let mut lines = str::from_utf8(&heard).unwrap().lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    let start = heard.len();
    heard.resize(start + length.unwrap().parse::<usize>().unwrap(), 0);
    socket.read_exact(&mut heard[start..]).await.unwrap();
    String::from_utf8(heard).unwrap()
}

pub(crate) async fn say(socket: &mut TcpStream, bytes: &str) {
    socket.write_all(bytes.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}\r\ncontent-length: {length}\r\n\r\n{body}")
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What the model makes of `answer`, and what it had asked.
async fn exchange(
    request: ChatRequest,
    answer: String,
) -> (Vec<ModelEvent>, Option<siumai_core::LlmError>, String) {
    let (listener, model) = listen().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let heard = hear(&mut socket).await;
        say(&mut socket, &answer).await;
        heard
    };
    let both = async { tokio::join!(server, read(&model, request)) };
    let (heard, (events, error)) = timeout(Duration::from_secs(20), both).await.unwrap();
    (events, error, heard)
}

#[tokio::test]
async fn a_streamed_reply_arrives_in_pieces() {
    let stream = [STREAM, &chunk(CHUNK), &chunk(LAST), "0\r\n\r\n"].concat();
    let (events, error, heard) = exchange(request(), stream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        events,
        [ModelEvent::content("Hello"), ModelEvent::finish(FinishReason::Stop, None)]
    );

    let (top, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(top.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{top}");
    let user_agent = format!("user-agent: siumai/{}", env!("CARGO_PKG_VERSION"));
    for header in ["authorization: Bearer sk-test", "content-type: application/json", &user_agent] {
        assert!(top.lines().any(|line| line == header), "{header} is not in {top}");
    }
    assert!(body.contains(r#""stream":true"#), "{body}");
}

#[tokio::test]
async fn a_reply_in_one_piece_is_read_by_its_content_type_whatever_was_asked() {
    let json = answer("200 OK", "content-type: application/json", HELLO);
    let stream = [STREAM, &chunk(CHUNK), &chunk(LAST), "0\r\n\r\n"].concat();
    for request in [request(), request().whole()] {
        for answer in [&json, &stream] {
            let (events, error, _) = exchange(request.clone(), answer.clone()).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(events[0], ModelEvent::content("Hello"));
        }
    }
}

#[tokio::test]
async fn a_connection_serves_again_once_its_stream_is_drained() {
    let (listener, model) = listen().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            hear(&mut socket).await;
            say(&mut socket, &[STREAM, &chunk(CHUNK), &chunk(LAST)].concat()).await;
            // The end of the body comes by itself, after the reply has been read.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            say(&mut socket, "0\r\n\r\n").await;
        }
    };
    let client = async {
        for _ in 0..3 {
            let mut stream = model.stream(request()).await.unwrap();
            while let Some(event) = stream.next().await {
                if matches!(event.unwrap(), ModelEvent::Finish { .. }) {
                    break;
                }
            }
        }
    };
    let both = async { tokio::join!(server, client) };
    timeout(Duration::from_secs(20), both).await.expect("a second connection was made");
}

#[tokio::test]
async fn a_server_that_leaves_its_stream_open_does_not_hold_up_the_reply() {
    let (listener, model) = listen().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket).await;
        say(&mut socket, &[STREAM, &chunk(CHUNK), &chunk(LAST)].concat()).await;
        socket
    };
    let client = async {
        let mut stream = model.stream(request()).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), ModelEvent::content("Hello"));
        tokio::time::pause();
        collect(stream).await.unwrap().finish_reason
    };
    let (_open, finish_reason) = tokio::join!(server, client);
    assert_eq!(finish_reason, FinishReason::Stop);
}

#[tokio::test]
async fn a_wrong_key_is_an_authentication_error_with_the_request_id() {
    let body = r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let headers = "content-type: application/json\r\nx-request-id: req_7";
    let (_, error, _) = exchange(request(), answer("401 Unauthorized", headers, body)).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!(error.code(), Some("invalid_api_key"));
    assert_eq!(
        error.to_string(),
        "openai does not accept the API key: Incorrect API key provided; pass a valid one \
         (status 401, request req_7)"
    );
}

#[tokio::test]
async fn too_many_requests_say_how_long_to_wait() {
    let headers = "content-type: application/json\r\nretry-after: 2";
    let body = r#"{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}"#;
    let (_, error, _) = exchange(request(), answer("429 Too Many Requests", headers, body)).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn a_web_page_says_that_the_base_url_is_wrong() {
    let page = "<!doctype html><html><body>Welcome</body></html>";
    for (status, kind) in [
        ("200 OK", ErrorKind::MalformedReply),
        ("404 Not Found", ErrorKind::NotFound),
        ("502 Bad Gateway", ErrorKind::Server),
    ] {
        for content_type in ["content-type: text/html; charset=utf-8", "content-type: text/plain"] {
            let (_, error, _) = exchange(request(), answer(status, content_type, page)).await;
            let error = error.unwrap();
            assert_eq!(error.kind(), kind);
            let said = error.message();
            assert!(said.starts_with("http://127.0.0.1:"), "{said}");
            assert!(said.ends_with("/v1/chat/completions does not look like an API: it answers with a web page; check the base URL"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let headers = "location: https://elsewhere.example/v1/chat/completions?x=1";
    let (_, error, _) = exchange(request(), answer("308 Permanent Redirect", headers, "")).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let way_out = "redirects to https://elsewhere.example/v1/chat/completions; set the base URL to where the API is";
    assert!(error.message().ends_with(way_out), "{error}");
}

#[tokio::test]
async fn nobody_there_names_the_address_and_what_to_do() {
    let (listener, model) = listen().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (_, error) = read(&model, request()).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(
        error.to_string(),
        format!(
            "nothing listens at {address}; start the server, or check the base URL \
             (http://{address}/v1/chat/completions)"
        )
    );
}

#[tokio::test]
async fn a_connection_that_closes_before_an_answer_is_a_connection_error() {
    let (_, error, _) = exchange(request(), String::new()).await;
    assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::Connection));
}

#[tokio::test]
async fn a_stream_that_is_cut_brings_what_came_before_and_an_error() {
    let in_a_chunk = [STREAM, &chunk(CHUNK), "40\r\ndata: {\"choi"].concat();
    let between_chunks = [STREAM, &chunk(CHUNK)].concat();
    let ended_early = [STREAM, &chunk(CHUNK), "0\r\n\r\n"].concat();
    for cut in [in_a_chunk, between_chunks, ended_early] {
        let (events, error, _) = exchange(request(), cut).await;
        assert_eq!(events, [ModelEvent::content("Hello")]);
        assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::IncompleteReply));
    }
}

#[tokio::test]
async fn a_whole_reply_that_is_cut_is_incomplete() {
    let whole = answer("200 OK", "content-type: application/json", HELLO);
    let (events, error, _) = exchange(request(), whole[..whole.len() - 9].to_owned()).await;
    assert_eq!(events, []);
    assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::IncompleteReply));
}

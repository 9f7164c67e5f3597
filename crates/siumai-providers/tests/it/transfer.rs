//! What travels over a socket otherwise than it is: compressed, slowly, or not at all.
use std::{io::Write as _, time::Duration};

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder},
};
use siumai_core::{
    ErrorKind, LlmError,
    model::{LanguageModel, ModelEvent},
    types::{ChatRequest, FinishReason},
    user,
};
use siumai_providers::OpenAiChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use crate::{
    loopback::{hear, listen, say},
    support::read,
};

const MIB: usize = 1 << 20;
const HELLO: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `start` and a hundred mebibytes more, in a hundredth part of that.
fn bomb(start: &str) -> Vec<u8> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    // Flushed, it ends with a byte and needs nothing of what was before it.
    let deflated = |bytes: &[u8]| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    };
    let piece = deflated(&vec![b'x'; MIB]);
    [HEADER.to_vec(), deflated(start.as_bytes()), piece.repeat(100)].concat()
}

fn head(status: &str, content_type: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-encoding: gzip\r\n\
         content-length: {length}\r\n\r\n"
    )
}

type Outcome = (Vec<ModelEvent>, Option<LlmError>);

/// What comes of an answer with this compressed body, of which only `sent` bytes arrive.
async fn compressed(status: &str, content_type: &str, body: &[u8], sent: usize) -> Outcome {
    let (listener, model) = listen().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let asked = hear(&mut socket).await;
        assert!(asked.lines().any(|line| line == "accept-encoding: gzip"), "{asked}");
        say(&mut socket, &head(status, content_type, body.len())).await;
        // Whoever has had enough hangs up.
        socket.write_all(&body[..sent]).await.ok();
    };
    let (outcome, ()) = tokio::join!(read(&model, request()), server);
    outcome
}

async fn refused(status: &str, content_type: &str, body: &[u8]) -> (ErrorKind, String) {
    let (events, error) = compressed(status, content_type, body, body.len()).await;
    assert_eq!(events, []);
    let error = error.unwrap();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn a_compressed_reply_is_read_as_any_other() {
    for (content_type, body) in [("application/json", HELLO), ("text/event-stream", STREAM)] {
        let body = gzip(body.as_bytes());
        let (events, error) = compressed("200 OK", content_type, &body, body.len()).await;
        assert!(error.is_none(), "{error:?}");
        let finish = ModelEvent::finish(FinishReason::Stop, None);
        assert_eq!(events, [ModelEvent::content("Hello"), finish]);
    }
}

#[tokio::test]
async fn a_reply_that_is_small_only_while_compressed_is_too_large() {
    let body = bomb("{\"choices\": \"");
    assert!(body.len() < MIB, "{}", body.len());
    let (kind, said) = refused("200 OK", "application/json", &body).await;
    assert_eq!(kind, ErrorKind::MalformedReply, "{said}");
    assert_eq!(said, "the reply of openai is larger than 64 MiB");

    let (kind, said) = refused("200 OK", "text/event-stream", &bomb("data: \"")).await;
    assert_eq!(kind, ErrorKind::MalformedReply, "{said}");
    assert_eq!(said, "an event of openai is larger than 16 MiB");

    let (kind, said) = refused("500 Oh No", "text/plain", &bomb("oh no ")).await;
    assert_eq!(kind, ErrorKind::Server);
    assert!(said.starts_with("openai failed: oh no xxx") && said.len() < 1200, "{said}");
}

#[tokio::test]
async fn a_compressed_reply_that_is_cut_or_broken_is_incomplete() {
    let whole = gzip(HELLO.as_bytes());
    let (_, error) = compressed("200 OK", "application/json", &whole, whole.len() - 9).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::IncompleteReply);
    let (kind, _) = refused("200 OK", "application/json", b"this was never compressed").await;
    assert_eq!(kind, ErrorKind::IncompleteReply);
}

/// Asks while time stands still but for what is waited for; says what came of it and how long
/// it took.
async fn waited(model: &dyn LanguageModel) -> (LlmError, Duration) {
    let begun = Instant::now();
    let (_, error) = read(model, request()).await;
    (error.unwrap(), begun.elapsed())
}

/// Reads a request and stops the clock.
async fn hear_and_stop(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().await.unwrap();
    hear(&mut socket).await;
    tokio::time::pause();
    socket
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_after_ten_minutes() {
    let (listener, model) = listen().await;
    let (_socket, (error, took)) = tokio::join!(hear_and_stop(&listener), waited(&model));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let address = listener.local_addr().unwrap();
    let said = format!("{address} said nothing for 600 s; try again, or ask for less at a time");
    assert_eq!(error.to_string(), said);
    assert!((600..605).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_midst_is_given_up_after_ten_minutes() {
    for content_type in ["text/event-stream", "application/json"] {
        let (listener, model) = listen().await;
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            hear(&mut socket).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n");
            say(&mut socket, &format!("{head}content-length: 999\r\n\r\n{STREAM:.60}")).await;
            tokio::time::pause();
            socket
        };
        let (_socket, (error, _)) = tokio::join!(server, waited(&model));
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.message().contains("said nothing for 600 s"), "{error}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_given_up_after_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let model = OpenAiChat::openai().api_key("sk-test").model("gpt-test");
    let model = model.base_url(format!("https://{address}/v1")).build().unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        // It hears the greeting of TLS and says nothing to it.
        assert!(socket.read(&mut [0; 512]).await.unwrap() > 0);
        tokio::time::pause();
        socket
    };
    let (_socket, (error, took)) = tokio::join!(server, waited(&model));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let said =
        format!("no connection to {address} within 10 s; check the network and the base URL");
    assert_eq!(error.to_string(), said);
    assert!((9..=11).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn headers_of_the_caller_are_sent_and_replace_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let model = OpenAiChat::openai().api_key("sk-test").model("gpt-test").base_url(base_url);
    let model = model.header("X-Team", "seven").header("User-Agent", "mine/1");
    let model = model.header("Authorization", "Token abc").build().unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket).await
    };
    let (heard, _) = tokio::join!(server, read(&model, request()));
    for header in ["x-team: seven", "user-agent: mine/1", "authorization: Token abc"] {
        assert!(heard.lines().any(|line| line == header), "{header} is not in {heard}");
    }
    assert!(!heard.contains("siumai") && !heard.contains("sk-test"), "{heard}");
}

//! A key shows nowhere, whatever goes wrong, whoever repeats it and whichever provider it is for.
mod providers;

use std::error::Error;

use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, collect, layers::Retry},
    orchestrator::{OrchestratorOptions, run},
    types::ChatRequest,
    user,
};
use siumai_providers::http::{Body, HttpClient, HttpRequest, HttpResponse, Transport, Url};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use self::providers::{Asked, PROVIDERS, Provider};
use crate::{
    heard::Heard,
    loopback::hear,
    support::{Answer, Canned},
};

/// What every secret here has in it: none of them may show, nor a part of one.
const CANARY: &str = "canary";
const KEY: &str = "sk-canary-4f1d2b";
const HEADER: &str = "canary-header-77aa";
const PASSWORD: &str = "canary-password-9c";
const IN_QUERY: &str = "canary+query/3e";
/// The base64 of `me:canary-password-9c`, as it travels in a header.
const BASIC: &str = "bWU6Y2FuYXJ5LXBhc3N3b3JkLTlj";

/// `host` with a password and a key in its URL.
fn secretive(scheme: &str, host: &str) -> String {
    format!("{scheme}://me:{PASSWORD}@{host}/v1?key=canary%2Bquery%2F3e")
}

/// Everything that somebody may repeat.
fn told() -> String {
    format!(
        "bad key {KEY} (authorization: Bearer {KEY}; Basic {BASIC}), header {HEADER}, for {} {IN_QUERY}",
        secretive("https", "example.com")
    )
}

fn check(shown: &str) {
    let canary = shown.to_ascii_lowercase().find(CANARY);
    assert!(canary.is_none() && !shown.contains(BASIC), "a secret shows in {shown}");
}

fn check_error(error: &LlmError) {
    check(&format!("{error} {error:?} {error:#?} {:?} {:?}", error.code(), error.request_id()));
    let mut source = error.source();
    while let Some(error) = source {
        check(&format!("{error} {error:?}"));
        source = error.source();
    }
}

/// Answers that repeat secrets wherever one can be repeated, as each provider words it.
fn answers() -> Vec<Answer> {
    let told = told();
    let error = format!(r#"{{"message":"{told}","type":"{KEY}","code":"{KEY}","status":"{KEY}"}}"#);
    let as_error = format!(r#"{{"type":"error","error":{error},"message":"{told}"}}"#);
    let failed = format!(r#"{{"status":"failed","error":{error},"output":[]}}"#);
    let odd = format!(
        r#"{{"choices":"{told}","content":"{told}","output":"{told}","candidates":"{told}"}}"#
    );
    let odd_event = format!(r#"{{"type":"message_start","message":"{told}","response":"{told}"}}"#);
    let json = "application/json";
    let mut answers: Vec<_> = [400, 401, 402, 403, 404, 413, 429, 500, 503, 529]
        .into_iter()
        .map(|status| Answer::new(status, json, as_error.clone()))
        .collect();
    answers.extend([
        Answer::new(500, "text/plain", told.clone()),
        Answer::new(500, json, format!("{}{}", " ".repeat(64 * 1024 - 10), KEY)),
        Answer::new(403, "text/html", format!("<html>{told}</html>")),
        Answer::new(200, "text/html", format!("<html>{told}</html>")),
        Answer::new(200, json, format!("<html>{told}</html>")),
        Answer::new(302, "text/plain", "").with_header("location", &format!("/{KEY}?key={KEY}")),
        Answer::new(307, "text/plain", told.clone())
            .with_header("location", &secretive("https", &format!("{KEY}.example.com"))),
        Answer::new(200, json, as_error.clone()),
        Answer::new(200, json, told.clone()),
        Answer::new(200, json, odd.clone()),
        Answer::new(200, json, failed.clone()),
        // Cut off within a secret, behind so many that little is left of them.
        Answer::new(200, json, format!("{{{}", [KEY; 100].concat())),
        Answer::new(200, "text/plain", format!("data: {told}\n\n")),
        Answer::events(format!("data: {as_error}\n\n")),
        Answer::events(format!("event: error\ndata: {as_error}\n\n")),
        Answer::events(format!("event: {KEY}\ndata: {told}\n\n")),
        Answer::events(format!("data: {{\"type\":\"response.failed\",\"response\":{failed}}}\n\n")),
        Answer::events(format!("data: {{\"type\":\"{KEY}\"}}\n\ndata: {odd}\n\n")),
        Answer::events(format!("data: {odd_event}\n\n")),
        Answer::events(format!(": {told}\n\nid: {KEY}\n\ndata: {{\"choi")),
    ]);
    answers.into_iter().map(repeated_in_headers).collect()
}

fn repeated_in_headers(answer: Answer) -> Answer {
    ["x-request-id", "request-id", "retry-after", "date", "www-authenticate", "x-should-retry"]
        .into_iter()
        .fold(answer, |answer, name| answer.with_header(name, KEY))
}

/// What a provider is told that is at `base_url`.
fn asked(base_url: impl Into<String>) -> Asked {
    Asked {
        key: KEY.to_owned(),
        header_name: "x-extra",
        header: HEADER.to_owned(),
        base_url: base_url.into(),
    }
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

#[tokio::test]
async fn m7_a_secret_that_is_sent_back_shows_in_no_error_and_no_log() {
    let (heard, _guard) = Heard::listen();
    for provider in PROVIDERS.iter() {
        for answer in answers() {
            let base_url = secretive("https", "example.com");
            let (shown, model) = provider
                .build(asked(base_url), Some(Box::new(Canned::new(vec![answer.clone()]))))
                .unwrap();
            check(&shown);
            let model = Retry::new(model).max_retries(0);
            let reply = match model.stream(request()).await {
                Ok(stream) => collect(stream).await,
                Err(error) => Err(error),
            };
            match reply {
                Err(error) => check_error(&error),
                // What is no error of one provider may be a reply of another that says nothing.
                Ok(reply) => assert_eq!(reply.content_text(), None, "{answer:?}"),
            }
        }
    }
    heard.lines().iter().for_each(|line| check(line));
    assert!(heard.lines().iter().any(|line| line.contains("an answer began")), "nothing was heard");
}

#[tokio::test]
async fn m7_a_run_that_fails_shows_no_secret() {
    for provider in PROVIDERS.iter() {
        let error = format!(r#"{{"error":{{"message":"{}","code":"{KEY}"}}}}"#, told());
        let answer = repeated_in_headers(Answer::new(401, "application/json", error));
        let transport = Canned::new(vec![answer]);
        let asked = asked(secretive("https", "example.com"));
        let (_, model) = provider.build(asked, Some(Box::new(transport))).unwrap();
        let messages = vec![user!("hello")];
        let failed = run(&*model, messages, None, None, &[], OrchestratorOptions::default()).await;
        let failed = failed.unwrap_err();
        check(&format!("{failed} {failed:?} {failed:#?}"));
        check_error(failed.error());
    }
}

#[tokio::test]
async fn m7_a_builder_a_model_and_its_requests_show_no_secret_and_send_each() {
    for provider in PROVIDERS.iter() {
        let transport = Canned::new(vec![Answer::events("")]);
        let asked = asked(secretive("https", "example.com"));
        let (shown, model) = provider.build(asked, Some(Box::new(transport.clone()))).unwrap();
        check(&shown);
        let answer = model.stream(request()).await;
        check(&format!("{:?}", answer.err()));
        transport.with_requests(|requests| {
            let [HttpRequest { url, headers, .. }] = requests else { panic!("{requests:?}") };
            check(&format!("{requests:?} {requests:#?} {headers:?}"));
            let (name, value) = provider.key_header();
            assert_eq!(headers[name], value, "{}", provider.name);
            assert_eq!(headers["x-extra"], HEADER);
            assert_eq!(headers.get("authorization").is_some(), name == "authorization");
            assert!(
                url.query().unwrap().starts_with("key=canary%2Bquery%2F3e"),
                "{}",
                provider.name
            );
        });
    }
}

/// A transport that tells too much, as a user's own may: of a failure before there is an answer,
/// and in the midst of one.
enum Talkative {
    Before,
    Amidst,
}

#[async_trait]
impl Transport for Talkative {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        let HttpRequest { url, headers, .. } = request;
        let source = std::io::Error::other(format!("lost {url}"));
        let message = format!("lost {url} {headers:?} {KEY}");
        let error = LlmError::new(ErrorKind::Connection, message).with_source(source);
        match self {
            Self::Before => Err(error),
            Self::Amidst => {
                let body = Body::new(futures_util::stream::iter([Err(error)]));
                Ok(HttpResponse::new(200, body))
            }
        }
    }
}

#[tokio::test]
async fn an_error_of_a_transport_that_tells_too_much_is_scrubbed() {
    for provider in PROVIDERS.iter() {
        for transport in [Talkative::Before, Talkative::Amidst] {
            let asked = asked(secretive("https", "example.com"));
            let (_, model) = provider.build(asked, Some(Box::new(transport))).unwrap();
            let error = match model.stream(request()).await {
                Ok(stream) => collect(stream).await.unwrap_err(),
                Err(error) => error,
            };
            check_error(&error);
            assert_eq!(error.kind(), ErrorKind::Connection);
            assert!(error.message().starts_with("lost "), "{error}");
        }
    }
}

/// What a server on loopback does with a connection.
const CONDUCTS: [&str; 6] = [
    "",
    "\u{15}\u{3}\u{1} no HTTP\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 900\r\n\r\ndata: {",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnone",
    "HTTP/1.1 302 Found\r\nlocation: /v1/sk-canary-4f1d2b?key=canary%2Bquery%2F3e\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 401 No\r\nx-request-id: sk-canary-4f1d2b\r\ncontent-length: 16\r\n\r\nsk-canary-4f1d2b",
];

#[tokio::test]
async fn an_error_of_a_connection_shows_no_secret_nor_does_the_log_of_it() {
    let (heard, _guard) = Heard::listen();
    let client = HttpClient::for_host(&Url::parse("http://127.0.0.1").unwrap()).unwrap();
    check(&format!("{client:?} {client:#?}"));
    for provider in PROVIDERS.iter() {
        for conduct in CONDUCTS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let host = listener.local_addr().unwrap().to_string();
            let server = async {
                let (mut socket, _) = listener.accept().await.unwrap();
                hear(&mut socket).await;
                socket.write_all(conduct.as_bytes()).await.unwrap();
            };
            let client = fails(provider, &client, secretive("http", &host));
            tokio::join!(server, client);
        }
        // Nobody listens, and somebody who knows no TLS.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = async { drop(listener.accept().await.unwrap()) };
        tokio::join!(server, fails(provider, &client, secretive("https", &host)));
        drop(listener);
        fails(provider, &client, secretive("http", &host)).await;
    }
    heard.lines().iter().for_each(|line| check(line));
    assert!(heard.lines().iter().any(|line| line.contains("connect")), "nothing was heard");
}

async fn fails(provider: &Provider, client: &HttpClient, base_url: String) {
    let (_, model) = provider.build(asked(base_url), Some(Box::new(client.clone()))).unwrap();
    let error = match model.stream(request()).await {
        Ok(stream) => collect(stream).await.unwrap_err(),
        Err(error) => error,
    };
    check_error(&error);
}

#[test]
fn what_cannot_be_built_shows_no_secret() {
    for provider in PROVIDERS.iter() {
        let good = || asked("https://example.com/v1");
        let with_base_url = |base_url: String| Asked { base_url, ..good() };
        let bad = [
            Asked { key: format!("{KEY}\n{KEY}"), ..good() },
            Asked { header: format!("{HEADER}\n{HEADER}"), ..good() },
            Asked { header_name: "no header", ..good() },
            with_base_url(format!("me:{PASSWORD}@example.com/v1?key={KEY}")),
            with_base_url(secretive("ftp", "example.com")),
            with_base_url(secretive("https", "exa mple.com:x")),
        ];
        for asked in bad {
            let (shown, error) = provider.build(asked, None).err().unwrap();
            check(&shown);
            check_error(&error);
        }
    }
}

//! What is asked again, when, and where that shows: over every wire, and over a socket.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelStream, collect, layers::Retry},
    types::{ChatRequest, ChatResponse, Warning},
    user,
};
use siumai_providers::http::{HttpRequest, HttpResponse, Transport};
use tokio::{io::AsyncReadExt, time::Instant};

use crate::{
    conformance::{APIS, wires::Wire},
    heard::Heard,
    loopback::{answer, hear, listen, say},
    support::{Answer, Canned},
};

const BUSY: &str = r#"{"error":{"message":"Slow down.","code":"rate_limit_exceeded"}}"#;
const ODD: &str = r#"{"error":{"message":"Odd.","code":"odd"}}"#;
const HELLO: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;

fn request() -> ChatRequest {
    ChatRequest::new(vec![user!("hello")])
}

async fn ask(model: impl LanguageModel) -> Result<ChatResponse, LlmError> {
    collect(model.stream(request()).await?).await
}

/// A transport that notes when it was asked.
#[derive(Clone)]
struct Timed {
    answers: Canned,
    begun: Instant,
    asked: Arc<Mutex<Vec<Duration>>>,
}

#[async_trait]
impl Transport for Timed {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        self.asked.lock().unwrap().push(self.begun.elapsed());
        self.answers.send(request).await
    }
}

/// What came of asking `wire`, which answers so and then with a reply, and when it was asked.
async fn asked(wire: &dyn Wire, first: Answer) -> (Result<ChatResponse, LlmError>, Vec<Duration>) {
    let (begun, asked) = (Instant::now(), Arc::default());
    let answers = Canned::new(vec![first, wire.reply("Hello", 0)]);
    let timed = Timed { answers, begun, asked: Arc::clone(&asked) };
    let model = wire.model("openai", "test", None, Arc::new(timed));
    let reply = ask(Retry::new(model)).await;
    let asked = asked.lock().unwrap().clone();
    (reply, asked)
}

fn refusal(status: u16, headers: &[(&str, &str)]) -> Answer {
    let body = if status == 429 { BUSY } else { ODD };
    let answer = Answer::new(status, "application/json", body);
    headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_provider_asks_for_is_waited_whichever_way_it_says_so() {
    let date: &[_] = &[
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("retry-after", "Wed, 21 Oct 2015 07:28:07 GMT"),
    ];
    let past: &[_] = &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")];
    let cases: [(&[_], Duration); 4] = [
        (&[("retry-after", "1")], Duration::from_secs(1)),
        (&[("retry-after-ms", "1250")], Duration::from_millis(1250)),
        (date, Duration::from_secs(7)),
        (past, Duration::ZERO),
    ];
    for (api, wire) in APIS {
        for (headers, wait) in cases {
            let (reply, asked) = asked(wire, refusal(429, headers)).await;
            assert_eq!(asked, [Duration::ZERO, wait], "{api} {headers:?}");
            let reply = reply.unwrap();
            assert_eq!(reply.content_text(), Some("Hello"));
            let [Warning::Retried { attempt: 1, error }] = &reply.warnings[..] else {
                panic!("{:?}", reply.warnings)
            };
            assert!(error.ends_with("Slow down; wait (status 429)"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_an_error_at_once() {
    for (_, wire) in APIS {
        let (reply, asked) = asked(wire, refusal(429, &[("retry-after", "31")])).await;
        assert_eq!(asked, [Duration::ZERO]);
        let error = reply.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
        assert!(error.message().contains("it asks to wait 31s"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_asked_again_and_what_cannot_is_not() {
    for (api, wire) in APIS {
        for (status, times) in [
            (400, 1),
            (401, 1),
            (403, 1),
            (404, 1),
            (408, 2),
            (409, 2),
            (413, 1),
            (422, 1),
            (425, 2),
            (429, 2),
            (500, 2),
            (502, 2),
            (503, 2),
            (504, 2),
            (529, 2),
        ] {
            let (reply, asked) = asked(wire, refusal(status, &[])).await;
            assert_eq!(asked.len(), times, "{api} {status}");
            assert_eq!(reply.is_ok(), times == 2, "{api} {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whether_to_ask_again_is_the_providers_word() {
    for (api, wire) in APIS {
        for (status, word, times) in [(400, "true", 2), (429, "false", 1), (503, "false", 1)] {
            let (_, asked) = asked(wire, refusal(status, &[("x-should-retry", word)])).await;
            assert_eq!(asked.len(), times, "{api} {status}");
        }
    }
}

/// Stops the clock while nobody asks: with a socket open it has to go.
struct StoppedBetween<M> {
    model: M,
    stopped: Mutex<Option<Instant>>,
    waits: Arc<Mutex<Vec<Duration>>>,
}

#[async_trait]
impl<M: LanguageModel> LanguageModel for StoppedBetween<M> {
    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn model(&self) -> &str {
        self.model.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        if let Some(stopped) = self.stopped.lock().unwrap().take() {
            self.waits.lock().unwrap().push(stopped.elapsed());
            tokio::time::resume();
        }
        let answer = self.model.stream(request).await;
        if answer.is_err() {
            tokio::time::pause();
            *self.stopped.lock().unwrap() = Some(Instant::now());
        }
        answer
    }
}

#[tokio::test]
async fn too_many_requests_and_then_a_reply_are_two_requests_a_second_apart_that_show() {
    let (heard, _guard) = Heard::listen();
    let (listener, model) = listen().await;
    let waits = Arc::default();
    let model = StoppedBetween { model, stopped: Mutex::default(), waits: Arc::clone(&waits) };
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let first = hear(&mut socket).await;
        let headers = "content-type: application/json\r\nretry-after: 1\r\nx-request-id: req_7";
        say(&mut socket, &answer("429 Too Many Requests", headers, BUSY)).await;
        let second = hear(&mut socket).await;
        say(&mut socket, &answer("200 OK", "content-type: application/json", HELLO)).await;
        (socket, first, second)
    };
    let ((mut socket, first, second), reply) = tokio::join!(server, ask(Retry::new(model)));
    assert_eq!(first, second, "the same request");
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0, "nothing more is asked");

    let waits = waits.lock().unwrap().clone();
    let [wait] = waits[..] else { panic!("{waits:?}") };
    // A timer goes by whole milliseconds.
    let second = Duration::from_secs(1);
    assert!((second..=second + Duration::from_millis(1)).contains(&wait), "{wait:?}");

    let reply = reply.unwrap();
    assert_eq!(reply.content_text(), Some("Hello"));
    let told = "openai limits how much is asked: Slow down; wait (status 429, request req_7)";
    assert_eq!(reply.warnings, [Warning::Retried { attempt: 1, error: told.to_owned() }]);
    let ours: Vec<_> = heard.lines().into_iter().filter(|it| it.contains("attempt")).collect();
    let named = "provider=\"openai\" model=\"gpt-test\"";
    assert_eq!(
        ours,
        [
            format!(
                "WARN an attempt at the model failed {named} attempt=1 kind=RateLimited status=429 request_id=\"req_7\" wait=1s"
            ),
            format!("DEBUG the model answers {named} attempt=2"),
        ]
    );
}

#[tokio::test]
async fn a_refused_request_is_made_once() {
    let (listener, model) = listen().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket).await;
        let headers = "content-type: application/json\r\nretry-after: 0";
        say(&mut socket, &answer("400 Bad Request", headers, ODD)).await;
        socket
    };
    let (mut socket, reply) = tokio::join!(server, ask(Retry::new(model)));
    let error = reply.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, Some(1)));
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0, "nothing more is asked");
    let another = tokio::select! {
        biased;
        accepted = listener.accept() => Some(accepted),
        () = tokio::task::yield_now() => None,
    };
    assert!(another.is_none(), "another connection was made");
}

//! An answer, byte for byte, and what a wire makes of it.
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelEvent},
    types::ChatRequest,
    user,
};
use siumai_providers::{
    Anthropic, Gemini, OpenAiChat, OpenAiResponses,
    http::{Body, HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport},
};

/// What no error may show, whatever an answer repeats.
const KEY: &str = "sk-canary-2e7d";

/// How often a future is polled before it is held to be stuck.
const MOST_POLLS: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] =
        [Self::OpenAiChat, Self::OpenAiResponses, Self::Anthropic, Self::Gemini];

    fn model(self, transport: Once) -> Box<dyn LanguageModel> {
        match self {
            Self::OpenAiChat => {
                let model = OpenAiChat::openai().api_key(KEY).model("gpt-test");
                Box::new(model.transport(transport).build().unwrap())
            }
            Self::OpenAiResponses => {
                let model = OpenAiResponses::openai().api_key(KEY).model("gpt-test");
                Box::new(model.transport(transport).build().unwrap())
            }
            Self::Anthropic => {
                let model = Anthropic::builder().api_key(KEY).model("claude-test");
                Box::new(model.transport(transport).build().unwrap())
            }
            Self::Gemini => {
                let model = Gemini::builder().api_key(KEY).model("gemini-test");
                Box::new(model.transport(transport).build().unwrap())
            }
        }
    }
}

/// An answer and how it is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'a [u8],
    /// Whether the connection is lost behind the body.
    pub(crate) breaks: bool,
    /// What the cuts are made of.
    pub(crate) cuts: u8,
}

impl<'a> Answer<'a> {
    /// The answer that `data` describes: a byte for what it is, one for the cuts, the body.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let [form, cuts, body @ ..] = data else { return None };
        let content_type = match form & 3 {
            0 => "text/event-stream",
            1 => "application/json",
            2 => "text/plain; charset=utf-8",
            _ => "text/event-stream; charset=utf-8",
        };
        let status = match form >> 2 & 7 {
            5 => 400,
            6 => 429,
            7 => 500,
            _ => 200,
        };
        Some(Self { status, content_type, body, breaks: form & 32 != 0, cuts: *cuts })
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status == 200
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.is_success() && self.content_type.starts_with("text/event-stream")
    }

    /// The body in pieces: of one byte, or of odd sizes.
    fn pieces(&self) -> VecDeque<Bytes> {
        let most = [1, 7, 61, 509][usize::from(self.cuts & 3)];
        let mut state = u32::from(self.cuts) + 1;
        let mut rest = self.body;
        let mut pieces = VecDeque::new();
        while !rest.is_empty() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = 1 + (state >> 16) as usize % most;
            let (piece, after) = rest.split_at(size.min(rest.len()));
            pieces.push_back(Bytes::copy_from_slice(piece));
            rest = after;
        }
        pieces
    }

    fn response(&self, pieces: VecDeque<Bytes>) -> HttpResponse {
        let body = Body::new(hesitantly(pieces, self.breaks));
        let content_type = HeaderValue::from_static(self.content_type);
        HttpResponse::new(self.status, body)
            .with_header(HeaderName::from_static("content-type"), content_type)
    }
}

/// The pieces, each of which has to be waited for, and then the end or an error.
fn hesitantly(
    mut pieces: VecDeque<Bytes>,
    mut breaks: bool,
) -> impl Stream<Item = Result<Bytes, LlmError>> {
    let mut is_ready = true;
    stream::poll_fn(move |cx| {
        is_ready = !is_ready;
        if !is_ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let lost = || LlmError::new(ErrorKind::Connection, "the connection was lost");
        let piece = pieces.pop_front().map(Ok);
        Poll::Ready(piece.or_else(|| std::mem::take(&mut breaks).then(|| Err(lost()))))
    })
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<ModelEvent>,
    /// The sort of the error and its text.
    pub(crate) failure: Option<(ErrorKind, String)>,
}

/// Reads `answer` in one piece.
pub(crate) fn read_at_once(wire: Wire, answer: &Answer<'_>) -> Outcome {
    read(wire, answer.response(VecDeque::from([Bytes::copy_from_slice(answer.body)])))
}

/// Reads `answer` piece by piece.
pub(crate) fn read_in_pieces(wire: Wire, answer: &Answer<'_>) -> Outcome {
    read(wire, answer.response(answer.pieces()))
}

fn read(wire: Wire, response: HttpResponse) -> Outcome {
    let transport = Once::new(response);
    let model = wire.model(transport);
    let mut events = Vec::new();
    let error = run(async {
        let mut stream = match model.stream(ChatRequest::new(vec![user!("hello")])).await {
            Ok(stream) => stream,
            Err(error) => return Some(error),
        };
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => events.push(event),
                Err(error) => {
                    assert!(stream.next().await.is_none(), "something follows an error");
                    return Some(error);
                }
            }
        }
        None
    });
    let failure = error.map(|error| {
        assert!(!format!("{error} {error:?}").contains(KEY), "an error shows the key: {error:?}");
        (error.kind(), error.to_string())
    });
    Outcome { events, failure }
}

/// The JSON that `request` is on `wire`.
pub(crate) fn written(wire: Wire, request: ChatRequest) -> Result<Bytes, LlmError> {
    let transport = Once::new(HttpResponse::new(500, Body::whole("")));
    let model = wire.model(transport.clone());
    let refused = run(async { model.stream(request).await.err() });
    let asked = transport.lock().1.take();
    asked.ok_or_else(|| refused.expect("nothing was asked, and no error says why"))
}

/// Runs `future` without a runtime.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MOST_POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it is stuck");
}

/// Answers once, and keeps what was asked.
#[derive(Clone)]
struct Once(Arc<Mutex<(Option<HttpResponse>, Option<Bytes>)>>);

impl Once {
    fn new(response: HttpResponse) -> Self {
        Self(Arc::new(Mutex::new((Some(response), None))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<HttpResponse>, Option<Bytes>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Once {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        let mut state = self.lock();
        state.1 = Some(request.body.to_bytes());
        Ok(state.0.take().expect("it was asked twice"))
    }
}

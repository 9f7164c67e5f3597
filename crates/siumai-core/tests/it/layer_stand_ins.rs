//! What tests of layers put under them, and how they listen.
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelEvent, ModelStream, collect},
    types::{ChatRequest, ChatResponse, FinishReason},
    user,
};
use tokio::time::Instant;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The canary that nothing but the model may see.
pub(crate) const PROMPT: &str = "the prompt is a secret";

/// A request that says [`PROMPT`].
pub(crate) fn request() -> ChatRequest {
    ChatRequest::new(vec![user!(PROMPT)])
}

/// Asks `model` and reads its reply to the end.
pub(crate) async fn ask(model: &impl LanguageModel) -> Result<ChatResponse, LlmError> {
    collect(model.stream(request()).await?).await
}

pub(crate) fn failure(kind: ErrorKind) -> LlmError {
    LlmError::new(kind, "it failed")
}

/// What a model answers one request with: a refusal, or the items of a stream.
pub(crate) type Answer = Result<Vec<Result<ModelEvent, LlmError>>, LlmError>;

/// A stream of these events.
#[expect(clippy::unnecessary_wraps, reason = "it stands in a list beside refusals")]
pub(crate) fn events(events: impl IntoIterator<Item = ModelEvent>) -> Answer {
    Ok(events.into_iter().map(Ok).collect())
}

/// Whole text.
pub(crate) fn says(text: &str) -> Answer {
    events([ModelEvent::content(text), ModelEvent::finish(FinishReason::Stop, None)])
}

/// Answers by a list, and notes when it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    name: &'static str,
    answers: Arc<Mutex<Vec<Answer>>>,
    asked: Arc<Mutex<Vec<Duration>>>,
    begun: Instant,
}

impl Listed {
    /// A model of this name that gives these answers, in order.
    pub(crate) fn new(name: &'static str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::default());
        Self { name, answers, asked, begun: Instant::now() }
    }

    /// When it was asked, since it was made.
    pub(crate) fn asked(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl LanguageModel for Listed {
    fn provider(&self) -> &'static str {
        "listed"
    }

    fn model(&self) -> &str {
        self.name
    }

    async fn stream(&self, _: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        self.asked.lock().unwrap().push(self.begun.elapsed());
        let answer = self.answers.lock().unwrap().pop().expect("it was asked too often");
        Ok(stream::iter(answer?).boxed())
    }
}

/// What was logged on this thread, as text.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// Listens until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let heard = Self::default();
        let writer = heard.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone());
        (heard, subscriber.finish().set_default())
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|it| it.trim().to_owned()).collect()
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

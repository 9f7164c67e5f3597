//! A model whose exchanges are written down.
use std::{
    fmt, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, Fuse},
};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    line::{Ended, Exchange, Header, Line},
    secrets::Secrets,
};
use crate::{
    LlmError,
    model::{LanguageModel, ModelEvent, ModelStream},
    types::{ChatRequest, Tool, Warning},
};

/// Passes everything through, and writes each exchange with the model down, for
/// [`Replay`](super::Replay) to answer by.
///
/// A line is written and flushed when its exchange has ended, be it by an error or because nobody
/// read on, so a program that dies loses what was under way and nothing else. The last line says
/// that the recording is whole; it is written by [`finish`](Self::finish), or when the recorder is
/// dropped. Writing blocks for as long as the writer does. What a model gives after an error or
/// its finish is passed through, but not written.
///
/// ```
/// use siumai_core::{
///     LlmError,
///     model::{LanguageModel, collect, layers::{Recorder, Replay}},
///     testing::ScriptedModel,
///     types::ChatRequest,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let mut file = Vec::new();
/// let model = ScriptedModel::new().reply("Your key is sk-4711.");
/// let recorder = Recorder::new(model, &mut file).scrub("sk-4711");
/// let request = || ChatRequest::new(vec![user!("What is my key?")]);
/// let reply = collect(recorder.stream(request()).await?).await?;
/// assert_eq!(reply.content_text(), Some("Your key is sk-4711."));
/// drop(recorder);
///
/// let replay = Replay::from_reader(&file[..])?;
/// let reply = collect(replay.stream(request()).await?).await?;
/// assert_eq!(reply.content_text(), Some("Your key is [secret]."));
/// # Ok(())
/// # }
/// ```
///
/// # If it can't be written
///
/// The reply was paid for and the run can go on with it, so a writer that fails takes neither
/// away: the reply carries a [`Warning::NotRecorded`], and an error says so in its text. Nothing is
/// written after that, since it might follow half a line; each further exchange warns, too, and
/// [`finish`](Self::finish) returns the first error, for programs whose purpose is the recording.
pub struct Recorder<M, W: io::Write> {
    model: M,
    tape: Tape<W>,
}

impl<M: LanguageModel, W: io::Write + Send> Recorder<M, W> {
    /// Writes what `model` is asked and answers to `writer`, beginning with the line that says
    /// what it is. Buffering is no use: every line is flushed.
    pub fn new(model: M, writer: W) -> Self {
        Self { model, tape: Tape::new(writer) }
    }

    /// Writes `[secret]` wherever `secret` would stand: in prompts, replies, tools, settings and
    /// errors; plain or escaped as in JSON, in one piece or spread over those of a stream.
    ///
    /// What a program knows of itself is its key; tell it that, at least. What is passed through
    /// keeps the secret. Numbers are left as they are.
    #[must_use]
    pub fn scrub(mut self, secret: impl Into<SecretString>) -> Self {
        self.tape.secrets.add(&secret.into());
        self
    }

    /// Writes the last line. Exchanges that end later are not recorded, and warn.
    ///
    /// # Errors
    ///
    /// The first error of the writer, whenever that was.
    pub fn finish(&self) -> io::Result<()> {
        self.tape.finish()
    }
}

#[async_trait]
impl<M: LanguageModel, W: io::Write + Send> LanguageModel for Recorder<M, W> {
    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn model(&self) -> &str {
        self.model.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let mut open = Open::begin(&self.tape, &self.model, request.clone());
        let error = match self.model.stream(request).await {
            Ok(reply) => {
                let taped = Taped { reply: reply.fuse(), open, held: None };
                return Ok(stream::unfold(taped, Taped::next).boxed());
            }
            Err(error) => error,
        };
        match open.end(Ended::Refused(error.clone())) {
            Ok(()) => Err(error),
            Err(unwritten) => Err(noting(error, &unwritten)),
        }
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        self.model.check_tools(tools)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        self.model.takes_answer_schema(schema, tools)
    }
}

/// A reply that is passed through.
struct Taped<'a, W: io::Write> {
    reply: Fuse<ModelStream<'a>>,
    open: Open<'a, W>,
    /// What comes after a warning that was put in.
    held: Option<ModelEvent>,
}

impl<W: io::Write> Taped<'_, W> {
    async fn next(mut self) -> Option<(Result<ModelEvent, LlmError>, Self)> {
        if let Some(event) = self.held.take() {
            return Some((Ok(event), self));
        }
        let item = self.reply.next().await;
        let written = match &item {
            Some(Ok(event)) => self.open.note(event),
            Some(Err(error)) => self.open.end(Ended::Failed(error.clone())),
            None => self.open.end(Ended::BrokeOff),
        };
        let item = match (item, written) {
            (item, Ok(())) => item?,
            (Some(Err(error)), Err(unwritten)) => Err(noting(error, &unwritten)),
            (item, Err(unwritten)) => {
                self.held = item.and_then(Result::ok);
                Ok(ModelEvent::Warning(unwritten))
            }
        };
        Some((item, self))
    }
}

/// An exchange under way. It is written when it ends, at the latest when it is dropped.
struct Open<'a, W: io::Write> {
    tape: &'a Tape<W>,
    exchange: Option<Exchange>,
}

impl<'a, W: io::Write> Open<'a, W> {
    fn begin(tape: &'a Tape<W>, model: &impl LanguageModel, request: ChatRequest) -> Self {
        let exchange = Exchange {
            number: tape.begin(),
            provider: model.provider().to_owned(),
            model: model.model().to_owned(),
            request,
            events: Vec::new(),
            ended: Ended::Dropped,
        };
        Self { tape, exchange: Some(exchange) }
    }

    fn note(&mut self, event: &ModelEvent) -> Result<(), Warning> {
        if let Some(exchange) = &mut self.exchange {
            exchange.events.push(event.clone());
        }
        // Written before anybody has the last event: a warning can still come before it.
        let is_last = matches!(event, ModelEvent::Finish { .. });
        if is_last { self.end(Ended::Finished) } else { Ok(()) }
    }

    /// Writes the exchange, unless it has ended before.
    fn end(&mut self, ended: Ended) -> Result<(), Warning> {
        let Some(exchange) = self.exchange.take() else { return Ok(()) };
        let number = exchange.number;
        self.tape.write(Exchange { ended, ..exchange }).map_err(|error| {
            tracing::warn!(exchange = number, %error, "an exchange was not recorded");
            Warning::NotRecorded { error: error.to_string() }
        })
    }
}

impl<W: io::Write> Drop for Open<'_, W> {
    fn drop(&mut self) {
        // Nobody is left to be warned; the log and `finish` tell of it.
        self.end(Ended::Dropped).ok();
    }
}

/// What is written to, by one exchange at a time.
struct Tape<W: io::Write> {
    secrets: Secrets,
    state: Mutex<State<W>>,
}

struct State<W: io::Write> {
    writer: W,
    begun: usize,
    is_finished: bool,
    /// The first error. Its kind and text, since errors of writers can't be copied.
    failure: Option<(io::ErrorKind, String)>,
}

impl<W: io::Write> Tape<W> {
    fn new(writer: W) -> Self {
        let mut state = State { writer, begun: 0, is_finished: false, failure: None };
        // The first exchange tells of a failure.
        state.write(to_line(&Header::new())).ok();
        Self { secrets: Secrets::default(), state: Mutex::new(state) }
    }

    /// The number of an exchange that begins.
    fn begin(&self) -> usize {
        let mut state = self.state();
        state.begun += 1;
        state.begun
    }

    fn write(&self, exchange: Exchange) -> io::Result<()> {
        let line = self.scrubbed(exchange);
        let mut state = self.state();
        if state.is_finished {
            return Err(io::Error::other("the recording had been finished"));
        }
        state.write(line)
    }

    fn scrubbed(&self, mut exchange: Exchange) -> io::Result<Vec<u8>> {
        self.secrets.scrub_events(&mut exchange.events);
        let mut line = serde_json::to_value(Line::Exchange(Box::new(exchange)))?;
        self.secrets.scrub(&mut line);
        to_line(&line)
    }

    fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.is_finished {
            return state.check();
        }
        state.is_finished = true;
        let line = Line::End { exchanges: state.begun };
        state.write(to_line(&line))
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: io::Write> Drop for Tape<W> {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "a recording is not whole");
        }
    }
}

impl<W: io::Write> State<W> {
    /// Writes a line and flushes it, unless something could not be written before.
    fn write(&mut self, line: io::Result<Vec<u8>>) -> io::Result<()> {
        self.check()?;
        let written = line.and_then(|line| {
            self.writer.write_all(&line)?;
            self.writer.flush()
        });
        if let Err(error) = &written {
            self.failure = Some((error.kind(), error.to_string()));
        }
        written
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            None => Ok(()),
            Some((kind, text)) => Err(io::Error::new(*kind, text.as_str())),
        }
    }
}

fn to_line(line: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    Ok(line)
}

fn noting(error: LlmError, unwritten: &Warning) -> LlmError {
    error.noting(&unwritten.to_string())
}

impl<M: fmt::Debug, W: io::Write> fmt::Debug for Recorder<M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("model", &self.model).finish_non_exhaustive()
    }
}

//! From the bytes of an answer to the events of a reply, for every wire alike.
//!
//! A wire brings a [`ReplyReader`], which knows its JSON. What an answer is, an event
//! stream or one body, is told by the answer itself, whatever was asked for.
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use siumai_core::{
    LlmError,
    model::{ModelEvent, ModelStream},
    types::Warning,
};

use crate::{
    http::{Body, Call, Content, Endpoint, Fault, Reported, Whole, looks_like_html},
    question::Question,
    sse::{self, Framer, TooLarge},
};

/// How large a reply in one piece may be, in bytes.
const WHOLE_LIMIT: usize = 64 << 20;

/// How much a reply that arrives as an event stream may be in all, in bytes. Whoever puts it
/// together holds it whole.
const STREAM_LIMIT: usize = 256 << 20;

/// More events than most replies in one piece have.
const MANY: usize = 6;

/// Reads the replies of one wire. One reader reads one reply.
pub(crate) trait ReplyReader: Send + Unpin {
    /// What the body of a refusal says, if it is the wire's JSON.
    fn read_error(body: &[u8]) -> Option<Reported>;

    /// Takes in an event of a stream; what it brings goes to `events`.
    fn read_event(&mut self, event: sse::Event<'_>, events: &mut Events)
    -> Result<Progress, Fault>;

    /// Nothing more arrives. Most wires have an end marker, without which a reply is cut off.
    fn end(&mut self, _events: &mut Events) -> Result<ModelEvent, Fault> {
        Err(Fault::Incomplete)
    }

    /// Takes in a reply in one piece, up to and with its end.
    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault>;
}

/// What has been read and not yet been taken.
pub(crate) type Events = VecDeque<ModelEvent>;

/// As many events are read in one go, if they have arrived: the code of one thing at a time fits
/// into a processor's cache.
const AT_ONCE: usize = 8;

/// How far a reader has come.
pub(crate) enum Progress {
    /// The reply goes on.
    More,
    /// It ended, and with this event.
    Done(ModelEvent),
}

/// Posts `question` and lets `reader` read what comes.
pub(crate) fn ask<'a, R: ReplyReader + 'a>(
    endpoint: &'a Endpoint,
    model: &'a str,
    question: Question,
    reader: R,
) -> impl Future<Output = Result<ModelStream<'a>, LlmError>> + Send + use<'a, R> {
    let Question { body, warnings } = question;
    // A block holds each of these once, where an `async fn` would hold them twice.
    async move {
        let (call, response) = endpoint.post(model, body, R::read_error).await?;
        match response.content() {
            Content::Events => {
                return Ok(ReplyStream::new(call, response.body, reader, warnings).boxed());
            }
            Content::WebPage => return Err(call.web_page(response.status)),
            Content::Other => {}
        }
        let read = response.body.read_whole(WHOLE_LIMIT).await;
        match read.map_err(|error| call.lost(error))? {
            Whole::Complete(body) => read_whole(call, response.status, body, reader, warnings),
            Whole::TooLarge(_) => {
                Err(call.error(Fault::TooLarge { what: "the reply", limit: WHOLE_LIMIT }))
            }
        }
    }
}

fn read_whole<'a, R: ReplyReader + 'a>(
    call: Call<'a>,
    status: u16,
    body: Bytes,
    mut reader: R,
    warnings: Vec<Warning>,
) -> Result<ModelStream<'a>, LlmError> {
    if looks_like_html(&body) {
        return Err(call.web_page(status));
    }
    // Some servers give a stream another content type.
    if looks_like_events(&body) {
        return Ok(ReplyStream::new(call, Body::whole(body), reader, warnings).boxed());
    }
    let mut events = Events::with_capacity(MANY);
    reader.read_whole(&body, &mut events).map_err(|fault| call.error(fault))?;
    identify(&mut events, call.request_id());
    warn(&mut events, warnings);
    Ok(stream::iter(events.into_iter().map(Ok)).boxed())
}

/// Tells the id of the request with the start, if the reply has one.
fn identify(events: &mut Events, request_id: Option<&str>) {
    let Some(id) = request_id else { return };
    if let Some(start) = events.pop_front() {
        events.push_front(start.with_request_id(id));
    }
}

/// Puts `warnings` before anything but a start.
fn warn(events: &mut Events, warnings: Vec<Warning>) {
    let at = usize::from(matches!(events.front(), Some(ModelEvent::Start { .. })));
    for warning in warnings.into_iter().rev() {
        events.insert(at, ModelEvent::Warning(warning));
    }
}

fn looks_like_events(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    [b"data:".as_slice(), b"event:", b"id:", b":"].iter().any(|start| body.starts_with(start))
}

/// A reply that arrives as an event stream.
struct ReplyStream<'a, R> {
    call: Call<'a>,
    body: Body,
    framer: Framer,
    /// How much has arrived, in bytes.
    arrived: usize,
    reader: R,
    events: Events,
    /// What is yet to be told about the question.
    warnings: Vec<Warning>,
    has_begun: bool,
    state: State,
}

enum State {
    Reading,
    /// The reply has ended with this event; what its body still holds is thrown away first,
    /// so that whoever drops the stream after the event leaves a connection that can be used again.
    Draining(ModelEvent),
    Failed(LlmError),
    Ended,
}

impl<'a, R: ReplyReader> ReplyStream<'a, R> {
    fn new(call: Call<'a>, body: Body, reader: R, warnings: Vec<Warning>) -> Self {
        Self {
            call,
            body,
            framer: Framer::default(),
            arrived: 0,
            reader,
            events: Events::new(),
            warnings,
            has_begun: false,
            state: State::Reading,
        }
    }

    /// Reads on until there is something to hand out, or nothing more to read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.events.len() < AT_ONCE && matches!(self.state, State::Reading) {
            match self.read_buffered() {
                Ok(Buffered::Event(progress)) => self.go_on(progress),
                Ok(Buffered::Nothing) if !self.events.is_empty() => break,
                Ok(Buffered::Nothing) => match self.body.poll_piece(cx) {
                    Poll::Ready(Some(Ok(piece))) => self.take(piece),
                    Poll::Ready(Some(Err(error))) => {
                        self.state = State::Failed(self.call.lost(error));
                    }
                    Poll::Ready(None) => match self.read_unended() {
                        Ok(progress) => self.go_on(progress),
                        Err(fault) => self.fail(fault),
                    },
                    Poll::Pending => {
                        // Of many that wait at once, none keeps what only a busy one needs.
                        self.events.shrink_to_fit();
                        return Poll::Pending;
                    }
                },
                Err(fault) => self.fail(fault),
            }
        }
        Poll::Ready(())
    }

    fn take(&mut self, piece: Bytes) {
        self.arrived = self.arrived.saturating_add(piece.len());
        if self.arrived > STREAM_LIMIT {
            return self.fail(Fault::TooLarge { what: "the reply", limit: STREAM_LIMIT });
        }
        self.framer.push(piece);
    }

    /// Reads the next event of those that have arrived.
    fn read_buffered(&mut self) -> Result<Buffered, Fault> {
        match self.framer.next_event().map_err(too_large)? {
            Some(event) => self.reader.read_event(event, &mut self.events).map(Buffered::Event),
            None => Ok(Buffered::Nothing),
        }
    }

    /// Nothing more arrives: the last event may only lack the empty line behind it. An event
    /// that can't be read is cut off.
    fn read_unended(&mut self) -> Result<Progress, Fault> {
        if let Some(event) = self.framer.unended().map_err(too_large)? {
            match self.reader.read_event(event, &mut self.events) {
                Ok(Progress::More) => {}
                Err(Fault::Malformed { .. }) => return Err(Fault::Incomplete),
                other => return other,
            }
        }
        self.reader.end(&mut self.events).map(Progress::Done)
    }

    fn go_on(&mut self, progress: Progress) {
        if let Progress::Done(event) = progress {
            self.state = State::Draining(event);
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.state = State::Failed(self.call.error(fault));
    }
}

fn too_large(_: TooLarge) -> Fault {
    Fault::TooLarge { what: "an event", limit: sse::EVENT_LIMIT }
}

/// What was found in what has arrived.
enum Buffered {
    Event(Progress),
    Nothing,
}

impl<R: ReplyReader> Stream for ReplyStream<'_, R> {
    type Item = Result<ModelEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.events.is_empty() {
            ready!(this.poll_read(cx));
            if !this.events.is_empty() && !std::mem::replace(&mut this.has_begun, true) {
                identify(&mut this.events, this.call.request_id());
            }
            if !this.warnings.is_empty() {
                warn(&mut this.events, std::mem::take(&mut this.warnings));
            }
        }
        if let Some(event) = this.events.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        if matches!(this.state, State::Draining(_)) {
            ready!(this.body.poll_drain(cx));
        }
        match std::mem::replace(&mut this.state, State::Ended) {
            State::Draining(event) => Poll::Ready(Some(Ok(event))),
            State::Failed(error) => Poll::Ready(Some(Err(error))),
            State::Reading | State::Ended => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests;

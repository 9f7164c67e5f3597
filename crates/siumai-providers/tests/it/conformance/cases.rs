//! A recorded answer: in one piece, in small ones, and cut off after every event.
use std::{ops::Range, path::Path, sync::Arc};

use serde_json::Value;
use siumai_core::{ErrorKind, LlmError, model::ModelEvent, types::ChatRequest, user};

use super::{differences::Difference, facts, wires::Wire};
use crate::support::{Answer, Canned, json, read};

/// How many bytes arrive at a time.
const PIECES: [usize; 3] = [1, 7, 1000];

/// What came of reading an answer.
struct Outcome {
    events: Vec<ModelEvent>,
    error: Option<LlmError>,
}

/// What is wrong with how a case is read.
pub(super) async fn check(folder: &Path, wire: &dyn Wire) -> Vec<Difference> {
    let case = Case::read(folder, wire);
    let whole = case.outcome(case.answer(&case.body)).await;
    let expected = &case.meta["expected"];
    let mut wrong = facts::check(wire, expected, &whole.events, whole.error.as_ref());
    for size in PIECES {
        let in_pieces = case.outcome(case.answer(&case.body).in_pieces_of(size)).await;
        if !in_pieces.is_same(&whole) {
            let what = "it is read otherwise than in one piece";
            wrong.push(Difference::new(format!("in pieces of {size}"), what));
        }
    }
    wrong.extend(case.cut(&whole).await);
    wrong
}

struct Case<'a> {
    wire: &'a dyn Wire,
    meta: Value,
    body: Vec<u8>,
}

impl<'a> Case<'a> {
    fn read(folder: &Path, wire: &'a dyn Wire) -> Self {
        let meta = json(&folder.join("meta.json"));
        let body = std::fs::read(folder.join(meta["response_file"].as_str().unwrap())).unwrap();
        Self { wire, meta, body }
    }

    fn answer(&self, body: &[u8]) -> Answer {
        Answer::recorded(&self.meta["http"], body.to_vec())
    }

    async fn outcome(&self, answer: Answer) -> Outcome {
        let provider = self.meta["provider"].as_str().unwrap();
        let model = self.wire.model(provider, "test", None, Arc::new(Canned::new(vec![answer])));
        let request = ChatRequest::new(vec![user!("hello")]);
        let request = if self.meta["streamed"] == true { request } else { request.whole() };
        let (events, error) = read(&*model, request).await;
        Outcome { events, error }
    }

    /// What is wrong with how a stream is read that is cut off where an event ends: up to the
    /// event that ends the reply it is an error after what came, from there on it is whole.
    async fn cut(&self, whole: &Outcome) -> Vec<Difference> {
        let mut wrong = Vec::new();
        let is_stream = self.meta["streamed"] == true && self.meta["http"]["status"] == 200;
        if !is_stream {
            return wrong;
        }
        let events = events(&self.body);
        let data: Vec<_> = events.iter().map(|event| data(&self.body[event.clone()])).collect();
        let last = self.wire.last_event(&data).unwrap_or(events.len());
        let ends = events.iter().map(|event| event.end);
        for (number, cut) in [0].into_iter().chain(ends).enumerate() {
            let read = self.outcome(self.answer(&self.body[..cut])).await;
            let is_right = if number > last {
                read.is_same(whole)
            } else {
                read.broke_off() && whole.events.starts_with(&read.events) && !read.is_finished()
            };
            if !is_right {
                let what = format!("{} events, then {:?}", read.events.len(), read.error);
                wrong.push(Difference::new(format!("cut off after event {number}"), what));
            }
        }
        wrong
    }
}

impl Outcome {
    fn is_same(&self, other: &Self) -> bool {
        let told = |it: &Self| it.error.as_ref().map(|error| (error.kind(), error.to_string()));
        self.events == other.events && told(self) == told(other)
    }

    fn broke_off(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::IncompleteReply)
    }

    fn is_finished(&self) -> bool {
        self.events.iter().any(|event| matches!(event, ModelEvent::Finish { .. }))
    }
}

/// Where the events of a stream lie, each with the empty line behind it. Written apart from
/// the reader that is tested.
fn events(body: &[u8]) -> Vec<Range<usize>> {
    let mut events = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < body.len() {
        let ends: [&[u8]; 2] = [b"\n\n", b"\n\r\n"];
        match ends.iter().find(|end| body[at..].starts_with(end)) {
            Some(end) => {
                at += end.len();
                events.push(start..at);
                start = at;
            }
            None => at += 1,
        }
    }
    if !body[start..].trim_ascii().is_empty() {
        events.push(start..body.len());
    }
    events
}

/// The data of an event, its lines joined.
fn data(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.map(str::trim).collect()
}

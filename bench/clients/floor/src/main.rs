//! The floor: requests of the same bytes are sent, replies are read to their end, nothing is parsed.
//!
//! What a client sends is written down once, before the measurement; each request is a longer
//! piece of it, and nothing is copied for it. The first argument is the job; with `reqwest` as the
//! second one, that is what sends, and else hyper alone.
mod history;
mod send;

use bytes::Bytes;
use harness::{Answer, Client, Error, Job, Outcome};

use self::{
    history::History,
    send::{Sender, WithHyper, WithReqwest},
};

fn main() -> Result<(), Error> {
    match std::env::args().nth(2).as_deref() {
        None => harness::main::<Floor<WithHyper>>(),
        Some("reqwest") => harness::main::<Floor<WithReqwest>>(),
        Some(other) => Err(format!("no client `{other}`").into()),
    }
}

struct Floor<S> {
    sender: S,
    history: History,
    steps: usize,
    results: u64,
}

impl<S: Sender> Client for Floor<S> {
    fn new(job: &Job) -> Result<Self, Error> {
        let sender = S::new(&format!("{}{}", job.base_url(), job.wire.path()))?;
        let results = job.script.results() as u64;
        Ok(Self { sender, history: History::of(job), steps: job.script.steps, results })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let mut last = Answer::Unread { bytes: 0, is_last: false };
        for step in 0..=self.steps {
            let body: [Bytes; 2] = self.history.request(step);
            let (bytes, is_last) = self.sender.send(body).await?;
            last = Answer::Unread { bytes, is_last };
        }
        let lines = self.results * self.results.saturating_sub(1) / 2;
        Ok(Outcome { tools: self.results, lines, answer: last })
    }
}

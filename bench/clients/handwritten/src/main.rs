//! A careful loop of somebody who writes it for one program and one API, without a library: each
//! message is serialised once, requests are sent as the blocks that are there, replies are parsed
//! into borrowed structs, lines are found in the receive buffer.
//!
//! It has none of what a library owes its users: no events, no approval, no limits, no validation
//! of arguments, no record of what happened.
mod history;
mod lines;
mod wire;

use bytes::Bytes;
use harness::{Client, Desk, Error, Job, Outcome, script};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use self::{
    history::History,
    lines::Lines,
    wire::{Arguments, Call, Chunk, Reply},
};

fn main() -> Result<(), Error> {
    harness::main::<Loop>()
}

struct Loop {
    client: reqwest::Client,
    url: reqwest::Url,
    end: Bytes,
    desk: Desk,
    is_streamed: bool,
    steps: usize,
}

/// A call, its pieces put together.
#[derive(Default)]
struct OwnCall {
    id: String,
    name: String,
    arguments: String,
}

impl Client for Loop {
    fn new(job: &Job) -> Result<Self, Error> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}{}", job.base_url(), job.wire.path()).parse()?;
        let (desk, is_streamed) = (Desk::new(&job.script), job.script.is_streamed);
        let end = history::end();
        Ok(Self { client, url, end, desk, is_streamed, steps: job.script.steps })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let desk = self.desk.fresh();
        let mut history = History::new(self.is_streamed, self.end.clone())?;
        for _ in 0..=self.steps {
            let response = self.send(&history).await?;
            let (text, calls) = if self.is_streamed {
                read_stream(response).await?
            } else {
                read(response).await?
            };
            if calls.is_empty() {
                return Ok(Outcome::new(&desk, text));
            }
            history.push_calls(&calls)?;
            for call in &calls {
                let arguments: Arguments = serde_json::from_str(&call.arguments)?;
                let result = desk.call(&call.name, &arguments.path, arguments.line)?;
                history.push_result(&call.id, &result)?;
            }
        }
        Err("the model does not come to an end".into())
    }
}

impl Loop {
    async fn send(&self, history: &History) -> Result<reqwest::Response, Error> {
        let request = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, format!("Bearer {}", script::API_KEY))
            .header(CONTENT_TYPE, "application/json")
            .body(history.request());
        Ok(request.send().await?.error_for_status()?)
    }
}

async fn read(response: reqwest::Response) -> Result<(String, Vec<OwnCall>), Error> {
    let body = response.bytes().await?;
    let reply: Reply = serde_json::from_slice(&body)?;
    let message = reply.choices.into_iter().next().ok_or("a reply without a choice")?.message;
    let calls = message.tool_calls.iter().map(OwnCall::of).collect();
    Ok((message.content.unwrap_or_default().into_owned(), calls))
}

async fn read_stream(mut response: reqwest::Response) -> Result<(String, Vec<OwnCall>), Error> {
    let (mut text, mut calls) = (String::new(), Vec::new());
    let (mut lines, mut is_done) = (Lines::default(), false);
    // To the end of the body, past the last event: the connection is to be used again.
    while let Some(bytes) = response.chunk().await? {
        lines.each(&bytes, |line| {
            let Some(data) = line.strip_prefix(b"data: ") else { return Ok(()) };
            if data == b"[DONE]" {
                is_done = true;
                return Ok(());
            }
            take(serde_json::from_slice(data)?, &mut text, &mut calls)
        })?;
    }
    if is_done { Ok((text, calls)) } else { Err("the stream broke off".into()) }
}

fn take(chunk: Chunk<'_>, text: &mut String, calls: &mut Vec<OwnCall>) -> Result<(), Error> {
    let Some(choice) = chunk.choices.into_iter().next() else { return Ok(()) };
    if let Some(content) = choice.delta.content {
        text.push_str(&content);
    }
    for piece in choice.delta.tool_calls {
        if piece.index == calls.len() {
            calls.push(OwnCall::default());
        }
        let call = calls.get_mut(piece.index).ok_or("a piece of no call")?;
        call.id.push_str(&piece.id);
        call.name.push_str(&piece.function.name);
        call.arguments.push_str(&piece.function.arguments);
    }
    Ok(())
}

impl OwnCall {
    fn of(call: &Call<'_>) -> Self {
        let Call { id, function, .. } = call;
        Self {
            id: id.clone().into_owned(),
            name: function.name.clone().into_owned(),
            arguments: function.arguments.clone().into_owned(),
        }
    }
}

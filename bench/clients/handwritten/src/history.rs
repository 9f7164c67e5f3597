//! What was said so far, as it is sent: blocks that never change, and a tail that grows.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use harness::{Error, script};
use http_body::{Frame, SizeHint};
use serde_json::json;

use crate::{
    OwnCall,
    wire::{Message, SentCall, SentFunction},
};

/// A tail of this size becomes a block.
const BLOCK: usize = 64 * 1024;

pub struct History {
    blocks: Vec<Bytes>,
    tail: Vec<u8>,
    end: Bytes,
}

impl History {
    pub fn new(is_streamed: bool, end: Bytes) -> Result<Self, Error> {
        let options = if is_streamed { r#","stream_options":{"include_usage":true}"# } else { "" };
        let model = script::MODEL;
        let start = format!(r#"{{"model":"{model}","stream":{is_streamed}{options},"messages":["#);
        let mut tail = start.into_bytes();
        serde_json::to_writer(&mut tail, &Message::System { content: script::SYSTEM })?;
        let mut history = Self { blocks: Vec::new(), tail, end };
        history.push(&Message::User { content: script::PROMPT })?;
        Ok(history)
    }

    pub fn push_calls(&mut self, calls: &[OwnCall]) -> Result<(), Error> {
        let calls = calls.iter().map(|call| SentCall {
            kind: "function",
            id: &call.id,
            function: SentFunction { name: &call.name, arguments: &call.arguments },
        });
        self.push(&Message::Assistant { content: None, tool_calls: calls.collect() })
    }

    pub fn push_result(&mut self, id: &str, content: &str) -> Result<(), Error> {
        self.push(&Message::Tool { tool_call_id: id, content })
    }

    fn push(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.tail.push(b',');
        serde_json::to_writer(&mut self.tail, message)?;
        if self.tail.len() >= BLOCK {
            self.blocks.push(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
        Ok(())
    }

    /// The body of a request with all of it.
    pub fn request(&self) -> reqwest::Body {
        let mut last = BytesMut::with_capacity(self.tail.len() + self.end.len());
        last.extend_from_slice(&self.tail);
        last.extend_from_slice(&self.end);
        let mut pieces = Vec::with_capacity(self.blocks.len() + 1);
        pieces.extend_from_slice(&self.blocks);
        pieces.push(last.freeze());
        let left = pieces.iter().map(|it| it.len() as u64).sum();
        reqwest::Body::wrap(Pieces { pieces: pieces.into_iter(), left })
    }
}

/// What comes after the messages: the tools, and the end.
pub fn end() -> Bytes {
    let tools: Vec<_> = script::tools()
        .into_iter()
        .map(|it| {
            let (name, description, parameters) = (it.name, it.description, it.parameters);
            let function =
                json!({ "name": name, "description": description, "parameters": parameters });
            json!({ "type": "function", "function": function })
        })
        .collect();
    format!(r#"],"tools":{}}}"#, json!(tools)).into()
}

struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |it| it.len() as u64);
        Poll::Ready(piece.map(|it| Ok(Frame::data(it))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

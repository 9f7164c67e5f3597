//! The replies of a script, prepared when they are first asked for: whole answers of HTTP.
use std::{cell::RefCell, collections::HashMap, fmt::Write, rc::Rc};

use harness::{Script, Wire};

use server::{Said, events, json};

/// How much of a stream is in one chunk, as a proxy would send it: cut anywhere.
const CHUNK: usize = 16 * 1024;

type Key = (Script, Wire, usize);

#[derive(Default)]
pub struct Replies(RefCell<HashMap<Key, Rc<Reply>>>);

/// Head and body.
pub struct Reply {
    pub bytes: Vec<u8>,
}

impl Replies {
    pub fn get(&self, script: &Script, wire: Wire, step: usize) -> Rc<Reply> {
        let key = (*script, wire, step);
        if let Some(reply) = self.0.borrow().get(&key) {
            return Rc::clone(reply);
        }
        let reply = Rc::new(Reply::of(script, wire, step));
        self.0.borrow_mut().insert(key, Rc::clone(&reply));
        reply
    }
}

impl Reply {
    fn of(script: &Script, wire: Wire, step: usize) -> Self {
        let is_last = step == script.steps;
        let said = if is_last {
            Said::Answer { deltas: script.deltas }
        } else {
            Said::Calls(step * script.calls..(step + 1) * script.calls)
        };
        let kind = if script.is_streamed { "text/event-stream" } else { "application/json" };
        let mut head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\nserver: script\r\n\
             x-request-id: req_0123456789abcdef\r\nx-last-reply: {is_last}\r\n"
        );
        let bytes = if script.is_streamed {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            chunked(head, &events(wire, &said))
        } else {
            let body = json(wire, &said);
            // Writing to a string can't fail.
            let _infallible = write!(head, "content-length: {}\r\n\r\n{body}", body.len());
            head.into_bytes()
        };
        Self { bytes }
    }
}

fn chunked(head: String, body: &str) -> Vec<u8> {
    let mut bytes = head.into_bytes();
    for chunk in body.as_bytes().chunks(CHUNK) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

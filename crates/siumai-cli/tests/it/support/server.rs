//! A server that speaks Chat Completions and says what it was told to say, in order.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};

/// One answer of the server.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A whole answer: status, type, body.
    Whole(u16, &'static str, String),
    /// A reply in pieces, as its events.
    Stream(Vec<Value>),
    /// A reply in pieces that stops after them, and stays open until the client goes.
    Stall(Vec<Value>),
    /// A reply in pieces that breaks off after them.
    Cut(Vec<Value>),
    /// The same piece again and again, until the client goes.
    Forever(Value),
}

/// A server on this machine; it ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<Value>,
}

impl Server {
    /// Gives `answers` in order, one for each request.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel();
        let answers: Vec<Answer> = answers.into_iter().collect();
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let mut reader = BufReader::new(stream);
                let request = read_request(&mut reader).unwrap();
                // The test may be over, and want to hear of no more.
                seen.send(request).ok();
                // A client that goes away in the middle is what some tests are about.
                give(answer, reader.into_inner()).ok();
            }
        });
        Self { address, requests }
    }

    /// Answers by the place in the conversation, as often as it is asked there, whoever hangs up.
    pub(crate) fn by_place(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel();
        let answers: Vec<Answer> = answers.into_iter().collect();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let Ok(request) = read_request(&mut reader) else { continue };
                let messages = request["messages"].as_array().cloned().unwrap_or_default();
                let place = messages.iter().filter(|it| it["role"] == "assistant").count();
                if seen.send(request).is_err() {
                    return;
                }
                give(answers[place].clone(), reader.into_inner()).ok();
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it is, as `OLLAMA_HOST` says it.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.try_iter().collect()
    }
}

/// A piece of text.
pub(crate) fn says(text: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": { "content": text } }] })
}

/// The events of a reply that calls tools, with ids from `call_1`.
fn calls(calls: &[(&str, Value)]) -> Vec<Value> {
    let call = |(index, (name, arguments)): (usize, &(&str, Value))| {
        let function = json!({ "name": name, "arguments": arguments.to_string() });
        let id = format!("call_{}", index + 1);
        json!({ "index": index, "id": id, "type": "function", "function": function })
    };
    let calls: Vec<_> = calls.iter().enumerate().map(call).collect();
    vec![
        json!({ "choices": [{ "index": 0, "delta": { "tool_calls": calls } }] }),
        finish("tool_calls"),
    ]
}

impl Answer {
    /// A reply in words.
    pub(crate) fn words(words: &[&str]) -> Self {
        let mut events: Vec<_> = words.iter().map(|it| says(it)).collect();
        events.push(finish("stop"));
        Self::Stream(events)
    }

    /// A reply that calls a tool.
    pub(crate) fn call(name: &str, arguments: &Value) -> Self {
        Self::calls(&[(name, arguments.clone())])
    }

    /// A reply that calls several.
    pub(crate) fn calls(wanted: &[(&str, Value)]) -> Self {
        Self::Stream(calls(wanted))
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Whole(status, "application/json", body.to_string())
    }
}

fn finish(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn give(answer: Answer, mut to: TcpStream) -> std::io::Result<()> {
    match answer {
        Answer::Whole(status, kind, body) => write!(
            to,
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        ),
        Answer::Stream(events) => {
            begin(&mut to)?;
            events.iter().try_for_each(|event| piece(&mut to, &event.to_string()))?;
            piece(&mut to, "[DONE]")?;
            write!(to, "0\r\n\r\n")
        }
        Answer::Cut(events) => {
            begin(&mut to)?;
            events.iter().try_for_each(|event| piece(&mut to, &event.to_string()))
        }
        Answer::Stall(events) => {
            begin(&mut to)?;
            events.iter().try_for_each(|event| piece(&mut to, &event.to_string()))?;
            to.read_to_end(&mut Vec::new()).map(drop)
        }
        Answer::Forever(event) => {
            begin(&mut to)?;
            loop {
                piece(&mut to, &event.to_string())?;
            }
        }
    }
}

fn begin(to: &mut TcpStream) -> std::io::Result<()> {
    write!(
        to,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n"
    )
}

fn piece(to: &mut TcpStream, data: &str) -> std::io::Result<()> {
    let event = format!("data: {data}\n\n");
    write!(to, "{:x}\r\n{event}\r\n", event.len())?;
    to.flush()
}

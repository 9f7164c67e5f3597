//! One connection: requests are read to their end, then answered.
use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use harness::{Error, Gate, Script, Wire, script::MARK};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    gate::{Gates, Place},
    replies::{Replies, Reply},
};

const READ: usize = 256 * 1024;

/// In how many pieces a reply is sent where runs wait for each other, and how long each waits.
const PIECES: usize = 12;
const PAUSE: Duration = Duration::from_millis(2);

/// What is asked, as far as the head of a request tells.
struct Head {
    script: Script,
    gate: Option<Gate>,
    wire: Wire,
    length: usize,
    body_at: usize,
}

/// Answers until the client goes away.
pub async fn serve(mut stream: TcpStream, replies: &Replies, gates: &Gates) -> Result<(), Error> {
    let mut buffer = BytesMut::with_capacity(4096);
    let marks = memmem::Finder::new(MARK);
    loop {
        let head = loop {
            if let Some(head) = head(&buffer)? {
                break head;
            }
            if !read(&mut stream, &mut buffer, 4096).await? {
                return Ok(());
            }
        };
        buffer.advance(head.body_at);
        while buffer.len() < head.length {
            let missing = head.length - buffer.len();
            if !read(&mut stream, &mut buffer, missing.clamp(4096, READ)).await? {
                return Ok(());
            }
        }
        let results = marks.find_iter(&buffer[..head.length]).count();
        let step = step(&head.script, results, head.length);
        buffer.advance(head.length);
        match step {
            Ok(step) => send(&mut stream, &head, step, replies, gates).await?,
            Err(why) => refuse(&mut stream, &why).await?,
        }
        if buffer.is_empty() {
            // Thousands of connections wait; none of them needs the room of its last request.
            buffer = BytesMut::new();
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut BytesMut, room: usize) -> io::Result<bool> {
    buffer.reserve(room);
    match stream.read_buf(buffer).await {
        Ok(count) => Ok(count > 0),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
        Err(error) => Err(error),
    }
}

/// The head of the request that `buffer` begins with, if all of it is there.
fn head(buffer: &[u8]) -> Result<Option<Head>, Error> {
    let Some(end) = memmem::find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let text = str::from_utf8(&buffer[..end])?;
    let mut lines = text.split("\r\n");
    let path = lines.next().and_then(|it| it.split(' ').nth(1)).ok_or("no request line")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("the request does not say how long it is")?
        .1
        .trim()
        .parse()?;
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let script = parts.next().unwrap_or_default().parse()?;
    let gate: Gate = parts.next().unwrap_or_default().parse()?;
    let rest = parts.next().unwrap_or_default();
    let wire = Wire::ALL.into_iter().find(|it| rest.ends_with(it.path()));
    let wire = wire.ok_or_else(|| format!("nothing is at {path}"))?;
    let gate = (gate.runs > 1).then_some(gate);
    Ok(Some(Head { script, gate, wire, length, body_at: end + 4 }))
}

/// Which step a request with so many results and bytes is.
fn step(script: &Script, results: usize, length: usize) -> Result<usize, String> {
    if results > script.results() || !results.is_multiple_of(script.calls.max(1)) {
        return Err(format!("{results} results in a run of {script}"));
    }
    if length < results * script.result {
        return Err(format!("{results} results in {length} bytes"));
    }
    Ok(results / script.calls.max(1))
}

async fn send(
    stream: &mut TcpStream,
    head: &Head,
    step: usize,
    replies: &Replies,
    gates: &Gates,
) -> io::Result<()> {
    let reply = replies.get(&head.script, head.wire, step);
    let Some(gate) = head.gate else { return stream.write_all(&reply.bytes).await };
    let place = match step {
        0 => Some(Place::FirstReply),
        step if step == head.script.steps => Some(Place::LastReply),
        _ => None,
    };
    send_slowly(stream, &reply, place.map(|place| gates.pass(gate, place))).await
}

/// In pieces, with whatever is to be waited for in the midst of it.
async fn send_slowly(
    stream: &mut TcpStream,
    reply: &Reply,
    wait: Option<impl Future<Output = ()>>,
) -> io::Result<()> {
    let mut wait = wait;
    let size = reply.bytes.len().div_ceil(PIECES);
    for (at, piece) in reply.bytes.chunks(size).enumerate() {
        match wait.take_if(|_| at == PIECES / 2) {
            Some(wait) => wait.await,
            None => sleep(PAUSE).await,
        }
        stream.write_all(piece).await?;
    }
    Ok(())
}

async fn refuse(stream: &mut TcpStream, why: &str) -> io::Result<()> {
    let body = serde_json::json!({ "error": { "message": why, "type": "invalid_request_error" } });
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

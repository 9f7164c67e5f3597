//! Messages as lines, one JSON object each, over a pair of streams.
//!
//! It reads more carefully than a trusting peer has to: a line has a limit, what is no message is
//! passed over up to a point, and a reply that can't be understood fails its call at once instead
//! of leaving it to wait.
use std::{io, sync::Arc};

use rmcp::{
    RoleClient,
    model::{ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage},
    service::TxJsonRpcMessage,
    transport::{Transport, async_rw::AsyncRwTransport},
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, Empty};

use crate::diagnosis::Diagnosis;

/// How many lines in a row may be something else, such as what a server logs to the wrong place.
const MOST_STRAY_LINES: usize = 1_000;

/// How many messages in a row may be ones that nobody asked for.
const MOST_UNASKED: usize = 100_000;

/// How an error begins that stands in place of a reply which can't be understood.
pub(crate) const NONSENSE: &str = "the reply is not one of MCP:";

/// What reads beside the messages, and knows why they ended.
pub(crate) trait Beside: Send + 'static {
    /// Reads on, and never returns. It may be dropped and called again.
    fn read_on(&mut self, diagnosis: &Diagnosis) -> impl Future<Output = ()> + Send;

    /// How the server ended, now that it writes no more. It may be dropped and called again.
    fn how_it_ended(&mut self, diagnosis: &Diagnosis) -> impl Future<Output = String> + Send;
}

/// Nothing beside the messages.
pub(crate) struct Nothing;

impl Beside for Nothing {
    async fn read_on(&mut self, _: &Diagnosis) {
        std::future::pending::<()>().await;
    }

    async fn how_it_ended(&mut self, _: &Diagnosis) -> String {
        "closed the connection".to_owned()
    }
}

/// Messages over a pair of streams.
pub(crate) struct Lines<R, W: AsyncWrite, B> {
    incoming: Incoming<R>,
    outgoing: AsyncRwTransport<RoleClient, Empty, W>,
    beside: B,
    diagnosis: Arc<Diagnosis>,
}

/// What is read.
struct Incoming<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    longest: usize,
    stray: usize,
    unasked: usize,
}

enum Read {
    Line,
    TooLong,
    End,
}

impl<R, W, B> Lines<R, W, B>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
    B: Beside,
{
    /// Messages of at most `longest` bytes.
    pub(crate) fn new(
        (read, write): (R, W),
        longest: usize,
        beside: B,
        diagnosis: Arc<Diagnosis>,
    ) -> Self {
        let from = BufReader::new(read);
        let incoming = Incoming { from, line: Vec::new(), longest, stray: 0, unasked: 0 };
        let outgoing = AsyncRwTransport::new_client(tokio::io::empty(), write);
        Self { incoming, outgoing, beside, diagnosis }
    }

    /// The next message, or why there is none.
    async fn next(&mut self) -> Result<ServerJsonRpcMessage, String> {
        loop {
            let read = tokio::select! {
                read = self.incoming.read_line() => read,
                () = self.beside.read_on(&self.diagnosis) => continue,
            };
            match read {
                Read::Line => {}
                Read::TooLong => {
                    let longest = self.incoming.longest;
                    return Err(format!("wrote a message of more than {longest} bytes"));
                }
                Read::End => return Err(self.beside.how_it_ended(&self.diagnosis).await),
            }
            if let Some(message) = self.incoming.take_message()? {
                return Ok(message);
            }
        }
    }
}

impl<R, W, B> Transport<RoleClient> for Lines<R, W, B>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
    B: Beside,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let sending = self.outgoing.send(message);
        async {
            // A server that has gone can't be written to. Why it has is known to whoever reads on,
            // and ends the connection with it.
            sending.await.or_else(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(error),
            })
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self.next().await {
            Ok(message) => Some(message),
            Err(how) => {
                self.diagnosis.ended(how);
                None
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.outgoing.close().await
    }
}

impl<R: AsyncRead + Send + Unpin> Incoming<R> {
    /// Reads the rest of a line. It may be dropped and called again.
    async fn read_line(&mut self) -> Read {
        loop {
            let available = match self.from.fill_buf().await {
                Ok([]) | Err(_) => return Read::End,
                Ok(available) => available,
            };
            let end = memchr::memchr(b'\n', available);
            let piece = &available[..end.unwrap_or(available.len())];
            if self.line.len() + piece.len() > self.longest {
                return Read::TooLong;
            }
            self.line.extend_from_slice(piece);
            let taken = end.map_or(available.len(), |it| it + 1);
            self.from.consume(taken);
            if end.is_some() {
                return Read::Line;
            }
        }
    }

    /// The message in the line, if it is one.
    fn take_message(&mut self) -> Result<Option<ServerJsonRpcMessage>, String> {
        let message = understood(&self.line);
        self.line.clear();
        match &message {
            Some(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) => {
                (self.stray, self.unasked) = (0, 0);
            }
            Some(_) => self.unasked += 1,
            None => self.stray += 1,
        }
        if self.stray > MOST_STRAY_LINES {
            return Err(format!("wrote {MOST_STRAY_LINES} lines in a row that are not MCP"));
        }
        if self.unasked > MOST_UNASKED {
            return Err(format!("sent {MOST_UNASKED} messages in a row that nobody asked for"));
        }
        Ok(message)
    }
}

/// The message in `line`. One that answers a request and makes no sense becomes an error, so that
/// whoever waits for the answer hears of it.
fn understood(line: &[u8]) -> Option<ServerJsonRpcMessage> {
    let misfit = match serde_json::from_slice(line) {
        Ok(message) => return Some(message),
        Err(misfit) => misfit,
    };
    let value: Value = serde_json::from_slice(line).ok()?;
    let object = value.as_object()?;
    if object.contains_key("method") {
        return None;
    }
    let id: RequestId = serde_json::from_value(object.get("id")?.clone()).ok()?;
    let told = format!("{NONSENSE} {misfit}");
    Some(JsonRpcMessage::error(ErrorData::internal_error(told, None), Some(id)))
}

#[cfg(test)]
mod tests;

//! The body of an answer, as it arrives.
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_core::{Stream, stream::BoxStream};
use futures_util::{StreamExt, stream};
use siumai_core::LlmError;
use tokio::time::Sleep;

/// How much is read after the end of a reply, so that its connection can serve again.
const DRAINED_BYTES: usize = 64 * 1024;

/// The body of an answer: pieces of bytes, cut anywhere.
///
/// ```
/// use siumai_providers::http::Body;
///
/// let whole = Body::whole(r#"{"choices": []}"#);
/// let pieces = Body::new(futures_util::stream::iter([Ok("data: ".into()), Ok("[DONE]\n\n".into())]));
/// # drop((whole, pieces));
/// ```
pub struct Body {
    pieces: BoxStream<'static, Result<Bytes, LlmError>>,
    /// How long the end of the body may take to arrive after the end of the reply.
    patience: Option<Duration>,
    drain: Drain,
}

#[derive(Default)]
struct Drain {
    bytes: usize,
    until: Option<Pin<Box<Sleep>>>,
}

impl Body {
    /// A body that arrives in pieces. An error ends it.
    pub fn new(pieces: impl Stream<Item = Result<Bytes, LlmError>> + Send + 'static) -> Self {
        Self { pieces: pieces.fuse().boxed(), patience: None, drain: Drain::default() }
    }

    /// A body that is there in one piece.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new(stream::iter([Ok(bytes.into())]))
    }

    /// Lets the end of the body take that long to arrive; it takes a tokio runtime with time.
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, LlmError>>> {
        self.pieces.poll_next_unpin(cx)
    }

    /// Reads what is left after the end of a reply and throws it away, within bounds: a
    /// connection is used again only if its last body was read to the end.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.pieces.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(piece))) => self.drain.bytes += piece.len(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
            if self.drain.bytes > DRAINED_BYTES {
                return Poll::Ready(());
            }
        }
        let Some(patience) = self.patience else { return Poll::Ready(()) };
        let until = self.drain.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(until.as_mut().poll(cx));
        Poll::Ready(())
    }

    /// All of the body, if it is not larger than `limit`.
    pub(crate) async fn read_whole(mut self, limit: usize) -> Result<Whole, LlmError> {
        let mut whole = Bytes::new();
        while let Some(piece) = self.pieces.next().await {
            let piece = piece?;
            let room = limit - whole.len();
            if piece.len() > room {
                return Ok(Whole::TooLarge(joined(whole, piece.slice(..room))));
            }
            whole = joined(whole, piece);
        }
        Ok(Whole::Complete(whole))
    }
}

/// Both, one after the other; the first grows in its place.
fn joined(first: Bytes, second: Bytes) -> Bytes {
    if first.is_empty() {
        return second;
    }
    let mut both = BytesMut::from(first);
    both.extend_from_slice(&second);
    both.freeze()
}

/// What came of reading a body whole.
pub(crate) enum Whole {
    Complete(Bytes),
    /// As much of it as was allowed.
    TooLarge(Bytes),
}

impl Whole {
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Complete(bytes) | Self::TooLarge(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

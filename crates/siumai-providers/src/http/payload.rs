//! The body of a request, in blocks that requests share.
use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

/// The body of a request: blocks of bytes, one after the other. A block is shared with the other
/// requests it is part of, and sent as it lies in memory.
///
/// ```
/// use siumai_providers::http::Payload;
///
/// let payload = Payload::from_iter([r#"{"messages":"#.into(), "[]}".into()]);
/// assert_eq!(payload.len(), 15);
/// assert_eq!(payload.to_bytes(), r#"{"messages":[]}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload {
    blocks: VecDeque<Bytes>,
    len: usize,
}

impl Payload {
    /// The body of `blocks`, none of which is empty.
    pub(crate) fn of(blocks: Vec<Bytes>) -> Self {
        let len = blocks.iter().map(Bytes::len).sum();
        Self { blocks: blocks.into(), len }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.blocks.iter()
    }

    /// All bytes in one piece.
    pub fn to_bytes(&self) -> Bytes {
        if let [block] = self.blocks.as_slices().0 {
            return block.clone();
        }
        let mut all = BytesMut::with_capacity(self.len);
        for block in &self.blocks {
            all.extend_from_slice(block);
        }
        all.freeze()
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(blocks: I) -> Self {
        Self::of(blocks.into_iter().filter(|it| !it.is_empty()).collect())
    }
}

impl From<Bytes> for Payload {
    fn from(block: Bytes) -> Self {
        Self::from_iter([block])
    }
}

impl http_body::Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(block) = this.blocks.pop_front() else { return Poll::Ready(None) };
        this.len -= block.len();
        Poll::Ready(Some(Ok(Frame::data(block))))
    }

    fn is_end_stream(&self) -> bool {
        self.blocks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len as u64)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

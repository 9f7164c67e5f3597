//! What a connection is made over.
use hyper::rt::{Read, Write};

/// A way to a host, or to a proxy that passes requests on.
pub(super) struct Socket {
    pub(super) stream: Box<dyn Stream>,
    /// Whether a proxy reads what is written here, and has to be told where it goes.
    pub(super) is_to_proxy: bool,
}

/// Plain, with TLS, or with TLS in what may be TLS itself.
pub(super) trait Stream: Read + Write + Send + Unpin + 'static {}

impl<S: Read + Write + Send + Unpin + 'static> Stream for S {}

impl Socket {
    /// What is written here the host reads, though it may pass through a tunnel.
    pub(super) fn to_host(stream: impl Stream) -> Self {
        Self { stream: Box::new(stream), is_to_proxy: false }
    }

    /// What is written here a proxy reads.
    pub(super) fn to_proxy(stream: impl Stream) -> Self {
        Self { stream: Box::new(stream), is_to_proxy: true }
    }
}

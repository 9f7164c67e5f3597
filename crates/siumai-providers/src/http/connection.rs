//! One connection, whatever it is made of.
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};

/// A connection to a host, or to a proxy that passes requests on.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    is_to_proxy: bool,
}

/// Plain, with TLS, or with TLS in what may be TLS itself.
pub(super) trait Stream: Read + Write + Send + Unpin + 'static {}

impl<S: Read + Write + Send + Unpin + 'static> Stream for S {}

impl Connection {
    /// What is written here the host reads, though it may pass through a tunnel.
    pub(super) fn to_host(stream: impl Stream) -> Self {
        Self { stream: Box::new(stream), is_to_proxy: false }
    }

    /// What is written here a proxy reads, and has to be told where it goes.
    pub(super) fn to_proxy(stream: impl Stream) -> Self {
        Self { stream: Box::new(stream), is_to_proxy: true }
    }

    /// Whether a proxy reads what is written here.
    pub(super) fn is_to_proxy(&self) -> bool {
        self.is_to_proxy
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        blocks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, blocks)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

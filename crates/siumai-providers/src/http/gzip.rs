//! Answers that travel compressed.
use std::{
    io::{self, BufRead, ErrorKind, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures_core::Stream;
use futures_util::StreamExt;
use siumai_core::LlmError;

/// The most that comes out at a time, in bytes: a small piece may hold a thousand times itself.
const ROOM: usize = 16 * 1024;

/// What the pieces of `S` are, uncompressed (RFC 1952).
pub(super) struct Gunzip<S> {
    pieces: S,
    decoder: MultiGzDecoder<Piece>,
    room: Box<[u8]>,
    /// The error for bytes that gzip doesn't write.
    error: fn(&S, &io::Error) -> LlmError,
}

/// What has arrived and is not read yet.
#[derive(Default)]
struct Piece {
    bytes: Bytes,
    is_last: bool,
}

impl<S> Gunzip<S> {
    pub(super) fn new(pieces: S, error: fn(&S, &io::Error) -> LlmError) -> Self {
        let decoder = MultiGzDecoder::new(Piece::default());
        Self { pieces, decoder, room: vec![0; ROOM].into(), error }
    }
}

impl<S: Stream<Item = Result<Bytes, LlmError>> + Unpin> Stream for Gunzip<S> {
    type Item = Result<Bytes, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match this.decoder.read(&mut this.room) {
                Ok(0) => return Poll::Ready(None),
                Ok(len) => {
                    return Poll::Ready(Some(Ok(Bytes::copy_from_slice(&this.room[..len]))));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Some(Err((this.error)(&this.pieces, &error)))),
            }
            let next = this.decoder.get_mut();
            match ready!(this.pieces.poll_next_unpin(cx)) {
                Some(Ok(bytes)) => next.bytes = bytes,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => next.is_last = true,
            }
        }
    }
}

impl BufRead for Piece {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.is_last {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.advance(amount);
    }
}

impl Read for Piece {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(room)?;
        self.consume(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests;

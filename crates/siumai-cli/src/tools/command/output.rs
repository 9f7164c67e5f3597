//! What a command writes: all of it is read, its beginning and its end are kept.
use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// So much of the beginning is kept, and as much of the end.
pub(super) const KEPT_BYTES: usize = 16_000;

/// One stream of a command.
#[derive(Debug)]
pub(super) struct Output<R> {
    from: Option<R>,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Output<R> {
    pub(super) fn of(from: Option<R>) -> Self {
        Self { from, head: Vec::new(), tail: VecDeque::new(), left_out: 0, line: Vec::new() }
    }

    /// Reads to the end of the stream, and hands on the lines as they come, several at a time.
    ///
    /// # Cancel safety
    ///
    /// What was read by then is kept.
    pub(super) async fn read(&mut self, report: impl Fn(&str)) {
        let Some(mut from) = self.from.take() else { return };
        let mut buffer = vec![0; 8 << 10];
        // A stream that fails has ended.
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            self.keep(&buffer[..count]);
            self.report(&buffer[..count], &report);
        }
    }

    fn report(&mut self, bytes: &[u8], report: impl Fn(&str)) {
        self.line.extend_from_slice(bytes);
        let is_long = self.line.len() > KEPT_BYTES;
        let end = self.line.iter().rposition(|it| *it == b'\n').or(is_long.then_some(KEPT_BYTES));
        if let Some(end) = end {
            let lines: Vec<_> = self.line.drain(..=end).collect();
            report(&String::from_utf8_lossy(&lines));
        }
    }

    /// What was kept, with a note where something is left out.
    pub(super) fn text(mut self) -> String {
        let tail = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        let head = String::from_utf8_lossy(&self.head);
        match self.left_out {
            0 => {
                // A character may lie across both.
                self.head.extend(&self.tail);
                String::from_utf8_lossy(&self.head).into_owned()
            }
            count => format!("{head}\n… {count} bytes are left out here …\n{tail}"),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(KEPT_BYTES);
        self.tail.drain(..excess);
        self.left_out += excess as u64;
    }
}

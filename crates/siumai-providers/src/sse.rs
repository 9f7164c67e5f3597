//! Reads the format of event streams, as in the HTML standard, "Server-sent events".
//!
//! Bytes go in as they arrive, cut anywhere; events come out. A line that lies whole in
//! what arrived is not copied. Ids and retry times are not kept: a model's reply can't be
//! taken up again.
use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memchr2};

/// How large an event may be, in bytes: one that holds an image still fits.
pub(crate) const EVENT_LIMIT: usize = 16 << 20;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its type; empty where the stream says nothing.
    pub(crate) name: &'a [u8],
    /// Its data, lines joined by line feeds.
    pub(crate) data: &'a [u8],
}

/// A line or an event is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Makes events of bytes.
#[derive(Debug)]
pub(crate) struct Framer {
    /// How large a line, and the data of an event, may be, in bytes: whatever the cuts.
    limit: usize,
    /// What arrived last.
    piece: Bytes,
    /// How much of `piece` has been read.
    at: usize,
    /// The beginning of a line that goes on in the next piece.
    line: Vec<u8>,
    /// Whether the line feed that comes next, if one does, belongs to the line before.
    after_return: bool,
    /// Whether a line has been read: before the first there may be a byte order mark.
    begun: bool,
    name: Vec<u8>,
    data: Data,
    /// The data, where it does not lie in `piece` as it should be.
    joined: Vec<u8>,
    /// Whether the event has been handed out and is only kept because it is borrowed.
    is_spent: bool,
}

/// Where the data of the event so far is.
#[derive(Debug, Default)]
enum Data {
    #[default]
    Absent,
    InPiece(Range<usize>),
    Joined,
}

impl Framer {
    /// A framer that takes no line and no event larger than `limit` bytes.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            piece: Bytes::new(),
            at: 0,
            line: Vec::new(),
            after_return: false,
            begun: false,
            name: Vec::new(),
            data: Data::Absent,
            joined: Vec::new(),
            is_spent: false,
        }
    }

    /// Takes in what arrived. To be called once [`next_event`](Self::next_event) has no more.
    pub(crate) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "all of the last piece has been read");
        self.piece = piece;
    }

    /// The next event that is whole.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, TooLarge> {
        self.forget_spent();
        while let Some(end) = self.end_of_line() {
            let line = self.at..end;
            self.check_size(self.line.len() + line.len())?;
            self.at = end + 1;
            self.after_return = self.piece[end] == b'\r';
            let ends_event = if self.line.is_empty() {
                self.take_line(line)?
            } else {
                self.take_split_line(line)?
            };
            if !ends_event {
                continue;
            }
            // Without data there is no event, whatever its name.
            if self.has_no_data() {
                self.name.clear();
                continue;
            }
            return Ok(Some(self.event()));
        }
        self.keep_rest()?;
        self.let_go();
        Ok(None)
    }

    /// The last event, when nothing more arrives and the empty line behind it is missing.
    pub(crate) fn unended(&mut self) -> Result<Option<Event<'_>>, TooLarge> {
        self.forget_spent();
        let nothing = self.piece.len()..self.piece.len();
        self.take_split_line(nothing)?;
        Ok(if self.has_no_data() { None } else { Some(self.event()) })
    }

    fn end_of_line(&mut self) -> Option<usize> {
        if self.after_return && self.at < self.piece.len() {
            self.after_return = false;
            if self.piece[self.at] == b'\n' {
                self.at += 1;
            }
        }
        // Each event ends with an empty line.
        if self.piece.get(self.at) == Some(&b'\n') {
            return Some(self.at);
        }
        memchr2(b'\n', b'\r', &self.piece[self.at..]).map(|length| self.at + length)
    }

    /// Takes in a line that lies whole in the piece; whether it ends the event.
    fn take_line(&mut self, line: Range<usize>) -> Result<bool, TooLarge> {
        let start = line.start + self.byte_order_mark(&self.piece[line.clone()]);
        self.begun = true;
        match field(&self.piece[start..line.end]) {
            Field::End => return Ok(true),
            Field::Name { at } => self.piece[start + at..line.end].clone_into(&mut self.name),
            Field::Data { at } if self.has_no_data() => {
                self.data = Data::InPiece(start + at..line.end);
            }
            Field::Data { at } => {
                let piece = self.piece.clone();
                self.append_data(&piece[start + at..line.end])?;
            }
            Field::Other => {}
        }
        Ok(false)
    }

    /// Takes in a line that began in an earlier piece and ends with `rest`.
    fn take_split_line(&mut self, rest: Range<usize>) -> Result<bool, TooLarge> {
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(&self.piece[rest]);
        let text = &line[self.byte_order_mark(&line)..];
        self.begun = true;
        let field = field(text);
        match field {
            Field::Name { at } => text[at..].clone_into(&mut self.name),
            Field::Data { at } => self.append_data(&text[at..])?,
            Field::End | Field::Other => {}
        }
        // Its room is kept for the next line that is split.
        line.clear();
        self.line = line;
        Ok(matches!(field, Field::End))
    }

    fn append_data(&mut self, more: &[u8]) -> Result<(), TooLarge> {
        self.join_data();
        if !self.has_no_data() {
            self.joined.push(b'\n');
        }
        self.check_size(self.joined.len() + more.len())?;
        self.joined.extend_from_slice(more);
        self.data = Data::Joined;
        Ok(())
    }

    /// Moves data out of the piece.
    fn join_data(&mut self) {
        if let Data::InPiece(range) = &self.data {
            self.joined.extend_from_slice(&self.piece[range.clone()]);
            self.data = Data::Joined;
        }
    }

    /// Keeps the beginning of a line for when the rest of it arrives.
    fn keep_rest(&mut self) -> Result<(), TooLarge> {
        let rest = &self.piece[self.at..];
        self.check_size(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        self.at = self.piece.len();
        Ok(())
    }

    /// Holds the piece no longer, so that whoever reads the next one may read it into the same place.
    fn let_go(&mut self) {
        self.join_data();
        (self.piece, self.at) = (Bytes::new(), 0);
    }

    /// How long the byte order mark is that `line` begins with: only the first line may.
    fn byte_order_mark(&self, line: &[u8]) -> usize {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if !self.begun && line.starts_with(MARK) { MARK.len() } else { 0 }
    }

    fn check_size(&self, bytes: usize) -> Result<(), TooLarge> {
        if bytes > self.limit { Err(TooLarge) } else { Ok(()) }
    }

    fn has_no_data(&self) -> bool {
        matches!(self.data, Data::Absent)
    }

    fn event(&mut self) -> Event<'_> {
        self.is_spent = true;
        let data = match &self.data {
            Data::InPiece(range) => &self.piece[range.clone()],
            Data::Absent | Data::Joined => &self.joined,
        };
        Event { name: &self.name, data }
    }

    fn forget_spent(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.name.clear();
            self.joined.clear();
            self.data = Data::Absent;
        }
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::with_limit(EVENT_LIMIT)
    }
}

/// What a line says that matters here, and where in it the value begins.
enum Field {
    End,
    Name { at: usize },
    Data { at: usize },
    Other,
}

fn field(line: &[u8]) -> Field {
    if line.is_empty() {
        return Field::End;
    }
    // Most lines are this one.
    let end = if line.starts_with(b"data:") { 4 } else { memchr(b':', line).unwrap_or(line.len()) };
    let value = line.len().min(end + 1);
    let at = if line.get(value) == Some(&b' ') { value + 1 } else { value };
    match &line[..end] {
        b"data" => Field::Data { at },
        b"event" => Field::Name { at },
        _ => Field::Other,
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

//! What holds for every event stream, however it is cut.
use bytes::Bytes;

use crate::sse::{Framer, TooLarge};

/// Type and data of each event, its unended last one included, up to one that is too large.
pub(crate) type Events = (Vec<(Vec<u8>, Vec<u8>)>, Option<TooLarge>);

/// Reads `stream` at once and in pieces, and compares with what the standard says.
pub(crate) fn check(stream: &[u8], cuts: u8, limit: usize) {
    let expected = by_the_standard(stream, limit);
    assert_eq!(events([stream], limit), expected, "at once");
    assert_eq!(events(pieces(stream, cuts), limit), expected, "in pieces");
}

/// The events of a stream that arrives in `pieces`, none of which may be larger than `limit`.
pub(crate) fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Events {
    let mut framer = Framer::with_limit(limit);
    let mut events = Vec::new();
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece));
        loop {
            match framer.next_event() {
                Ok(Some(event)) => events.push((event.name.to_vec(), event.data.to_vec())),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    match framer.unended() {
        Ok(last) => {
            events.extend(last.map(|event| (event.name.to_vec(), event.data.to_vec())));
            (events, None)
        }
        Err(error) => (events, Some(error)),
    }
}

/// `stream` in pieces of one byte or of odd sizes.
fn pieces(stream: &[u8], cuts: u8) -> impl Iterator<Item = &[u8]> {
    let most = [1, 3, 17, 101][usize::from(cuts & 3)];
    let mut state = u32::from(cuts) + 1;
    let mut rest = stream;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = 1 + (state >> 16) as usize % most;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What the standard says, in the simplest words: the whole stream, no cuts.
fn by_the_standard(stream: &[u8], limit: usize) -> Events {
    let (mut name, mut data, mut events) = (Vec::new(), None::<Vec<u8>>, Vec::new());
    let mark = b"\xef\xbb\xbf".as_slice();
    for (at, line) in lines(stream).into_iter().enumerate() {
        if line.len() > limit {
            return (events, Some(TooLarge));
        }
        let line = if at == 0 { line.strip_prefix(mark).unwrap_or(line) } else { line };
        let colon = line.iter().position(|it| *it == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"" if line.is_empty() => {
                let name = std::mem::take(&mut name);
                events.extend(data.take().map(|data| (name, data)));
            }
            b"event" => value.clone_into(&mut name),
            b"data" => {
                let joined = match data.take() {
                    Some(data) => [&data, b"\n".as_slice(), value].concat(),
                    None => value.to_owned(),
                };
                if joined.len() > limit {
                    return (events, Some(TooLarge));
                }
                data = Some(joined);
            }
            _ => {}
        }
    }
    (events, None)
}

/// The lines of `stream` without their ends, and an empty one, which ends the last event.
fn lines(stream: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|it| matches!(it, b'\n' | b'\r')) {
        lines.push(&rest[..end]);
        let length = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
    lines.extend([rest, b""]);
    lines
}

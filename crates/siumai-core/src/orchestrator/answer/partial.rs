//! What can be said of JSON that is still being written.
use serde_json::Value;

/// The value that `text` is the beginning of, as far as it is certain: without a key whose value
/// has not begun, and without a number or a word that may go on. Text is shown as far as it came.
///
/// Nothing, if there is no object or list yet, or it can't become JSON.
pub(super) fn complete(text: &str) -> Option<Value> {
    let mut reader = Reader::default();
    for (at, byte) in text.bytes().enumerate() {
        reader.read(at, byte);
    }
    let (end, mut tail) = reader.end(text)?;
    tail.extend(reader.open.iter().rev());
    let mut whole = text.get(..end)?.as_bytes().to_vec();
    whole.extend(tail);
    serde_json::from_slice(&whole).ok()
}

#[derive(Default)]
struct Reader {
    /// What closes the objects and lists that are open, the innermost last. Whatever changes it is
    /// a place to stop at, so it always belongs to the last one.
    open: Vec<u8>,
    /// How far the text goes that is JSON once `open` has closed it.
    certain: usize,
    /// The text under way, if one is.
    string: Option<Text>,
    /// Whether a key comes next, in an object.
    wants_key: bool,
    /// Whether a number or a word is under way.
    is_in_word: bool,
}

struct Text {
    is_key: bool,
    /// Where its last character that is whole ends.
    whole: usize,
    escape: Escape,
}

#[derive(Clone, Copy, PartialEq)]
enum Escape {
    None,
    /// After a backslash.
    Begun,
    /// So many hexadecimal digits are to come.
    Digits(u8),
}

impl Reader {
    fn read(&mut self, at: usize, byte: u8) {
        if let Some(string) = &mut self.string {
            if string.ends_with(at, byte) {
                if !string.is_key {
                    self.certain = at + 1;
                }
                self.string = None;
            }
            return;
        }
        if self.is_in_word && matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
            self.is_in_word = false;
            self.certain = at;
        }
        match byte {
            b'"' => {
                let text = Text { is_key: self.wants_key, whole: at + 1, escape: Escape::None };
                self.string = Some(text);
            }
            b'{' | b'[' => {
                self.open.push(if byte == b'{' { b'}' } else { b']' });
                self.wants_key = byte == b'{';
                self.certain = at + 1;
            }
            b'}' | b']' => {
                self.open.pop();
                self.wants_key = false;
                self.certain = at + 1;
            }
            b',' => self.wants_key = self.open.last() == Some(&b'}'),
            b':' => self.wants_key = false,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => self.is_in_word = true,
        }
    }

    /// Where `text` is to be cut, and what follows there before everything is closed.
    fn end(&self, text: &str) -> Option<(usize, Vec<u8>)> {
        let begins = text.trim_start().starts_with(['{', '[']);
        match &self.string {
            _ if !begins => None,
            Some(Text { is_key: false, whole, .. }) => {
                Some((without_half_pair(text, *whole), vec![b'"']))
            }
            _ => Some((self.certain, Vec::new())),
        }
    }
}

impl Text {
    /// Takes in a byte; says whether it is the last.
    fn ends_with(&mut self, at: usize, byte: u8) -> bool {
        self.escape = match (self.escape, byte) {
            (Escape::None, b'"') => return true,
            (Escape::None, b'\\') => Escape::Begun,
            (Escape::Begun, b'u') => Escape::Digits(4),
            (Escape::Digits(more @ 2..), _) => Escape::Digits(more - 1),
            _ => Escape::None,
        };
        if self.escape == Escape::None {
            self.whole = at + 1;
        }
        false
    }
}

/// The place before a `\uD83D` at the end of `text[..end]`, whose other half has not come.
fn without_half_pair(text: &str, end: usize) -> usize {
    let Some(start) = end.checked_sub(6) else { return end };
    let is_half = text.get(start..end).is_some_and(|it| {
        let digits = it.strip_prefix("\\u").and_then(|it| u16::from_str_radix(it, 16).ok());
        digits.is_some_and(|it| (0xD800..0xDC00).contains(&it))
    });
    // A backslash that is escaped itself begins no escape.
    let backslashes = text.get(..start).map_or(0, |it| it.len() - it.trim_end_matches('\\').len());
    if is_half && backslashes % 2 == 0 { start } else { end }
}

#[cfg(test)]
mod tests;

//! What is known of a server when it fails: its last words on standard error, and how it ended.
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much of standard error is kept, in bytes: the end of it, where the reason stands.
#[cfg(feature = "stdio")]
const TAIL: usize = 4 * 1024;

/// How many lines of that are shown.
const SHOWN_LINES: usize = 12;

/// What a connection has learned about its server. Filled while messages are read.
#[derive(Default)]
pub(crate) struct Diagnosis(Mutex<Known>);

#[derive(Default)]
struct Known {
    tail: Vec<u8>,
    /// What was before the tail is gone.
    is_cut: bool,
    ended: Option<String>,
}

impl Diagnosis {
    /// Takes in what the server wrote on standard error; the last of it is kept.
    #[cfg(feature = "stdio")]
    pub(crate) fn said(&self, bytes: &[u8]) {
        let mut known = self.lock();
        known.tail.extend_from_slice(bytes);
        if let Some(excess) = known.tail.len().checked_sub(TAIL).filter(|it| *it > 0) {
            known.tail.drain(..excess);
            known.is_cut = true;
        }
    }

    /// Notes how the connection ended; the first reason counts, for others follow from it.
    pub(crate) fn ended(&self, how: impl Into<String>) {
        self.lock().ended.get_or_insert_with(|| how.into());
    }

    /// How the connection ended, if it did.
    pub(crate) fn how_it_ended(&self) -> Option<String> {
        self.lock().ended.clone()
    }

    /// The last lines on standard error, if there were any.
    pub(crate) fn last_words(&self) -> Option<String> {
        let known = self.lock();
        let tail = String::from_utf8_lossy(&known.tail);
        // The rest of a line that is cut could be the rest of a secret.
        let whole = if known.is_cut { tail.split_once('\n').map_or("", |it| it.1) } else { &tail };
        let text = without_paint(whole);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|it| !it.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        (!last.is_empty()).then_some(last)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text for a terminal without what moves and paints.
fn without_paint(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // A sequence like `ESC [ 3 1 m` ends with a letter.
                if characters.next() == Some('[') {
                    characters.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\n' | '\t' => plain.push(character),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(all(test, feature = "stdio"))]
mod tests;

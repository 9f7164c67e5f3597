//! What a run shows: the answer on standard output, its course on standard error.
mod json;
pub(crate) mod paint;
mod progress;
mod text;

use std::{borrow::Cow, io};

use siumai::orchestrator::StreamEvent;

pub(crate) use self::{
    json::{Json, JsonLines},
    progress::{Detail, Progress, one_line},
    text::Text,
};
use crate::run::Ended;

/// Writes the answer. An error says that nobody reads it any more.
pub(crate) trait Answer {
    /// Something happened.
    fn event(&mut self, event: &StreamEvent) -> io::Result<()>;

    /// The run has ended.
    fn end(&mut self, ended: &Ended) -> io::Result<()>;
}

/// `text` on one line of a terminal: nothing in it moves the cursor or turns the writing round.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escape(text, is_control)
}

/// `text` as a terminal may show it: with its lines, and nothing that moves the cursor elsewhere.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    escape(text, |it| is_control(it) && !matches!(it, '\n' | '\t'))
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return text.into();
    }
    let escaped = text
        .chars()
        .map(|it| if is_escaped(it) { it.escape_default().to_string() } else { it.to_string() });
    escaped.collect::<String>().into()
}

/// Control characters, and those that change the direction of writing.
fn is_control(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;

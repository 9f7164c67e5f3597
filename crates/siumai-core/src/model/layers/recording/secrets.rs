//! Takes secrets out of text, however that is escaped and cut.
use std::{collections::BTreeMap, fmt, ops::Range};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::model::ModelEvent;

/// What stands where a secret stood.
pub(super) const SCRUBBED: &str = "[secret]";

/// Fields whose values are words of the format, if they are a word at all.
const FIELDS_OF_WORDS: [&str; 8] =
    ["ended", "finish_reason", "from", "kind", "role", "status", "tool_choice", "type"];

/// Texts that must not be shown.
#[derive(Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Adds one. Keys are read from files and pasted: white space around them is never meant.
    pub(super) fn add(&mut self, secret: &SecretString) {
        let secret = secret.expose_secret().trim();
        if !secret.is_empty() {
            self.0.push(SecretString::from(secret));
        }
    }

    /// Takes the secrets out of all strings in `value`, names of fields included.
    ///
    /// The words of the format itself stay, or a placeholder such as `none` for a key would make
    /// the recording unreadable.
    pub(super) fn scrub(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.scrub_pieces(vec![text]),
            Value::Array(values) => values.iter_mut().for_each(|it| self.scrub(it)),
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    let is_of_words = FIELDS_OF_WORDS.contains(&name.as_str());
                    if !(is_of_words && value.as_str().is_some_and(is_word)) {
                        self.scrub(value);
                    }
                }
                if fields.keys().any(|name| !is_word(name) && !self.find(name).is_empty()) {
                    let scrubbed = std::mem::take(fields).into_iter().map(|(mut name, value)| {
                        self.scrub_pieces(vec![&mut name]);
                        (name, value)
                    });
                    *fields = scrubbed.collect();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Takes out the secrets that are spread over the pieces of a stream.
    pub(super) fn scrub_events(&self, events: &mut [ModelEvent]) {
        let (mut content, mut reasoning, mut refusal) = (Vec::new(), Vec::new(), Vec::new());
        let mut calls: BTreeMap<usize, Vec<&mut String>> = BTreeMap::new();
        for event in events {
            let ModelEvent::Delta(delta) = event else { continue };
            content.extend(&mut delta.content);
            reasoning.extend(&mut delta.reasoning);
            refusal.extend(&mut delta.refusal);
            if let Some(call) = &mut delta.tool_call {
                calls.entry(call.index).or_default().push(&mut call.arguments);
            }
        }
        let texts = [content, reasoning, refusal].into_iter().chain(calls.into_values());
        texts.for_each(|pieces| self.scrub_pieces(pieces));
    }

    /// Takes the secrets out of a text that comes in pieces.
    fn scrub_pieces(&self, pieces: Vec<&mut String>) {
        if self.0.is_empty() {
            return;
        }
        let text: String = pieces.iter().map(|it| it.as_str()).collect();
        let secrets = self.find(&text);
        if secrets.is_empty() {
            return;
        }
        let mut start = 0;
        for piece in pieces {
            let end = start + piece.len();
            *piece = without(&text, start..end, &secrets);
            start = end;
        }
    }

    /// Where secrets stand in `text`, in order.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for (start, _) in text.char_indices() {
            if found.last().is_some_and(|last| start < last.end) {
                continue;
            }
            let secrets = self.0.iter().map(ExposeSecret::expose_secret);
            let lengths = secrets.filter_map(|secret| matching(&text[start..], secret));
            found.extend(lengths.max().map(|length| start..start + length));
        }
        found
    }
}

/// The piece of `text` that lies in `piece`; where a secret begins, it says that one was there.
fn without(text: &str, piece: Range<usize>, secrets: &[Range<usize>]) -> String {
    let mut kept = String::new();
    let mut rest = piece.start;
    for secret in secrets.iter().filter(|it| it.start < piece.end && it.end > piece.start) {
        if secret.start >= piece.start {
            kept.push_str(&text[rest..secret.start]);
            kept.push_str(SCRUBBED);
        }
        rest = secret.end.min(piece.end);
    }
    kept.push_str(&text[rest..piece.end]);
    kept
}

/// How much of the beginning of `text` is `secret`, each character as it is or escaped as in JSON.
fn matching(text: &str, secret: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in secret.chars() {
        rest = rest.strip_prefix(wanted).or_else(|| after_escaped(rest, wanted))?;
    }
    Some(text.len() - rest.len())
}

/// What follows `wanted`, if `text` begins with it behind backslashes (RFC 8259 §7). JSON text in
/// a JSON string has several.
fn after_escaped(text: &str, wanted: char) -> Option<&str> {
    let escaped = text.strip_prefix('\\')?.trim_start_matches('\\');
    let letter = match wanted {
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        other => other,
    };
    escaped.strip_prefix(letter).or_else(|| after_units(text, wanted))
}

/// What follows `wanted`, if `text` begins with its numbers in UTF-16.
fn after_units(text: &str, wanted: char) -> Option<&str> {
    let mut rest = text;
    for unit in wanted.encode_utf16(&mut [0; 2]) {
        let escape = rest.strip_prefix('\\')?.trim_start_matches('\\').strip_prefix('u')?;
        let (digits, after) = escape.split_at_checked(4)?;
        if u16::from_str_radix(digits, 16).ok()? != *unit {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// Whether it looks like the words of the format, which no key does.
fn is_word(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests;

//! What came of a call as a model reads it, and how much of it.
use std::{borrow::Cow, io};

use serde_json::Value;

use super::{ToolCall, ToolResult};

impl ToolResult {
    /// The output as a model reads it: a string as it is, anything else as JSON, and below it the note.
    ///
    /// ```
    /// use siumai_core::types::{ToolCall, ToolResult};
    /// use serde_json::json;
    ///
    /// let call = ToolCall { id: "call_1".into(), name: "add".into(), arguments: json!({ "a": 1 }) };
    /// let mut result = ToolResult::executed(&call, json!({ "sum": 1 }));
    /// result.note = Some("It was rounded.".into());
    /// assert_eq!(result.output_text(), "{\"sum\":1}\n\nIt was rounded.");
    /// ```
    pub fn output_text(&self) -> Cow<'_, str> {
        let text = match &self.output {
            Value::String(text) => Cow::from(text),
            other => other.to_string().into(),
        };
        match &self.note {
            Some(note) => format!("{text}\n\n{note}").into(),
            None => text,
        }
    }

    /// The UTF-8 bytes of the output as a model reads it, without the note, counted without making
    /// them.
    pub fn output_size(&self) -> usize {
        match &self.output {
            Value::String(text) => text.len(),
            other => Beginning::of(other, 0).size,
        }
    }

    /// Cuts off what goes beyond `limit` bytes of the output, and tells the model in a note.
    ///
    /// What is left is text: no character is cut in two, and of a JSON value it is the beginning
    /// of its JSON. The size it had is in [`truncated_from`](Self::truncated_from). What was cut off
    /// once stays as it is.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_core::types::{ToolCall, ToolResult};
    ///
    /// let call = ToolCall { id: "a".into(), name: "read".into(), arguments: json!({}) };
    /// let mut result = ToolResult::executed(&call, json!("sea and shore"));
    /// result.truncate(1_000);
    /// assert_eq!(result.output, json!("sea and shore"));
    /// result.truncate(3);
    /// assert_eq!((result.output, result.truncated_from), (json!("sea"), Some(13)));
    /// assert!(result.note.unwrap().starts_with("The output of `read` is too large"));
    /// ```
    pub fn truncate(&mut self, limit: usize) {
        if self.truncated_from.is_some() {
            return;
        }
        let (beginning, size) = match &self.output {
            Value::String(text) if text.len() <= limit => return,
            Value::String(text) => {
                (whole_characters(text.as_bytes(), limit).to_owned(), text.len())
            }
            other if room_left(other, limit).is_some() => return,
            other => {
                let Beginning { bytes, size, .. } = Beginning::of(other, limit);
                if size <= limit {
                    return;
                }
                (whole_characters(&bytes, limit).to_owned(), size)
            }
        };
        let (name, kept) = (&self.name, beginning.len());
        self.add_note(format!(
            "The output of `{name}` is too large: these are the first {kept} of its {size} bytes. If the \
             rest matters, call the tool again in a way that gives less, or another part."
        ));
        self.output = beginning.into();
        self.truncated_from = Some(size as u64);
    }

    /// Tells the model something more beside the output.
    pub(crate) fn add_note(&mut self, note: String) {
        self.note = Some(match self.note.take() {
            Some(before) => format!("{before}\n\n{note}"),
            None => note,
        });
    }
}

impl ToolCall {
    /// The UTF-8 bytes of the arguments as a model wrote them, about.
    pub(crate) fn arguments_size(&self) -> usize {
        match &self.arguments {
            Value::String(text) => text.len(),
            other => Beginning::of(other, 0).size,
        }
    }
}

/// What is left of `room` bytes beside `value` as JSON, at the least; `None` if there may not be enough.
///
/// It looks at no character, so that a small value costs next to nothing.
fn room_left(value: &Value, room: usize) -> Option<usize> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => room.checked_sub(LONGEST_NUMBER),
        Value::String(text) => room_beside(text, room),
        Value::Array(items) => {
            let room = room.checked_sub(2 + items.len())?;
            items.iter().try_fold(room, |room, item| room_left(item, room))
        }
        Value::Object(fields) => {
            let room = room.checked_sub(2 + 2 * fields.len())?;
            fields
                .iter()
                .try_fold(room, |room, (name, field)| room_left(field, room_beside(name, room)?))
        }
    }
}

/// A number as JSON has at most so many bytes: -2.2250738585072014e-308.
const LONGEST_NUMBER: usize = 24;

fn room_beside(text: &str, room: usize) -> Option<usize> {
    // Between quotes, each byte may have to be written like `\u0000`.
    room.checked_sub(text.len().saturating_mul(6).saturating_add(2))
}

/// The text at the beginning of `bytes`, at most `limit` of them.
fn whole_characters(bytes: &[u8], limit: usize) -> &str {
    let bytes = &bytes[..limit.min(bytes.len())];
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Takes in JSON, keeps its first bytes and counts them all.
struct Beginning {
    limit: usize,
    bytes: Vec<u8>,
    size: usize,
}

impl Beginning {
    fn of(value: &Value, limit: usize) -> Self {
        let mut beginning = Self { limit, bytes: Vec::new(), size: 0 };
        // Neither counting nor the writing of a value fails.
        serde_json::to_writer(&mut beginning, value).ok();
        beginning
    }
}

impl io::Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.size += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

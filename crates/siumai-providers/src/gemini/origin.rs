//! A reply's parts as they go back: word for word as they came, text that came in pieces joined.
//!
//! Signatures belong to the very part they came with, so a part that has more than text is
//! kept as it is, an empty one too.
use serde_json::Value;

/// The parts of a message, as JSON.
#[derive(Debug, Default)]
pub(super) struct OriginParts {
    /// Those that are whole, with commas between them.
    json: String,
    open: Option<OpenText>,
}

/// Text that may go on.
#[derive(Debug)]
struct OpenText {
    text: String,
    is_thought: bool,
}

impl OriginParts {
    /// More text that has nothing with it.
    pub(super) fn push_text(&mut self, text: &str, is_thought: bool) {
        match &mut self.open {
            // The provider takes no empty part.
            _ if text.is_empty() => {}
            Some(open) if open.is_thought == is_thought => open.text.push_str(text),
            _ => {
                self.close();
                self.open = Some(OpenText { text: text.to_owned(), is_thought });
            }
        }
    }

    /// Any other part.
    pub(super) fn push_part(&mut self, json: &str) {
        self.close();
        self.push_json(json);
    }

    /// All of them as a list; none if there are none.
    pub(super) fn finish(mut self) -> Option<String> {
        self.close();
        (!self.json.is_empty()).then(|| format!("[{}]", self.json))
    }

    fn close(&mut self) {
        let Some(OpenText { text, is_thought }) = self.open.take() else { return };
        let text = Value::String(text);
        self.push_json(&if is_thought {
            format!(r#"{{"text":{text},"thought":true}}"#)
        } else {
            format!(r#"{{"text":{text}}}"#)
        });
    }

    fn push_json(&mut self, json: &str) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(json);
    }
}

//! What of a message only the server understands that sent it, kept to go back to it.
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use siumai_core::types::Origin;

use super::wire::{Annotation, Detail};

/// The fields of the message that the parts of a reply have no place for, put together from
/// their pieces.
#[derive(Debug, Default)]
pub(super) struct Kept {
    reasoning: Option<(&'static str, String)>,
    details: Vec<KeptDetail>,
    content: Vec<Part>,
    /// What the server has read from files, so that it need not read them again.
    annotations: Vec<Box<RawValue>>,
    /// The name of a spoken reply.
    audio: Option<String>,
    /// What came with each call, by its number.
    calls: Vec<(usize, Box<RawValue>)>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Thinking { text: String, signature: String },
    Raw(Box<RawValue>),
}

#[derive(Debug)]
enum KeptDetail {
    /// As it came.
    Whole(Box<RawValue>),
    Pieces(Pieces),
}

#[derive(Debug, Default, Serialize)]
struct Pieces {
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    signature: String,
}

/// The origin of a message: the fields that go back.
#[derive(Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasoning_details: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    content: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    annotations: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Audio>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: Vec<CallFields<'a>>,
}

#[derive(Serialize)]
struct Audio {
    id: String,
}

#[derive(Serialize)]
struct CallFields<'a> {
    index: usize,
    extra_content: &'a RawValue,
}

impl Kept {
    /// Thinking as text, under the name `field`.
    pub(super) fn reasoning(&mut self, field: &'static str, text: &str) {
        let (_, all) = self.reasoning.get_or_insert_with(|| (field, String::new()));
        all.push_str(text);
    }

    /// A detail that is there as a whole.
    pub(super) fn whole_detail(&mut self, detail: &RawValue) {
        self.details.push(KeptDetail::Whole(detail.to_owned()));
    }

    /// A piece of a detail: it goes on with the last if it has the same number and sort.
    pub(super) fn detail(&mut self, piece: &Detail<'_>) {
        let goes_on = |last: &Pieces| {
            let is_same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
            last.index == piece.index.0
                && is_same(&last.kind, piece.kind.as_str())
                && is_same(&last.id, piece.id.as_str())
        };
        let at = self.details.iter().rposition(|it| match it {
            KeptDetail::Pieces(pieces) => goes_on(pieces),
            KeptDetail::Whole(_) => false,
        });
        let at = at.unwrap_or_else(|| {
            let pieces = Pieces { index: piece.index.0, ..Pieces::default() };
            self.details.push(KeptDetail::Pieces(pieces));
            self.details.len() - 1
        });
        if let Some(KeptDetail::Pieces(pieces)) = self.details.get_mut(at) {
            pieces.go_on(piece);
        }
    }

    /// Text of the content, whether it came as a part or not.
    pub(super) fn text(&mut self, more: &str) {
        match self.content.last_mut() {
            Some(Part::Text(text)) => text.push_str(more),
            _ => self.content.push(Part::Text(more.to_owned())),
        }
    }

    /// Thinking that came as a part of the content.
    pub(super) fn thinking_part(&mut self, more: &str, signed: &str) {
        if let Some(Part::Thinking { text, signature }) = self.content.last_mut() {
            text.push_str(more);
            signature.push_str(signed);
            return;
        }
        let (text, signature) = (more.to_owned(), signed.to_owned());
        self.content.push(Part::Thinking { text, signature });
    }

    /// A part of the content that is there as a whole.
    pub(super) fn whole_part(&mut self, part: &RawValue) {
        self.content.push(Part::Raw(part.to_owned()));
    }

    /// What annotations say of files.
    pub(super) fn annotations(&mut self, list: &RawValue) {
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
        let is_of_file = |raw: &&&RawValue| {
            let read = serde_json::from_str::<Annotation<'_>>(raw.get());
            read.is_ok_and(|it| it.kind.as_str() == "file")
        };
        self.annotations.extend(list.iter().filter(is_of_file).map(|it| (*it).to_owned()));
    }

    /// The name of a spoken reply.
    pub(super) fn audio(&mut self, id: &str) {
        if !id.is_empty() {
            self.audio = Some(id.to_owned());
        }
    }

    /// What came with the call that has this number.
    pub(super) fn call(&mut self, at: usize, extra: &RawValue) {
        self.calls.push((at, extra.to_owned()));
    }

    /// What goes back, if anything was kept.
    pub(super) fn into_origin(self, wire: &str) -> Option<Origin> {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        let has_parts = !self.content.iter().all(is_text);
        let content = if has_parts { self.content } else { Vec::new() };
        let of = |name| self.reasoning.as_ref().filter(|(field, _)| *field == name);
        let fields = Fields {
            reasoning: of("reasoning").map(|(_, text)| text.as_str()),
            reasoning_content: of("reasoning_content").map(|(_, text)| text.as_str()),
            reasoning_details: self.details.into_iter().filter_map(KeptDetail::into_raw).collect(),
            content: content.into_iter().filter_map(Part::into_raw).collect(),
            annotations: self.annotations,
            audio: self.audio.map(|id| Audio { id }),
            tool_calls: self
                .calls
                .iter()
                .map(|(index, extra)| CallFields { index: *index, extra_content: extra })
                .collect(),
        };
        let json = serde_json::to_string(&fields).ok()?;
        (json != "{}").then(|| Origin::new(wire, json))
    }
}

impl Pieces {
    fn go_on(&mut self, piece: &Detail<'_>) {
        set(&mut self.kind, piece.kind.as_str());
        set(&mut self.id, piece.id.as_str());
        set(&mut self.format, piece.format.as_str());
        set(&mut self.signature, piece.signature.as_str());
        append(&mut self.text, piece.text.as_str());
        append(&mut self.summary, piece.summary.as_str());
        append(&mut self.data, piece.data.as_str());
    }
}

fn set(field: &mut String, text: &str) {
    if !text.is_empty() {
        text.clone_into(field);
    }
}

fn append(field: &mut Option<String>, more: &str) {
    if !more.is_empty() {
        field.get_or_insert_default().push_str(more);
    }
}

impl KeptDetail {
    fn into_raw(self) -> Option<Box<RawValue>> {
        match self {
            Self::Whole(raw) => Some(raw),
            Self::Pieces(pieces) => to_raw_value(&pieces).ok(),
        }
    }
}

impl Part {
    fn into_raw(self) -> Option<Box<RawValue>> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Written {
            Text {
                text: String,
            },
            Thinking {
                thinking: [Box<Written>; 1],
                #[serde(skip_serializing_if = "String::is_empty")]
                signature: String,
            },
        }
        let written = match self {
            Self::Raw(raw) => return Some(raw),
            Self::Text(text) => Written::Text { text },
            Self::Thinking { text, signature } => {
                Written::Thinking { thinking: [Box::new(Written::Text { text })], signature }
            }
        };
        to_raw_value(&written).ok()
    }
}

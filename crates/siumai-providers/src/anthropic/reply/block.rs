//! A block of a reply: what its pieces tell the reader, and what it is when it goes back.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use siumai_core::{
    model::{Delta, ModelEvent, ToolCallDelta},
    types::{ContentPart, Source},
};

use super::wire;
use crate::{
    http::Fault,
    json::{self, Text, plain_word},
    reply::Events,
};

/// A block, from its start to its end.
#[derive(Debug)]
pub(super) struct Block {
    /// Its place in the reply. The provider's own count may begin anew.
    at: usize,
    index: Option<u64>,
    kind: Kind,
    /// How it began.
    start: Box<RawValue>,
    /// What was added: to the text, the thinking, or the JSON of the input.
    added: String,
    /// Fields that were added or replaced whole.
    fields: Fields,
    citations: Vec<Box<RawValue>>,
    is_closed: bool,
}

type Fields = BTreeMap<String, Box<RawValue>>;

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Thinking,
    /// A call of a tool of ours.
    Call {
        id: String,
    },
    /// What the provider did itself, and whatever else has no portable form.
    Other,
}

impl Block {
    /// A block that begins as `raw` says, and what it brings already.
    pub(super) fn open(
        at: usize,
        index: Option<u64>,
        raw: &RawValue,
    ) -> Result<(Self, Option<Delta>), Fault> {
        let mut citations = Vec::new();
        let kind = read::<wire::AnyBlock<'_>>(raw)?.kind;
        let (kind, delta) = match kind.as_ref().map(Text::as_str) {
            Some("text") => {
                let block: wire::TextBlock<'_> = read(raw)?;
                let cited = block.citations.unwrap_or_default().into_iter();
                citations.extend(cited.map(ToOwned::to_owned));
                (Kind::Text, block.text.map(|it| Delta::content(String::from(it))))
            }
            Some("thinking") => {
                let block: wire::ThinkingBlock<'_> = read(raw)?;
                let delta = block.thinking.map(|it| Delta::reasoning(String::from(it)));
                (Kind::Thinking, delta)
            }
            Some("tool_use") => {
                let block: wire::CallBlock<'_> = read(raw)?;
                let (kind, delta) = begin_call(at, block, raw)?;
                (kind, Some(Delta::tool_call(delta)))
            }
            kind => {
                let kind = kind.map(plain_word);
                tracing::trace!(kind, "a block without a portable form is kept as it is");
                (Kind::Other, None)
            }
        };
        let block = Self {
            at,
            index,
            kind,
            start: raw.to_owned(),
            added: String::new(),
            fields: Fields::new(),
            citations,
            is_closed: false,
        };
        Ok((block, delta))
    }

    /// The provider's own count.
    pub(super) fn index(&self) -> Option<u64> {
        self.index
    }

    /// The id that the provider gave it, if it is a call.
    pub(super) fn call_id(&self) -> Option<&str> {
        match &self.kind {
            Kind::Call { id } => Some(id),
            _ => None,
        }
    }

    /// Takes in a piece of it; `data` is the event that brought it.
    pub(super) fn add(
        &mut self,
        delta: wire::Delta<'_>,
        data: &[u8],
    ) -> Result<Option<Delta>, Fault> {
        let kind = delta.kind.as_ref().map(Text::as_str).unwrap_or_default();
        Ok(match (kind, &self.kind) {
            ("text_delta", Kind::Text) => self.append(delta.text).map(Delta::content),
            ("thinking_delta", Kind::Thinking) => self.append(delta.thinking).map(Delta::reasoning),
            ("input_json_delta", Kind::Call { .. }) => {
                let arguments = self.append(delta.partial_json);
                arguments.map(|it| Delta::tool_call(ToolCallDelta::arguments(self.at, it)))
            }
            ("input_json_delta", Kind::Other) => {
                self.append(delta.partial_json);
                None
            }
            ("citations_delta", Kind::Text) => {
                self.citations.extend(delta.citation.map(ToOwned::to_owned));
                None
            }
            _ => {
                self.add_fields(data)?;
                None
            }
        })
    }

    /// It has ended: what can only be told then is told.
    pub(super) fn close(&mut self, events: &mut Events) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let sources = self.citations.iter().filter_map(|it| source(it));
        let parts = sources.map(|it| Delta::part(ContentPart::Source(it)));
        events.extend(parts.map(ModelEvent::Delta));
        if let Some(arguments) = self.given_input() {
            let delta = ToolCallDelta::arguments(self.at, arguments);
            events.push_back(ModelEvent::Delta(Delta::tool_call(delta)));
        }
    }

    /// The block as it goes back to the provider, if it is one that the provider takes.
    pub(super) fn to_json(&self) -> Option<Box<RawValue>> {
        let mut fields = self.given_fields();
        match self.kind {
            Kind::Text => {
                let text = text(&fields, "text") + &self.added;
                // The provider refuses text that has nothing in it.
                if text.trim().is_empty() {
                    return None;
                }
                fields.insert("text".to_owned(), to_raw_value(&text).ok()?);
                if !self.citations.is_empty() {
                    fields.insert("citations".to_owned(), to_raw_value(&self.citations).ok()?);
                }
            }
            Kind::Thinking => {
                let thinking = text(&fields, "thinking") + &self.added;
                fields.insert("thinking".to_owned(), to_raw_value(&thinking).ok()?);
            }
            Kind::Call { .. } => {
                let input = input(&self.added, fields.get("input").map(AsRef::as_ref))?;
                fields.insert("input".to_owned(), input);
            }
            Kind::Other if !self.added.is_empty() => {
                fields.insert("input".to_owned(), input(&self.added, None)?);
            }
            Kind::Other => {}
        }
        to_raw_value(&fields).ok()
    }

    /// Whether it is thinking that the provider has not signed.
    pub(super) fn is_unsigned_thinking(&self) -> bool {
        self.kind == Kind::Thinking && text(&self.given_fields(), "signature").is_empty()
    }

    /// All fields, without what was added to the one that grows.
    fn given_fields(&self) -> Fields {
        let mut fields: Fields = parse(&self.start).unwrap_or_default();
        fields.extend(self.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        fields
    }

    fn append(&mut self, text: Option<Text<'_>>) -> Option<String> {
        let text = text?;
        self.added.push_str(text.as_str());
        Some(text.into())
    }

    /// Takes in a piece of a sort that is not known: texts grow, anything else is replaced.
    fn add_fields(&mut self, data: &[u8]) -> Result<(), Fault> {
        #[derive(Deserialize)]
        struct Event {
            delta: Fields,
        }
        let event: Event =
            serde_json::from_slice(data).map_err(|error| Fault::malformed(&error, data))?;
        let start: Fields = parse(&self.start)?;
        for (name, value) in event.delta {
            // What a call is called is known by its beginning.
            let is_settled = self.call_id().is_some() && matches!(name.as_str(), "id" | "name");
            if name == "type" || is_settled {
                continue;
            }
            let known = self.fields.get(&name).or_else(|| start.get(&name));
            let known = known.and_then(|it| parse::<String>(it).ok());
            let value = match (known, parse::<String>(&value)) {
                (Some(known), Ok(more)) => to_raw_value(&(known + &more)).unwrap_or(value),
                _ => value,
            };
            self.fields.insert(name, value);
        }
        Ok(())
    }

    /// The input of a call that came whole with its start.
    fn given_input(&self) -> Option<String> {
        if self.call_id().is_none() || !self.added.is_empty() {
            return None;
        }
        let input = read::<wire::CallBlock<'_>>(&self.start).ok()?.input?.get();
        // In a stream every input begins empty. Where it stays so, the reply may have been cut
        // off before it, which is told apart by whoever puts the call together.
        let is_empty = parse_text::<Fields>(input).is_ok_and(|fields| fields.is_empty());
        (!is_empty && input != "null").then(|| input.to_owned())
    }
}

fn begin_call(
    at: usize,
    block: wire::CallBlock<'_>,
    raw: &RawValue,
) -> Result<(Kind, ToolCallDelta), Fault> {
    let id = block.id.map(String::from).unwrap_or_default();
    let Some(name) = block.name.map(String::from).filter(|it| !it.is_empty()) else {
        return Err(Fault::malformed(&"a tool call has no name", raw.get().as_bytes()));
    };
    let given_id = Some(id.clone()).filter(|it| !it.is_empty());
    let delta = ToolCallDelta { id: given_id, ..ToolCallDelta::begin(at, "", name) };
    Ok((Kind::Call { id }, delta))
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).and_then(|it| parse(it).ok()).unwrap_or_default()
}

/// The input of a call: the provider takes nothing but an object.
fn input(added: &str, given: Option<&RawValue>) -> Option<Box<RawValue>> {
    let text = if added.trim().is_empty() { given.map_or("{}", RawValue::get) } else { added };
    if let Ok(input) = parse_text::<Box<RawValue>>(text)
        && input.get().starts_with('{')
    {
        return Some(input);
    }
    to_raw_value(&BTreeMap::from([(wire::INVALID_INPUT, text)])).ok()
}

fn source(citation: &RawValue) -> Option<Source> {
    let citation: wire::Citation<'_> = read(citation).ok()?;
    let given = |text: Option<Text<'_>>| text.map(String::from).filter(|it| !it.is_empty());
    // A search result names its source in any way that whoever sent it chose.
    let page = citation.source.filter(|it| it.as_str().starts_with("http"));
    let mut source = Source::default();
    source.url = given(citation.url).or_else(|| given(page));
    source.title = given(citation.title).or_else(|| given(citation.document_title));
    source.quote = given(citation.cited_text);
    (source != Source::default()).then_some(source)
}

fn read<'a, T: json::Fields<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    json::object(raw.get()).map_err(|error| Fault::malformed(&error, raw.get().as_bytes()))
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    parse_text(raw.get())
}

fn parse_text<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::malformed(&error, text.as_bytes()))
}

#[cfg(test)]
mod tests;

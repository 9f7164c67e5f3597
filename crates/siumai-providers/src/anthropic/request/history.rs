//! Writes the messages of a conversation as Messages wants them.
//!
//! Whatever is written of a message depends on it and those before it alone, so that the bytes
//! of a conversation stay the same while it grows.
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value, json, value::RawValue};
use siumai_core::{
    LlmError,
    types::{ChatMessage, ContentPart, Media, Role, ToolCall, ToolResult, Warning},
};

use super::{
    super::wire::{AnyBlock, Block, Content, INVALID_INPUT, Message, Role as WireRole, Source},
    Manner,
    claude::Version,
};
use crate::{
    json::{Few, Text, objects},
    transcript::{Items, Page, Piece, Writer},
};

/// The messages so far.
#[derive(Debug)]
pub(super) struct History {
    manner: Arc<Manner>,
    version: Version,
    /// Who said the last message.
    last: Option<WireRole>,
    open: Open,
    ids: Ids,
    /// Where the code of the last reply that had any has run.
    container: Option<String>,
    warnings: Vec<Warning>,
}

/// What is not written yet, since the next message decides how it is.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    /// What the user's side says at once: two of its messages in a row are one.
    Asked { results: Vec<Piece>, others: Vec<Piece> },
    /// What the model said, and how it is if it is to go on from that: then it may not end with
    /// white space.
    Said { whole: Piece, last: Piece },
}

impl Writer for History {
    type Manner = (Arc<Manner>, Version);

    fn new((manner, version): Self::Manner) -> Self {
        let (last, container, warnings) = (None, None, Vec::new());
        Self {
            manner,
            version,
            last,
            open: Open::Nothing,
            ids: Ids::default(),
            container,
            warnings,
        }
    }

    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        if message.role() == Role::Tool && message.tool_results().next().is_none() {
            return Err(LlmError::invalid_input(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        if message.role() == Role::Assistant {
            self.ids.begin_exchange();
        }
        if let Some(content) = origin(message, &self.manner.wire) {
            let context = message.origin_context(&self.manner.wire).map(str::to_owned);
            self.container = context.or(self.container.take());
            self.ids.know(message);
            let role = wire_role(message.role());
            return self.say(&Message { role, content: Content::AsItCame(content) }, page);
        }
        match message.role() {
            Role::Assistant => self.push_said(message, page),
            Role::System => self.push_system(message, page),
            Role::User | Role::Tool => self.push_asked(message, page),
        }
    }

    fn write_open(&self, page: &mut Page) {
        match &self.open {
            Open::Nothing => {}
            Open::Asked { results, others } => write_asked(results, others, page),
            Open::Said { last, .. } => page.place(last),
        }
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl History {
    /// Where the code of the replies so far has run.
    pub(super) fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Writes `message`, which nothing after it changes.
    fn say(&mut self, message: &Message<'_>, page: &mut Page) -> Result<(), LlmError> {
        self.close(page);
        self.last = Some(message.role);
        page.write_here(|items| items.push(message))
    }

    fn close(&mut self, page: &mut Page) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => {}
            Open::Asked { results, others } => write_asked(&results, &others, page),
            Open::Said { whole, .. } => page.place(&whole),
        }
    }

    /// A system message in the midst of the conversation.
    fn push_system(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        let blocks: Vec<_> = message.content().iter().filter_map(text).collect();
        if blocks.is_empty() {
            return Ok(());
        }
        if self.last == Some(WireRole::User) && self.version.takes_system_messages() {
            let content = Content::Blocks(blocks);
            return self.say(&Message { role: WireRole::System, content }, page);
        }
        self.warn("a system message in the midst of the conversation was sent as the user's");
        self.ask(Vec::new(), vec![page.piece(message, |items| each(&blocks, items))?], page);
        Ok(())
    }

    /// What a person or a tool says: results first, as the provider wants it.
    fn push_asked(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        let mut results = Vec::new();
        for result in message.tool_results() {
            let block = self.ids.result(result);
            results.push(if message.content().len() == 1 && !self.ids.is_renamed(result) {
                page.piece(message, |items| items.push(&block))?
            } else {
                Page::piece_here(|items| items.push(&block))?
            });
        }
        let mut blocks = Vec::new();
        for part in message.content() {
            match asked(part) {
                Ok(block) => blocks.extend(block),
                Err(what) => self.warn(what),
            }
        }
        let mut others = Vec::new();
        if !blocks.is_empty() {
            others.push(if results.is_empty() {
                page.piece(message, |items| each(&blocks, items))?
            } else {
                Page::piece_here(|items| each(&blocks, items))?
            });
        }
        self.ask(results, others, page);
        Ok(())
    }

    /// A message without blocks is refused, and so are, by some servers, two of the user's side
    /// in a row. Results stand before anything else, in whichever order they came.
    fn ask(&mut self, more_results: Vec<Piece>, more: Vec<Piece>, page: &mut Page) {
        if more_results.is_empty() && more.is_empty() {
            return;
        }
        self.last = Some(WireRole::User);
        if let Open::Asked { results, others } = &mut self.open {
            results.extend(more_results);
            others.extend(more);
            return;
        }
        self.close(page);
        self.open = Open::Asked { results: more_results, others: more };
    }

    /// What the model said over another wire: calls last, its reasoning left out.
    fn push_said(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        let parts = message.content().iter();
        if parts
            .clone()
            .any(|it| matches!(it, ContentPart::Image { .. } | ContentPart::File { .. }))
        {
            self.warn("Anthropic takes pictures and files from the user alone; one was left out");
        }
        let mut blocks: Vec<_> = parts.filter_map(text).collect();
        blocks.extend(message.tool_calls().map(|call| Block::ToolUse {
            id: self.ids.call(call),
            name: &call.name,
            input: input(&call.arguments),
        }));
        if blocks.is_empty() {
            return Ok(());
        }
        let role = WireRole::Assistant;
        let mut said = Message { role, content: Content::Blocks(blocks) };
        let Some(trimmed) = trimmed(&said) else { return self.say(&said, page) };
        self.close(page);
        let whole = Page::piece_here(|items| items.push(&said))?;
        if let Content::Blocks(blocks) = &mut said.content {
            blocks.pop();
            blocks.push(Block::Text { text: trimmed });
        }
        self.open = Open::Said { whole, last: Page::piece_here(|items| items.push(&said))? };
        self.last = Some(role);
        Ok(())
    }

    fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(Warning::Unsupported { what: what.into() });
    }
}

/// The words that `said` ends with, if it ends with white space behind them.
fn trimmed<'a>(said: &Message<'a>) -> Option<&'a str> {
    let Content::Blocks(blocks) = &said.content else { return None };
    let Some(Block::Text { text }) = blocks.last() else { return None };
    Some(text.trim_end()).filter(|trimmed| trimmed.len() < text.len())
}

fn write_asked(results: &[Piece], others: &[Piece], page: &mut Page) {
    page.place_within(r#"{"role":"user","content":["#, results.iter().chain(others), "]}");
}

fn each(blocks: &[Block<'_>], items: &mut Items) -> Result<(), LlmError> {
    blocks.iter().try_for_each(|it| items.push(it))
}

/// Whether a message, as it goes back to the provider, begins with the model's thinking.
pub(super) fn begins_with_thinking(message: &ChatMessage, wire: &str) -> bool {
    let Some(content) = origin(message, wire) else { return false };
    let blocks: Few<AnyBlock<'_>> = objects(content.get()).unwrap_or_default();
    let first = blocks.into_iter().next().and_then(|it| it.kind);
    matches!(first.as_ref().map(Text::as_str), Some("thinking" | "redacted_thinking"))
}

/// The blocks that the message was on this wire. What is no list of blocks, whoever made it,
/// is as good as nothing.
fn origin<'a>(message: &'a ChatMessage, wire: &str) -> Option<&'a RawValue> {
    let content: &RawValue = serde_json::from_str(message.origin(wire)?).ok()?;
    let inner = content.get().strip_prefix('[')?.trim_start();
    inner.starts_with('{').then_some(content)
}

fn wire_role(role: Role) -> WireRole {
    match role {
        Role::Assistant => WireRole::Assistant,
        Role::System => WireRole::System,
        Role::User | Role::Tool => WireRole::User,
    }
}

/// The ids of calls, which must be of a few characters and different in all the conversation.
/// They come from everywhere, and are different within a reply alone.
#[derive(Debug, Default)]
struct Ids {
    taken: HashSet<String>,
    /// What the calls of the last reply are called here.
    renamed: HashMap<String, String>,
}

impl Ids {
    /// A reply begins: ids that come from here on are those of its calls and their results.
    fn begin_exchange(&mut self) {
        self.renamed.clear();
    }

    /// The calls of a message that goes back as it came.
    fn know(&mut self, message: &ChatMessage) {
        for call in message.tool_calls() {
            self.taken.insert(call.id.clone());
            // Some servers give ids that others refuse, and want them back.
            if plain(&call.id) != call.id {
                self.renamed.insert(call.id.clone(), call.id.clone());
            }
        }
    }

    fn call<'a>(&mut self, call: &'a ToolCall) -> Cow<'a, str> {
        let id = plain(&call.id);
        if self.taken.insert(id.clone().into_owned()) {
            return id;
        }
        let mut others = (2..self.taken.len() + 3).map(|number| format!("{id}_{number}"));
        let id = others.find(|id| !self.taken.contains(id)).unwrap_or_default();
        self.taken.insert(id.clone());
        self.renamed.insert(call.id.clone(), id.clone());
        id.into()
    }

    fn is_renamed(&self, result: &ToolResult) -> bool {
        self.renamed.contains_key(&result.call_id)
    }

    fn result<'a>(&self, result: &'a ToolResult) -> Block<'a> {
        let renamed = self.renamed.get(&result.call_id);
        Block::ToolResult {
            tool_use_id: renamed.map_or_else(|| plain(&result.call_id), |it| it.clone().into()),
            content: result.output_text(),
            is_error: result.is_error(),
        }
    }
}

/// An id with nothing in it that the provider refuses.
fn plain(id: &str) -> Cow<'_, str> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if id.chars().all(is_plain) {
        return id.into();
    }
    id.chars().map(|it| if is_plain(it) { it } else { '_' }).collect::<String>().into()
}

/// The arguments of a call as the provider takes them: an object. What the model wrote instead is
/// shown to it in one.
fn input(arguments: &Value) -> Cow<'_, Value> {
    let text = match arguments {
        Value::Object(_) => return Cow::Borrowed(arguments),
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Cow::Owned(if text.trim().is_empty() {
        Map::new().into()
    } else {
        json!({ INVALID_INPUT: text })
    })
}

/// The words of a part, if it has any: text without any is refused.
fn text(part: &ContentPart) -> Option<Block<'_>> {
    match part {
        ContentPart::Text { text, .. } | ContentPart::Refusal { text, .. } => {
            (!text.trim().is_empty()).then_some(Block::Text { text })
        }
        _ => None,
    }
}

/// A part of what a person says, or why it can't be sent.
fn asked(part: &ContentPart) -> Result<Option<Block<'_>>, String> {
    match part {
        ContentPart::Text { .. } => Ok(text(part)),
        ContentPart::Image { media, .. } => image(media).map(Some),
        ContentPart::File { media, .. }
            if media.media_type().is_some_and(|it| it.starts_with("image/")) =>
        {
            image(media).map(Some)
        }
        ContentPart::File { media, name, .. } => {
            let title = name.as_deref().filter(|it| !it.trim().is_empty());
            Ok(Some(Block::Document { source: document(media)?, title }))
        }
        _ => Ok(None),
    }
}

fn image(media: &Media) -> Result<Block<'_>, String> {
    let source = match media {
        Media::Url { url, .. } => of_data_url(url).unwrap_or(Source::Url { url }),
        bytes => encoded(bytes)?,
    };
    let source = match source {
        Source::Base64 { media_type: "image/jpg", data } => {
            Source::Base64 { media_type: "image/jpeg", data }
        }
        source => source,
    };
    match source {
        Source::Base64 { media_type, .. }
            if !matches!(media_type, "image/jpeg" | "image/png" | "image/gif" | "image/webp") =>
        {
            Err(format!(
                "Anthropic takes pictures as JPEG, PNG, GIF or WebP; one of `{media_type}` was left out"
            ))
        }
        source => Ok(Block::Image { source }),
    }
}

fn document(media: &Media) -> Result<Source<'_>, String> {
    const PDF: &str = "application/pdf";
    let refused = |media_type: &str| {
        format!("Anthropic takes files that are PDF or text; one of `{media_type}` was left out")
    };
    match media {
        Media::Url { url, .. } => match of_data_url(url) {
            Some(Source::Base64 { media_type, data }) if media_type != PDF => {
                let media = Media::from_base64(media_type, &data);
                let media = media.filter(|_| media_type.starts_with("text/"));
                let text = media.as_ref().and_then(text_of).ok_or_else(|| refused(media_type))?;
                Ok(Source::Text { media_type: "text/plain", data: text.to_owned().into() })
            }
            source => Ok(source.unwrap_or(Source::Url { url })),
        },
        Media::Bytes { media_type, .. } if media_type == PDF => encoded(media),
        Media::Bytes { media_type, .. } => match text_of(media) {
            Some(data) => Ok(Source::Text { media_type: "text/plain", data: data.into() }),
            None => Err(refused(media_type)),
        },
        _ => Err(refused("an unknown sort")),
    }
}

/// The bytes as text, if they are some.
fn text_of(media: &Media) -> Option<&str> {
    match media {
        Media::Bytes { data, .. } => std::str::from_utf8(data).ok(),
        _ => None,
    }
}

fn encoded(media: &Media) -> Result<Source<'_>, String> {
    match (media.media_type(), media.base64()) {
        (Some(media_type), Some(data)) => Ok(Source::Base64 { media_type, data: data.into() }),
        _ => Err("Anthropic takes bytes and URLs; something else was left out".to_owned()),
    }
}

/// What a `data:` URL (RFC 2397) holds, which the provider does not read.
fn of_data_url(url: &str) -> Option<Source<'_>> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?.split(';').next()?;
    Some(Source::Base64 { media_type, data: data.into() })
}

#[cfg(test)]
mod tests;

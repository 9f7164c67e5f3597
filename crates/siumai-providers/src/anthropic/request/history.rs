//! Writes the messages of a conversation as Messages wants them.
//!
//! Whatever is written of a message depends on it and those before it alone, so that the bytes
//! of a conversation stay the same while it grows.
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde_json::{Map, Value, json, value::RawValue};
use siumai_core::{
    LlmError,
    types::{ChatMessage, ContentPart, Media, Role, ToolCall, ToolResult, Warning},
};

use super::{
    super::wire::{AnyBlock, Block, Content, INVALID_INPUT, Message, Role as WireRole, Source},
    claude::Version,
};
use crate::json::Text;

/// The messages so far.
pub(super) struct History<'a> {
    /// What the origin of a message is called that may go back as it came.
    wire: &'a str,
    version: Version,
    messages: Vec<Message<'a>>,
    ids: Ids<'a>,
    /// Where the code of the last reply that had any has run.
    container: Option<&'a str>,
    warnings: Vec<Warning>,
}

impl<'a> History<'a> {
    /// An empty conversation with a model.
    pub(super) fn new(wire: &'a str, version: Version) -> Self {
        let (messages, warnings) = (Vec::new(), Vec::new());
        Self { wire, version, messages, ids: Ids::default(), container: None, warnings }
    }

    /// # Errors
    ///
    /// If the message is a tool's and has no result.
    pub(super) fn push(&mut self, message: &'a ChatMessage) -> Result<(), LlmError> {
        if message.role() == Role::Tool && message.tool_results().next().is_none() {
            return Err(LlmError::invalid_input(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        if message.role() == Role::Assistant {
            self.ids.begin_exchange();
        }
        if let Some(content) = origin(message, self.wire) {
            self.container = message.origin_context(self.wire).or(self.container);
            self.ids.know(message);
            let role = wire_role(message.role());
            self.messages.push(Message { role, content: Content::AsItCame(content) });
            return Ok(());
        }
        match message.role() {
            Role::Assistant => {
                let blocks = self.said(message);
                self.append(WireRole::Assistant, blocks);
            }
            Role::System => self.push_system(message),
            Role::User | Role::Tool => {
                let blocks = self.asked(message);
                self.append(WireRole::User, blocks);
            }
        }
        Ok(())
    }

    pub(super) fn container(&self) -> Option<&'a str> {
        self.container
    }

    /// The messages, and what of them was left out.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(super) fn finish(mut self) -> Result<(Vec<Message<'a>>, Vec<Warning>), LlmError> {
        // Words that the model is to go on from may not end with white space.
        if let Some(Message { role: WireRole::Assistant, content: Content::Blocks(blocks) }) =
            self.messages.last_mut()
            && let Some(Block::Text { text }) = blocks.last_mut()
        {
            *text = text.trim_end();
        }
        if self.messages.is_empty() {
            return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
        }
        Ok((self.messages, self.warnings))
    }

    /// A message without blocks is refused, and so are, by some servers, two of the same side
    /// in a row.
    fn append(&mut self, role: WireRole, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        if let Some(Message { role: WireRole::User, content: Content::Blocks(before) }) =
            self.messages.last_mut()
            && role == WireRole::User
        {
            before.extend(blocks);
            // Results stand before anything else, in whichever order they came.
            before.sort_by_key(|it| !matches!(it, Block::ToolResult { .. }));
            return;
        }
        self.messages.push(Message { role, content: Content::Blocks(blocks) });
    }

    /// A system message in the midst of the conversation.
    fn push_system(&mut self, message: &'a ChatMessage) {
        let follows_user = self.messages.last().is_some_and(|it| it.role == WireRole::User);
        if follows_user && self.version.takes_system_messages() {
            let blocks = message.content().iter().filter_map(text).collect();
            self.append(WireRole::System, blocks);
            return;
        }
        let blocks: Vec<_> = message.content().iter().filter_map(text).collect();
        if !blocks.is_empty() {
            self.warn("a system message in the midst of the conversation was sent as the user's");
        }
        self.append(WireRole::User, blocks);
    }

    /// What a person or a tool says: results first, as the provider wants it.
    fn asked(&mut self, message: &'a ChatMessage) -> Vec<Block<'a>> {
        let mut blocks: Vec<_> = message.tool_results().map(|it| self.ids.result(it)).collect();
        for part in message.content() {
            match asked(part) {
                Ok(block) => blocks.extend(block),
                Err(what) => self.warn(what),
            }
        }
        blocks
    }

    /// What the model said over another wire: calls last, its reasoning left out.
    fn said(&mut self, message: &'a ChatMessage) -> Vec<Block<'a>> {
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
        blocks
    }

    fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(Warning::Unsupported { what: what.into() });
    }
}

/// Whether a message, as it goes back to the provider, begins with the model's thinking.
pub(super) fn begins_with_thinking(message: &ChatMessage, wire: &str) -> bool {
    let Some(content) = origin(message, wire) else { return false };
    let blocks: Vec<AnyBlock<'_>> = serde_json::from_str(content.get()).unwrap_or_default();
    let first = blocks.first().and_then(|it| it.kind.as_ref()).map(Text::as_str);
    matches!(first, Some("thinking" | "redacted_thinking"))
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
#[derive(Default)]
struct Ids<'a> {
    taken: HashSet<Cow<'a, str>>,
    /// What the calls of the last reply are called here.
    renamed: HashMap<&'a str, String>,
}

impl<'a> Ids<'a> {
    /// A reply begins: ids that come from here on are those of its calls and their results.
    fn begin_exchange(&mut self) {
        self.renamed.clear();
    }

    /// The calls of a message that goes back as it came.
    fn know(&mut self, message: &'a ChatMessage) {
        for call in message.tool_calls() {
            self.taken.insert(Cow::Borrowed(&call.id));
            // Some servers give ids that others refuse, and want them back.
            if plain(&call.id) != call.id {
                self.renamed.insert(&call.id, call.id.clone());
            }
        }
    }

    fn call(&mut self, call: &'a ToolCall) -> Cow<'a, str> {
        let id = plain(&call.id);
        if self.taken.insert(id.clone()) {
            return id;
        }
        let mut others = (2..self.taken.len() + 3).map(|number| format!("{id}_{number}"));
        let id = others.find(|id| !self.taken.contains(id.as_str())).unwrap_or_default();
        self.taken.insert(id.clone().into());
        self.renamed.insert(&call.id, id.clone());
        id.into()
    }

    fn result(&self, result: &'a ToolResult) -> Block<'a> {
        let renamed = self.renamed.get(result.call_id.as_str());
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

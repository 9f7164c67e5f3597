//! Puts the pieces of a reply together.
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Delta, ModelEvent, ToolCallDelta};
use crate::{
    ErrorKind, LlmError,
    types::{
        ChatMessage, ChatResponse, ContentPart, FinishReason, Origin, Role, ToolCall, Usage,
        Warning,
    },
};

/// Folds the events of a reply into a [`ChatResponse`].
///
/// It also gives calls without an id, or with one that is taken, an id of their
/// own, before anything else has seen them.
///
/// ```
/// use siumai_core::{
///     model::{Assembler, ModelEvent},
///     types::FinishReason,
/// };
///
/// let mut assembler = Assembler::new("call");
/// assembler.push(ModelEvent::content("Sun"))?;
/// assembler.push(ModelEvent::content("ny."))?;
/// assembler.push(ModelEvent::finish(FinishReason::Stop, None))?;
/// assert_eq!(assembler.finish()?.content_text(), Some("Sunny."));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Debug)]
pub struct Assembler {
    id_prefix: String,
    has_begun: bool,
    id: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    request_id: Option<String>,
    blocks: Vec<Block>,
    origin: Option<Origin>,
    warnings: Vec<Warning>,
    finish: Option<(FinishReason, Option<Usage>)>,
}

#[derive(Debug)]
enum Block {
    Text(String),
    Reasoning(String),
    Refusal(String),
    Call(CallBlock),
    Whole(ContentPart),
}

#[derive(Debug)]
struct CallBlock {
    index: usize,
    id: String,
    /// The id as the provider gave it, if the call can't have that: it is taken, or empty.
    given_id: Option<String>,
    name: String,
    arguments: String,
}

impl Assembler {
    /// An empty reply. Calls that come without an id get one that begins with `id_prefix`.
    pub fn new(id_prefix: impl Into<String>) -> Self {
        Self {
            id_prefix: id_prefix.into(),
            has_begun: false,
            id: None,
            model: None,
            provider: None,
            request_id: None,
            blocks: Vec::new(),
            origin: None,
            warnings: Vec::new(),
            finish: None,
        }
    }

    /// Takes in an event. A delta that brought something comes back, with ids as they now are.
    ///
    /// # Errors
    ///
    /// If the event can't come here: anything after the end, or a call that begins without a name.
    pub fn push(&mut self, mut event: ModelEvent) -> Result<Option<Delta>, LlmError> {
        let brings = self.take_in(&mut event, true)?;
        Ok(match event {
            ModelEvent::Delta(delta) if brings => Some(delta),
            _ => None,
        })
    }

    /// Takes in an event, without moving the many that are deltas; whether it is one that brought
    /// something. It is whole after that, with ids as they now are, if it `is_heard`.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub(crate) fn take_in(
        &mut self,
        event: &mut ModelEvent,
        is_heard: bool,
    ) -> Result<bool, LlmError> {
        self.has_begun = true;
        if self.finish.is_some() {
            return Err(malformed("the reply went on after its end"));
        }
        if let ModelEvent::Delta(delta) = event {
            return self.push_delta(delta, is_heard);
        }
        self.take(std::mem::replace(event, ModelEvent::Delta(Delta::default())));
        Ok(false)
    }

    /// Takes in an event that is no delta.
    fn take(&mut self, event: ModelEvent) {
        match event {
            ModelEvent::Start { id, model, provider, request_id } => {
                self.id = id.or(self.id.take());
                self.model = model.or(self.model.take());
                self.provider = provider.or(self.provider.take());
                self.request_id = request_id.or(self.request_id.take());
            }
            ModelEvent::Warning(warning) => self.warnings.push(warning),
            ModelEvent::Origin(origin) => self.origin = Some(origin),
            ModelEvent::Finish { finish_reason, usage } => {
                self.finish = Some((finish_reason, usage));
            }
            ModelEvent::Delta(_) => {}
        }
    }

    /// What has come so far, without calls, which may not be whole.
    pub fn partial(&self) -> Option<ChatMessage> {
        let parts: Vec<_> = self
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text(text) => Some(ContentPart::text(text)),
                Block::Reasoning(text) => Some(ContentPart::reasoning(text)),
                Block::Refusal(text) => Some(ContentPart::refusal(text)),
                Block::Whole(part) => Some(part.clone()),
                Block::Call(_) => None,
            })
            .collect();
        (!parts.is_empty()).then(|| ChatMessage::new(Role::Assistant, parts))
    }

    /// Whether anything of the reply has come.
    ///
    /// ```
    /// use siumai_core::{model::{Assembler, ModelEvent}, types::{FinishReason, Usage}};
    ///
    /// let mut assembler = Assembler::new("call");
    /// assert!(!assembler.has_begun());
    /// assembler.push(ModelEvent::content("Sunny."))?;
    /// assert!(assembler.has_begun());
    /// assembler.push(ModelEvent::finish(FinishReason::Stop, Some(Usage::new(3, 2))))?;
    /// assert_eq!(assembler.usage(), Some(&Usage::new(3, 2)));
    /// # Ok::<(), siumai_core::LlmError>(())
    /// ```
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What the reply cost, if it came so far as to say.
    pub fn usage(&self) -> Option<&Usage> {
        self.finish.as_ref()?.1.as_ref()
    }

    /// Whether the reply came to its end.
    ///
    /// # Errors
    ///
    /// If [`ModelEvent::Finish`] has not come: a reply that broke off is no short answer.
    pub fn check_finished(&self) -> Result<(), LlmError> {
        if self.finish.is_some() { Ok(()) } else { Err(broken_off()) }
    }

    /// The whole reply.
    ///
    /// # Errors
    ///
    /// As [`check_finished`](Self::check_finished).
    pub fn finish(mut self) -> Result<ChatResponse, LlmError> {
        // Sent back as it was on its wire, a message whose ids were changed would not match its results.
        let origin = self.origin.take().filter(|_| !self.calls().any(CallBlock::is_renamed));
        let (finish_reason, usage) = self.finish.ok_or_else(broken_off)?;
        let parts = self.blocks.into_iter().map(|block| block.into_part(&finish_reason));
        let mut parts: Vec<_> = parts.collect();
        // It is kept as long as the history.
        parts.shrink_to_fit();
        let mut message = ChatMessage::new(Role::Assistant, parts);
        if let Some(origin) = origin {
            message = message.with_origin(origin);
        }
        let mut response = ChatResponse::new(message, finish_reason);
        response.id = self.id;
        response.model = self.model;
        response.provider = self.provider;
        response.request_id = self.request_id;
        response.usage = usage;
        response.warnings = self.warnings;
        Ok(response)
    }

    /// Takes in `delta`; whether that brought something. One that is heard is whole after it.
    fn push_delta(&mut self, delta: &mut Delta, is_heard: bool) -> Result<bool, LlmError> {
        delta.drop_blanks();
        let Delta { content, reasoning, refusal, tool_call, part } = delta;
        let mut brings = false;
        if let Some(text) = reasoning {
            brings = true;
            match self.blocks.last_mut() {
                Some(Block::Reasoning(so_far)) => so_far.push_str(text),
                _ => self.blocks.push(Block::Reasoning(taken(text, is_heard))),
            }
        }
        if let Some(text) = content {
            brings = true;
            match self.blocks.last_mut() {
                Some(Block::Text(so_far)) => so_far.push_str(text),
                _ => self.blocks.push(Block::Text(taken(text, is_heard))),
            }
        }
        if let Some(text) = refusal {
            brings = true;
            match self.blocks.last_mut() {
                Some(Block::Refusal(so_far)) => so_far.push_str(text),
                _ => self.blocks.push(Block::Refusal(taken(text, is_heard))),
            }
        }
        if let Some(part) = if is_heard { part.clone() } else { part.take() } {
            brings = true;
            self.blocks.push(Block::Whole(*part));
        }
        if let Some(call) = tool_call {
            if self.push_call(call, is_heard)? {
                brings = true;
            } else {
                // It brought nothing but the id and the name once more.
                *tool_call = None;
            }
        }
        Ok(brings)
    }

    fn push_call(&mut self, delta: &mut ToolCallDelta, is_heard: bool) -> Result<bool, LlmError> {
        let open = self.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Call(call) if call.index == delta.index => Some(call),
            _ => None,
        });
        if let Some(call) = open.filter(|call| !call.is_followed_by(delta)) {
            // Some servers repeat id and name with every piece.
            (delta.id, delta.name) = (None, None);
            call.arguments.push_str(&delta.arguments);
            return Ok(!delta.arguments.is_empty());
        }
        let Some(name) = delta.name.as_mut().filter(|it| !it.is_empty()) else {
            return Err(malformed("a tool call began without a name"));
        };
        let name = taken(name, is_heard);
        let (id, given_id) = self.identify(delta.id.take().unwrap_or_default());
        delta.id = is_heard.then(|| id.clone());
        let arguments = taken(&mut delta.arguments, is_heard);
        let call = CallBlock { index: delta.index, id, given_id, name, arguments };
        self.blocks.push(Block::Call(call));
        Ok(true)
    }

    /// The id of a call that was given the id `given`, and that one if it can't have it.
    fn identify(&self, given: String) -> (String, Option<String>) {
        let is_free = |id: &str| !self.calls().any(|call| call.id == id);
        if !given.is_empty() && is_free(&given) {
            return (given, None);
        }
        (self.other_id(&given), Some(given))
    }

    #[cold]
    fn other_id(&self, given: &str) -> String {
        let is_free = |id: &str| !self.calls().any(|call| call.id == id);
        let stem = match (given, self.id_prefix.as_str()) {
            ("", "") => "call",
            ("", prefix) => prefix,
            (given, _) => given,
        };
        let taken = self.calls().count();
        (taken + 1..=2 * taken + 1)
            .map(|number| format!("{stem}_{number}"))
            .find(|id| is_free(id))
            .unwrap_or_else(|| stem.to_owned())
    }

    fn calls(&self) -> impl Iterator<Item = &CallBlock> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call),
            _ => None,
        })
    }
}

impl Block {
    fn into_part(self, finish_reason: &FinishReason) -> ContentPart {
        match self {
            Self::Text(text) => ContentPart::text(text),
            Self::Reasoning(text) => ContentPart::reasoning(text),
            Self::Refusal(text) => ContentPart::refusal(text),
            Self::Whole(part) => part,
            Self::Call(call) => ContentPart::ToolCall(Arc::new(call.into_call(finish_reason))),
        }
    }
}

impl CallBlock {
    /// Whether `delta` begins another call at the same index, as servers do that don't count.
    fn is_followed_by(&self, delta: &ToolCallDelta) -> bool {
        let is_named = delta.name.as_deref().is_some_and(|it| !it.is_empty());
        let id = delta.id.as_deref().unwrap_or_default();
        // Others send a fresh id with every piece, but the name with the first alone.
        is_named && !id.is_empty() && id != self.given_id.as_ref().unwrap_or(&self.id)
    }

    /// Whether the provider had given it an id, and has to be sent another.
    fn is_renamed(&self) -> bool {
        self.given_id.as_ref().is_some_and(|it| !it.is_empty())
    }

    fn into_call(self, finish_reason: &FinishReason) -> ToolCall {
        let cut_off = *finish_reason == FinishReason::Length;
        let arguments = match self.arguments.trim() {
            // Nothing at all is how many models write "no arguments", but a reply
            // that ended for length may only not have come to them.
            "" if !cut_off => Value::Object(Map::new()),
            // What is no object is kept as it was written, to be sent back like that.
            text => serde_json::from_str(text).map_or(Value::String(self.arguments), Value::Object),
        };
        ToolCall { id: self.id, name: self.name, arguments }
    }
}

/// What is taken of a text: a copy, if somebody is yet to hear it.
fn taken(text: &mut String, is_heard: bool) -> String {
    if is_heard { text.clone() } else { std::mem::take(text) }
}

#[cold]
fn broken_off() -> LlmError {
    LlmError::new(ErrorKind::IncompleteReply, "the reply broke off before its end; ask again")
}

#[cold]
fn malformed(message: &str) -> LlmError {
    LlmError::new(ErrorKind::MalformedReply, message)
}

#[cfg(test)]
mod tests;

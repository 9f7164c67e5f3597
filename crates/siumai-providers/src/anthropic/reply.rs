//! Reads the replies of Messages, whole or in pieces, by one path.
mod block;

use serde_json::value::RawValue;
use siumai_core::{
    model::{Delta, ModelEvent},
    types::{FinishReason, Origin, TokenCount, Usage},
};

use self::block::Block;
use super::{WIRE, wire};
use crate::{
    http::{Fault, Reported},
    json::{Fields, Text, object, plain_word, read_into},
    reply::{Events, Progress, ReplyReader},
    sse,
};

/// Reads one reply.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What the origin of the message is called.
    wire: String,
    has_begun: bool,
    blocks: Vec<Block>,
    /// Where the provider has run code for it.
    container: Option<String>,
    finish_reason: Option<FinishReason>,
    usage: Option<wire::Usage>,
}

impl Reader {
    /// Reads a reply whose message is to have an origin of this name.
    pub(super) fn new(wire: &str) -> Self {
        Self {
            wire: wire.to_owned(),
            has_begun: false,
            blocks: Vec::new(),
            container: None,
            finish_reason: None,
            usage: None,
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(WIRE)
    }
}

impl ReplyReader for Reader {
    fn read_error(body: &[u8]) -> Option<Reported> {
        wire::error(&serde_json::from_slice(body).ok()?)
    }

    fn read_event(
        &mut self,
        event: sse::Event<'_>,
        events: &mut Events,
    ) -> Result<Progress, Fault> {
        let data = event.data.trim_ascii();
        // What comes of servers that speak several formats and end each in the same way.
        if data.is_empty() || data == b"[DONE]" {
            return Ok(Progress::More);
        }
        if event.name == b"error" {
            return Err(reported(data));
        }
        let read = parse_event(data)?;
        let delta = read.delta.unwrap_or_default();
        match read.kind.as_ref().map(Text::as_str) {
            Some("message_start") => self.begin(read.message.unwrap_or_default(), events)?,
            Some("content_block_start") => match read.content_block {
                Some(block) => self.open(read.index, block, events)?,
                None => return Err(Fault::malformed(&"a block is missing", data)),
            },
            Some("content_block_delta") => self.go_on(read.index, delta, data, events)?,
            Some("content_block_stop") => self.close(read.index, events),
            Some("message_delta") => {
                self.count(read.usage);
                self.contain(delta.container);
                self.end(delta.stop_reason, delta.stop_details, events);
            }
            Some("message_stop") => return Ok(Progress::Done(self.finish(events))),
            Some("error") => return Err(reported(data)),
            Some("ping") => {}
            kind => {
                if let Some(error) = Self::read_error(data).filter(|_| kind.is_none()) {
                    return Err(Fault::Reported(error));
                }
                let kind = kind.map(plain_word);
                tracing::trace!(kind, "an event of a kind that is not known was skipped");
            }
        }
        // A start comes before anything else or not at all.
        self.has_begun |= !events.is_empty();
        Ok(Progress::More)
    }

    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault> {
        let mut reply = wire::Reply::default();
        match read_into(&mut reply, text(body)?) {
            Err(error) if error.is_eof() => return Err(Fault::Incomplete),
            read => read.map_err(|error| Fault::malformed(&error, body))?,
        }
        if reply.content.is_none() {
            let said = Self::read_error(body).map(Fault::Reported);
            return Err(said.unwrap_or_else(|| Fault::malformed(&"it has no content", body)));
        }
        self.begin(reply, events)?;
        let finish = self.finish(events);
        events.push_back(finish);
        Ok(())
    }
}

impl Reader {
    /// Takes in a message as far as it is there. A second one in a stream belongs to the first.
    fn begin(&mut self, reply: wire::Reply<'_>, events: &mut Events) -> Result<(), Fault> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let given = |text: Option<Text<'_>>| text.map(String::from).filter(|it| !it.is_empty());
        let (id, model) = (given(reply.id), given(reply.model));
        if id.is_some() || model.is_some() {
            events.push_back(ModelEvent::start(id, model));
        }
        self.count(reply.usage);
        self.contain(reply.container);
        for (index, block) in (0..).zip(reply.content.unwrap_or_default()) {
            self.open(Some(index), block, events)?;
            self.close(Some(index), events);
        }
        self.end(reply.stop_reason, reply.stop_details, events);
        Ok(())
    }

    fn open(
        &mut self,
        index: Option<u64>,
        raw: &RawValue,
        events: &mut Events,
    ) -> Result<(), Fault> {
        let (block, delta) = Block::open(self.blocks.len(), index, raw)?;
        self.blocks.push(block);
        push(delta, events);
        Ok(())
    }

    fn go_on(
        &mut self,
        index: Option<u64>,
        delta: wire::Delta<'_>,
        data: &[u8],
        events: &mut Events,
    ) -> Result<(), Fault> {
        // An index that comes again is that of a newer block.
        let Some(block) = self.blocks.iter_mut().rev().find(|it| it.index() == index) else {
            return Err(Fault::malformed(&"a piece belongs to no block", data));
        };
        push(block.add(delta, data)?, events);
        Ok(())
    }

    fn close(&mut self, index: Option<u64>, events: &mut Events) {
        if let Some(block) = self.blocks.iter_mut().rev().find(|it| it.index() == index) {
            block.close(events);
        }
    }

    fn end(
        &mut self,
        stop_reason: Option<Text<'_>>,
        details: Option<&RawValue>,
        events: &mut Events,
    ) {
        let Some(reason) = stop_reason else { return };
        let reason = finish_reason(reason.as_str());
        let details = details.and_then(|it| parse(it.get().as_bytes()).ok());
        if let Some(wire::StopDetails { explanation: Some(why) }) = details
            && reason == FinishReason::ContentFilter
        {
            push(Some(Delta::refusal(String::from(why))), events);
        }
        self.finish_reason = Some(reason);
    }

    fn contain(&mut self, container: Option<&RawValue>) {
        let told = container.and_then(|it| parse(it.get().as_bytes()).ok());
        let told = told.and_then(|it: wire::Container<'_>| it.id).map(String::from);
        self.container = told.filter(|it| !it.is_empty()).or(self.container.take());
    }

    /// Later counts include the earlier ones; what is not repeated still holds.
    fn count(&mut self, used: Option<wire::Usage>) {
        let Some(used) = used else { return };
        let known = self.usage.get_or_insert_default();
        let newer = |known: &mut crate::json::Count, new: crate::json::Count| {
            if new.0.is_some() {
                *known = new;
            }
        };
        newer(&mut known.input_tokens, used.input_tokens);
        newer(&mut known.cache_creation_input_tokens, used.cache_creation_input_tokens);
        newer(&mut known.cache_read_input_tokens, used.cache_read_input_tokens);
        newer(&mut known.output_tokens, used.output_tokens);
        known.output_tokens_details = used.output_tokens_details.or(known.output_tokens_details);
    }

    fn finish(&mut self, events: &mut Events) -> ModelEvent {
        for block in &mut self.blocks {
            block.close(events);
        }
        if let Some(origin) = self.origin() {
            events.push_back(ModelEvent::Origin(origin));
        }
        let reason = self.finish_reason.take();
        let reason = reason.unwrap_or_else(|| FinishReason::Other(String::new()));
        ModelEvent::finish(reason, self.usage.take().map(|it| usage(&it)))
    }

    /// The message as it goes back, if it can.
    fn origin(&self) -> Option<Origin> {
        // A call without an id will be known by one that its block has not.
        if self.blocks.iter().filter_map(Block::call_id).any(str::is_empty) {
            return None;
        }
        // Anthropic refuses thinking that was cut off, and is not signed yet. Others sign nothing.
        let is_taken = |block: &&Block| self.wire != WIRE || !block.is_unsigned_thinking();
        let blocks = self.blocks.iter().filter(is_taken);
        let blocks: Vec<_> = blocks.filter_map(Block::to_json).collect();
        if blocks.is_empty() {
            return None;
        }
        let origin = Origin::new(&self.wire, serde_json::to_string(&blocks).ok()?);
        Some(match &self.container {
            Some(container) => origin.with_context(container),
            None => origin,
        })
    }
}

fn push(delta: Option<Delta>, events: &mut Events) {
    if let Some(delta) = delta.filter(|it| !it.is_empty()) {
        events.push_back(ModelEvent::Delta(delta));
    }
}

fn parse<'a, T: Fields<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    object(text(data)?).map_err(|error| Fault::malformed(&error, data))
}

/// One check of all bytes is cheaper than one of each string.
fn text(data: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(data).map_err(|error| match error.error_len() {
        Some(_) => Fault::malformed(&error, data),
        None => Fault::Incomplete,
    })
}

fn parse_event(data: &[u8]) -> Result<wire::Event<'_>, Fault> {
    const PLAIN: [&str; 4] =
        ["message_start", "content_block_start", "message_delta", "message_stop"];
    const PIECES: [&str; 4] =
        ["text_delta", "thinking_delta", "input_json_delta", "citations_delta"];
    parse(data).or_else(|fault| {
        // A kind that is not known may have fields of the same names that are something else.
        let event: wire::AnyEvent<'_> = parse(data).map_err(|_| fault)?;
        let is = |kind: &Option<Text<'_>>, known: &[&str]| {
            kind.as_ref().is_some_and(|it| known.contains(&it.as_str()))
        };
        let piece = event.delta.unwrap_or_default().kind;
        if is(&event.kind, &PLAIN) || is(&piece, &PIECES) {
            return parse(data);
        }
        let delta = Some(wire::Delta { kind: piece, ..wire::Delta::default() });
        Ok(wire::Event { kind: event.kind, index: event.index, delta, ..wire::Event::default() })
    })
}

fn reported(data: &[u8]) -> Fault {
    let plain = || Reported {
        message: Some(String::from_utf8_lossy(data).into_owned()),
        ..Reported::default()
    };
    Fault::Reported(Reader::read_error(data).unwrap_or_else(plain))
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        // The second is a pause after the provider has made the conversation shorter.
        "pause_turn" | "compaction" => FinishReason::Paused,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn usage(used: &wire::Usage) -> Usage {
    let count = |count: crate::json::Count| TokenCount::from(count.0);
    // Where nothing is said of a cache there is none.
    let cache = |count: crate::json::Count| TokenCount::from(count.0.unwrap_or(0));
    let mut usage = Usage::default();
    usage.input_tokens = count(used.input_tokens)
        + cache(used.cache_creation_input_tokens)
        + cache(used.cache_read_input_tokens);
    usage.output_tokens = count(used.output_tokens);
    usage.total_tokens = usage.input_tokens + usage.output_tokens;
    usage.cached_input_tokens = count(used.cache_read_input_tokens);
    usage.cache_write_tokens = count(used.cache_creation_input_tokens);
    let details = used.output_tokens_details.unwrap_or_default();
    usage.reasoning_tokens = count(details.thinking_tokens);
    usage
}

#[cfg(test)]
mod tests;

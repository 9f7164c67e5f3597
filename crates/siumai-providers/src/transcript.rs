//! The messages of a run in the words of a wire, each written once.
//!
//! A run asks again and again, each time with the messages of before and a few more. A
//! [`Transcript`] stays in the request's [`Memo`](siumai_core::types::Memo) from one request to the
//! next: what it has written is sent again as it lies in memory, in frozen blocks, and a request
//! costs what it adds. If the messages of before are not the same, those that still are there
//! are copied, and only what is new is written.
use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use siumai_core::{
    LlmError,
    types::{ChatMessage, ChatRequest, Tool, Warning},
};

use crate::http::Payload;

/// How much is copied for each request at most, in bytes: more is frozen as a block.
const COPIED: usize = 4 * 1024;

/// How large blocks grow when they are put together, in bytes: each costs a piece of a vectored
/// write, of which a socket takes 64 at once.
const BLOCK: usize = 32 * 1024;

/// How many bytes the fields behind the messages have at most, most often, without the tools.
const TAIL: usize = 256;

/// How much room written items have at first, in bytes.
const PAGE: usize = 512;

/// Writes messages as a wire has them, one after the other.
///
/// Whatever is written of a message depends on it and those before it alone, so that the bytes of a
/// conversation stay the same while it grows.
pub(crate) trait Writer: Send + 'static {
    /// What decides how messages are written.
    type Manner: Clone + PartialEq + Send;

    /// A writer that has written nothing.
    fn new(manner: Self::Manner) -> Self;

    /// Takes in `message`. What later messages can't change is written to `page`.
    ///
    /// # Errors
    ///
    /// If the message can't be told in this format.
    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError>;

    /// Writes what later messages may change, behind what is written already.
    fn write_open(&self, page: &mut Page);

    /// What could not be told of the messages so far.
    fn warnings(&self) -> &[Warning];
}

/// Items of a JSON list, each behind a comma.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items(Vec<u8>);

impl Items {
    /// Adds `item`.
    ///
    /// # Errors
    ///
    /// If it is nothing that JSON can say.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> Result<(), LlmError> {
        if self.0.capacity() == 0 {
            self.0.reserve(PAGE);
        }
        self.0.push(b',');
        serde_json::to_writer(&mut self.0, item).map_err(|error| unwritable(&error))
    }

    /// The items as a list.
    pub(crate) fn list(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is written of one message.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) items: Items,
    /// The message that it is all of, whatever is around it.
    whole: Option<usize>,
}

/// Where messages are written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    frozen: Vec<Frozen>,
    fresh: Items,
    /// Where in all that is written the messages are that are the same wherever they stand, by
    /// their addresses.
    places: Vec<(usize, Range<usize>)>,
    before: Option<Box<Before>>,
}

/// What was written in the order of before, and the messages that it was of.
#[derive(Debug)]
struct Before {
    page: Page,
    places: HashMap<usize, Range<usize>>,
    _messages: Vec<ChatMessage>,
}

#[derive(Debug)]
struct Frozen {
    end: usize,
    block: Bytes,
}

impl Page {
    /// What is written of `message`, which depends on nothing else: it is written only if it has not
    /// been in this run.
    pub(crate) fn piece(
        &self,
        message: &ChatMessage,
        write: impl FnOnce(&mut Items) -> Result<(), LlmError>,
    ) -> Result<Piece, LlmError> {
        let whole = Some(message.address());
        let before = self.before.as_ref().and_then(|it| it.written(message));
        let items = match before {
            Some(list) => Items([b",", list].concat()),
            None => written(write)?,
        };
        Ok(Piece { items, whole })
    }

    /// Writes items of the list of messages that are all of `message`, as [`piece`](Self::piece) does.
    pub(crate) fn write(
        &mut self,
        message: &ChatMessage,
        write: impl FnOnce(&mut Items) -> Result<(), LlmError>,
    ) -> Result<(), LlmError> {
        let (start, place) = (self.fresh.0.len(), self.len());
        let before = self.before.as_ref().and_then(|it| it.written(message));
        match before {
            Some(list) => {
                self.fresh.0.push(b',');
                self.fresh.0.extend_from_slice(list);
            }
            None => write(&mut self.fresh)?,
        }
        if self.fresh.0.len() > start {
            self.places.push((message.address(), place + 1..self.len()));
        }
        Ok(())
    }

    /// Writes items of the list of messages that the messages around them decide.
    pub(crate) fn write_here(
        &mut self,
        write: impl FnOnce(&mut Items) -> Result<(), LlmError>,
    ) -> Result<(), LlmError> {
        write(&mut self.fresh)
    }

    /// What is written of a message that the ones around it change.
    pub(crate) fn piece_here(
        write: impl FnOnce(&mut Items) -> Result<(), LlmError>,
    ) -> Result<Piece, LlmError> {
        Ok(Piece { items: written(write)?, whole: None })
    }

    /// Writes `piece` as items of the list of messages.
    pub(crate) fn place(&mut self, piece: &Piece) {
        if !piece.items.is_empty() {
            self.fresh.0.push(b',');
            self.place_list(piece);
        }
    }

    /// Writes an item of the list of messages that has a list of its own: `head`, `pieces`, `tail`.
    pub(crate) fn place_within<'p>(
        &mut self,
        head: &str,
        pieces: impl IntoIterator<Item = &'p Piece>,
        tail: &str,
    ) {
        self.fresh.0.push(b',');
        self.fresh.0.extend_from_slice(head.as_bytes());
        let start = self.fresh.0.len();
        for piece in pieces.into_iter().filter(|it| !it.items.is_empty()) {
            if self.fresh.0.len() > start {
                self.fresh.0.push(b',');
            }
            self.place_list(piece);
        }
        self.fresh.0.extend_from_slice(tail.as_bytes());
    }

    fn place_list(&mut self, piece: &Piece) {
        let start = self.len();
        self.fresh.0.extend_from_slice(piece.items.list());
        if let Some(message) = piece.whole {
            self.places.push((message, start..self.len()));
        }
    }

    fn len(&self) -> usize {
        self.frozen.last().map_or(0, |it| it.end) + self.fresh.0.len()
    }

    fn bytes(&self, place: &Range<usize>) -> Option<&[u8]> {
        let at = self.frozen.partition_point(|it| it.end <= place.start);
        let start = if at == 0 { 0 } else { self.frozen[at - 1].end };
        let block = self.frozen.get(at).map_or(self.fresh.0.as_slice(), |it| &it.block);
        block.get(place.start - start..place.end - start)
    }

    /// Makes a block of what is fresh, if it is much, and of the blocks before it that are not much
    /// larger. So there are few blocks, each at least about twice as large as the next, and what is
    /// written is copied a few times in all.
    fn freeze(&mut self) {
        if self.fresh.0.len() < COPIED {
            return;
        }
        let (end, mut size, mut rest) = (self.len(), self.fresh.0.len(), self.frozen.len());
        for Frozen { block, .. } in self.frozen.iter().rev() {
            if block.len() >= 2 * size || block.len() + size > BLOCK {
                break;
            }
            size += block.len();
            rest -= 1;
        }
        let block = if rest == self.frozen.len() {
            std::mem::take(&mut self.fresh.0)
        } else {
            let mut block = Vec::with_capacity(size);
            self.frozen.drain(rest..).for_each(|it| block.extend_from_slice(&it.block));
            block.append(&mut self.fresh.0);
            block
        };
        self.frozen.push(Frozen { end, block: block.into_boxed_slice().into() });
    }
}

impl Before {
    fn new(page: Page, messages: Vec<ChatMessage>) -> Self {
        Self { places: page.places.iter().cloned().collect(), page, _messages: messages }
    }

    fn written(&self, message: &ChatMessage) -> Option<&[u8]> {
        self.page.bytes(self.places.get(&message.address())?)
    }
}

fn written(write: impl FnOnce(&mut Items) -> Result<(), LlmError>) -> Result<Items, LlmError> {
    let mut items = Items::default();
    write(&mut items)?;
    Ok(items)
}

fn unwritable(error: &serde_json::Error) -> LlmError {
    LlmError::invalid_input(error.to_string())
}

/// The messages of a run as the writer `W` has them, and what else stays the same from request to
/// request.
#[derive(Debug)]
pub(crate) struct Transcript<W: Writer> {
    manner: W::Manner,
    messages: Vec<ChatMessage>,
    writer: W,
    page: Page,
    system: Option<(Vec<ChatMessage>, Arc<RawValue>)>,
    tools: Option<(Vec<Tool>, Arc<RawValue>)>,
}

impl<W: Writer> Transcript<W> {
    /// The transcript of the messages of `request`, begun by the requests before.
    ///
    /// # Errors
    ///
    /// If a message can't be told in this format.
    pub(crate) fn of(request: &ChatRequest, manner: &W::Manner) -> Result<Self, LlmError> {
        let kept: Option<Self> = request.memo().take();
        let mut all =
            kept.filter(|it| it.manner == *manner).unwrap_or_else(|| Self::new(manner.clone()));
        all.go_on(request.messages())?;
        Ok(all)
    }

    fn new(manner: W::Manner) -> Self {
        Self {
            writer: W::new(manner.clone()),
            manner,
            messages: Vec::new(),
            page: Page::default(),
            system: None,
            tools: None,
        }
    }

    fn go_on(&mut self, messages: &[ChatMessage]) -> Result<(), LlmError> {
        if !begins_with(messages, &self.messages) {
            let mut page = std::mem::take(&mut self.page);
            self.writer.write_open(&mut page);
            let before = Before::new(page, std::mem::take(&mut self.messages));
            self.page.before = Some(Box::new(before));
            self.writer = W::new(self.manner.clone());
        }
        for message in &messages[self.messages.len()..] {
            self.writer.write(message, &mut self.page)?;
            self.messages.push(message.clone());
            self.page.freeze();
        }
        self.page.before = None;
        Ok(())
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        let mut open = Page::default();
        self.writer.write_open(&mut open);
        self.page.len() == 0 && open.len() == 0
    }

    /// Who wrote the messages.
    pub(crate) fn writer(&self) -> &W {
        &self.writer
    }

    /// The leading messages as `write` has them, if they are others than before.
    ///
    /// # Errors
    ///
    /// As of `write`.
    pub(crate) fn system<T: Serialize>(
        &mut self,
        system: &[ChatMessage],
        write: impl FnOnce() -> T,
    ) -> Result<Arc<RawValue>, LlmError> {
        once(&mut self.system, system, ChatMessage::is_same, write)
    }

    /// The tools as `write` has them, if they are others than before.
    ///
    /// # Errors
    ///
    /// As of `write`.
    pub(crate) fn tools<T: Serialize>(
        &mut self,
        tools: &[Tool],
        write: impl FnOnce() -> T,
    ) -> Result<Arc<RawValue>, LlmError> {
        once(&mut self.tools, tools, Tool::is_same, write)
    }

    /// An object with the messages in a list: `head` is all of it up to the list's items, `lead` a
    /// list of items before the messages, and `tail` an object of the fields behind the list.
    ///
    /// # Errors
    ///
    /// If `tail` is nothing that JSON can say.
    pub(crate) fn between(
        &self,
        mut head: Vec<u8>,
        lead: Option<&RawValue>,
        tail: &impl Serialize,
    ) -> serde_json::Result<Payload> {
        let mut open = Page::default();
        self.writer.write_open(&mut open);
        let lead = lead.and_then(|it| it.get().strip_prefix('[')?.strip_suffix(']'));
        let lead = lead.unwrap_or_default();
        // The first item has no comma before it.
        let mut skipped = usize::from(lead.is_empty());
        let tools = self.tools.as_ref().map_or(0, |(_, json)| json.get().len());
        let room = self.page.fresh.0.len() + open.fresh.0.len() + tools + TAIL;
        let is_one = self.page.frozen.is_empty();
        head.reserve(lead.len() + if is_one { room } else { 0 });
        head.extend_from_slice(lead.as_bytes());
        let mut blocks = Vec::with_capacity(self.page.frozen.len() + 2);
        let mut rest = head;
        if !is_one {
            blocks.push(std::mem::replace(&mut rest, Vec::with_capacity(room)).into());
        }
        for Frozen { block, .. } in &self.page.frozen {
            blocks.push(block.slice(std::mem::take(&mut skipped)..));
        }
        for items in [&self.page.fresh.0, &open.fresh.0] {
            let skipped = if items.is_empty() { 0 } else { std::mem::take(&mut skipped) };
            rest.extend_from_slice(&items[skipped..]);
        }
        rest.push(b']');
        let end = rest.len();
        serde_json::to_writer(&mut rest, tail)?;
        if rest[end..] == *b"{}" {
            rest.remove(end);
        } else {
            rest[end] = b',';
        }
        blocks.push(rest.into());
        Ok(Payload::of(blocks))
    }
}

/// Whether `messages` are those `before` and maybe more: asked of all of them for each request, and
/// nearly always so, which takes no branch a message.
fn begins_with(messages: &[ChatMessage], before: &[ChatMessage]) -> bool {
    const AT_ONCE: usize = 64;
    let Some(messages) = messages.get(..before.len()) else { return false };
    messages.chunks(AT_ONCE).zip(before.chunks(AT_ONCE)).all(|(messages, before)| {
        let differ = |(it, other): (&ChatMessage, &ChatMessage)| it.address() ^ other.address();
        messages.iter().zip(before).map(differ).fold(0, |all, it| all | it) == 0
    })
}

/// What is written of `value`.
///
/// # Errors
///
/// If it is nothing that JSON can say.
pub(crate) fn json(value: &impl Serialize) -> Result<Arc<RawValue>, LlmError> {
    to_raw_value(value).map(Arc::from).map_err(|error| unwritable(&error))
}

/// What `write` makes of `items`, unless `kept` has it of the same.
fn once<I: Clone, T: Serialize>(
    kept: &mut Option<(Vec<I>, Arc<RawValue>)>,
    items: &[I],
    is_same: fn(&I, &I) -> bool,
    write: impl FnOnce() -> T,
) -> Result<Arc<RawValue>, LlmError> {
    if let Some((of, json)) = kept
        && of.len() == items.len()
        && of.iter().zip(items).all(|(it, other)| is_same(it, other))
    {
        return Ok(Arc::clone(json));
    }
    let json = json(&write())?;
    *kept = Some((items.to_vec(), Arc::clone(&json)));
    Ok(json)
}

#[cfg(test)]
mod tests;

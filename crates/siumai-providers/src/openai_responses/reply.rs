//! Reads the replies of Responses, whole or in pieces, by one path: what a stream brought in
//! pieces is not told again by the items that follow them.
mod items;

use serde_json::{Value, value::RawValue};
use siumai_core::{
    model::{Delta, ModelEvent, ToolCallDelta},
    types::{ContentPart, FinishReason, Media, Source, Usage},
};

use self::items::{CallState, Channel, Item, Items, Nature, Whole};
use super::{WIRE, wire};
use crate::{
    http::{Fault, Reported},
    json::{Fields, JsonText, MaybeText, object, plain_word, read_into},
    reply::{Events, Progress, ReplyReader},
    sse,
};

/// Reads one reply.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What the origin of the message is called.
    wire: String,
    has_started: bool,
    items: Items,
    /// Whether the provider keeps the reply, if it says so.
    is_stored: Option<bool>,
}

impl Reader {
    /// Reads a reply whose message is to have an origin of this name.
    pub(super) fn new(wire: &str) -> Self {
        Self { wire: wire.to_owned(), has_started: false, items: Items::default(), is_stored: None }
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
        match event.data.trim_ascii() {
            // It follows the end with some servers, and is none by itself.
            b"[DONE]" => return Err(Fault::Incomplete),
            // Some servers keep a connection alive with it.
            b"" => return Ok(Progress::More),
            _ => {}
        }
        if event.name == b"error" {
            return Err(Fault::Reported(Self::read_error(event.data).unwrap_or_default()));
        }
        let data = text(event.data)?;
        let mut read = wire::Event::default();
        read_into(&mut read, data).map_err(|error| Fault::malformed(&error, event.data))?;
        let name = if read.kind.is_empty() { event.name } else { b"" };
        let name = String::from_utf8_lossy(name);
        let kind = if read.kind.is_empty() { &*name } else { read.kind.as_str() };
        match kind {
            "response.output_text.delta" => self.tell(Channel::Text, read, events),
            "response.refusal.delta" => self.tell(Channel::Refusal, read, events),
            "response.reasoning_summary_text.delta" | "response.reasoning_summary.delta" => {
                self.tell(Channel::Summary, read, events);
            }
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                self.tell(Channel::Thinking, read, events);
            }
            "response.function_call_arguments.delta" => {
                self.tell(Channel::Arguments, read, events);
            }
            "response.function_call_arguments.done" => self.tell_arguments(read, events),
            "response.output_text.annotation.added" => self.cite(&read)?,
            "response.output_item.added" => self.open(&read, events)?,
            "response.output_item.done" => {
                if let Some(raw) = read.item {
                    self.close(read.output_index.0, raw, events)?;
                }
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                self.begin(&response(&read)?, events);
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
                let (_, implied) = kind.rsplit_once('.').unwrap_or_default();
                return self.end(response(&read)?, implied, events).map(Progress::Done);
            }
            "error" | "response.error" => {
                return Err(Fault::Reported(Self::read_error(event.data).unwrap_or_default()));
            }
            "" => skip(data)?,
            kind => tracing::trace!(kind = plain_word(kind), "an event was not needed"),
        }
        // A start comes before anything else or not at all.
        self.has_started |= !events.is_empty();
        Ok(Progress::More)
    }

    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault> {
        let json = text(body)?;
        let mut response = wire::Response::default();
        match read_into(&mut response, json) {
            Err(error) if error.is_eof() => return Err(Fault::Incomplete),
            read => read.map_err(|error| Fault::malformed(&error, body))?,
        }
        if response.output.is_none() && response.status.is_empty() {
            skip(json)?;
            return Err(Fault::malformed(&"it has no output", body));
        }
        self.begin(&response, events);
        let finish = self.end(response, "", events)?;
        events.push_back(finish);
        Ok(())
    }
}

impl Reader {
    fn begin(&mut self, response: &wire::Response<'_>, events: &mut Events) {
        self.is_stored = response.store.or(self.is_stored);
        if self.has_started || (response.id.is_empty() && response.model.is_empty()) {
            return;
        }
        self.has_started = true;
        let given =
            |text: &MaybeText<'_>| Some(text.as_str().to_owned()).filter(|it| !it.is_empty());
        events.push_back(ModelEvent::start(given(&response.id), given(&response.model)));
    }

    /// Keeps where a text is from: it is told behind the text, not in the midst of it.
    fn cite(&mut self, event: &wire::Event<'_>) -> Result<(), Fault> {
        let place = self.items.find(event.output_index.0, event.item_id.as_str(), "");
        if let (Some(place), Some(raw)) = (place, event.annotation) {
            let annotation = parse(raw.get())?;
            self.items.at(place).sources.extend(source(annotation));
        }
        Ok(())
    }

    /// Tells a piece of an item.
    fn tell(&mut self, channel: Channel, event: wire::Event<'_>, events: &mut Events) {
        let Some(text) = event.delta.filled() else { return };
        let (index, id) = (event.output_index.0, event.item_id.as_str());
        let place = self.items.find(index, id, "");
        let place = place.unwrap_or_else(|| self.items.add(Item::new(index, id, "")));
        let item = self.items.at(place);
        if channel == Channel::Arguments && item.call != Some(CallState::Begun) {
            // All of them come with the name.
            item.call = Some(CallState::Nameless);
            return;
        }
        item.has_told(channel);
        events.push_back(channel.delta(place, text));
    }

    /// Tells the arguments of a call that did not come in pieces.
    fn tell_arguments(&mut self, event: wire::Event<'_>, events: &mut Events) {
        let place = self.items.find(event.output_index.0, event.item_id.as_str(), "");
        if let Some(place) = place {
            self.push_arguments(place, event.arguments, events);
        }
    }

    /// Takes in the beginning of an item.
    fn open(&mut self, event: &wire::Event<'_>, events: &mut Events) -> Result<(), Fault> {
        let Some(raw) = event.item else { return Ok(()) };
        let item: wire::OutputItem<'_> = parse(raw.get())?;
        let (id, call_id) = (item.id.as_str(), item.call_id.as_str());
        let place = self.items.add(Item::new(event.output_index.0, id, call_id));
        if item.kind.as_str() == "function_call" {
            let call: wire::Call<'_> = parse(raw.get())?;
            self.begin_call(place, call.name, events);
        }
        Ok(())
    }

    /// Takes in a whole item and tells what has not been told in pieces.
    fn close(
        &mut self,
        index: Option<u64>,
        raw: &RawValue,
        events: &mut Events,
    ) -> Result<(), Fault> {
        let json = raw.get();
        let item: wire::OutputItem<'_> = parse(json)?;
        let (id, call_id) = (item.id.as_str(), item.call_id.as_str());
        let open = self.items.find(index, id, call_id);
        let is_call = item.kind.as_str() == "function_call";
        // What was told to be a call does not become anything else.
        let may_be =
            |it: &Item| it.whole.is_none() && (is_call || it.call != Some(CallState::Begun));
        let open = open.filter(|place| may_be(self.items.at(*place)));
        let place = open.unwrap_or_else(|| self.items.add(Item::new(index, id, call_id)));
        let mut whole = Whole::read(json)?;
        match item.kind.as_str() {
            "message" => self.close_message(place, &parse(json)?, events),
            "reasoning" => {
                let thinking: wire::Thinking<'_> = parse(json)?;
                whole.nature = nature(&thinking);
                self.close_reasoning(place, &thinking, events);
            }
            "function_call" => {
                self.items.at(place).rename(id, call_id);
                self.close_call(place, parse(json)?, events);
            }
            "image_generation_call" => events.extend(picture(&parse(json)?)),
            kind => {
                tracing::trace!(kind = plain_word(kind), "an item was kept and not read");
                // Some servers send the arguments of their own tools as if they were ours.
                self.items.at(place).call = None;
            }
        }
        self.items.at(place).whole = Some(whole);
        Ok(())
    }

    fn close_message(&mut self, place: usize, message: &wire::Message<'_>, events: &mut Events) {
        let item = self.items.at(place);
        let mut sources = Vec::new();
        for part in message.parts() {
            match part.kind.as_str() {
                "refusal" if item.lacks(Channel::Refusal) => {
                    push(Channel::Refusal, place, part.refusal, events);
                }
                "output_text" | "text" if item.lacks(Channel::Text) => {
                    push(Channel::Text, place, part.text, events);
                }
                _ => {}
            }
            sources.extend(wire::items(part.annotations).into_iter().filter_map(source));
        }
        let told = std::mem::take(&mut item.sources);
        events.extend(if sources.is_empty() { told } else { sources });
    }

    fn close_reasoning(
        &mut self,
        place: usize,
        thinking: &wire::Thinking<'_>,
        events: &mut Events,
    ) {
        let parts = [(Channel::Summary, thinking.summary), (Channel::Thinking, thinking.content)];
        for (channel, parts) in parts {
            if self.items.at(place).lacks(channel) {
                for part in wire::items::<wire::TextPart<'_>>(parts) {
                    push(channel, place, part.text, events);
                }
            }
        }
    }

    fn close_call(&mut self, place: usize, call: wire::Call<'_>, events: &mut Events) {
        self.begin_call(place, call.name, events);
        self.push_arguments(place, call.arguments, events);
    }

    fn push_arguments(&mut self, place: usize, arguments: JsonText<'_>, events: &mut Events) {
        let item = self.items.at(place);
        let is_wanted = item.call == Some(CallState::Begun) && item.lacks(Channel::Arguments);
        let arguments = String::from(arguments);
        if is_wanted && !arguments.is_empty() {
            item.has_told(Channel::Arguments);
            events.push_back(Channel::Arguments.delta(place, arguments));
        }
    }

    fn begin_call(&mut self, place: usize, name: MaybeText<'_>, events: &mut Events) {
        let item = self.items.at(place);
        if item.call == Some(CallState::Begun) {
            return;
        }
        item.call = Some(CallState::Nameless);
        let Some(name) = name.filled() else { return };
        item.call = Some(CallState::Begun);
        let begin = ToolCallDelta {
            index: place,
            id: item.call_name(),
            name: Some(name),
            arguments: String::new(),
        };
        events.push_back(ModelEvent::Delta(Delta::tool_call(begin)));
    }

    /// The end: what `response` has and has not been told, and how it ended. An event says by
    /// its name how that is; `implied` is empty for a reply in one piece.
    fn end(
        &mut self,
        response: wire::Response<'_>,
        implied: &str,
        events: &mut Events,
    ) -> Result<ModelEvent, Fault> {
        self.is_stored = response.store.or(self.is_stored);
        let status = response.status.as_str();
        let has_failed = status.is_empty() && response.error.is_some();
        if has_failed || status == "failed" || implied == "failed" {
            let said = response.error.as_deref().and_then(wire::error);
            return Err(Fault::Reported(said.unwrap_or_default()));
        }
        let is_incomplete = match (status, implied) {
            ("incomplete", _) | (_, "incomplete") => true,
            ("cancelled", _) | ("queued" | "in_progress", "" | "done") => {
                return Err(Fault::Incomplete);
            }
            _ => false,
        };
        // A stream closes its items one by one; with some servers they are only at its end.
        let output = response.output.unwrap_or_default();
        let is_missing = self.items.missing(output.len());
        for (index, raw) in (0..).zip(output) {
            if is_missing(index, &parse(raw.get())?) {
                self.close(Some(index), raw, events)?;
            }
        }
        if self.items.calls().any(|call| call == CallState::Nameless) {
            return Err(Fault::malformed(&"a tool call has no name", b""));
        }
        let finish_reason = if is_incomplete {
            incomplete_reason(response.incomplete_details.unwrap_or_default().reason.as_str())
        } else if self.items.calls().next().is_some() {
            FinishReason::ToolCalls
        } else {
            FinishReason::Stop
        };
        let items = std::mem::take(&mut self.items);
        let origin = items.into_origin(&self.wire, is_incomplete, self.is_stored);
        events.extend(origin.map(ModelEvent::Origin));
        Ok(ModelEvent::finish(finish_reason, response.usage.as_ref().map(usage)))
    }
}

fn push(channel: Channel, place: usize, text: MaybeText<'_>, events: &mut Events) {
    events.extend(text.filled().map(|text| channel.delta(place, text)));
}

fn nature(thinking: &wire::Thinking<'_>) -> Nature {
    let is_open = !wire::items::<wire::TextPart<'_>>(thinking.content).is_empty();
    if is_open || !thinking.encrypted_content.is_empty() {
        Nature::Reasoning
    } else {
        Nature::ReasoningElsewhere
    }
}

fn source(annotation: wire::Annotation<'_>) -> Option<ModelEvent> {
    let mut source = Source::default();
    source.url = annotation.url.filled();
    let names = [annotation.title, annotation.filename, annotation.file_id];
    source.title = names.into_iter().find_map(MaybeText::filled);
    let is_known = source != Source::default();
    is_known.then(|| ModelEvent::Delta(Delta::part(ContentPart::Source(source))))
}

fn picture(picture: &wire::Picture<'_>) -> Option<ModelEvent> {
    let format = Some(picture.output_format.as_str()).filter(|it| !it.is_empty());
    let media_type = format!("image/{}", format.unwrap_or("png"));
    let media = Media::from_base64(media_type, picture.result.as_str())?;
    Some(ModelEvent::Delta(Delta::part(ContentPart::image(media))))
}

/// Something without a type: an error without its usual frame, or nothing we know.
fn skip(data: &str) -> Result<(), Fault> {
    let read = serde_json::from_str(data);
    let value: Value = read.map_err(|error| Fault::malformed(&error, data.as_bytes()))?;
    if !value["error"].is_null() || value["object"] == "error" {
        return Err(Fault::Reported(wire::error(&value).unwrap_or_default()));
    }
    tracing::trace!(bytes = data.len(), "an event without a type was skipped");
    Ok(())
}

fn response<'a>(event: &wire::Event<'a>) -> Result<wire::Response<'a>, Fault> {
    event.response.map_or_else(|| Ok(wire::Response::default()), |it| parse(it.get()))
}

/// One check of all bytes is cheaper than one of each string.
fn text(data: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(data).map_err(|error| Fault::malformed(&error, data))
}

fn parse<'a, T: Fields<'a>>(json: &'a str) -> Result<T, Fault> {
    object(json).map_err(|error| Fault::malformed(&error, json.as_bytes()))
}

fn incomplete_reason(word: &str) -> FinishReason {
    match word {
        "max_output_tokens" | "max_tokens" | "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "" => FinishReason::Other("incomplete".to_owned()),
        other => FinishReason::Other(other.to_owned()),
    }
}

fn usage(used: &wire::Usage) -> Usage {
    let input = used.input_tokens_details.as_ref();
    let output = used.output_tokens_details.as_ref();
    let mut usage = Usage::default();
    usage.input_tokens = used.input_tokens.0.into();
    usage.output_tokens = used.output_tokens.0.into();
    usage.total_tokens = used.total_tokens.0.into();
    usage.cached_input_tokens = input.and_then(|it| it.cached_tokens.0).into();
    usage.reasoning_tokens = output.and_then(|it| it.reasoning_tokens.0).into();
    usage
}

#[cfg(test)]
mod tests;

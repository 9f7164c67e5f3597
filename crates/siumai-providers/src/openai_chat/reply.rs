//! Reads the replies of Chat Completions, whole or in pieces, by one path.
mod beside;
mod calls;
mod head;
mod kept;

use std::sync::Arc;

use serde_json::{Value, value::RawValue};
use siumai_core::{
    model::{Delta, ModelEvent},
    types::{FinishReason, Usage},
};

use self::{
    beside::{Beside, pictures},
    calls::{Calls, Piece},
    head::Head,
    kept::Kept,
};
use super::{
    dialect::End,
    error,
    wire::reply::{self as wire, CallPiece, Detail, Said, Spoken, SpokenPart},
};
use crate::{
    http::{Fault, Reported},
    json::{Count, Few, MaybeText, Text, read_into},
    reply::{Events, Progress, ReplyReader},
    sse,
};

/// Reads one reply.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What the origin of the message is called.
    wire: Arc<str>,
    end: End,
    head: Head,
    start: Start,
    kept: Kept,
    /// Most replies have nothing of it, and no room for it.
    beside: Option<Box<Beside>>,
    calls: Calls,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
}

/// What is known of who answers, until it is handed out, which is before anything else.
#[derive(Debug)]
enum Start {
    Known { id: Option<String>, model: Option<String> },
    Told,
}

impl ReplyReader for Reader {
    fn read_error(body: &[u8]) -> Option<Reported> {
        error::read(&serde_json::from_slice(body).ok()?)
    }

    fn read_event(
        &mut self,
        event: sse::Event<'_>,
        events: &mut Events,
    ) -> Result<Progress, Fault> {
        match event.data.trim_ascii() {
            b"[DONE]" => return self.finish(events).map(Progress::Done),
            // Some servers keep a connection alive with it.
            b"" => return Ok(Progress::More),
            [b'{', ..] => {}
            _ => return skip(event.data).map(|()| Progress::More),
        }
        if event.name == b"error" {
            let said = Self::read_error(event.data);
            return Err(Fault::Reported(said.unwrap_or_default()));
        }
        let mut reply = wire::Reply::default();
        // One check of all bytes is cheaper than one of each string.
        let piece = std::str::from_utf8(event.data);
        let piece = piece.map_err(|error| Fault::malformed(&error, event.data))?;
        let read = self.head.read(piece, &mut reply);
        read.map_err(|error| Fault::malformed(&error, event.data))?;
        if !self.read(&mut reply, Form::Piece, events)? {
            skip(event.data)?;
        }
        Ok(Progress::More)
    }

    fn end(&mut self, events: &mut Events) -> Result<ModelEvent, Fault> {
        match self.end {
            End::Marker => Err(Fault::Incomplete),
            End::Connection => self.finish(events),
        }
    }

    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault> {
        let mut reply = wire::Reply::default();
        let text = match std::str::from_utf8(body) {
            Err(error) if error.error_len().is_none() => return Err(Fault::Incomplete),
            text => text.map_err(|error| Fault::malformed(&error, body))?,
        };
        match read_into(&mut reply, text) {
            Err(error) if error.is_eof() => return Err(Fault::Incomplete),
            read => read.map_err(|error| Fault::malformed(&error, body))?,
        }
        self.read(&mut reply, Form::Whole, events)?;
        if self.finish_reason.is_none() {
            let said = Self::read_error(body).filter(|it| it.message.is_some());
            let no_choices = || Fault::malformed(&"it has no choices", body);
            return Err(said.map_or_else(no_choices, Fault::Reported));
        }
        let finish = self.finish(events)?;
        events.push_back(finish);
        Ok(())
    }
}

/// What is read: a message, or a piece of one.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Piece,
    Whole,
}

impl Reader {
    /// Reads a reply whose message is to have an origin of this name.
    pub(super) fn new(wire: impl Into<Arc<str>>, end: End) -> Self {
        Self { wire: wire.into(), end, ..Self::default() }
    }

    /// The one path. Whether `reply` was something that is known.
    fn read(
        &mut self,
        reply: &mut wire::Reply<'_>,
        form: Form,
        events: &mut Events,
    ) -> Result<bool, Fault> {
        check(reply.error.as_deref())?;
        self.learn(reply.id.take(), reply.model.take(), events);
        for pages in [reply.search_results, reply.citations].into_iter().flatten() {
            self.beside.get_or_insert_default().found(pages);
        }
        let is_known = reply.usage.is_some() || reply.choices.is_present;
        let choice = reply.choices.first.as_mut();
        let mut in_aside = None;
        if let Some(aside) = &reply.x_groq {
            check(aside.error.as_deref())?;
            in_aside = aside.usage.as_ref();
        }
        let in_choice = choice.as_ref().and_then(|it| it.usage.as_ref());
        if let Some(used) = reply.usage.as_ref().or(in_aside).or(in_choice) {
            self.usage = Some(usage(used));
        }
        let Some(choice) = choice else { return Ok(is_known) };
        check(choice.error.as_deref())?;
        if let Some(said) = choice.delta.as_mut().or(choice.message.as_mut()) {
            self.say(said, form, events);
        }
        match &choice.finish_reason {
            // Some servers say no more than that when they fail.
            Some(reason) if reason.as_str() == "error" => {
                return Err(Fault::Reported(Reported::default()));
            }
            // A message that is there is finished, even if nobody says why.
            None if form == Form::Whole => self.finish_reason = Some(finish_reason("")),
            Some(reason) if form == Form::Whole || !reason.as_str().is_empty() => {
                self.finish_reason = Some(finish_reason(reason.as_str()));
            }
            _ => {}
        }
        Ok(is_known)
    }

    fn learn(&mut self, id: Option<Text<'_>>, model: Option<Text<'_>>, events: &mut Events) {
        let Start::Known { id: known_id, model: known_model } = &mut self.start else { return };
        let given = |text: Option<Text<'_>>| text.map(String::from).filter(|it| !it.is_empty());
        *known_id = known_id.take().or_else(|| given(id));
        *known_model = known_model.take().or_else(|| given(model));
        // Some servers know the model before they have an id.
        if known_id.is_some() {
            self.begin(events);
        }
    }

    fn begin(&mut self, events: &mut Events) {
        if let Start::Known { id, model } = std::mem::replace(&mut self.start, Start::Told)
            && (id.is_some() || model.is_some())
        {
            events.push_back(ModelEvent::start(id, model));
        }
    }

    fn say(&mut self, said: &mut Said<'_>, form: Form, events: &mut Events) {
        // Where both are sent they say the same.
        let fields =
            [("reasoning_content", &said.reasoning_content), ("reasoning", &said.reasoning)];
        let reasoning = fields.into_iter().find(|(_, text)| !text.is_empty());
        let is_thought = reasoning.is_some();
        if let Some((field, text)) = reasoning {
            self.kept.reasoning(field, text.as_str());
            self.push_text(text.as_str(), Delta::reasoning, events);
        }
        if let Some(details) = said.reasoning_details {
            self.detail(details, is_thought, form, events);
        }
        match &said.content {
            Some(Spoken::Text(text)) if !text.as_str().is_empty() => {
                self.kept.text(text.as_str());
                self.push_text(text.as_str(), Delta::content, events);
            }
            Some(Spoken::Parts(parts)) => self.say_parts(parts, form, events),
            _ => {}
        }
        self.push_text(said.refusal.as_str(), Delta::refusal, events);
        if said.annotations.is_some() || said.images.is_some() || said.audio.is_some() {
            self.show(said, events);
        }
        let calls = match said.function_call.take() {
            // Some servers tell the same call both ways.
            Some(function) if said.tool_calls.is_empty() && !self.calls.have_ids() => {
                let (index, function) = (Count(Some(0)), Some(function));
                Few::one(CallPiece { index, function, ..CallPiece::default() })
            }
            _ => std::mem::take(&mut said.tool_calls),
        };
        if !calls.is_empty() {
            self.call(calls, form, events);
        }
    }

    #[cold]
    fn show(&mut self, said: &Said<'_>, events: &mut Events) {
        if let Some(annotations) = said.annotations {
            self.beside.get_or_insert_default().cite(annotations);
            self.kept.annotations(annotations);
        }
        if let Some(images) = said.images {
            self.begin(events);
            events.extend(pictures(images));
        }
        if let Some(audio) = &said.audio {
            self.beside.get_or_insert_default().hear(audio.data.as_str());
            self.kept.audio(audio.id.as_str());
        }
    }

    /// Keeps blocks of thinking; their text is told if it is nowhere else.
    #[cold]
    fn detail(&mut self, details: &RawValue, is_told: bool, form: Form, events: &mut Events) {
        let details: Vec<&RawValue> = serde_json::from_str(details.get()).unwrap_or_default();
        for raw in details {
            let Ok(detail) = serde_json::from_str::<Detail<'_>>(raw.get()) else { continue };
            if !is_told {
                let text = [&detail.text, &detail.summary].into_iter().find(|it| !it.is_empty());
                self.push_text(text.map_or("", MaybeText::as_str), Delta::reasoning, events);
            }
            match form {
                Form::Whole => self.kept.whole_detail(raw),
                Form::Piece => self.kept.detail(&detail),
            }
        }
    }

    #[cold]
    fn say_parts(&mut self, parts: &[&RawValue], form: Form, events: &mut Events) {
        for raw in parts {
            let part: SpokenPart<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let kind = part.kind.as_str();
            let thought = part.thinking.as_ref().map(spoken_text);
            match (form, kind) {
                (Form::Piece, "text") => self.kept.text(part.text.as_str()),
                (Form::Piece, "thinking") => {
                    let thought = thought.as_deref().unwrap_or_default();
                    self.kept.thinking_part(thought, part.signature.as_str());
                }
                // Text alone is written as any other text.
                (Form::Whole, "text") if parts.len() == 1 => {}
                _ => self.kept.whole_part(raw),
            }
            match kind {
                "thinking" | "reasoning" => {
                    let thought = thought.as_deref().filter(|it| !it.is_empty());
                    let thought = thought.unwrap_or(part.text.as_str());
                    self.push_text(thought, Delta::reasoning, events);
                }
                "refusal" => self.push_text(part.refusal.as_str(), Delta::refusal, events),
                _ => self.push_text(part.text.as_str(), Delta::content, events),
            }
        }
    }

    fn push_text(&mut self, text: &str, delta: fn(String) -> Delta, events: &mut Events) {
        if !text.is_empty() {
            self.begin(events);
            events.push_back(ModelEvent::Delta(delta(text.to_owned())));
        }
    }

    fn call(&mut self, said: Few<CallPiece<'_>>, form: Form, events: &mut Events) {
        let are_several = said.are_several();
        for (position, piece) in said.into_iter().enumerate() {
            if piece.kind.as_str() == "custom" {
                tracing::trace!("a call of a tool that takes text was skipped");
                continue;
            }
            let function = piece.function.unwrap_or_default();
            let extra = piece.extra_content;
            let piece = Piece {
                index: piece.index.0,
                id: piece.id.map(String::from).unwrap_or_default(),
                name: function.name.filled().unwrap_or_default(),
                arguments: function.arguments.into(),
                position: are_several.then_some(position),
            };
            let (at, delta) = match form {
                Form::Whole => self.calls.add(piece),
                Form::Piece => self.calls.go_on(piece),
            };
            if let Some(extra) = extra {
                self.kept.call(at, extra);
            }
            if let Some(delta) = delta {
                self.begin(events);
                events.push_back(ModelEvent::Delta(Delta::tool_call(delta)));
            }
        }
    }

    fn finish(&mut self, events: &mut Events) -> Result<ModelEvent, Fault> {
        let reason = self.finish_reason.take().ok_or(Fault::Incomplete)?;
        if self.calls.lack_a_name() {
            return Err(Fault::malformed(&"a tool call has no name", b""));
        }
        self.begin(events);
        events.extend(self.beside.take().into_iter().flat_map(|it| it.into_events()));
        let origin = std::mem::take(&mut self.kept).into_origin(&self.wire);
        events.extend(origin.map(ModelEvent::Origin));
        Ok(ModelEvent::finish(reason, self.usage.take()))
    }
}

impl Default for Start {
    fn default() -> Self {
        Self::Known { id: None, model: None }
    }
}

/// Something without choices and usage: an error without its usual frame, or nothing we know.
#[cold]
fn skip(data: &[u8]) -> Result<(), Fault> {
    let read = serde_json::from_slice(data);
    let value: Value = read.map_err(|error| Fault::malformed(&error, data))?;
    if value["object"] == "error" {
        return Err(reported(&value));
    }
    tracing::trace!(bytes = data.len(), "an event of a kind that is not known was skipped");
    Ok(())
}

/// Fails if `error`, the value of such a field, is one.
#[inline]
fn check(error: Option<&Value>) -> Result<(), Fault> {
    match error {
        Some(error) if error::says_something(error) => Err(reported(error)),
        _ => Ok(()),
    }
}

#[cold]
fn reported(error: &Value) -> Fault {
    Fault::Reported(error::read(error).unwrap_or_default())
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn usage(used: &wire::Usage) -> Usage {
    let prompt = used.prompt_tokens_details.as_ref();
    let completion = used.completion_tokens_details.as_ref();
    // In an unusual place a zero says only that there is such a place.
    let elsewhere = |count: Count| count.0.filter(|it| *it > 0);
    let cached = prompt
        .and_then(|it| it.cached_tokens.0)
        .or_else(|| elsewhere(used.cached_tokens))
        .or_else(|| elsewhere(used.prompt_cache_hit_tokens));
    let reasoning = completion
        .and_then(|it| it.reasoning_tokens.0)
        .or_else(|| elsewhere(used.reasoning_tokens));
    let mut usage = Usage::default();
    usage.input_tokens = used.prompt_tokens.0.into();
    usage.output_tokens = output(used, reasoning).into();
    usage.total_tokens = used.total_tokens.0.into();
    usage.cached_input_tokens = cached.into();
    usage.reasoning_tokens = reasoning.into();
    usage
}

/// The tokens of the output with those of the reasoning, which some servers, such as xAI's,
/// count apart: then it takes both to make the total.
fn output(used: &wire::Usage, reasoning: Option<u64>) -> Option<u64> {
    let told = used.completion_tokens.0?;
    let apart = || {
        let whole = told.checked_add(reasoning?)?;
        let sum = used.prompt_tokens.0?.checked_add(whole)?;
        (Some(sum) == used.total_tokens.0).then_some(whole)
    };
    Some(apart().unwrap_or(told))
}

fn spoken_text(spoken: &Spoken<'_>) -> String {
    match spoken {
        Spoken::Text(text) => text.as_str().to_owned(),
        Spoken::Parts(parts) => {
            let parts = parts.iter().filter_map(|it| serde_json::from_str(it.get()).ok());
            parts.map(|part: SpokenPart<'_>| part.text.as_str().to_owned()).collect()
        }
    }
}

#[cfg(test)]
mod tests;

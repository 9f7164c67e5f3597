//! Reads the replies of Chat Completions, whole or in pieces, by one path.
mod kept;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use siumai_core::{
    model::{Delta, ModelEvent, ToolCallDelta},
    types::{FinishReason, Usage},
};

use self::kept::Kept;
use super::wire::{self, CallPiece, Detail, Said, Spoken, SpokenPart};
use crate::{
    http::{Fault, Reported},
    json::{Count, Few, Text},
    reply::{Events, Progress, ReplyReader},
    sse,
};

/// Reads one reply.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What the origin of the message is called.
    wire: String,
    start: Start,
    kept: Kept,
    calls: Vec<OpenCall>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
}

/// What is known of who answers, until it is handed out, which is before anything else.
#[derive(Debug)]
enum Start {
    Known { id: Option<String>, model: Option<String> },
    Told,
}

/// A tool call of the reply. It is counted by its place in the reply, since some servers
/// count wrongly or not at all.
#[derive(Debug)]
struct OpenCall {
    /// The server's own count.
    index: Option<u64>,
    id: String,
    /// Arguments that came before the name.
    held: String,
    has_begun: bool,
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
        if !self.read(parse(event.data)?, Form::Piece, events)? {
            skip(event.data)?;
        }
        Ok(Progress::More)
    }

    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault> {
        let reply = match serde_json::from_slice(body) {
            Err(error) if error.is_eof() => return Err(Fault::Incomplete),
            read => read.map_err(|error| Fault::malformed(&error, body))?,
        };
        self.read(reply, Form::Whole, events)?;
        if self.finish_reason.is_none() {
            skip(body)?;
            return Err(Fault::malformed(&"it has no choices", body));
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
    pub(super) fn new(wire: &str) -> Self {
        Self { wire: wire.to_owned(), ..Self::default() }
    }

    /// The one path. Whether `reply` was something that is known.
    fn read(
        &mut self,
        reply: wire::Reply<'_>,
        form: Form,
        events: &mut Events,
    ) -> Result<bool, Fault> {
        if let Some(error) = reply.error {
            return Err(reported(&error));
        }
        self.learn(reply.id, reply.model, events);
        let is_known = reply.usage.is_some() || reply.choices.is_present;
        let aside = reply.x_groq.and_then(|it| it.usage);
        let mut choice = reply.choices.first;
        let in_choice = choice.as_mut().and_then(|it| it.usage.take());
        if let Some(used) = reply.usage.or(aside).or(in_choice) {
            self.usage = Some(usage(&used));
        }
        let Some(choice) = choice else { return Ok(is_known) };
        if let Some(error) = choice.error {
            return Err(reported(&error));
        }
        if let Some(said) = choice.said {
            self.say(said, form, events);
        }
        match choice.finish_reason {
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

    fn say(&mut self, said: Said<'_>, form: Form, events: &mut Events) {
        let fields = [("reasoning_content", said.reasoning_content), ("reasoning", said.reasoning)];
        // Where both are sent they say the same.
        let reasoning = fields.into_iter().find(|(_, text)| !text.is_empty());
        let is_thought = reasoning.is_some();
        if let Some((field, text)) = reasoning {
            self.kept.reasoning(field, text.as_str());
            self.push_text(text.filled(), Delta::reasoning, events);
        }
        if let Some(details) = said.reasoning_details {
            self.detail(details, is_thought, form, events);
        }
        match said.content {
            Some(Spoken::Text(text)) if !text.as_str().is_empty() => {
                self.kept.text(text.as_str());
                self.push_text(Some(text.into()), Delta::content, events);
            }
            Some(Spoken::Parts(parts)) => self.say_parts(&parts, form, events),
            _ => {}
        }
        self.push_text(said.refusal.map(String::from), Delta::refusal, events);
        self.call(said.tool_calls, form, events);
    }

    /// Keeps blocks of thinking; their text is told if it is nowhere else.
    fn detail(&mut self, details: &RawValue, is_told: bool, form: Form, events: &mut Events) {
        let details: Vec<&RawValue> = serde_json::from_str(details.get()).unwrap_or_default();
        for raw in details {
            let Ok(detail) = serde_json::from_str::<Detail<'_>>(raw.get()) else { continue };
            if !is_told {
                let text = [&detail.text, &detail.summary].into_iter().find(|it| !it.is_empty());
                let text = text.map(|it| it.as_str().to_owned());
                self.push_text(text, Delta::reasoning, events);
            }
            match form {
                Form::Whole => self.kept.whole_detail(raw),
                Form::Piece => self.kept.detail(detail),
            }
        }
    }

    fn say_parts(&mut self, parts: &[&RawValue], form: Form, events: &mut Events) {
        for raw in parts {
            let part: SpokenPart<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let kind = part.kind.as_str();
            let thought = part.thinking.as_ref().map(spoken_text);
            match (form, kind) {
                (Form::Piece, "text") => self.kept.text_part(part.text.as_str()),
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
                    let thought = thought.filter(|it| !it.is_empty());
                    let thought = thought.or_else(|| part.text.filled());
                    self.push_text(thought, Delta::reasoning, events);
                }
                "refusal" => self.push_text(part.refusal.filled(), Delta::refusal, events),
                _ => self.push_text(part.text.filled(), Delta::content, events),
            }
        }
    }

    fn push_text(&mut self, text: Option<String>, delta: fn(String) -> Delta, events: &mut Events) {
        if let Some(text) = text.filter(|it| !it.is_empty()) {
            self.begin(events);
            events.push_back(ModelEvent::Delta(delta(text)));
        }
    }

    fn call(&mut self, pieces: Few<CallPiece<'_>>, form: Form, events: &mut Events) {
        for piece in pieces {
            let function = piece.function.unwrap_or_default();
            let id = piece.id.map(String::from).unwrap_or_default();
            let name = function.name.map(String::from).unwrap_or_default();
            let arguments = function.arguments.map(String::from).unwrap_or_default();
            let at = self.place(piece.index, &id, &name, form);
            if let Some(extra) = piece.extra_content {
                self.kept.call(at, extra);
            }
            if let Some(delta) = self.calls[at].go_on(at, id, name, arguments) {
                self.begin(events);
                events.push_back(ModelEvent::Delta(Delta::tool_call(delta)));
            }
        }
    }

    /// Which call of the reply a piece belongs to; one that it begins is added.
    fn place(&mut self, index: Option<u64>, id: &str, name: &str, form: Form) -> usize {
        let is_other = |call: &OpenCall| !id.is_empty() && !call.id.is_empty() && call.id != id;
        let open = match index {
            // A whole reply has whole calls.
            _ if form == Form::Whole => None,
            // Some servers count every call as the first, and tell them apart by their ids.
            Some(_) => {
                let is_same = |call: &OpenCall| name.is_empty() || !is_other(call);
                self.calls.iter().rposition(|call| call.index == index && is_same(call))
            }
            None if !id.is_empty() => self.calls.iter().rposition(|call| call.id == id),
            None => {
                let last = self.calls.len().checked_sub(1);
                last.filter(|at| name.is_empty() || !self.calls[*at].has_begun)
            }
        };
        open.unwrap_or_else(|| {
            self.calls.push(OpenCall {
                index,
                id: String::new(),
                held: String::new(),
                has_begun: false,
            });
            self.calls.len() - 1
        })
    }

    fn finish(&mut self, events: &mut Events) -> Result<ModelEvent, Fault> {
        let reason = self.finish_reason.take().ok_or(Fault::Incomplete)?;
        if self.calls.iter().any(OpenCall::is_nameless) {
            return Err(Fault::malformed(&"a tool call has no name", b""));
        }
        self.begin(events);
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

impl OpenCall {
    fn is_nameless(&self) -> bool {
        let has_come = !self.id.is_empty() || !self.held.is_empty();
        has_come && !self.has_begun
    }

    /// Takes in a piece; what it brings is a delta of the call with the number `at`.
    fn go_on(
        &mut self,
        at: usize,
        id: String,
        name: String,
        arguments: String,
    ) -> Option<ToolCallDelta> {
        if self.has_begun {
            return (!arguments.is_empty()).then(|| ToolCallDelta::arguments(at, arguments));
        }
        if !id.is_empty() {
            self.id = id;
        }
        self.held.push_str(&arguments);
        if name.is_empty() {
            return None;
        }
        self.has_begun = true;
        let id = Some(self.id.clone()).filter(|it| !it.is_empty());
        Some(ToolCallDelta {
            index: at,
            id,
            name: Some(name),
            arguments: std::mem::take(&mut self.held),
        })
    }
}

/// Something without choices and usage: an error without its usual frame, or nothing we know.
fn skip(data: &[u8]) -> Result<(), Fault> {
    let value: Value = parse(data)?;
    if value["object"] == "error" {
        return Err(reported(&value));
    }
    tracing::trace!(bytes = data.len(), "an event of a kind that is not known was skipped");
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    // One check of all bytes is cheaper than one of each string.
    let text = std::str::from_utf8(data).map_err(|error| Fault::malformed(&error, data))?;
    serde_json::from_str(text).map_err(|error| Fault::malformed(&error, data))
}

fn reported(error: &Value) -> Fault {
    Fault::Reported(wire::error(error).unwrap_or_default())
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
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

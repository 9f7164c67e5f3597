//! Reads the replies of Gemini, whole or in pieces, by one path.
//!
//! A stream has no end marker: it is whole if its last piece says why it ended.
mod pieces;
mod sources;

use serde::Deserialize;
use serde_json::value::RawValue;
use siumai_core::{
    model::{Delta, ModelEvent, ToolCallDelta},
    types::{ContentPart, FinishReason, Media, Origin, Source, Usage},
};

use self::{
    pieces::OpenCall,
    sources::{pages, sources},
};
use super::{
    WIRE, failure,
    origin::OriginParts,
    wire::{self, Candidate, PlainText, SaidCall, SaidPart},
};
use crate::{
    http::{Fault, Reported},
    json::Text,
    reply::{Events, Progress, ReplyReader},
    sse,
};

/// Reads one reply.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    id: Option<String>,
    model: Option<String>,
    has_begun: bool,
    has_candidate: bool,
    calls: usize,
    /// The call whose arguments are coming in.
    open_call: Option<OpenCall>,
    sources: Vec<Source>,
    parts: OriginParts,
    /// Code that the provider runs itself, whose result has not come yet.
    is_code_open: bool,
    /// The provider's word; nothing if the reply went on after it.
    finish_reason: Option<String>,
    usage: Option<wire::Usage>,
}

impl ReplyReader for Reader {
    fn read_error(body: &[u8]) -> Option<Reported> {
        failure::error(&serde_json::from_slice(body).ok()?)
    }

    fn read_event(
        &mut self,
        event: sse::Event<'_>,
        events: &mut Events,
    ) -> Result<Progress, Fault> {
        // Some servers between us and Google send these.
        if !matches!(event.data.trim_ascii(), b"" | b"[DONE]") {
            self.read(parse(event.data)?, events)?;
        }
        Ok(Progress::More)
    }

    fn end(&mut self, events: &mut Events) -> Result<ModelEvent, Fault> {
        // Where the provider runs code, one turn of its own may say that it ended before the
        // code has run.
        if self.is_code_open && self.finish_reason.as_deref() == Some("STOP") {
            return Err(Fault::Incomplete);
        }
        let reason = self.finish_reason.take().ok_or(Fault::Incomplete)?;
        Ok(self.finish(&reason, events))
    }

    fn read_whole(&mut self, body: &[u8], events: &mut Events) -> Result<(), Fault> {
        let finish = if body.trim_ascii_start().starts_with(b"[") {
            // A stream that was not asked for as events is a list of its pieces.
            for reply in parse_whole::<Vec<wire::Reply<'_>>>(body)? {
                self.read(reply, events)?;
            }
            self.end(events)?
        } else {
            self.read(parse_whole(body)?, events)?;
            if !self.has_candidate {
                return Err(Fault::malformed(&"it has no candidates", body));
            }
            // A message that is there is finished, even if nobody says why.
            let reason = self.finish_reason.take();
            self.finish(reason.as_deref().unwrap_or("FINISH_REASON_UNSPECIFIED"), events)
        };
        events.push_back(finish);
        Ok(())
    }
}

impl Reader {
    /// The one path.
    fn read(&mut self, reply: wire::Reply<'_>, events: &mut Events) -> Result<(), Fault> {
        if let Some(error) = reply.error {
            return Err(Fault::Reported(failure::error(&error).unwrap_or_default()));
        }
        if let Some(blocked) = reply.prompt_feedback.and_then(blocked) {
            return Err(Fault::Reported(blocked));
        }
        learn(&mut self.id, reply.response_id);
        learn(&mut self.model, reply.model_version);
        self.usage = reply.usage_metadata.or(self.usage);
        match reply.candidates.into_iter().find(|it| it.index.0.unwrap_or(0) == 0) {
            Some(candidate) => self.go_on(candidate, events),
            None => Ok(()),
        }
    }

    fn go_on(&mut self, candidate: Candidate<'_>, events: &mut Events) -> Result<(), Fault> {
        self.has_candidate = true;
        for part in candidate.content.unwrap_or_default().parts {
            self.say(part, events)?;
        }
        let (grounding, citations) = (candidate.grounding_metadata, candidate.citation_metadata);
        for source in sources(grounding.as_ref(), citations.as_ref()) {
            self.cite(source, events);
        }
        for page in pages(candidate.url_context_metadata.as_ref()) {
            // One that is told with its title already says more.
            if self.sources.iter().all(|it| it.url.as_deref() != Some(page)) {
                self.cite(Source::url(page), events);
            }
        }
        if let Some(reason) = candidate.finish_reason.filter(|it| !it.as_str().is_empty()) {
            self.finish_reason = Some(reason.into());
        }
        Ok(())
    }

    fn say(&mut self, part: &RawValue, events: &mut Events) -> Result<(), Fault> {
        if let Ok(PlainText { text, thought }) = serde_json::from_str(part.get()) {
            if !text.as_str().is_empty() {
                self.reopen(false);
                self.close_call(events);
                self.parts.push_text(text.as_str(), thought == Some(true));
                self.push(text_delta(text, thought), events);
            }
            return Ok(());
        }
        let said: SaidPart<'_> = parse(part.get().as_bytes())?;
        self.reopen(said.executable_code.is_some());
        if said.function_call.as_ref().is_some_and(is_piece) {
            return self.go_on_calling(said, part, events);
        }
        self.close_call(events);
        self.parts.push_part(part.get());
        if let Some(delta) = self.delta(said, part)? {
            self.push(delta, events);
        }
        Ok(())
    }

    /// Something was said: whatever ended before has not.
    fn reopen(&mut self, is_code: bool) {
        self.is_code_open = is_code;
        self.finish_reason = None;
    }

    /// What a part that has more than text brings.
    fn delta(&mut self, said: SaidPart<'_>, part: &RawValue) -> Result<Option<Delta>, Fault> {
        if let Some(call) = said.function_call {
            return self.call(call, part).map(Some);
        }
        if let Some(text) = said.text {
            return Ok((!text.as_str().is_empty()).then(|| text_delta(text, said.thought)));
        }
        // A picture that the model only thought of is none of its answer.
        let media = match (said.inline_data, said.file_data) {
            _ if said.thought == Some(true) => None,
            (Some(blob), _) => {
                let data = blob.data.as_ref().map_or("", Text::as_str);
                Media::from_base64(kind_of_media(blob.mime_type), data)
            }
            (None, Some(file)) => {
                let mime_type = kind_of_media(file.mime_type);
                file.file_uri.map(|uri| Media::typed_url(mime_type, uri))
            }
            (None, None) => None,
        };
        if media.is_none() {
            tracing::trace!("a part of a kind that is only kept was skipped");
        }
        Ok(media.map(|media| Delta::part(media_part(media))))
    }

    fn call(&mut self, call: SaidCall<'_>, part: &RawValue) -> Result<Delta, Fault> {
        let name = call.name.map(String::from).filter(|it| !it.is_empty());
        if name.is_none() {
            return Err(Fault::malformed(&"a function call has no name", part.get().as_bytes()));
        }
        let index = self.calls;
        self.calls += 1;
        Ok(Delta::tool_call(ToolCallDelta {
            index,
            id: call.id.map(String::from).filter(|it| !it.is_empty()),
            name,
            arguments: call.args.map_or("{}", RawValue::get).to_owned(),
        }))
    }

    fn go_on_calling(
        &mut self,
        said: SaidPart<'_>,
        part: &RawValue,
        events: &mut Events,
    ) -> Result<(), Fault> {
        let Some(call) = said.function_call else { return Ok(()) };
        if let Some(name) = call.name.map(String::from).filter(|it| !it.is_empty()) {
            self.close_call(events);
            let id = call.id.map(String::from).filter(|it| !it.is_empty());
            let begin =
                ToolCallDelta { id: id.clone(), ..ToolCallDelta::begin(self.calls, "", &*name) };
            self.push(Delta::tool_call(begin), events);
            self.open_call = Some(OpenCall::new(self.calls, id, name));
            self.calls += 1;
        }
        let fault = |why: &str| Fault::malformed(&why, part.get().as_bytes());
        let Some(open) = &mut self.open_call else {
            // An end of what has ended.
            let is_end = call.partial_args.is_none();
            return if is_end { Ok(()) } else { Err(fault("a piece belongs to no function call")) };
        };
        if let Some(args) = call.args {
            open.add_whole(parse(args.get().as_bytes())?);
        }
        for piece in call.partial_args.into_iter().flatten() {
            open.add(piece).ok_or_else(|| fault("a piece of a function call has no place"))?;
        }
        open.signature = said.thought_signature.filled().or(open.signature.take());
        if call.will_continue != Some(true) {
            self.close_call(events);
        }
        Ok(())
    }

    /// The call that is open, if any, is whole.
    fn close_call(&mut self, events: &mut Events) {
        if let Some(call) = self.open_call.take() {
            let arguments = call.arguments();
            self.end_call(&call, arguments, events);
        }
    }

    /// The reply ended in the midst of the call that is open: its arguments break off, as they do
    /// where they come as text.
    fn cut_off_call(&mut self, events: &mut Events) {
        if let Some(call) = self.open_call.take() {
            let mut arguments = call.arguments();
            arguments.pop();
            self.end_call(&call, arguments, events);
        }
    }

    fn end_call(&mut self, call: &OpenCall, arguments: String, events: &mut Events) {
        self.parts.push_part(&call.to_part());
        let arguments = ToolCallDelta::arguments(call.index, arguments);
        self.push(Delta::tool_call(arguments), events);
    }

    fn cite(&mut self, source: Source, events: &mut Events) {
        // Each piece of a stream may repeat all that were told before.
        if !self.sources.contains(&source) {
            self.push(Delta::part(ContentPart::Source(source.clone())), events);
            self.sources.push(source);
        }
    }

    fn push(&mut self, delta: Delta, events: &mut Events) {
        self.begin(events);
        events.push_back(ModelEvent::Delta(delta));
    }

    fn begin(&mut self, events: &mut Events) {
        if !self.has_begun && (self.id.is_some() || self.model.is_some()) {
            events.push_back(ModelEvent::start(self.id.take(), self.model.take()));
        }
        self.has_begun = true;
    }

    fn finish(&mut self, reason: &str, events: &mut Events) -> ModelEvent {
        self.begin(events);
        if reason == "STOP" {
            self.close_call(events);
        } else {
            self.cut_off_call(events);
        }
        if let Some(parts) = std::mem::take(&mut self.parts).finish() {
            events.push_back(ModelEvent::Origin(Origin::new(WIRE, parts)));
        }
        let reason = finish_reason(reason, self.calls > 0);
        ModelEvent::finish(reason, self.usage.take().map(|used| usage(&used)))
    }
}

fn learn(known: &mut Option<String>, told: Option<Text<'_>>) {
    if known.is_none() {
        *known = told.map(String::from).filter(|it| !it.is_empty());
    }
}

fn text_delta(text: Text<'_>, thought: Option<bool>) -> Delta {
    if thought == Some(true) { Delta::reasoning(text) } else { Delta::content(text) }
}

fn kind_of_media(mime_type: Option<Text<'_>>) -> String {
    mime_type.map_or_else(|| "application/octet-stream".to_owned(), String::from)
}

fn media_part(media: Media) -> ContentPart {
    if media.media_type().is_some_and(|it| it.starts_with("image/")) {
        ContentPart::image(media)
    } else {
        ContentPart::unnamed_file(media)
    }
}

/// Whether a call is none by itself: its arguments come in pieces, and this is one, or the
/// empty one that ends them.
fn is_piece(call: &SaidCall<'_>) -> bool {
    let is_empty = call.name.is_none() && call.args.is_none();
    is_empty || call.will_continue == Some(true) || call.partial_args.is_some()
}

fn blocked(feedback: wire::PromptFeedback) -> Option<Reported> {
    let reason = feedback.block_reason.filter(|it| !it.is_empty())?;
    let message = feedback.block_reason_message;
    let message = message.unwrap_or_else(|| format!("the prompt was blocked for {reason}"));
    Some(Reported {
        code: Some(reason),
        message: Some(message),
        kind: Some(siumai_core::ErrorKind::ContentFilter),
        ..Reported::default()
    })
}

fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(data).map_err(|error| Fault::malformed(&error, data))
}

fn parse_whole<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() { Fault::Incomplete } else { Fault::malformed(&error, body) }
    })
}

fn finish_reason(word: &str, has_calls: bool) -> FinishReason {
    match word {
        // There is no word of its own for a reply that waits for results.
        "STOP" | "FINISH_REASON_UNSPECIFIED" if has_calls => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn usage(used: &wire::Usage) -> Usage {
    let mut usage = Usage::default();
    usage.input_tokens = sum(used.prompt.0, used.tool_use_prompt.0).into();
    usage.output_tokens = sum(used.candidates.0, used.thoughts.0).into();
    usage.total_tokens = used.total.0.into();
    usage.cached_input_tokens = used.cached_content.0.into();
    usage.reasoning_tokens = used.thoughts.0.into();
    usage
}

/// Both together: where only one is told, the other is 0.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;

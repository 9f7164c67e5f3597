//! Writes a request as Chat Completions wants it.
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json, value::RawValue};
use siumai_core::{
    LlmError,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, Warning,
    },
};

use super::{
    dialect::{Dialect, Files, Formats, LimitName, Reasoning, SeedName},
    wire,
};
use crate::{
    json::written,
    question::{Body, Question, replace},
    schema::openai::offer,
    transcript::{Page, Transcript, Writer},
};

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(
    model: &str,
    wire: &Arc<str>,
    dialect: Dialect,
    request: &ChatRequest,
) -> Result<Question, LlmError> {
    let (system, tools, settings) = (request.system(), request.tools(), request.settings());
    if system.is_empty() && request.messages().is_empty() {
        return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
    }
    let manner = Manner { wire: Arc::clone(wire), dialect };
    let mut transcript: Transcript<Messages> = Transcript::of(request, &manner)?;
    let system_messages = transcript.system(system, || {
        system.iter().flat_map(|it| manner.wire_messages(it)).collect::<Vec<_>>()
    })?;
    let wire_tools =
        transcript.tools(tools, || tools.iter().map(|it| tool(it, dialect)).collect::<Vec<_>>())?;
    let has_tools = !tools.is_empty();
    let body = Body {
        head: wire::Head {
            model,
            settings: wire_settings(settings, dialect),
            stream: !request.is_whole(),
            stream_options: (!request.is_whole() && dialect.asks_for_usage)
                .then_some(wire::StreamOptions { include_usage: true }),
        },
        list: "messages",
        lead: Some(&system_messages),
        tail: wire::Tail {
            tools: has_tools.then_some(&wire_tools),
            // Without tools either is refused.
            tool_choice: request.tool_choice().filter(|_| has_tools).map(tool_choice),
            parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools),
        },
    };
    let body = body.around(&transcript, &settings.extra, replace)?;
    let of_system = system.iter().flat_map(|it| unsupported(it, dialect));
    let of_messages = transcript.writer().warnings().iter().cloned();
    let warnings = of_system.chain(of_messages).chain(lost_schema(settings, dialect)).collect();
    request.memo().put(transcript);
    Ok(Question { body, warnings })
}

fn wire_settings(settings: &Settings, dialect: Dialect) -> wire::Settings<'_> {
    let limit = |name| settings.max_output_tokens.filter(|_| dialect.limit_name == name);
    let seed = |name| settings.seed.filter(|_| dialect.seed_name == name);
    let format = settings.response_format.as_ref();
    wire::Settings {
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_completion_tokens: limit(LimitName::MaxCompletionTokens),
        max_tokens: limit(LimitName::MaxTokens),
        stop: &settings.stop_sequences,
        seed: seed(SeedName::Seed),
        random_seed: seed(SeedName::RandomSeed),
        reasoning_effort: settings.reasoning_effort.as_deref(),
        response_format: format.and_then(|it| response_format(it, dialect)),
    }
}

fn response_format(format: &ResponseFormat, dialect: Dialect) -> Option<wire::ResponseFormat<'_>> {
    let json_schema = match format {
        ResponseFormat::Json if dialect.formats == Formats::SchemasAlone => wire::JsonSchema {
            name: "json",
            schema: Cow::Owned(json!({ "type": "object" })),
            strict: false,
        },
        ResponseFormat::JsonSchema { name, schema, strict }
            if dialect.formats != Formats::JsonAlone =>
        {
            wire::JsonSchema { name, schema: Cow::Borrowed(schema), strict: *strict }
        }
        ResponseFormat::Json | ResponseFormat::JsonSchema { .. } => {
            return Some(wire::ResponseFormat::JsonObject);
        }
        _ => return None,
    };
    Some(wire::ResponseFormat::JsonSchema { json_schema })
}

fn lost_schema(settings: &Settings, dialect: Dialect) -> Option<Warning> {
    let is_lost = dialect.formats == Formats::JsonAlone
        && matches!(settings.response_format, Some(ResponseFormat::JsonSchema { .. }));
    let what = "this server holds a reply to no JSON schema; it was asked for JSON alone";
    is_lost.then(|| Warning::Unsupported { what: what.to_owned() })
}

/// How messages are written.
#[derive(Clone, Debug, PartialEq)]
struct Manner {
    /// What the origins of its messages are called.
    wire: Arc<str>,
    dialect: Dialect,
}

/// The messages so far.
#[derive(Debug)]
struct Messages {
    manner: Manner,
    warnings: Vec<Warning>,
}

impl Writer for Messages {
    type Manner = Manner;

    fn new(manner: Manner) -> Self {
        Self { manner, warnings: Vec::new() }
    }

    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        if is_unanswerable(message) {
            return Err(LlmError::invalid_input(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        self.warnings.extend(unsupported(message, self.manner.dialect));
        page.write(message, |items| {
            self.manner.wire_messages(message).try_for_each(|it| items.push(&it))
        })
    }

    /// Nothing changes a message that is written.
    fn write_open(&self, _: &mut Page) {}

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Manner {
    /// A message as the wire has it: each tool result is a message of its own there.
    fn wire_messages<'m>(
        &self,
        message: &'m ChatMessage,
    ) -> impl Iterator<Item = wire::Message<'m>> + use<'m> {
        let dialect = self.dialect;
        let results = message.tool_results().map(|result| tool_message(result));
        let has_results = message.tool_results().next().is_some();
        let parts = message.content().iter();
        let spoken = match message.role() {
            Role::System => Some(wire::Message::System {
                content: content(parts.filter(|it| is_text(it)), dialect),
            }),
            Role::Assistant => Some(assistant(message, self.kept(message), dialect)),
            Role::User if has_results && parts.clone().all(is_result) => None,
            Role::User => Some(wire::Message::User { content: content(parts, dialect) }),
            Role::Tool => None,
        };
        results.chain(spoken)
    }

    /// The fields of `message` that came over the same wire and go back as they are.
    fn kept<'m>(&self, message: &'m ChatMessage) -> BTreeMap<&'m str, &'m RawValue> {
        let origin = message.origin(&self.wire);
        let mut kept: BTreeMap<&str, &RawValue> =
            origin.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        let is_behind_a_call = message.tool_calls().next().is_some();
        match self.dialect.reasoning {
            // A spoken reply is no reasoning.
            Reasoning::Never => kept.retain(|name, _| *name == "audio"),
            Reasoning::WithCalls if !is_behind_a_call => {
                kept.retain(|name, _| !matches!(*name, "reasoning" | "reasoning_content"));
            }
            Reasoning::WithCalls | Reasoning::Always => {}
        }
        kept
    }
}

fn is_unanswerable(message: &ChatMessage) -> bool {
    message.role() == Role::Tool && message.tool_results().next().is_none()
}

fn tool_message(result: &ToolResult) -> wire::Message<'_> {
    wire::Message::Tool { tool_call_id: &result.call_id, content: result.output_text() }
}

fn content<'a>(
    parts: impl Iterator<Item = &'a ContentPart>,
    dialect: Dialect,
) -> wire::Content<'a> {
    let parts: Vec<_> = parts.filter_map(|it| part(it, dialect)).collect();
    match parts[..] {
        [] => wire::Content::Text(""),
        [wire::Part::Text { text }] => wire::Content::Text(text),
        _ => wire::Content::Parts(parts),
    }
}

fn part(part: &ContentPart, dialect: Dialect) -> Option<wire::Part<'_>> {
    match part {
        ContentPart::Text { text, .. } => Some(wire::Part::Text { text }),
        ContentPart::Image { media, .. } => {
            Some(wire::Part::ImageUrl { image_url: wire::ImageUrl { url: url(media)? } })
        }
        ContentPart::File { media, name, .. } => file(media, name.as_deref(), dialect.files),
        _ => None,
    }
}

fn file<'a>(media: &'a Media, name: Option<&'a str>, files: Files) -> Option<wire::Part<'a>> {
    if let Some(format) = sound_format(media) {
        let data = media.base64()?;
        let input_audio = match files {
            Files::Documents => wire::Audio::Bare(data),
            Files::Bytes | Files::BytesOrUrl => wire::Audio::Known { data, format },
        };
        return Some(wire::Part::InputAudio { input_audio });
    }
    match (media, files) {
        (Media::Url { .. }, Files::Bytes) => None,
        (_, Files::Documents) => {
            Some(wire::Part::DocumentUrl { document_url: url(media)?, document_name: name })
        }
        _ => {
            let file = wire::File { filename: name, file_data: url(media)? };
            Some(wire::Part::File { file })
        }
    }
}

/// Where `media` is, or a URL that holds it.
fn url(media: &Media) -> Option<Cow<'_, str>> {
    match media {
        Media::Url { url, .. } => Some(Cow::Borrowed(url)),
        bytes => bytes.data_url().map(Cow::Owned),
    }
}

/// What the format of a sound is called, if `media` is one that is sent along.
fn sound_format(media: &Media) -> Option<&str> {
    let Media::Bytes { media_type, .. } = media else { return None };
    match media_type.strip_prefix("audio/")? {
        "mpeg" => Some("mp3"),
        "wave" | "vnd.wave" => Some("wav"),
        format => Some(format.trim_start_matches("x-")),
    }
}

fn is_text(part: &ContentPart) -> bool {
    matches!(part, ContentPart::Text { .. })
}

fn is_result(part: &ContentPart) -> bool {
    matches!(part, ContentPart::ToolResult(_))
}

/// What of `message` has no place in this format and would be missed.
fn unsupported(message: &ChatMessage, dialect: Dialect) -> impl Iterator<Item = Warning> {
    let is_from_user = message.role() == Role::User;
    let takes_no_url = is_from_user && dialect.files == Files::Bytes;
    message.content().iter().filter_map(move |part| {
        let what = match part {
            ContentPart::File { media: Media::Url { .. }, .. } if takes_no_url => {
                "Chat Completions takes no file by its URL; one was left out, send its bytes"
            }
            ContentPart::Image { .. } | ContentPart::File { .. } if !is_from_user => {
                "Chat Completions takes pictures and files from the user alone; one was left out"
            }
            _ => return None,
        };
        Some(Warning::Unsupported { what: what.to_owned() })
    })
}

/// What the model said. Its reasoning goes back as `kept`, where the server wants it.
fn assistant<'a>(
    message: &'a ChatMessage,
    mut kept: BTreeMap<&'a str, &'a RawValue>,
    dialect: Dialect,
) -> wire::Message<'a> {
    let extras = kept.remove("tool_calls").map(|it| serde_json::from_str(it.get()));
    let extras: Vec<CallFields<'_>> = extras.and_then(Result::ok).unwrap_or_default();
    let calls = message.tool_calls().enumerate();
    let tool_calls: Vec<_> = calls
        .map(|(at, call)| {
            let extra = extras.iter().find(|it| it.index == at);
            tool_call(call, extra.map(|it| it.extra_content), dialect)
        })
        .collect();
    let refusal = refusal(message);
    let is_silent = tool_calls.is_empty() && refusal.is_none();
    // A message that says nothing is refused if its content is null.
    let said = message.text().or(is_silent.then_some(""));
    let as_it_came = kept.remove("content").map(wire::Content::AsItCame);
    let content = as_it_came.or(said.map(wire::Content::Text));
    wire::Message::Assistant { content, refusal, kept, tool_calls }
}

/// What came with a call.
#[derive(Deserialize)]
struct CallFields<'a> {
    index: usize,
    #[serde(borrow)]
    extra_content: &'a RawValue,
}

fn refusal(message: &ChatMessage) -> Option<Cow<'_, str>> {
    let mut refusals = message.content().iter().filter_map(|part| match part {
        ContentPart::Refusal { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let first = refusals.next()?;
    Some(refusals.fold(Cow::Borrowed(first), |all, more| all + more))
}

fn tool_call<'a>(
    call: &'a ToolCall,
    extra_content: Option<&'a RawValue>,
    dialect: Dialect,
) -> wire::Call<'a> {
    let arguments = match &call.arguments {
        // Text that was no object goes back as the model wrote it, if it may.
        Value::String(raw) if dialect.takes_broken_arguments || is_json(raw) => {
            Cow::Borrowed(raw.as_str())
        }
        Value::String(raw) => Cow::Owned(json!({ "not_json": raw }).to_string()),
        other => Cow::Owned(written(other)),
    };
    wire::Call::Function {
        id: &call.id,
        function: wire::FunctionCall { name: &call.name, arguments },
        extra_content,
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn tool(tool: &Tool, dialect: Dialect) -> wire::Tool<'_> {
    let offer = offer(tool, "", dialect.strict_tools);
    wire::Tool::Function {
        function: wire::Function {
            name: tool.name(),
            description: tool.description(),
            parameters: offer.parameters,
            strict: offer.is_strict.then_some(true),
        },
    }
}

fn tool_choice(choice: &ToolChoice) -> wire::ToolChoice<'_> {
    match choice {
        ToolChoice::Auto => wire::ToolChoice::Mode("auto"),
        ToolChoice::Required => wire::ToolChoice::Mode("required"),
        ToolChoice::None => wire::ToolChoice::Mode("none"),
        ToolChoice::Specific { tool_name } => wire::ToolChoice::Named(wire::NamedTool::Function {
            function: wire::Name { name: tool_name },
        }),
    }
}

#[cfg(test)]
mod tests;

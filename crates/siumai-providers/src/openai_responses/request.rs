//! Writes a request as Responses wants it.
use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use siumai_core::{
    LlmError,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, Warning,
    },
};

use super::wire;
use crate::{
    json::{Few, object, objects, written},
    question::{Body, Question, replace},
    schema::openai::offer,
    transcript::{Items, Page, Transcript, Writer, json},
};

/// The fewest tokens that a reply may be limited to.
const LEAST_LIMIT: u32 = 16;

/// The longest id of a call that is accepted, in bytes.
const LONGEST_ID: usize = 64;

/// Calls that the user's side executes. They are refused without an answer, and here is
/// nobody who answers them.
const CLIENT_CALLS: [&str; 5] =
    ["apply_patch_call", "computer_call", "custom_tool_call", "local_shell_call", "shell_call"];

/// How a model is asked, request after request.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Manner {
    /// What the origins of its messages are called.
    pub(super) wire: String,
    pub(super) system: SystemPlace,
    /// Whether the provider keeps the replies.
    pub(super) stores: bool,
    /// Whether the model is held to the schemas of the tools.
    pub(super) strict_tools: bool,
    pub(super) reasoning_summary: Option<String>,
    /// Tools that the provider executes.
    pub(super) hosted_tools: Vec<Value>,
}

impl fmt::Debug for Manner {
    /// Without the hosted tools, which may hold keys of other servers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manner")
            .field("wire", &self.wire)
            .field("system", &self.system)
            .field("stores", &self.stores)
            .field("strict_tools", &self.strict_tools)
            .field("reasoning_summary", &self.reasoning_summary)
            .finish_non_exhaustive()
    }
}

/// Where the leading system messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SystemPlace {
    /// Into the field that is made for them.
    Instructions,
    /// Into the input, for servers that refuse the field.
    Input,
}

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(
    model: &str,
    manner: &Arc<Manner>,
    request: &ChatRequest,
) -> Result<Question, LlmError> {
    let (system, messages) = (request.system(), request.messages());
    if system.is_empty() && messages.is_empty() {
        return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
    }
    let settings = request.settings();
    let mut warnings = Vec::new();
    let wire_settings = wire_settings(settings, manner, &mut warnings);
    warnings.extend(system.iter().flat_map(unsupported));
    let mut transcript: Transcript<Input> = Transcript::of(request, manner)?;
    warnings.extend_from_slice(transcript.writer().warnings());
    let nobody = Callers::new();
    let in_input =
        || system.iter().flat_map(|it| input(it, &manner.wire, &nobody)).collect::<Vec<_>>();
    let (instructions, lead) = match manner.system {
        // Instructions alone are nothing to answer.
        SystemPlace::Instructions if messages.is_empty() => (None, Some(json(&in_input())?)),
        SystemPlace::Instructions => {
            (Some(transcript.system(system, || instructions(system))?), None)
        }
        SystemPlace::Input => (None, Some(transcript.system(system, in_input)?)),
    };
    let tools = request.tools();
    let has_tools = !tools.is_empty() || !manner.hosted_tools.is_empty();
    let wire_tools = transcript.tools(tools, || {
        let tools = tools.iter().map(|it| tool(it, manner.strict_tools));
        tools.chain(manner.hosted_tools.iter().map(wire::Tool::Hosted)).collect::<Vec<_>>()
    })?;
    let body = Body {
        head: wire::Head {
            model,
            settings: wire_settings,
            store: manner.stores,
            include: if !manner.stores && may_reason(model) {
                &["reasoning.encrypted_content"]
            } else {
                &[]
            },
            stream: !request.is_whole(),
            instructions: instructions.as_deref().filter(|it| it.get() != "null"),
        },
        list: "input",
        lead: lead.as_deref(),
        tail: wire::Tail {
            tools: has_tools.then_some(&wire_tools),
            // Without tools either is refused.
            tool_choice: request.tool_choice().filter(|_| has_tools).map(tool_choice),
            parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools),
        },
    };
    let body = body.around(&transcript, &settings.extra, replace)?;
    request.memo().put(transcript);
    Ok(Question { body, warnings })
}

fn is_unanswerable(message: &ChatMessage) -> bool {
    message.role() == Role::Tool && message.tool_results().next().is_none()
}

/// Whether `model` is none of those that are known not to reason: they refuse to be asked for
/// their reasoning.
fn may_reason(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let never = ["gpt-3", "gpt-4", "chatgpt-", "gpt-5-chat"];
    !never.iter().any(|family| name.starts_with(family))
}

fn wire_settings<'a>(
    settings: &'a Settings,
    manner: &'a Manner,
    warnings: &mut Vec<Warning>,
) -> wire::Settings<'a> {
    if settings.seed.is_some() {
        warnings.push(left_out("Responses takes no seed; it was left out"));
    }
    if !settings.stop_sequences.is_empty() {
        warnings.push(left_out("Responses takes no stop sequences; they were left out"));
    }
    let max_output_tokens = settings.max_output_tokens.map(|limit| limit.max(LEAST_LIMIT));
    if max_output_tokens != settings.max_output_tokens {
        let what =
            format!("Responses takes no limit below {LEAST_LIMIT} output tokens; it was raised");
        warnings.push(left_out(&what));
    }
    let effort = settings.reasoning_effort.as_deref();
    let summary = manner.reasoning_summary.as_deref();
    let reasons = effort.is_some() || summary.is_some();
    wire::Settings {
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_output_tokens,
        reasoning: reasons.then_some(wire::Reasoning { effort, summary }),
        text: settings.response_format.as_ref().and_then(text_settings),
    }
}

fn text_settings(format: &ResponseFormat) -> Option<wire::TextSettings<'_>> {
    let format = match format {
        ResponseFormat::Json => wire::TextFormat::JsonObject,
        ResponseFormat::JsonSchema { name, schema, strict } => {
            wire::TextFormat::JsonSchema { name, schema, strict: *strict }
        }
        _ => return None,
    };
    Some(wire::TextSettings { format })
}

/// What the system messages say, one after the other.
fn instructions(system: &[ChatMessage]) -> Option<Cow<'_, str>> {
    let mut texts = system.iter().filter_map(ChatMessage::text).filter(|it| !it.is_empty());
    let first = texts.next()?;
    Some(texts.fold(Cow::Borrowed(first), |all, more| all + "\n\n" + more))
}

/// The input so far.
#[derive(Debug)]
struct Input {
    manner: Arc<Manner>,
    callers: Callers,
    warnings: Vec<Warning>,
}

/// Who made the calls that say so, by their ids: their answers must name the same.
type Callers = HashMap<String, Box<RawValue>>;

impl Writer for Input {
    type Manner = Arc<Manner>;

    fn new(manner: Arc<Manner>) -> Self {
        Self { manner, callers: Callers::new(), warnings: Vec::new() }
    }

    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        if is_unanswerable(message) {
            return Err(LlmError::invalid_input(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        self.warnings.extend(unsupported(message));
        self.learn_callers(message);
        let write = |items: &mut Items| {
            input(message, &self.manner.wire, &self.callers)
                .iter()
                .try_for_each(|it| items.push(it))
        };
        let is_named = message.tool_results().any(|it| self.callers.contains_key(&it.call_id));
        if is_named { page.write_here(write) } else { page.write(message, write) }
    }

    /// Nothing changes a message that is written.
    fn write_open(&self, _: &mut Page) {}

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Input {
    fn learn_callers(&mut self, message: &ChatMessage) {
        let Some(origin) =
            message.origin(&self.manner.wire).filter(|it| it.contains(r#""caller""#))
        else {
            return;
        };
        let items: Few<wire::OutputItem<'_>> = objects(origin).unwrap_or_default();
        let callers =
            items.into_iter().filter_map(|it| Some((it.call_id.filled()?, it.caller?.to_owned())));
        self.callers.extend(callers);
    }
}

/// A message as the wire has it: each call and each result is an item of its own there.
fn input<'a>(message: &'a ChatMessage, wire: &str, callers: &'a Callers) -> Vec<wire::Input<'a>> {
    if message.role() == Role::Assistant {
        let origin = message.origin(wire).map(serde_json::from_str::<Vec<&RawValue>>);
        return match origin {
            Some(Ok(items)) => as_it_came(message, items),
            _ => said(message).into_iter().map(wire::Input::Written).collect(),
        };
    }
    let results = message.tool_results().map(|result| wire::Item::FunctionCallOutput {
        call_id: call_id(&result.call_id),
        caller: callers.get(&result.call_id).map(|it| &**it),
        output: result.output_text(),
    });
    results.chain(spoken(message)).map(wire::Input::Written).collect()
}

/// What the person or the application says.
fn spoken(message: &ChatMessage) -> Option<wire::Item<'_>> {
    let parts = message.content().iter();
    match message.role() {
        Role::System => {
            let text = message.text().filter(|it| !it.is_empty())?;
            Some(wire::Item::Message { role: "system", content: wire::Content::Text(text.into()) })
        }
        Role::User => {
            let mut others = parts.filter(|it| !matches!(it, ContentPart::ToolResult(_)));
            let is_only_results = others.next().is_none() && !message.content().is_empty();
            let content = || content(message.content());
            (!is_only_results).then(|| wire::Item::Message { role: "user", content: content() })
        }
        Role::Assistant | Role::Tool => None,
    }
}

fn content(parts: &[ContentPart]) -> wire::Content<'_> {
    let parts: Vec<_> = parts.iter().filter_map(part).collect();
    match parts[..] {
        [] => wire::Content::Text("".into()),
        [wire::Part::Text { text }] => wire::Content::Text(text.into()),
        _ => wire::Content::Parts(parts),
    }
}

fn part(part: &ContentPart) -> Option<wire::Part<'_>> {
    match part {
        ContentPart::Text { text, .. } => Some(wire::Part::Text { text }),
        ContentPart::Image { media, .. } => {
            let image_url = match media {
                Media::Url { url, .. } => Cow::Borrowed(url.as_str()),
                bytes => Cow::Owned(bytes.data_url()?),
            };
            Some(wire::Part::Image { image_url, detail: "auto" })
        }
        ContentPart::File { media: Media::Url { url, .. }, .. } => {
            // A name beside a URL is refused.
            Some(wire::Part::File { filename: None, file_data: None, file_url: Some(url) })
        }
        ContentPart::File { media, name, .. } => {
            let name = name.as_deref().map_or_else(|| file_name(media), Cow::Borrowed);
            let file_data = media.data_url();
            Some(wire::Part::File { filename: Some(name), file_data, file_url: None })
        }
        _ => None,
    }
}

/// A name for a file without one: its ending says what it is, and bytes without a name are refused.
fn file_name(media: &Media) -> Cow<'static, str> {
    let media_type = media.media_type().unwrap_or_default();
    match media_type.rsplit('/').next() {
        Some("plain") | None => "file.txt".into(),
        Some(ending) => format!("file.{ending}").into(),
    }
}

/// What a model said over another wire. Its reasoning is left out: only who made it can read it.
fn said(message: &ChatMessage) -> Vec<wire::Item<'_>> {
    let mut items = Vec::new();
    for part in message.content() {
        match part {
            ContentPart::Text { text, .. } | ContentPart::Refusal { text, .. } => {
                say(text, &mut items);
            }
            ContentPart::ToolCall(call) => items.push(function_call(call)),
            _ => {}
        }
    }
    items
}

/// Adds `text` to what is said already: neighbouring texts are one message.
fn say<'a>(text: &'a str, items: &mut Vec<wire::Item<'a>>) {
    if text.is_empty() {
        return;
    }
    if let Some(wire::Item::Message { content: wire::Content::Text(said), .. }) = items.last_mut() {
        *said += text;
        return;
    }
    let content = wire::Content::Text(text.into());
    items.push(wire::Item::Message { role: "assistant", content });
}

fn function_call(call: &ToolCall) -> wire::Item<'_> {
    let arguments = match &call.arguments {
        // Text that was no JSON goes back as the model wrote it.
        Value::String(raw) => Cow::Borrowed(raw.as_str()),
        other => Cow::Owned(written(other)),
    };
    wire::Item::FunctionCall { call_id: call_id(&call.id), name: &call.name, arguments }
}

/// What the model said over this wire, item by item, with the ids that its calls have here.
fn as_it_came<'a>(message: &'a ChatMessage, items: Vec<&'a RawValue>) -> Vec<wire::Input<'a>> {
    let known: Vec<wire::OutputItem<'_>> =
        items.iter().map(|it| object(it.get()).unwrap_or_default()).collect();
    let ids = ids(message, &known);
    let mut input = Vec::with_capacity(items.len());
    let mut kept = Vec::with_capacity(items.len());
    for ((item, id), raw) in known.iter().zip(ids).zip(items) {
        if is_unanswered(item, &known) {
            continue;
        }
        let other_id = id.filter(|id| item.call_id.as_str() != id);
        let renamed = other_id.and_then(|id| with_call_id(raw, &id));
        input.push(wire::Input::Came(renamed.map_or(Cow::Borrowed(raw), Cow::Owned)));
        kept.push(item.kind.as_str());
    }
    // Reasoning is refused without what it led to.
    if kept.len() < known.len() {
        let led_somewhere = kept.iter().rposition(|kind| *kind != "reasoning");
        input.truncate(led_somewhere.map_or(0, |last| last + 1));
    }
    input
}

/// The ids that the calls among `items` have here: their own, or, where that was missing or
/// taken, the one that the call was given.
fn ids<'a>(message: &'a ChatMessage, items: &[wire::OutputItem<'_>]) -> Vec<Option<Cow<'a, str>>> {
    let is_call = |item: &wire::OutputItem<'_>| item.kind.as_str() == "function_call";
    let mut given: Vec<_> = message.tool_calls().map(|call| call.id.as_str()).collect();
    let own = items.iter().map(|item| {
        let is_its = |id: &&str| is_call(item) && *id == item.call_id.as_str();
        given.iter().position(is_its).map(|at| given.remove(at))
    });
    let mut ids: Vec<_> = own.collect();
    let mut others = given.into_iter();
    for (item, id) in items.iter().zip(&mut ids) {
        if id.is_none() && is_call(item) {
            *id = others.next();
        }
    }
    ids.into_iter().map(|id| id.map(call_id)).collect()
}

/// Whether `item` is a call of the user's side that nothing in its reply answers.
fn is_unanswered(item: &wire::OutputItem<'_>, all: &[wire::OutputItem<'_>]) -> bool {
    let kind = item.kind.as_str();
    let is_client_call = CLIENT_CALLS.contains(&kind)
        || (kind == "tool_search_call" && item.execution.as_str() == "client");
    let answers = |other: &wire::OutputItem<'_>| {
        other.kind.as_str().ends_with("_output") && other.call_id == item.call_id
    };
    is_client_call && !all.iter().any(answers)
}

fn with_call_id(item: &RawValue, id: &str) -> Option<Box<RawValue>> {
    let mut fields: Map<String, Value> = serde_json::from_str(item.get()).ok()?;
    fields.insert("call_id".to_owned(), id.into());
    to_raw_value(&fields).ok()
}

/// The id of a call as it is accepted here: one that another provider made too long is cut, and
/// keeps what tells it from others.
fn call_id(id: &str) -> Cow<'_, str> {
    if id.len() <= LONGEST_ID {
        return Cow::Borrowed(id);
    }
    let start: String = id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    Cow::Owned(format!("{start}_{:016x}", fingerprint(id)))
}

/// The FNV-1a hash of `text`, 64 bits: the same in every process and version.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What of `message` has no place in this format and would be missed.
fn unsupported(message: &ChatMessage) -> impl Iterator<Item = Warning> {
    let is_from_user = message.role() == Role::User;
    let is_media =
        |part: &&ContentPart| matches!(part, ContentPart::Image { .. } | ContentPart::File { .. });
    let count = if is_from_user { 0 } else { message.content().iter().filter(is_media).count() };
    let what = "Responses takes pictures and files from the user alone; one was left out";
    (0..count).map(move |_| left_out(what))
}

fn left_out(what: &str) -> Warning {
    Warning::Unsupported { what: what.to_owned() }
}

fn tool(tool: &Tool, strict: bool) -> wire::Tool<'_> {
    let offer = offer(tool, "", strict);
    wire::Tool::Function(wire::Function {
        name: tool.name(),
        description: tool.description(),
        parameters: offer.parameters,
        strict: offer.is_strict,
    })
}

fn tool_choice(choice: &ToolChoice) -> wire::ToolChoice<'_> {
    match choice {
        ToolChoice::Auto => wire::ToolChoice::Mode("auto"),
        ToolChoice::Required => wire::ToolChoice::Mode("required"),
        ToolChoice::None => wire::ToolChoice::Mode("none"),
        ToolChoice::Specific { tool_name } => {
            wire::ToolChoice::Named(wire::NamedTool::Function { name: tool_name })
        }
    }
}

#[cfg(test)]
mod tests;

//! Writes a request as Chat Completions wants it.
use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, Serializer, ser::Error};
use serde_json::{Value, value::RawValue};
use siumai_core::{
    LlmError,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, Warning,
    },
};

use super::{
    dialect::{Dialect, LimitName, Reasoning, SeedName},
    wire,
};
use crate::reply::Question;

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(
    model: &str,
    wire: &str,
    dialect: Dialect,
    request: &ChatRequest,
) -> Result<Question, LlmError> {
    let messages = request.system().iter().chain(request.messages());
    if messages.clone().next().is_none() {
        return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
    }
    let has_tools = !request.tools().is_empty();
    let settings = request.settings();
    let body = wire::Request {
        model,
        settings: wire_settings(settings, dialect),
        stream: !request.is_whole(),
        stream_options: (!request.is_whole() && dialect.asks_for_usage)
            .then_some(wire::StreamOptions { include_usage: true }),
        messages: Messages { request, wire, reasoning: dialect.reasoning },
        tools: request.tools().iter().map(tool).collect(),
        // Without tools either is refused.
        tool_choice: request.tool_choice().filter(|_| has_tools).map(tool_choice),
        parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools),
    };
    let lost_schema = lost_schema(settings, dialect);
    let warnings = messages.flat_map(unsupported).chain(lost_schema).collect();
    Question::new(&body, &settings.extra, warnings)
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
    match format {
        ResponseFormat::JsonSchema { .. } if !dialect.has_schemas => {
            Some(wire::ResponseFormat::JsonObject)
        }
        ResponseFormat::Json => Some(wire::ResponseFormat::JsonObject),
        ResponseFormat::JsonSchema { name, schema, strict } => {
            let json_schema = wire::JsonSchema { name, schema, strict: *strict };
            Some(wire::ResponseFormat::JsonSchema { json_schema })
        }
        _ => None,
    }
}

fn lost_schema(settings: &Settings, dialect: Dialect) -> Option<Warning> {
    let is_lost = !dialect.has_schemas
        && matches!(settings.response_format, Some(ResponseFormat::JsonSchema { .. }));
    let what = "this server holds a reply to no JSON schema; it was asked for JSON alone";
    is_lost.then(|| Warning::Unsupported { what: what.to_owned() })
}

/// The messages of a request, written one after the other without a list of them in between.
struct Messages<'a> {
    request: &'a ChatRequest,
    /// What the origins of its messages are called.
    wire: &'a str,
    reasoning: Reasoning,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let messages = self.request.system().iter().chain(self.request.messages());
        if messages.clone().any(is_unanswerable) {
            return Err(S::Error::custom(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        serializer.collect_seq(messages.flat_map(|it| self.wire_messages(it)))
    }
}

impl Messages<'_> {
    /// A message as the wire has it: each tool result is a message of its own there.
    fn wire_messages<'m>(
        &self,
        message: &'m ChatMessage,
    ) -> impl Iterator<Item = wire::Message<'m>> + use<'m> {
        let results = message.tool_results().map(|result| tool_message(result));
        let has_results = message.tool_results().next().is_some();
        let parts = message.content().iter();
        let spoken = match message.role() {
            Role::System => {
                Some(wire::Message::System { content: content(parts.filter(|it| is_text(it))) })
            }
            Role::Assistant => Some(assistant(message, self.kept(message))),
            Role::User if has_results && parts.clone().all(is_result) => None,
            Role::User => Some(wire::Message::User { content: content(parts) }),
            Role::Tool => None,
        };
        results.chain(spoken)
    }

    /// The fields of `message` that came over the same wire and go back as they are.
    fn kept<'m>(&self, message: &'m ChatMessage) -> BTreeMap<&'m str, &'m RawValue> {
        let origin = message.origin(self.wire).filter(|_| self.reasoning != Reasoning::Never);
        let mut kept: BTreeMap<&str, &RawValue> =
            origin.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        if self.reasoning == Reasoning::WithCalls && message.tool_calls().next().is_none() {
            kept.remove("reasoning");
            kept.remove("reasoning_content");
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

fn content<'a>(parts: impl Iterator<Item = &'a ContentPart>) -> wire::Content<'a> {
    let parts: Vec<_> = parts.filter_map(part).collect();
    match parts[..] {
        [] => wire::Content::Text(""),
        [wire::Part::Text { text }] => wire::Content::Text(text),
        _ => wire::Content::Parts(parts),
    }
}

fn part(part: &ContentPart) -> Option<wire::Part<'_>> {
    match part {
        ContentPart::Text { text, .. } => Some(wire::Part::Text { text }),
        ContentPart::Image { media, .. } => {
            let url = match media {
                Media::Url { url, .. } => Cow::Borrowed(url.as_str()),
                bytes => Cow::Owned(bytes.data_url()?),
            };
            Some(wire::Part::ImageUrl { image_url: wire::ImageUrl { url } })
        }
        ContentPart::File { media, name, .. } => {
            let file = wire::File { filename: name.as_deref(), file_data: media.data_url()? };
            Some(wire::Part::File { file })
        }
        _ => None,
    }
}

fn is_text(part: &ContentPart) -> bool {
    matches!(part, ContentPart::Text { .. })
}

fn is_result(part: &ContentPart) -> bool {
    matches!(part, ContentPart::ToolResult(_))
}

/// What of `message` has no place in this format and would be missed.
fn unsupported(message: &ChatMessage) -> impl Iterator<Item = Warning> {
    let is_from_user = message.role() == Role::User;
    message.content().iter().filter_map(move |part| {
        let what = match part {
            ContentPart::File { media: Media::Url { .. }, .. } if is_from_user => {
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
) -> wire::Message<'a> {
    let extras = kept.remove("tool_calls").map(|it| serde_json::from_str(it.get()));
    let extras: Vec<CallFields<'_>> = extras.and_then(Result::ok).unwrap_or_default();
    let calls = message.tool_calls().enumerate();
    let tool_calls: Vec<_> = calls
        .map(|(at, call)| {
            let extra = extras.iter().find(|it| it.index == at);
            tool_call(call, extra.map(|it| it.extra_content))
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

fn tool_call<'a>(call: &'a ToolCall, extra_content: Option<&'a RawValue>) -> wire::Call<'a> {
    let arguments = match &call.arguments {
        // Text that was no JSON goes back as the model wrote it.
        Value::String(raw) => Cow::Borrowed(raw.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    wire::Call::Function {
        id: &call.id,
        function: wire::FunctionCall { name: &call.name, arguments },
        extra_content,
    }
}

fn tool(tool: &Tool) -> wire::Tool<'_> {
    wire::Tool::Function {
        function: wire::Function {
            name: tool.name(),
            description: tool.description(),
            parameters: tool.parameters(),
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

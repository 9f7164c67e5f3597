//! Writes a request as Chat Completions wants it.
use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::Value;
use siumai_core::{
    LlmError,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, Warning,
    },
};

use super::wire;
use crate::reply::Question;

/// What servers call the most tokens of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum LimitName {
    /// What `OpenAI` calls it, and refuses under its older name for models that reason.
    MaxCompletionTokens,
    #[default]
    MaxTokens,
}

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(
    model: &str,
    limit_name: LimitName,
    request: &ChatRequest,
) -> Result<Question, LlmError> {
    let messages = request.system().iter().chain(request.messages());
    if messages.clone().next().is_none() {
        return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
    }
    let has_tools = !request.tools().is_empty();
    let settings = request.settings();
    let wire = wire::Request {
        model,
        settings: wire_settings(settings, limit_name),
        stream: !request.is_whole(),
        stream_options: (!request.is_whole())
            .then_some(wire::StreamOptions { include_usage: true }),
        messages: Messages(request),
        tools: request.tools().iter().map(tool).collect(),
        // Without tools either is refused.
        tool_choice: request.tool_choice().filter(|_| has_tools).map(tool_choice),
        parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools),
    };
    let body = body(&wire, settings).map_err(|error| LlmError::invalid_input(error.to_string()))?;
    Ok(Question { body, warnings: messages.flat_map(unsupported).collect() })
}

fn body(request: &impl Serialize, settings: &Settings) -> serde_json::Result<Bytes> {
    if settings.extra.is_empty() {
        return serde_json::to_vec(request).map(Bytes::from);
    }
    let mut body = serde_json::to_value(request)?;
    if let Value::Object(fields) = &mut body {
        fields.extend(settings.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    serde_json::to_vec(&body).map(Bytes::from)
}

fn wire_settings(settings: &Settings, limit_name: LimitName) -> wire::Settings<'_> {
    let limit = |name| settings.max_output_tokens.filter(|_| limit_name == name);
    wire::Settings {
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_completion_tokens: limit(LimitName::MaxCompletionTokens),
        max_tokens: limit(LimitName::MaxTokens),
        stop: &settings.stop_sequences,
        seed: settings.seed,
        reasoning_effort: settings.reasoning_effort.as_deref(),
        response_format: settings.response_format.as_ref().and_then(response_format),
    }
}

fn response_format(format: &ResponseFormat) -> Option<wire::ResponseFormat<'_>> {
    match format {
        ResponseFormat::Json => Some(wire::ResponseFormat::JsonObject),
        ResponseFormat::JsonSchema { name, schema, strict } => {
            let json_schema = wire::JsonSchema { name, schema, strict: *strict };
            Some(wire::ResponseFormat::JsonSchema { json_schema })
        }
        _ => None,
    }
}

/// The messages of a request, written one after the other without a list of them in between.
struct Messages<'a>(&'a ChatRequest);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let messages = self.0.system().iter().chain(self.0.messages());
        if messages.clone().any(is_unanswerable) {
            return Err(S::Error::custom(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            ));
        }
        serializer.collect_seq(messages.flat_map(wire_messages))
    }
}

fn is_unanswerable(message: &ChatMessage) -> bool {
    message.role() == Role::Tool && message.tool_results().next().is_none()
}

/// A message as the wire has it: each tool result is a message of its own there.
fn wire_messages(message: &ChatMessage) -> impl Iterator<Item = wire::Message<'_>> {
    let results = message.tool_results().map(|result| tool_message(result));
    let has_results = message.tool_results().next().is_some();
    let parts = message.content().iter();
    let spoken = match message.role() {
        Role::System => {
            Some(wire::Message::System { content: content(parts.filter(|it| is_text(it))) })
        }
        Role::Assistant => Some(assistant(message)),
        Role::User if has_results && parts.clone().all(is_result) => None,
        Role::User => Some(wire::Message::User { content: content(parts) }),
        Role::Tool => None,
    };
    results.chain(spoken)
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

/// What the model said. Its reasoning is left out: this format has no place for it.
fn assistant(message: &ChatMessage) -> wire::Message<'_> {
    let tool_calls: Vec<_> = message.tool_calls().map(|call| tool_call(call)).collect();
    let refusal = refusal(message);
    let is_silent = tool_calls.is_empty() && refusal.is_none();
    // A message that says nothing is refused if its content is null.
    let content = message.text().or(is_silent.then_some(""));
    wire::Message::Assistant { content, refusal, tool_calls }
}

fn refusal(message: &ChatMessage) -> Option<Cow<'_, str>> {
    let mut refusals = message.content().iter().filter_map(|part| match part {
        ContentPart::Refusal { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let first = refusals.next()?;
    Some(refusals.fold(Cow::Borrowed(first), |all, more| all + more))
}

fn tool_call(call: &ToolCall) -> wire::Call<'_> {
    let arguments = match &call.arguments {
        // Text that was no JSON goes back as the model wrote it.
        Value::String(raw) => Cow::Borrowed(raw.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    wire::Call::Function {
        id: &call.id,
        function: wire::FunctionCall { name: &call.name, arguments },
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

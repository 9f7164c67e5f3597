//! What was said, in the JSON of the conventions. Made only where content is asked for.
use serde::Serialize;
use serde_json::Value;

use crate::types::{ChatMessage, ContentPart, Media, Role, Tool, ToolResult};

/// Messages that a model is sent.
pub(super) fn input(messages: &[ChatMessage]) -> String {
    json(&messages.iter().map(|it| Message::new(it, None)).collect::<Vec<_>>())
}

/// The message that a model answers with.
pub(super) fn output(message: &ChatMessage, finish_reason: &str) -> String {
    json(&[Message::new(message, Some(finish_reason))])
}

/// What holds for the whole conversation: parts, without a message around them.
pub(super) fn instructions(system: &[ChatMessage]) -> String {
    json(&system.iter().flat_map(ChatMessage::content).filter_map(Part::new).collect::<Vec<_>>())
}

/// The tools on offer.
pub(super) fn definitions(tools: &[Tool]) -> String {
    json(&tools.iter().map(Definition::new).collect::<Vec<_>>())
}

/// What a tool returned.
pub(super) fn result(result: &ToolResult) -> String {
    json(&result.output)
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("no JSON: {error}"))
}

#[derive(Serialize)]
struct Message<'a> {
    role: Role,
    parts: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn new(message: &'a ChatMessage, finish_reason: Option<&'a str>) -> Self {
        let parts = message.content().iter().filter_map(Part::new).collect();
        Self { role: message.role(), parts, finish_reason }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { content: &'a str },
    Reasoning { content: &'a str },
    Refusal { content: &'a str },
    ToolCall { id: &'a str, name: &'a str, arguments: &'a Value },
    ToolCallResponse { id: &'a str, response: &'a Value },
    Uri { modality: &'a str, mime_type: Option<&'a str>, uri: &'a str },
    Blob { modality: &'a str, mime_type: Option<&'a str>, content: &'a str },
}

impl<'a> Part<'a> {
    fn new(part: &'a ContentPart) -> Option<Self> {
        Some(match part {
            ContentPart::Text { text } => Self::Text { content: text },
            ContentPart::Reasoning { text } => Self::Reasoning { content: text },
            ContentPart::Refusal { text } => Self::Refusal { content: text },
            ContentPart::Image { media } | ContentPart::File { media, .. } => Self::media(media),
            ContentPart::ToolCall(call) => {
                Self::ToolCall { id: &call.id, name: &call.name, arguments: &call.arguments }
            }
            ContentPart::ToolResult(result) => {
                Self::ToolCallResponse { id: &result.call_id, response: &result.output }
            }
            // Where something is from is said in the text, too.
            ContentPart::Source(_) => return None,
        })
    }

    fn media(media: &'a Media) -> Self {
        let mime_type = media.media_type();
        let kind = mime_type.and_then(|it| it.split('/').next());
        let modality =
            kind.filter(|it| matches!(*it, "image" | "audio" | "video")).unwrap_or("document");
        match media {
            Media::Url { url, .. } => Self::Uri { modality, mime_type, uri: url },
            // A picture would make the span larger than most collectors take.
            Media::Bytes { .. } => Self::Blob { modality, mime_type, content: "" },
        }
    }
}

#[derive(Serialize)]
struct Definition<'a> {
    r#type: &'a str,
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

impl<'a> Definition<'a> {
    fn new(tool: &'a Tool) -> Self {
        let (name, description, parameters) = (tool.name(), tool.description(), tool.parameters());
        Self { r#type: "function", name, description, parameters }
    }
}

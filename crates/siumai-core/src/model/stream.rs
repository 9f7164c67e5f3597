//! Streams of model events: the type, one made of a whole reply, and a whole reply made of one.
use std::pin::pin;

use futures_core::{Stream, stream::BoxStream};
use futures_util::{StreamExt, stream};

use super::{Assembler, Delta, ModelEvent, ToolCallDelta};
use crate::{
    LlmError,
    types::{ChatMessage, ChatResponse, ContentPart, ToolCall},
};

/// The events of one reply.
pub type ModelStream<'a> = BoxStream<'a, Result<ModelEvent, LlmError>>;

/// A stream that brings a whole reply: what a model without streaming answers with.
pub fn one_reply(response: ChatResponse) -> ModelStream<'static> {
    let ChatResponse {
        id,
        model,
        provider,
        request_id,
        message,
        finish_reason,
        usage,
        warnings,
        ..
    } = response;
    let has_start = [&id, &model, &provider, &request_id].into_iter().any(Option::is_some);
    let start = has_start.then_some(ModelEvent::Start { id, model, provider, request_id });
    let deltas: Vec<_> = deltas(&message).collect();
    let events: Vec<_> = start
        .into_iter()
        .chain(warnings.into_iter().map(ModelEvent::Warning))
        .chain(deltas.into_iter().map(ModelEvent::Delta))
        .chain(message.whole_origin().cloned().map(ModelEvent::Origin))
        .chain([ModelEvent::finish(finish_reason, usage)])
        .map(Ok)
        .collect();
    stream::iter(events).boxed()
}

/// Reads a stream to its end and returns the reply it made up.
///
/// ```
/// use siumai_core::{
///     model::{collect, one_reply},
///     types::{ChatMessage, ChatResponse, FinishReason},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let reply = ChatResponse::new(ChatMessage::assistant("Sunny."), FinishReason::Stop);
/// assert_eq!(collect(one_reply(reply.clone())).await?, reply);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first error of the stream, or that it ended without [`ModelEvent::Finish`].
pub async fn collect(
    stream: impl Stream<Item = Result<ModelEvent, LlmError>>,
) -> Result<ChatResponse, LlmError> {
    let mut stream = pin!(stream);
    let mut assembler = Assembler::new("");
    while let Some(event) = stream.next().await {
        assembler.push(event?)?;
    }
    assembler.finish()
}

/// The pieces of `message`, each part in one.
pub(crate) fn deltas(message: &ChatMessage) -> impl Iterator<Item = Delta> {
    message.content().iter().enumerate().filter_map(|(index, part)| delta(index, part))
}

fn delta(index: usize, part: &ContentPart) -> Option<Delta> {
    match part {
        ContentPart::Text { text } => Some(Delta::content(text)),
        ContentPart::Reasoning { text } => Some(Delta::reasoning(text)),
        ContentPart::Refusal { text } => Some(Delta::refusal(text)),
        ContentPart::ToolCall(call) => Some(Delta::tool_call(whole_call(index, call))),
        ContentPart::Image { .. } | ContentPart::File { .. } | ContentPart::Source(_) => {
            Some(Delta::part(part.clone()))
        }
        ContentPart::ToolResult(_) => None,
    }
}

fn whole_call(index: usize, call: &ToolCall) -> ToolCallDelta {
    // Arguments that were no JSON are kept as the text they were.
    let arguments = match &call.arguments {
        serde_json::Value::String(raw) => raw.clone(),
        other => other.to_string(),
    };
    ToolCallDelta { arguments, ..ToolCallDelta::begin(index, &call.id, &call.name) }
}

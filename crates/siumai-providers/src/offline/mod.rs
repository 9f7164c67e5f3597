//! A model that needs nothing: no key, no network, no weights.
//!
//! [`OfflineModel`] matches the words of a task to the tools on offer by fixed rules. It is there
//! so that a program can be tried, shown and tested end to end, with tools that really run. It
//! knows no language beyond its tables, and says so where it can't help.
//!
//! How a reply comes about: `history` finds the task and what was already called, `task` reads
//! it into tokens, expressions, amounts and clauses, `wishes` finds the tool for each clause,
//! `arguments` fills in the parameters, `plan` says which calls come next, and `answer` puts
//! results into words.
mod amounts;
mod answer;
mod arguments;
mod earlier;
mod expression;
mod facts;
mod features;
mod history;
mod matching;
mod plan;
mod schema;
mod task;
mod text;
mod wishes;
mod wording;
mod words;

#[cfg(test)]
mod tests;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use siumai_core::{
    LlmError, async_trait,
    model::{Delta, LanguageModel, ModelEvent, ModelStream, ToolCallDelta},
    types::{ChatMessage, ChatRequest, ContentPart, FinishReason, Usage},
};

use self::{
    history::History,
    plan::{Next, Planned},
};

/// A deterministic model of fixed rules, for programs that have no other.
///
/// It calls the tools whose names and descriptions say what the task says, with arguments from the
/// task's own words, and answers with their results. It asks for what is missing rather than guess,
/// and never picks a tool that is marked [destructive](siumai_core::types::Tool::destructive) unless
/// the request's tool choice names it. The same request always gets the same reply.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     model::{LanguageModel, collect},
///     types::{ChatMessage, ChatRequest, Tool, ToolResult},
/// };
/// use siumai_providers::offline::OfflineModel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = OfflineModel::new();
/// let tools = [Tool::function("get_weather", "Get the weather of a city")
///     .parameter("city", "string", "City name", true)];
/// let mut messages = vec![ChatMessage::user("What's the weather in Tokyo?")];
///
/// let request = ChatRequest::new(messages.clone()).with_tools(tools.clone());
/// let reply = collect(model.stream(request).await?).await?;
/// let call = &reply.tool_calls[0];
/// assert_eq!((call.name.as_str(), &call.arguments), ("get_weather", &json!({ "city": "Tokyo" })));
///
/// messages.push(reply.message.clone());
/// messages.push(ChatMessage::tool(ToolResult::executed(call, json!({ "temperature": 22 }))));
/// let request = ChatRequest::new(messages).with_tools(tools);
/// let reply = collect(model.stream(request).await?).await?;
/// assert_eq!(reply.content_text(), Some("**Tokyo**: temperature: 22"));
/// # Ok(())
/// # }
/// ```
///
/// Where it can't help, it says what it is:
///
/// ```
/// # use siumai_core::{model::{LanguageModel, collect}, types::{ChatMessage, ChatRequest}};
/// # use siumai_providers::offline::OfflineModel;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let request = ChatRequest::new(vec![ChatMessage::user("Write a poem about rain.")]);
/// let reply = collect(OfflineModel::new().stream(request).await?).await?;
/// assert!(reply.content_text().is_some_and(|it| it.contains("No language model was involved")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfflineModel;

impl OfflineModel {
    /// The model. There is nothing to set.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl LanguageModel for OfflineModel {
    fn provider(&self) -> &'static str {
        "offline"
    }

    fn model(&self) -> &'static str {
        "rules"
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        Ok(stream::iter(events(&request).into_iter().map(Ok)).boxed())
    }
}

/// The reply to a request, as the events of its stream.
fn events(request: &ChatRequest) -> Vec<ModelEvent> {
    let history = History::new(request.messages());
    let next = plan::next(request, &history);
    let usage = estimated(request, &next);
    let start = ModelEvent::start(None, Some("rules".to_owned()));
    let (deltas, reason) = match next {
        Next::Say(text) if request.is_whole() => (vec![Delta::content(text)], FinishReason::Stop),
        Next::Say(text) => (word_by_word(&text), FinishReason::Stop),
        Next::Call(calls) => {
            (called(&calls, history.calls, request.is_whole()), FinishReason::ToolCalls)
        }
    };
    let deltas = deltas.into_iter().map(ModelEvent::Delta);
    [start].into_iter().chain(deltas).chain([ModelEvent::finish(reason, Some(usage))]).collect()
}

/// One delta a word, each with the white space after it.
fn word_by_word(text: &str) -> Vec<Delta> {
    let mut deltas = Vec::new();
    let mut start = 0;
    let mut after_space = false;
    for (at, letter) in text.char_indices() {
        if after_space && !letter.is_whitespace() {
            deltas.push(Delta::content(&text[start..at]));
            start = at;
        }
        after_space = letter.is_whitespace();
    }
    if start < text.len() {
        deltas.push(Delta::content(&text[start..]));
    }
    deltas
}

/// The calls as deltas. Ids go on from those of the conversation, so that none comes twice.
fn called(calls: &[Planned], made: usize, is_whole: bool) -> Vec<Delta> {
    let mut deltas = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let begin =
            ToolCallDelta::begin(index, format!("offline_{}", made + index + 1), &call.name);
        let arguments = Value::Object(call.arguments.clone()).to_string();
        if is_whole {
            deltas.push(Delta::tool_call(ToolCallDelta { arguments, ..begin }));
            continue;
        }
        deltas.push(Delta::tool_call(begin));
        let pieces = word_by_word(&arguments).into_iter().filter_map(|it| it.content);
        deltas.extend(pieces.map(|it| Delta::tool_call(ToolCallDelta::arguments(index, it))));
    }
    deltas
}

/// Four bytes a token is near enough for English and JSON; it is marked as an estimate.
fn estimated(request: &ChatRequest, next: &Next) -> Usage {
    let messages =
        request.system().iter().chain(request.messages()).map(bytes_of_message).sum::<usize>();
    let tools = request
        .tools()
        .iter()
        .map(|it| it.name().len() + it.description().len() + bytes_of(it.parameters()));
    let written = match next {
        Next::Say(text) => text.len(),
        Next::Call(calls) => calls.iter().map(|it| it.name.len() + bytes_of(&it.arguments)).sum(),
    };
    let mut usage = Usage::new(tokens(messages + tools.sum::<usize>()), tokens(written));
    usage.estimated = true;
    usage
}

fn tokens(bytes: usize) -> u64 {
    const BYTES_A_TOKEN: usize = 4;
    bytes.div_ceil(BYTES_A_TOKEN) as u64
}

fn bytes_of_message(message: &ChatMessage) -> usize {
    let bytes_of_part = |part: &ContentPart| match part {
        ContentPart::Text { text, .. }
        | ContentPart::Reasoning { text, .. }
        | ContentPart::Refusal { text, .. } => text.len(),
        ContentPart::ToolCall(call) => call.name.len() + bytes_of(&call.arguments),
        ContentPart::ToolResult(result) => bytes_of(&result.output),
        _ => 0,
    };
    message.content().iter().map(bytes_of_part).sum()
}

/// The length of a value as JSON, without writing it out.
fn bytes_of(value: &impl serde::Serialize) -> usize {
    struct Counter(usize);

    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    // What can't be written as JSON has no length that matters to an estimate.
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) | Err(_) => counter.0,
    }
}

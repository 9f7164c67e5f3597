//! A model that says what a script tells it to.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::{
    ErrorKind, LlmError,
    model::{Delta, LanguageModel, ModelEvent, ModelStream, ToolCallDelta},
    types::{ChatRequest, FinishReason, Tool, Usage},
};

/// A model that answers each request with the next reply of a script, and keeps the requests.
///
/// ```
/// use siumai_core::{
///     model::{LanguageModel, collect},
///     testing::{Reply, ScriptedModel},
///     types::{ChatRequest, Usage},
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().then(Reply::text("Hello.").usage(Usage::new(3, 2)));
/// let reply = collect(model.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// assert_eq!(reply.content_text(), Some("Hello."));
/// assert_eq!(model.requests()[0].messages(), [user!("Hi")]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ScriptedModel {
    script: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<ChatRequest>>,
    takes_schemas: bool,
}

/// One reply of a script.
#[derive(Clone, Debug)]
pub struct Reply {
    refusal: Option<LlmError>,
    delay: Duration,
    acts: Vec<Act>,
    calls: usize,
    end: End,
}

#[derive(Clone, Debug)]
enum Act {
    Event(ModelEvent),
    Wait(Duration),
}

#[derive(Clone, Debug)]
enum End {
    Finish(FinishReason, Option<Usage>),
    Cut,
    Fail(LlmError),
}

impl ScriptedModel {
    /// An empty script: any request is an error that says so.
    pub fn new() -> Self {
        Self::default()
    }

    /// Is asked for answers by a schema as one whose provider holds it to that, and not by a tool.
    #[must_use]
    pub fn taking_schemas(mut self) -> Self {
        self.takes_schemas = true;
        self
    }

    /// Adds a reply.
    #[must_use]
    pub fn then(self, reply: Reply) -> Self {
        lock(&self.script).push_back(reply);
        self
    }

    /// Adds a reply of text, streamed word by word.
    #[must_use]
    pub fn reply(self, text: impl AsRef<str>) -> Self {
        self.then(Reply::text(text))
    }

    /// Adds a reply that calls one tool.
    #[must_use]
    pub fn calls(self, name: impl Into<String>, arguments: Value) -> Self {
        self.then(Reply::empty().call(name, arguments))
    }

    /// Adds a request that fails before anything of the reply has come.
    #[must_use]
    pub fn fails(self, error: LlmError) -> Self {
        self.then(Reply { refusal: Some(error), ..Reply::empty() })
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<ChatRequest> {
        lock(&self.requests).clone()
    }

    /// How many replies are still to be given.
    pub fn remaining(&self) -> usize {
        lock(&self.script).len()
    }
}

impl Reply {
    /// A reply of nothing, to be added to.
    pub fn empty() -> Self {
        Self {
            refusal: None,
            delay: Duration::ZERO,
            acts: Vec::new(),
            calls: 0,
            end: End::Finish(FinishReason::Stop, None),
        }
    }

    /// A reply of text, streamed word by word.
    pub fn text(text: impl AsRef<str>) -> Self {
        let words = text.as_ref().split_inclusive(' ');
        words.fold(Self::empty(), |reply, word| reply.delta(Delta::content(word)))
    }

    /// Adds any piece.
    #[must_use]
    pub fn delta(self, delta: Delta) -> Self {
        self.act(Act::Event(ModelEvent::Delta(delta)))
    }

    /// Adds a piece of reasoning.
    #[must_use]
    pub fn reasoning(self, text: impl Into<String>) -> Self {
        self.delta(Delta::reasoning(text))
    }

    /// Adds a tool call, with ids `call_1`, `call_2`, … within the reply.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a script reads best with `json!` in place")]
    pub fn call(self, name: impl Into<String>, arguments: Value) -> Self {
        let id = format!("call_{}", self.calls + 1);
        self.raw_call(id, name, arguments.to_string())
    }

    /// Adds a tool call as a model may write it: any id, arguments that need not be JSON, in two pieces.
    #[must_use]
    pub fn raw_call(
        mut self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl AsRef<str>,
    ) -> Self {
        let (index, arguments) = (self.calls, arguments.as_ref());
        self.calls += 1;
        let middle = arguments.char_indices().nth(arguments.chars().count() / 2);
        let (first, second) = arguments.split_at(middle.map_or(0, |(place, _)| place));
        self.end = match self.end {
            End::Finish(FinishReason::Stop, usage) => End::Finish(FinishReason::ToolCalls, usage),
            other => other,
        };
        self.delta(Delta::tool_call(ToolCallDelta::begin(index, id, name)))
            .delta(Delta::tool_call(ToolCallDelta::arguments(index, first)))
            .delta(Delta::tool_call(ToolCallDelta::arguments(index, second)))
    }

    /// Waits before the next piece, in the runtime's time.
    #[must_use]
    pub fn wait(self, duration: Duration) -> Self {
        self.act(Act::Wait(duration))
    }

    /// Waits before the request is answered at all, in the runtime's time.
    #[must_use]
    pub fn delayed(mut self, duration: Duration) -> Self {
        self.delay = duration;
        self
    }

    /// Says what the reply cost.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.end = match self.end {
            End::Finish(reason, _) => End::Finish(reason, Some(usage)),
            other => other,
        };
        self
    }

    /// Says why the reply ends.
    #[must_use]
    pub fn finish_reason(mut self, reason: FinishReason) -> Self {
        self.end = match self.end {
            End::Finish(_, usage) => End::Finish(reason, usage),
            other => other,
        };
        self
    }

    /// Breaks off here: the stream ends without a finish.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    /// Fails here, in the middle of the stream.
    #[must_use]
    pub fn fail(mut self, error: LlmError) -> Self {
        self.end = End::Fail(error);
        self
    }

    /// Says it.
    pub(super) async fn play(self) -> Result<ModelStream<'static>, LlmError> {
        pause(self.delay).await;
        if let Some(error) = self.refusal {
            return Err(error);
        }
        let end = match self.end {
            End::Finish(reason, usage) => Some(Ok(ModelEvent::finish(reason, usage))),
            End::Cut => None,
            End::Fail(error) => Some(Err(error)),
        };
        let acts = stream::iter(self.acts).filter_map(|act| async {
            match act {
                Act::Event(event) => Some(Ok(event)),
                Act::Wait(duration) => {
                    pause(duration).await;
                    None
                }
            }
        });
        Ok(acts.chain(stream::iter(end)).boxed())
    }

    fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }
}

#[async_trait]
impl LanguageModel for ScriptedModel {
    fn provider(&self) -> &'static str {
        "scripted"
    }

    fn model(&self) -> &'static str {
        "script"
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let number = {
            let mut requests = lock(&self.requests);
            requests.push(request);
            requests.len()
        };
        let next = lock(&self.script).pop_front();
        let reply = next.ok_or_else(|| {
            LlmError::new(
                ErrorKind::InvalidRequest,
                format!("the script has no reply to request {number}; add one with `.reply(…)`"),
            )
        })?;
        reply.play().await
    }

    fn takes_answer_schema(&self, _: &Value, _: &[Tool]) -> bool {
        self.takes_schemas
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

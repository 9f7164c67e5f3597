//! A streamed run whose answer is seen while it grows.
use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    AnswerSchema, Structured,
    partial::complete,
    run_as::{asking_for, structured},
};
use crate::{
    model::{Delta, LanguageModel},
    orchestrator::{
        OrchestratorOptions, RunError, RunStream, StopCondition, StreamEvent,
        stream::generate_stream,
    },
    tool::ToolResolver,
    types::{ChatMessage, Tool},
};

/// Runs as a stream, whose last item is the answer as a value of `T`.
///
/// ```
/// use futures_util::StreamExt;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{AnswerEvent, OrchestratorOptions, stream_as},
///     testing::ScriptedModel,
///     user,
/// };
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Bird {
///     species: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("final_answer", json!({ "species": "heron" }));
/// let (messages, options) = (vec![user!("What is it?")], OrchestratorOptions::default());
/// let mut stream = stream_as::<Bird>(&model, messages, None, None, &[], options)?;
/// let mut partials = Vec::new();
/// while let Some(event) = stream.next().await {
///     match event? {
///         AnswerEvent::Partial(value) => partials.push(value),
///         AnswerEvent::Answer(answer) => assert_eq!(answer.value.species, "heron"),
///         _ => {}
///     }
/// }
/// assert_eq!(partials, [json!({}), json!({ "species": "heron" })]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the run can't begin: no messages, a tool that can't be offered, a limit of zero.
pub fn stream_as<'a, T: DeserializeOwned + JsonSchema>(
    model: &'a dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&'a dyn ToolResolver>,
    stop_conditions: &'a [&'a dyn StopCondition],
    options: OrchestratorOptions,
) -> Result<AnswerStream<'a, T>, RunError> {
    let (schema, options) = asking_for::<T>(options, &messages)?;
    let stream = generate_stream(model, messages, tools, resolver, stop_conditions, options)?;
    Ok(AnswerStream::new(stream, schema))
}

/// An item of an [`AnswerStream`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnswerEvent<T> {
    /// Something happened in the run.
    Run(Box<StreamEvent>),
    /// What is known of the answer so far, in JSON that need not fit the schema yet: texts grow,
    /// and fields come one after the other. An attempt that was refused begins anew.
    Partial(Value),
    /// The answer. Comes once, last.
    Answer(Box<Structured<T>>),
}

/// A run as a stream of events, of its answer as it grows, and at last of the answer.
///
/// It moves only while it is polled, and dropping it stops the run. After an `Err` it ends.
pub struct AnswerStream<'a, T> {
    stream: RunStream<'a>,
    schema: AnswerSchema,
    growing: Growing,
    waiting: VecDeque<AnswerEvent<T>>,
    has_ended: bool,
    value: PhantomData<fn() -> T>,
}

impl<'a, T> AnswerStream<'a, T> {
    pub(in crate::orchestrator) fn new(stream: RunStream<'a>, schema: AnswerSchema) -> Self {
        Self {
            stream,
            schema,
            growing: Growing::default(),
            waiting: VecDeque::new(),
            has_ended: false,
            value: PhantomData,
        }
    }

    fn hear(&mut self, event: StreamEvent) {
        let partial = match &event {
            StreamEvent::Delta { delta, .. } => self.growing.push(delta),
            StreamEvent::StepStart { .. } | StreamEvent::StepReset { .. } => {
                self.growing = Growing::default();
                None
            }
            // What was held back is shown before it is judged.
            StreamEvent::ToolCall { .. } | StreamEvent::StepFinish { .. } => self.growing.look(),
            _ => None,
        };
        let partial = partial.and_then(|it| self.schema.partial(it)).map(AnswerEvent::Partial);
        let event = AnswerEvent::Run(Box::new(event));
        match &event {
            AnswerEvent::Run(told) if matches!(**told, StreamEvent::Delta { .. }) => {
                self.waiting.push_back(event);
                self.waiting.extend(partial);
            }
            _ => {
                self.waiting.extend(partial);
                self.waiting.push_back(event);
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for AnswerStream<'_, T> {
    type Item = Result<AnswerEvent<T>, RunError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.waiting.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            match ready!(this.stream.poll_next_unpin(cx)) {
                Some(Ok(event)) => this.hear(event),
                Some(Err(failed)) => {
                    this.has_ended = true;
                    return Poll::Ready(Some(Err(failed)));
                }
                None => {
                    this.has_ended = true;
                    let ended = this.stream.ended();
                    let answer = ended.and_then(|output| structured(&this.schema, output));
                    return Poll::Ready(Some(answer.map(|it| AnswerEvent::Answer(Box::new(it)))));
                }
            }
        }
    }
}

impl<T> fmt::Debug for AnswerStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The answer of a step as far as it has come.
#[derive(Default)]
struct Growing {
    text: String,
    /// The call of the reply that gives the answer, by its index.
    call: Option<usize>,
    /// How much of the text had come when it was looked at last.
    looked_at: usize,
    shown: Option<Value>,
}

impl Growing {
    /// Takes in a piece of the reply; gives the value if it has changed.
    fn push(&mut self, delta: &Delta) -> Option<Value> {
        if let Some(call) = &delta.tool_call {
            if call.name.as_deref() == Some(AnswerSchema::TOOL) {
                *self = Self { call: Some(call.index), ..Self::default() };
            }
            if self.call != Some(call.index) {
                return None;
            }
            self.text.push_str(&call.arguments);
        } else if let (Some(text), None) = (&delta.content, self.call) {
            self.text.push_str(text);
        }
        // All of it is read each time: looking at each piece of a long one would take ever longer.
        let grown = self.text.len() - self.looked_at;
        if grown * 64 < self.looked_at { None } else { self.look() }
    }

    fn look(&mut self) -> Option<Value> {
        if self.text.len() == self.looked_at {
            return None;
        }
        self.looked_at = self.text.len();
        let value = complete(&self.text)?;
        if self.shown.as_ref() == Some(&value) {
            return None;
        }
        self.shown = Some(value.clone());
        Some(value)
    }
}

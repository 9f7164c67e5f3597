//! Scenes to be played, and the models and tools they are made of.
mod surfaces;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use siumai_core::{
    LlmError,
    journal::Journal,
    model::LanguageModel,
    orchestrator::{
        OrchestratorOptions, PrepareStep, RunError, StepResult, StopCondition, StreamEvent,
        StreamOrchestration, generate_stream_owned,
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::ToolResolver,
    types::{ChatMessage, ContentPart, Role, Tool, ToolCall, ToolStatus},
    user,
};

pub(crate) use self::surfaces::{Failed, Played, Sent, play};

/// What models, tools and callbacks write down, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Writes a note when it is dropped.
pub(crate) struct NotesDrop(pub(crate) Notes, pub(crate) &'static str);

impl Drop for NotesDrop {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// All that goes into a run.
pub(crate) struct Scene {
    messages: Vec<ChatMessage>,
    model: Box<dyn LanguageModel>,
    tools: Option<Vec<Tool>>,
    resolver: Option<Box<dyn ToolResolver>>,
    stop: Vec<Box<dyn StopCondition>>,
    options: OrchestratorOptions,
}

impl Scene {
    /// A user says "go", without tools.
    pub(crate) fn new(model: impl LanguageModel + 'static) -> Self {
        Self {
            messages: vec![user!("go")],
            model: Box::new(model),
            tools: None,
            resolver: None,
            stop: Vec::new(),
            options: named(OrchestratorOptions::default()),
        }
    }

    pub(crate) fn messages(mut self, messages: Vec<ChatMessage>) -> Self {
        self.messages = messages;
        self
    }

    /// The scene with another model, which may be made of the one it has.
    pub(crate) fn wrap<M: LanguageModel + 'static>(
        self,
        wrap: impl FnOnce(Box<dyn LanguageModel>) -> M,
    ) -> Self {
        Self { model: Box::new(wrap(self.model)), ..self }
    }

    pub(crate) fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.tools = Some(tools.into_iter().collect());
        self
    }

    pub(crate) fn resolver(mut self, resolver: impl ToolResolver + 'static) -> Self {
        self.resolver = Some(Box::new(resolver));
        self
    }

    /// Tools of these names, each of which answers with its own name.
    pub(crate) fn echoing<const N: usize>(self, names: [&'static str; N]) -> Self {
        self.tools(names.map(tool)).resolver(echo(&names))
    }

    pub(crate) fn stop(mut self, condition: Box<dyn StopCondition>) -> Self {
        self.stop.push(condition);
        self
    }

    pub(crate) fn options(mut self, options: OrchestratorOptions) -> Self {
        self.options = named(options);
        self
    }

    pub(crate) fn journal(mut self, journal: impl Journal + 'static) -> Self {
        self.options.journal = Some(Arc::new(journal));
        self
    }

    /// Starts the scene on the surface that owns it.
    pub(crate) async fn stream(self) -> StreamOrchestration {
        self.try_stream().await.unwrap()
    }

    pub(crate) async fn try_stream(self) -> Result<StreamOrchestration, RunError> {
        let resolver = self.resolver.unwrap_or_else(|| Box::new(RecordingResolver::new()));
        let Self { messages, model, tools, stop, options, .. } = Self { resolver: None, ..self };
        generate_stream_owned(model, messages, tools, resolver, stop, options).await
    }
}

/// With a name for the run: a random one would tell runs of the same scene apart.
fn named(options: OrchestratorOptions) -> OrchestratorOptions {
    let run_id = options.run_id.or_else(|| Some("run-1".to_owned()));
    OrchestratorOptions { run_id, ..options }
}

/// What a tool is once it is called.
pub(crate) type ToolFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, LlmError>> + Send + 'a>>;

/// What comes of `future`, which must not wait for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let hour = Duration::from_secs(3600);
    tokio::time::timeout(hour, future).await.expect("something waits for ever")
}

/// An empty script, to be written.
pub(crate) fn script() -> ScriptedModel {
    ScriptedModel::new()
}

/// A model that calls `look` again and again, far longer than a test wants.
pub(crate) fn restless() -> ScriptedModel {
    (0..200).fold(script(), |script, n| script.calls("look", json!({ "n": n })))
}

pub(crate) fn prepared(prepare_step: PrepareStep) -> OrchestratorOptions {
    OrchestratorOptions { prepare_step: Some(prepare_step), ..Default::default() }
}

/// A reply that calls tools without arguments.
pub(crate) fn calls(names: &[&str]) -> Reply {
    names.iter().fold(Reply::empty(), |reply, name| reply.call(*name, json!({})))
}

/// A tool with one argument, an integer `n` that may be left out.
pub(crate) fn tool(name: &str) -> Tool {
    Tool::function(name, "Does something").parameter("n", "integer", "A number", false)
}

/// Executes tools of these names, each of which answers with its own name.
pub(crate) fn echo(names: &[&str]) -> RecordingResolver {
    names.iter().fold(RecordingResolver::new(), |all, name| all.returning(*name, json!(name)))
}

/// What the model was told of each call of `step`.
pub(crate) fn told(step: &StepResult) -> Vec<(&'static str, String)> {
    let results = step.tool_results.iter();
    results.map(|it| (status_name(it.status), it.output_text().into_owned())).collect()
}

fn status_name(status: ToolStatus) -> &'static str {
    match status {
        ToolStatus::Executed => "executed",
        ToolStatus::Failed => "failed",
        ToolStatus::Invalid => "invalid",
        ToolStatus::Denied => "denied",
        ToolStatus::Skipped => "skipped",
        ToolStatus::TimedOut => "timed_out",
        ToolStatus::Cancelled => "cancelled",
        ToolStatus::Interrupted => "interrupted",
        ToolStatus::Indeterminate => "indeterminate",
        ToolStatus::Pending => "pending",
        other => panic!("no name for {other:?}"),
    }
}

/// A call of the model.
pub(crate) fn call(id: &str, name: &str, arguments: Value) -> Arc<ToolCall> {
    Arc::new(ToolCall { id: id.into(), name: name.into(), arguments })
}

/// A message of the model that calls tools.
pub(crate) fn calling<const N: usize>(calls: [&Arc<ToolCall>; N]) -> ChatMessage {
    let parts = calls.map(|it| ContentPart::ToolCall(Arc::clone(it)));
    ChatMessage::new(Role::Assistant, parts.into())
}

/// The `type` of an event, as in its JSON.
pub(crate) fn event_type(event: &StreamEvent) -> String {
    serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()
}

/// Asserts that every call is answered exactly once, directly after the message that made it.
#[track_caller]
pub(crate) fn assert_answered_once(messages: &[ChatMessage]) {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message.role() != Role::Tool {
            assert!(open.is_empty(), "no result of {open:?} in {messages:#?}");
        }
        for result in message.tool_results() {
            let place = open.iter().position(|id| *id == result.call_id);
            let place = place.unwrap_or_else(|| panic!("{result:?} answers nothing"));
            open.remove(place);
        }
        open.extend(message.tool_calls().map(|call| call.id.as_str()));
    }
    assert!(open.is_empty(), "no result of {open:?} in {messages:#?}");
}

/// A future, a stream or whatever else may be sent to another thread.
pub(crate) fn is_send<T: Send>(it: T) -> T {
    it
}

//! One scene, played on every surface: `run`, `generate`, `generate_stream` and `generate_stream_owned`.
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelStream},
    orchestrator::{
        OrchestratorOptions, RunError, RunOutput, RunStream, StepResult, StopCondition,
        StreamEvent, StreamOrchestration, generate, generate_stream, generate_stream_owned, run,
    },
    testing::{RecordingResolver, ScriptedModel},
    tool::{ToolContext, ToolResolver},
    types::{
        ChatMessage, ChatRequest, ContentPart, Role, Settings, Tool, ToolCall, ToolChoice, Usage,
    },
    user,
};
use tokio::time::Instant;

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
            options: OrchestratorOptions::default(),
        }
    }

    pub(crate) fn messages(mut self, messages: Vec<ChatMessage>) -> Self {
        self.messages = messages;
        self
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
        self.options = options;
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

    /// The same scene, with all that reaches the model and the tools written down.
    fn recorded(self) -> (Self, Records) {
        let records = Records::default();
        let model = Box::new(RecordedModel(self.model, records.clone()));
        let resolver = self.resolver.map(|it| {
            let recorded: Box<dyn ToolResolver> = Box::new(RecordedTools(it, records.clone()));
            recorded
        });
        (Self { model, resolver, ..self }, records)
    }

    fn stop_refs(&self) -> Vec<&dyn StopCondition> {
        self.stop.iter().map(|it| &**it).collect()
    }
}

/// What came of a scene, the same on every surface.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) ended: Result<RunOutput, Failed>,
    /// What was sent to the model.
    pub(crate) requests: Vec<Sent>,
    /// What was executed, in the order it began.
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) notes: Vec<String>,
    pub(crate) took: Duration,
    pub(crate) events: Vec<StreamEvent>,
}

impl Played {
    #[track_caller]
    pub(crate) fn output(&self) -> &RunOutput {
        self.ended.as_ref().unwrap()
    }

    #[track_caller]
    pub(crate) fn failed(&self) -> &Failed {
        self.ended.as_ref().unwrap_err()
    }

    pub(crate) fn steps(&self) -> &[StepResult] {
        self.ended.as_ref().map_or_else(|it| &it.steps[..], |it| &it.steps[..])
    }

    pub(crate) fn messages(&self) -> &[ChatMessage] {
        self.ended.as_ref().map_or_else(|it| &it.messages[..], |it| &it.messages[..])
    }

    /// What the model was told in a step: for each call, what really happened and the words.
    pub(crate) fn told(&self, step: usize) -> Vec<(&'static str, String)> {
        told(&self.steps()[step])
    }

    /// The kinds of the events, in order.
    pub(crate) fn event_types(&self) -> Vec<String> {
        self.events.iter().map(event_type).collect()
    }
}

/// A `RunError`, to be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    pub(crate) text: String,
    pub(crate) steps: Vec<StepResult>,
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) usage: Usage,
    pub(crate) partial_reply: Option<ChatMessage>,
}

impl From<RunError> for Failed {
    fn from(error: RunError) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
            steps: error.steps().to_vec(),
            messages: error.messages().to_vec(),
            usage: error.usage().clone(),
            partial_reply: error.partial_reply().cloned(),
        }
    }
}

/// A request, to be compared across deliveries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) system: Vec<ChatMessage>,
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) tools: Vec<String>,
    pub(crate) tool_choice: Option<ToolChoice>,
    pub(crate) settings: Settings,
}

/// Plays `scene` on all four surfaces, and asserts that the same comes of it on each.
pub(crate) async fn play(scene: impl Fn(&Notes) -> Scene) -> Played {
    let owned = on_generate_stream_owned(&scene).await;
    let borrowed = on_generate_stream(&scene).await;
    assert_same(&owned, &borrowed, "generate_stream");
    assert_eq!(owned.events, borrowed.events, "the events of generate_stream");
    assert_same(&owned, &on_run(&scene).await, "run");
    assert_same(&owned, &on_generate(&scene, &owned).await, "generate");
    owned
}

async fn on_run(scene: impl Fn(&Notes) -> Scene) -> Played {
    let (notes, begun) = (Notes::default(), Instant::now());
    let (scene, records) = scene(&notes).recorded();
    let stop = scene.stop_refs();
    let resolver = scene.resolver.as_deref();
    let Scene { messages, model, tools, options, .. } = &scene;
    let future = run(model, messages.clone(), tools.clone(), resolver, &stop, options.clone());
    let ended = future.await.map_err(Failed::from);
    assert!(records.requests().iter().all(ChatRequest::is_whole), "`run` asks for whole replies");
    records.played(ended, &notes, begun, Vec::new())
}

async fn on_generate(scene: impl Fn(&Notes) -> Scene, expected: &Played) -> Played {
    let (notes, begun) = (Notes::default(), Instant::now());
    let (scene, records) = scene(&notes).recorded();
    let stop = scene.stop_refs();
    let resolver = scene.resolver.as_deref();
    let Scene { messages, model, tools, options, .. } = &scene;
    let future = generate(model, messages.clone(), tools.clone(), resolver, &stop, options.clone());
    let ended = match future.await {
        Ok((response, steps)) => {
            // Two parts of the output come back; the others are taken as expected.
            let mut output = expected.output().clone();
            (output.response, output.steps) = (response, steps);
            Ok(output)
        }
        Err(error) => Err(Failed::from(error)),
    };
    records.played(ended, &notes, begun, Vec::new())
}

async fn on_generate_stream(scene: impl Fn(&Notes) -> Scene) -> Played {
    let (notes, begun) = (Notes::default(), Instant::now());
    let (scene, records) = scene(&notes).recorded();
    let stop = scene.stop_refs();
    let resolver = scene.resolver.as_deref();
    let Scene { messages, model, tools, options, .. } = &scene;
    let started =
        generate_stream(model, messages.clone(), tools.clone(), resolver, &stop, options.clone());
    let (ended, events) = match started {
        Ok(stream) => read(stream).await,
        Err(error) => (Err(error), Vec::new()),
    };
    records.played(ended.map_err(Failed::from), &notes, begun, events)
}

async fn on_generate_stream_owned(scene: impl Fn(&Notes) -> Scene) -> Played {
    let (notes, begun) = (Notes::default(), Instant::now());
    let (scene, records) = scene(&notes).recorded();
    let (ended, events) = match scene.try_stream().await {
        Ok(StreamOrchestration { stream, steps, .. }) => {
            let (ended, events) = read(stream).await;
            let steps = steps.await.map_err(Failed::from);
            let expected = ended.clone().map(|it| it.steps).map_err(Failed::from);
            assert_eq!(steps, expected, "the steps beside the stream");
            (ended, events)
        }
        Err(error) => (Err(error), Vec::new()),
    };
    let requests = records.requests();
    assert!(!requests.iter().any(ChatRequest::is_whole), "a stream asks for streamed replies");
    records.played(ended.map_err(Failed::from), &notes, begun, events)
}

/// Reads to the end, asserts that nothing comes after it, and returns what it was and all events.
async fn read(mut stream: RunStream<'_>) -> (Result<RunOutput, RunError>, Vec<StreamEvent>) {
    let (mut events, mut error) = (Vec::new(), None);
    while let Some(event) = stream.next().await {
        assert!(error.is_none(), "nothing comes after an error");
        match event {
            Ok(event) => events.push(event),
            Err(failed) => error = Some(Failed::from(failed)),
        }
    }
    assert!(stream.next().await.is_none(), "a stream that has ended stays so");
    let ended = stream.finish().await;
    match &ended {
        Ok(output) => assert_eq!(events.last(), Some(&end_of(output))),
        Err(failed) => assert_eq!(error, Some(Failed::from(failed.clone()))),
    }
    (ended, events)
}

fn end_of(output: &RunOutput) -> StreamEvent {
    let end = json!({
        "type": "end",
        "stopped_by": output.stopped_by,
        "response": output.response,
        "usage": output.usage,
    });
    serde_json::from_value(end).unwrap()
}

#[track_caller]
fn assert_same(expected: &Played, played: &Played, surface: &str) {
    assert_eq!(expected.ended, played.ended, "what `{surface}` gives back");
    assert_eq!(expected.requests, played.requests, "what `{surface}` sends");
    assert_eq!(expected.calls, played.calls, "what `{surface}` executes");
    assert_eq!(expected.notes, played.notes, "what is noted on `{surface}`");
    assert_eq!(expected.took, played.took, "how long `{surface}` takes");
}

/// What was written down of a scene's model and tools.
#[derive(Clone, Default)]
struct Records {
    requests: Arc<Mutex<Vec<ChatRequest>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Records {
    fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap().clone()
    }

    fn played(
        &self,
        ended: Result<RunOutput, Failed>,
        notes: &Notes,
        begun: Instant,
        events: Vec<StreamEvent>,
    ) -> Played {
        let sent = |it: &ChatRequest| Sent {
            system: it.system().to_vec(),
            messages: it.messages().to_vec(),
            tools: it.tools().iter().map(|it| it.name().to_owned()).collect(),
            tool_choice: it.tool_choice().cloned(),
            settings: it.settings().clone(),
        };
        let requests = self.requests().iter().map(sent).collect();
        let calls = self.calls.lock().unwrap().clone();
        Played { ended, requests, calls, notes: notes.all(), took: begun.elapsed(), events }
    }
}

struct RecordedModel(Box<dyn LanguageModel>, Records);

#[async_trait]
impl LanguageModel for RecordedModel {
    fn provider(&self) -> &str {
        self.0.provider()
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        self.1.requests.lock().unwrap().push(request.clone());
        self.0.stream(request).await
    }
}

struct RecordedTools(Box<dyn ToolResolver>, Records);

// Written out, since `async fn` would move a panic of the tool's own `fn` into the future.
impl ToolResolver for RecordedTools {
    fn call_tool<'a, 'b, 'c>(&'a self, name: &'b str, arguments: Value) -> ToolFuture<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        (*self.0).call_tool(name, arguments)
    }

    fn call_tool_with<'a, 'b, 'c, 'd>(
        &'a self,
        name: &'b str,
        arguments: Value,
        context: &'c ToolContext,
    ) -> ToolFuture<'d>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.1.calls.lock().unwrap().push((name.to_owned(), arguments.clone()));
        (*self.0).call_tool_with(name, arguments, context)
    }

    fn has_tool(&self, name: &str) -> bool {
        self.0.has_tool(name)
    }
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

fn status_name(status: siumai_core::types::ToolStatus) -> &'static str {
    use siumai_core::types::ToolStatus;
    match status {
        ToolStatus::Executed => "executed",
        ToolStatus::Failed => "failed",
        ToolStatus::Invalid => "invalid",
        ToolStatus::Denied => "denied",
        ToolStatus::TimedOut => "timed_out",
        ToolStatus::Cancelled => "cancelled",
        ToolStatus::Interrupted => "interrupted",
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

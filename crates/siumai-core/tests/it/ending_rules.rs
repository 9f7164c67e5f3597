//! How runs end: by a drop, with a valid history, and with observers that cannot harm them.
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelEvent, ModelStream},
    orchestrator::{
        OrchestratorOptions, RunStream, StepResult, StreamEvent, StreamOrchestration,
        ToolLoopAgent, generate, generate_stream, generate_stream_owned, run,
    },
    testing::{RecordingResolver, Reply},
    tool::ToolResolver,
    types::ChatRequest,
    user,
};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::fixtures::{
    Failed, Notes, NotesDrop, Scene, assert_answered_once, event_type, is_send, play, script, told,
    tool,
};

/// Notes what becomes of its calls: one that never answers, or one that says a word and no more.
struct Silent {
    notes: Notes,
    says: Option<&'static str>,
}

#[async_trait]
impl LanguageModel for Silent {
    fn provider(&self) -> &'static str {
        "silent"
    }

    fn model(&self) -> &'static str {
        "silent"
    }

    async fn stream(&self, _: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        self.notes.add("model called");
        let guard = NotesDrop(self.notes.clone(), "model dropped");
        let Some(word) = self.says else { return std::future::pending().await };
        let said = stream::iter([Ok(ModelEvent::content(word))]);
        let silence = stream::once(async move {
            let _guard = guard;
            std::future::pending().await
        });
        Ok(said.chain(silence).boxed())
    }
}

/// Notes what becomes of its calls: `slow` takes a minute, anything else no time.
struct Watched(Notes);

#[async_trait]
impl ToolResolver for Watched {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        self.0.add(format!("{name} begins"));
        let _guard = NotesDrop(self.0.clone(), "tool dropped");
        if name == "slow" {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        self.0.add(format!("{name} ends"));
        Ok(json!(name))
    }
}

/// Reads as far as the run comes without waiting.
fn read_on(stream: &mut RunStream<'_>) -> Vec<String> {
    let mut types = Vec::new();
    while let Some(Some(event)) = stream.next().now_or_never() {
        types.push(event_type(&event.unwrap()));
    }
    types
}

/// Drops the stream, asserts that nothing is noted after, and returns what the steps end with.
async fn drop_and_wait(orchestration: StreamOrchestration, notes: &Notes) -> Failed {
    let StreamOrchestration { stream, steps, .. } = orchestration;
    drop(stream);
    let then = notes.all();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let ended = steps.now_or_never().expect("the steps wait for nothing");
    let failed = Failed::from(ended.unwrap_err());
    assert_eq!(notes.all(), then, "nothing happens afterwards");
    assert_eq!(failed.kind, ErrorKind::Cancelled);
    assert_answered_once(&failed.messages);
    failed
}

fn slow_and_quick(notes: &Notes) -> Scene {
    let reply = Reply::empty().call("quick", json!({})).call("slow", json!({}));
    let model = script().calls("quick", json!({})).then(reply).reply("Never.");
    Scene::new(model).tools(["quick", "slow"].map(tool)).resolver(Watched(notes.clone()))
}

#[tokio::test(start_paused = true)]
async fn e1_a_drop_stops_a_model_call_that_is_not_answered_yet() {
    let notes = Notes::default();
    let mut dropped = Scene::new(Silent { notes: notes.clone(), says: None }).stream().await;
    assert_eq!(read_on(&mut dropped.stream), ["start", "step_start"]);
    let failed = drop_and_wait(dropped, &notes).await;
    assert_eq!(notes.all(), ["model called", "model dropped"]);
    assert_eq!((failed.steps.len(), failed.messages), (0, vec![user!("go")]));
    assert_eq!(failed.text, "the run was cancelled: its stream was dropped before the end");
}

#[tokio::test(start_paused = true)]
async fn e1_a_drop_stops_a_model_in_the_middle_of_its_reply() {
    let notes = Notes::default();
    let model = Silent { notes: notes.clone(), says: Some("Well") };
    let mut dropped = Scene::new(model).stream().await;
    assert_eq!(read_on(&mut dropped.stream), ["start", "step_start", "delta"]);
    let failed = drop_and_wait(dropped, &notes).await;
    assert_eq!(notes.all(), ["model called", "model dropped"]);
    assert_eq!(failed.messages, [user!("go")]);
}

#[tokio::test(start_paused = true)]
async fn e1_a_drop_stops_the_tools_at_their_next_await_and_the_steps_say_cancelled() {
    let notes = Notes::default();
    let mut dropped = slow_and_quick(&notes).stream().await;
    read_on(&mut dropped.stream);
    let failed = drop_and_wait(dropped, &notes).await;
    let expected = [
        "quick begins",
        "quick ends",
        "tool dropped",
        "quick begins",
        "quick ends",
        "tool dropped",
        "slow begins",
        "tool dropped",
    ];
    assert_eq!(notes.all(), expected);
    assert_eq!(failed.steps.len(), 2);
    assert_eq!(told(&failed.steps[0]), [("executed", "quick".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn e2_after_a_cancel_each_call_has_one_result_that_says_what_happened() {
    let notes = Notes::default();
    let mut dropped = slow_and_quick(&notes).stream().await;
    read_on(&mut dropped.stream);
    let failed = drop_and_wait(dropped, &notes).await;
    let cut = "The run ended before this call was finished. It may have been executed in part.";
    let expected = [("executed", "quick".to_owned()), ("cancelled", cut.to_owned())];
    assert_eq!(told(&failed.steps[1]), expected, "an interrupted call is not reported as denied");
    let whole = [&[user!("go")], &failed.steps[0].messages[..], &failed.steps[1].messages[..]];
    assert_eq!(failed.messages, whole.concat());
}

#[tokio::test(start_paused = true)]
async fn e1_a_drop_between_any_two_events_stops_the_run_there() {
    let all = play(slow_and_quick).await.events.len();
    for read in 0..all {
        let notes = Notes::default();
        let mut dropped = slow_and_quick(&notes).stream().await;
        for _ in 0..read {
            dropped.stream.next().await.unwrap().unwrap();
        }
        let failed = drop_and_wait(dropped, &notes).await;
        let finished = failed.steps.len();
        assert!(finished <= 3, "{finished} steps after {read} of {all} events");
    }
}

#[tokio::test(start_paused = true)]
async fn e1_a_drop_before_anything_was_read_is_a_cancel_too() {
    let notes = Notes::default();
    let dropped = slow_and_quick(&notes).stream().await;
    let failed = drop_and_wait(dropped, &notes).await;
    assert!(notes.all().is_empty());
    assert_eq!(failed.messages, [user!("go")]);
}

#[tokio::test(start_paused = true)]
async fn e1_dropping_the_future_of_a_run_stops_it_as_well() {
    let notes = Notes::default();
    let (model, tools) = (script().calls("slow", json!({})), vec![tool("slow")]);
    let resolver = Watched(notes.clone());
    let options = OrchestratorOptions::default();
    let future = run(&model, vec![user!("go")], Some(tools), Some(&resolver), &[], options);
    let timed = tokio::time::timeout(Duration::from_secs(1), future).await;
    assert!(timed.is_err());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(notes.all(), ["slow begins", "tool dropped"]);
}

#[tokio::test(start_paused = true)]
async fn e2_a_call_left_to_the_caller_is_answered_too_if_the_run_is_dropped_before_it_says_so() {
    let model = script().then(Reply::empty().call("ask", json!({})).call("look", json!({})));
    let resolver = RecordingResolver::new().returning("look", json!("seen"));
    let scene = Scene::new(model).tools(["ask", "look"].map(tool)).resolver(resolver);
    let mut dropped = scene.stream().await;
    while event_type(&dropped.stream.next().await.unwrap().unwrap()) != "step_finish" {}
    let failed = drop_and_wait(dropped, &Notes::default()).await;
    let cut = "The run ended before this call was executed. It did not run.";
    let expected = [("cancelled", cut.to_owned()), ("executed", "seen".to_owned())];
    assert_eq!(told(&failed.steps[0]), expected);
    assert_eq!(failed.messages, [&[user!("go")], &failed.steps[0].messages[..]].concat());
}

/// Two steps, with every observer there is, one of which may panic.
fn observed(notes: &Notes, panics: &'static str) -> Scene {
    let observe = |name: &'static str| {
        let notes = notes.clone();
        move |what: String| {
            notes.add(format!("{name} {what}"));
            assert_ne!(name, panics, "an observer that cannot bear it");
        }
    };
    let (chunk, step, finish) = (observe("chunk"), observe("step"), observe("finish"));
    let options = OrchestratorOptions {
        on_chunk: Some(Arc::new(move |text| chunk(text.to_owned()))),
        on_step_finish: Some(Arc::new(move |it: &StepResult| step(it.step_number.to_string()))),
        on_finish: Some(Arc::new(move |steps| finish(steps.len().to_string()))),
        ..Default::default()
    };
    let model =
        script().then(Reply::text("Let me see.").call("look", json!({}))).reply("It is here.");
    Scene::new(model).echoing(["look"]).options(options)
}

#[tokio::test(start_paused = true)]
async fn e4_a_panic_in_an_observer_changes_nothing_and_is_reported_once() {
    let calm = play(|notes| observed(notes, "none")).await;
    let expected = [
        "chunk Let ",
        "chunk me ",
        "chunk see.",
        "step 0",
        "chunk It ",
        "chunk is ",
        "chunk here.",
        "step 1",
        "finish 2",
    ];
    assert_eq!(calm.notes, expected);
    for (name, observer) in
        [("chunk", "on_chunk"), ("step", "on_step_finish"), ("finish", "on_finish")]
    {
        let (log, _guard) = Log::capture();
        let played = play(|notes| observed(notes, name)).await;
        assert_eq!(played.ended, calm.ended, "{observer}");
        assert_eq!(played.events, calm.events, "{observer}");
        assert_eq!(played.notes, calm.notes, "{observer} is told of all that follows");
        let report = format!("an observer panicked; the run goes on observer=\"{observer}\"");
        let reported = log.lines().iter().filter(|it| it.contains(&report)).count();
        assert_eq!(reported, 4, "once a run, and there were four: {:?}", log.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn e4_observers_hear_of_a_step_when_it_is_recorded_and_before_its_event() {
    let notes = Notes::default();
    let mut stream = observed(&notes, "none").stream().await.stream;
    while let Some(event) = stream.next().await {
        if let StreamEvent::StepFinish { step, .. } = event.unwrap() {
            notes.add(format!("read {}", step.step_number));
        }
    }
    let steps: Vec<_> = notes.all().into_iter().filter(|it| !it.starts_with("chunk")).collect();
    assert_eq!(steps, ["step 0", "read 0", "step 1", "read 1", "finish 2"]);
}

#[tokio::test(start_paused = true)]
async fn e4_a_run_that_fails_does_not_tell_that_it_finished() {
    let played = play(|notes| {
        let notes = notes.clone();
        let options = OrchestratorOptions {
            on_finish: Some(Arc::new(move |_| notes.add("finished"))),
            ..Default::default()
        };
        Scene::new(script()).options(options)
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::InvalidRequest);
    assert!(played.notes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn e5_a_run_may_be_sent_to_another_thread() {
    let (model, resolver) = (script().reply("One."), RecordingResolver::new());
    let options = OrchestratorOptions::default;
    let go = || vec![user!("go")];
    is_send(run(&model, go(), None, Some(&resolver), &[], options())).await.unwrap();
    drop(is_send(generate(&model, go(), None, None, &[], options())));
    drop(is_send(generate_stream(&model, go(), None, None, &[], options()).unwrap()));

    let owned =
        generate_stream_owned(script(), go(), None, RecordingResolver::new(), vec![], options());
    let StreamOrchestration { stream, steps, .. } = is_send(is_send(owned).await.unwrap());
    drop((is_send(stream), is_send(steps)));

    let agent = is_send(ToolLoopAgent::new(script(), vec![], vec![]));
    drop(is_send(agent.run(go(), &resolver)));
    drop(is_send(agent.stream(go(), RecordingResolver::new())));
}

/// What was logged on this thread, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, subscriber.set_default())
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

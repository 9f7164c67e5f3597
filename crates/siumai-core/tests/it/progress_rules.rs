//! What tools report while they run: who hears of it, in which order, and for how long.
use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use siumai_core::{
    LlmError, async_trait,
    orchestrator::{OrchestratorOptions, StreamEvent, StreamOrchestration, Timeouts},
    testing::Reply,
    tool::{ToolContext, ToolResolver},
};
use tokio::{sync::oneshot, task::yield_now, time::sleep};

use crate::fixtures::{Played, Scene, calls, event_type, play, script, soon, tool};

/// Tools that report as they are named.
#[derive(Default)]
struct Reporting {
    kept: Mutex<Option<ToolContext>>,
}

#[async_trait]
impl ToolResolver for Reporting {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        panic!("`{name}` was called without its context")
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        match name {
            // Reports in one go.
            "burst" => (0..arguments["n"].as_u64().unwrap()).for_each(|n| context.progress(n)),
            // Gives way after each report.
            "patient" => {
                for n in 0..arguments["n"].as_u64().unwrap() {
                    context.progress(n);
                    yield_now().await;
                }
            }
            // Reports every ten milliseconds, beginning after so many.
            "timed" => {
                sleep(Duration::from_millis(arguments["n"].as_u64().unwrap())).await;
                for part in ["first", "second"] {
                    context.progress(json!({ "part": part }));
                    sleep(Duration::from_millis(10)).await;
                }
            }
            "fails" => {
                context.progress("about to fail");
                return Err(LlmError::ToolExecutionError("it failed".into()));
            }
            "keeps" => *self.kept.lock().unwrap() = Some(context.clone()),
            // Reports for another, which is done.
            "late" => self.kept.lock().unwrap().take().unwrap().progress("too late"),
            _ => loop {
                context.progress("and on");
                yield_now().await;
            },
        }
        Ok(json!(name))
    }
}

const TOOLS: [&str; 7] = ["burst", "patient", "timed", "fails", "keeps", "late", "endless"];

fn scene(reply: Reply) -> Scene {
    let scene = Scene::new(script().then(reply).reply("Done."));
    scene.tools(TOOLS.map(tool)).resolver(Reporting::default())
}

fn calling(name: &str, n: u64) -> Reply {
    calls(&[]).call(name, json!({ "n": n }))
}

/// What tools said: reports, and results by their status.
fn said(events: &[StreamEvent]) -> Vec<Value> {
    let said = events.iter().filter_map(|event| match event {
        StreamEvent::ToolProgress { .. } => serde_json::to_value(event).ok(),
        StreamEvent::ToolResult { result, .. } => Some(json!([result.call_id, result.status])),
        _ => None,
    });
    said.collect()
}

fn report(call_id: &str, name: &str, value: impl Into<Value>) -> Value {
    json!({ "type": "tool_progress", "step_number": 0, "call_id": call_id, "name": name, "value": value.into() })
}

fn executed(call_id: &str) -> Value {
    json!([call_id, "executed"])
}

/// That a run with reports is the run without them, but for the events.
fn assert_unheard(played: &Played) {
    let heard = |text: String| text.contains("about to fail") || text.contains("first");
    assert!(!heard(serde_json::to_string(&played.output()).unwrap()));
    assert!(!heard(format!("{:?}", played.requests)));
}

#[tokio::test(start_paused = true)]
async fn t11_progress_reaches_the_stream_and_neither_the_model_nor_the_history() {
    let played = play(|_| scene(calling("timed", 0))).await;
    let types = played.event_types();
    let types: Vec<_> = types.iter().map(String::as_str).filter(|it| *it != "delta").collect();
    assert_eq!(
        types,
        [
            "start",
            "step_start",
            "tool_call",
            "tool_progress",
            "tool_progress",
            "tool_result",
            "step_finish",
            "step_start",
            "step_finish",
            "end"
        ]
    );
    let parts = ["first", "second"].map(|part| report("call_1", "timed", json!({ "part": part })));
    assert_eq!(said(&played.events), [&parts[..], &[executed("call_1")]].concat());
    assert_unheard(&played);
    assert_eq!(played.told(0), [("executed", "timed".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t11_several_tools_report_at_once_each_in_its_order() {
    let reply =
        calling("timed", 1).call("timed", json!({ "n": 5 })).call("burst", json!({ "n": 2 }));
    let played = play(|_| scene(reply.clone())).await;
    let timed = |id, part| report(id, "timed", json!({ "part": part }));
    assert_eq!(
        said(&played.events),
        [
            report("call_3", "burst", 0),
            report("call_3", "burst", 1),
            executed("call_3"),
            timed("call_1", "first"),
            timed("call_2", "first"),
            timed("call_1", "second"),
            timed("call_2", "second"),
            executed("call_1"),
            executed("call_2"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn t11_what_a_tool_reported_before_it_failed_or_was_stopped_comes_before_its_result() {
    let played = play(|_| {
        let timeouts = Timeouts { tool: Some(Duration::from_millis(8)), ..Default::default() };
        let options = OrchestratorOptions { timeouts, ..Default::default() };
        scene(calls(&["fails"]).call("timed", json!({ "n": 1 }))).options(options)
    })
    .await;
    assert_eq!(
        said(&played.events),
        [
            report("call_1", "fails", "about to fail"),
            json!(["call_1", "failed"]),
            report("call_2", "timed", json!({ "part": "first" })),
            json!(["call_2", "timed_out"]),
        ]
    );
    assert_unheard(&played);
}

#[tokio::test(start_paused = true)]
async fn t11_nothing_is_told_of_a_call_after_its_result() {
    let played = play(|_| {
        let model = script().then(calls(&["keeps"])).then(calls(&["late"])).reply("Done.");
        Scene::new(model).tools(TOOLS.map(tool)).resolver(Reporting::default())
    })
    .await;
    assert_eq!(said(&played.events), [executed("call_1"), executed("call_1")]);

    // Beside a call of the same step that is still at work.
    let reply = calls(&["keeps"]).call("timed", json!({ "n": 0 })).call("late", json!({}));
    let options = OrchestratorOptions { max_parallel_tools: 2, ..Default::default() };
    let played = play(|_| scene(reply.clone()).options(options.clone())).await;
    assert!(!said(&played.events).iter().any(|it| it["value"] == "too late"));
}

#[tokio::test(start_paused = true)]
async fn t11_a_reader_who_keeps_up_misses_nothing() {
    let played = play(|_| scene(calling("patient", 1_000))).await;
    let all = (0..1_000).map(|n| report("call_1", "patient", n)).chain([executed("call_1")]);
    assert_eq!(said(&played.events), all.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn t11_of_what_nobody_reads_the_last_64_reports_of_a_call_are_kept() {
    let reply = calling("patient", 1_000).call("burst", json!({ "n": 1 }));
    let StreamOrchestration { stream, steps, .. } = scene(reply).stream().await;
    soon(steps).await.unwrap();
    let events: Vec<_> = stream.map(Result::unwrap).collect().await;
    let last = (936..1_000).map(|n| report("call_1", "patient", n));
    let first = [report("call_2", "burst", 0), executed("call_2")];
    let expected = first.into_iter().chain(last).chain([executed("call_1")]);
    assert_eq!(said(&events), expected.collect::<Vec<_>>());

    // The same holds between two awaits of a tool.
    let played = play(|_| scene(calling("burst", 100))).await;
    let last = (36..100).map(|n| report("call_1", "burst", n)).chain([executed("call_1")]);
    assert_eq!(said(&played.events), last.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn t11_a_tool_that_never_stops_reporting_holds_up_no_other() {
    let reply = calls(&["endless"]).call("patient", json!({ "n": 3 }));
    let StreamOrchestration { mut stream, steps, .. } = scene(reply).stream().await;
    let mut seen = 0;
    while let Some(event) = soon(stream.next()).await {
        seen += 1;
        assert!(seen < 100, "the other tool never comes to its end");
        if event_type(&event.unwrap()) == "tool_result" {
            break;
        }
    }
    drop(stream);
    assert!(steps.now_or_never().unwrap().is_err());
}

/// Works on a thread of its own, which reports, waits to be let go on, and reports again.
struct Threaded {
    go_on: Mutex<Option<mpsc::Receiver<()>>>,
    contexts: Arc<Mutex<Vec<ToolContext>>>,
}

#[async_trait]
impl ToolResolver for Threaded {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        panic!("`{name}` was called without its context")
    }

    async fn call_tool_with(
        &self,
        _: &str,
        _: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.contexts.lock().unwrap().push(context.clone());
        let (context, go_on) = (context.clone(), self.go_on.lock().unwrap().take().unwrap());
        let (done, is_done) = oneshot::channel();
        thread::spawn(move || {
            context.progress("begun");
            go_on.recv().unwrap();
            context.progress("nearly done");
            done.send(()).unwrap();
        });
        is_done.await.unwrap();
        Ok(json!("look"))
    }
}

#[tokio::test]
async fn t11_a_thread_of_the_tool_is_heard_while_the_tool_waits_for_it() {
    let (go, go_on) = mpsc::channel();
    let contexts = Arc::<Mutex<Vec<ToolContext>>>::default();
    let resolver = Threaded { go_on: Mutex::new(Some(go_on)), contexts: Arc::clone(&contexts) };
    let model = script().calls("look", json!({})).reply("Done.");
    let scene = Scene::new(model).tools([tool("look")]).resolver(resolver);
    let StreamOrchestration { mut stream, .. } = scene.stream().await;
    let mut events = Vec::new();
    loop {
        let event = tokio::select! {
            biased;
            // Nothing but the thread's report wakes the run; unwoken, it would wait for ever.
            () = sleep(Duration::from_secs(20)) => panic!("nobody is woken"),
            event = stream.next() => event,
        };
        let Some(event) = event else { break };
        let event = event.unwrap();
        if said(std::slice::from_ref(&event)) == [report("call_1", "look", "begun")] {
            go.send(()).unwrap();
        }
        events.push(event);
    }
    assert_eq!(
        said(&events),
        [
            report("call_1", "look", "begun"),
            report("call_1", "look", "nearly done"),
            executed("call_1")
        ]
    );
    // Whoever still holds the context of a run that is over is not heard, and harms nobody.
    contexts.lock().unwrap()[0].progress("anybody there?");
}

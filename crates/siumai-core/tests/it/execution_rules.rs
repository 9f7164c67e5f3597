//! The execution of tools: side by side, in order, whatever they do.
use std::{
    panic::{panic_any, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    orchestrator::{OrchestratorOptions, StreamEvent, StreamOrchestration, Timeouts},
    testing::{RecordingResolver, Reply},
    tool::{ToolContext, ToolResolver},
    types::ChatMessage,
};

use crate::fixtures::{
    Notes, Played, Scene, ToolFuture, assert_answered_once, calls, play, script, tool,
};

fn statuses(played: &Played, step: usize) -> Vec<&'static str> {
    played.told(step).iter().map(|it| it.0).collect()
}

#[tokio::test(start_paused = true)]
async fn t3_ten_tools_of_100_ms_in_one_step_take_100_ms() {
    let played = play(|_| {
        let slow = Duration::from_millis(100);
        let resolver = RecordingResolver::new().returning_after("slow", slow, json!("done"));
        let model = script().then(calls(&["slow"; 10])).reply("Done.");
        let options = OrchestratorOptions { max_parallel_tools: 10, ..Default::default() };
        Scene::new(model).tools([tool("slow")]).resolver(resolver).options(options)
    })
    .await;
    assert_eq!(played.took, Duration::from_millis(100));
    assert_eq!(statuses(&played, 0), ["executed"; 10]);
}

/// Tools that panic when they are dropped: after their end, or before, when they take too long.
struct Explosive;

struct Explodes;

impl Drop for Explodes {
    fn drop(&mut self) {
        // Without the hook that would print every one of them.
        resume_unwind(Box::new("boom"));
    }
}

#[async_trait]
impl ToolResolver for Explosive {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        let explodes = Explodes;
        if name == "slow" {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        drop(explodes);
        Ok(json!(name))
    }
}

#[tokio::test(start_paused = true)]
async fn t5_a_tool_that_panics_when_it_is_dropped_takes_nothing_along() {
    let scene = |_: &Notes| {
        let timeouts = Timeouts { tool: Some(Duration::from_secs(1)), ..Default::default() };
        let options = OrchestratorOptions { timeouts, ..Default::default() };
        let model = script().then(calls(&["slow", "quick", "slow"])).reply("Done.");
        Scene::new(model).tools(["slow", "quick"].map(tool)).resolver(Explosive).options(options)
    };
    let played = play(scene).await;
    assert_eq!(statuses(&played, 0), ["timed_out", "failed", "timed_out"]);
    assert_eq!(played.output().response.content_text(), Some("Done."));

    let StreamOrchestration { mut stream, steps, .. } = scene(&Notes::default()).stream().await;
    while let Some(event) = stream.next().await {
        if matches!(event.unwrap(), StreamEvent::ToolResult { .. }) {
            break;
        }
    }
    drop(stream);
    let failed = steps.await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Cancelled);
    assert_answered_once(failed.messages());
}

/// Counts how many of it run at a time, and notes who began and ended.
struct Busy {
    notes: Notes,
    running: AtomicUsize,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl ToolResolver for Busy {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.notes.add(format!("{name} begins"));
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        let wait = arguments["n"].as_u64().unwrap_or(10);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.notes.add(format!("{name} ends"));
        Ok(json!(name))
    }
}

fn busy(notes: &Notes, most: &Arc<AtomicUsize>) -> Busy {
    Busy { notes: notes.clone(), running: AtomicUsize::new(0), most: Arc::clone(most) }
}

#[tokio::test(start_paused = true)]
async fn t3_at_most_max_parallel_tools_run_at_a_time() {
    let most_of = async |calls_made: usize, options: fn() -> OrchestratorOptions| {
        let most = Arc::new(AtomicUsize::new(0));
        let played = play(|notes| {
            let model = script().then(calls(&vec!["slow"; calls_made])).reply("Done.");
            let resolver = busy(notes, &most);
            Scene::new(model).tools([tool("slow")]).resolver(resolver).options(options())
        })
        .await;
        assert_eq!(played.calls.len(), calls_made);
        (most.load(Ordering::Relaxed), played.took)
    };
    let three = || OrchestratorOptions { max_parallel_tools: 3, ..Default::default() };
    assert_eq!(most_of(7, three).await, (3, Duration::from_millis(30)));
    assert_eq!(most_of(20, OrchestratorOptions::default).await, (8, Duration::from_millis(30)));
}

#[tokio::test(start_paused = true)]
async fn t3_a_tool_marked_exclusive_runs_alone() {
    let most = Arc::new(AtomicUsize::new(0));
    let played = play(|notes| {
        let model = script().then(calls(&["a", "b", "alone", "c", "d"])).reply("Done.");
        let tools = [tool("a"), tool("b"), tool("alone").exclusive(), tool("c"), tool("d")];
        Scene::new(model).tools(tools).resolver(busy(notes, &most))
    })
    .await;
    let expected = [
        "a begins",
        "b begins",
        "a ends",
        "b ends",
        "alone begins",
        "alone ends",
        "c begins",
        "d begins",
        "c ends",
        "d ends",
    ];
    assert_eq!(played.notes, expected);
}

#[tokio::test(start_paused = true)]
async fn t3_results_are_published_as_each_finishes_and_history_holds_them_in_call_order() {
    let most = Arc::new(AtomicUsize::new(0));
    let played = play(|notes| {
        let waits = [("a", 30), ("b", 10), ("c", 20)];
        let reply =
            waits.iter().fold(Reply::empty(), |it, (name, n)| it.call(*name, json!({ "n": n })));
        let resolver = busy(notes, &most);
        Scene::new(script().then(reply).reply("Done."))
            .tools(["a", "b", "c"].map(tool))
            .resolver(resolver)
    })
    .await;
    let published = played.events.iter().filter_map(|event| match event {
        StreamEvent::ToolResult { result, .. } => Some(result.name.as_str()),
        _ => None,
    });
    assert_eq!(published.collect::<Vec<_>>(), ["b", "c", "a"]);
    let results = played.messages().iter().flat_map(ChatMessage::tool_results);
    assert_eq!(results.map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let step = &played.steps()[0];
    assert_eq!(step.tool_results.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn t4_an_error_of_a_tool_goes_to_the_model_and_the_loop_goes_on() {
    let played = play(|_| {
        let error = LlmError::ToolExecutionError("The city is unknown.".into());
        let refused = LlmError::new(ErrorKind::PermissionDenied, "not allowed").with_status(403);
        let resolver = RecordingResolver::new().failing("look", error).failing("hear", refused);
        let model = script().then(calls(&["look", "hear"])).reply("Done.");
        Scene::new(model).tools(["look", "hear"].map(tool)).resolver(resolver)
    })
    .await;
    let expected =
        [("failed", "The city is unknown.".to_owned()), ("failed", "not allowed".to_owned())];
    assert_eq!(played.told(0), expected);
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn t4_a_fatal_error_ends_the_run_with_the_finished_siblings_kept() {
    let played = play(|notes| {
        let most = Arc::new(AtomicUsize::new(0));
        let model = script()
            .then(
                Reply::empty()
                    .call("quick", json!({ "n": 1 }))
                    .call("bad", json!({}))
                    .call("slow", json!({ "n": 50 })),
            )
            .reply("Never.");
        Scene::new(model)
            .tools(["quick", "bad", "slow"].map(tool))
            .resolver(Fatal(busy(notes, &most)))
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::FatalTool);
    assert_eq!(failed.text, "the database is gone (1 step was finished)");
    let interrupted =
        "The run ended before this call was finished. It may have been executed in part.";
    let expected = [
        ("executed", "quick".to_owned()),
        ("failed", "the database is gone".to_owned()),
        ("interrupted", interrupted.to_owned()),
    ];
    assert_eq!(played.told(0), expected);
    assert_answered_once(&failed.messages);
    assert_eq!(played.notes, ["quick begins", "slow begins", "quick ends"]);
    assert_eq!(played.requests.len(), 1);
}

/// Fails for good, after a while, where `bad` is called.
struct Fatal(Busy);

#[async_trait]
impl ToolResolver for Fatal {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        if name != "bad" {
            return self.0.call_tool(name, arguments).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(LlmError::fatal("the database is gone"))
    }
}

/// Panics in every way there is.
struct Crashing;

#[async_trait]
impl ToolResolver for Crashing {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        match name {
            "str" => panic_any("a plain word"),
            "string" => panic_any(format!("number {}", 7)),
            "other" => panic_any(7),
            "later" => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                panic!("after an await")
            }
            _ => Ok(json!("fine")),
        }
    }
}

/// Panics before there is a future at all.
struct CrashingEarly;

impl ToolResolver for CrashingEarly {
    fn call_tool<'a, 'b, 'c>(&'a self, _: &'b str, _: Value) -> ToolFuture<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        unreachable!("the loop gives the context")
    }

    fn call_tool_with<'a, 'b, 'c, 'd>(
        &'a self,
        _: &'b str,
        _: Value,
        _: &'c ToolContext,
    ) -> ToolFuture<'d>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        panic!("no future")
    }
}

fn crashed(name: &str, what: &str) -> (&'static str, String) {
    let text = format!(
        "The tool `{name}` crashed: {what}. Calling it again the same way will not help; try another way."
    );
    ("failed", text)
}

#[tokio::test(start_paused = true)]
async fn t5_a_panic_in_a_tool_becomes_an_error_result_and_takes_nothing_along() {
    let played = play(|_| {
        let names = ["str", "string", "other", "later", "fine"];
        let model = script().then(calls(&names)).reply("Done.");
        Scene::new(model).tools(names.map(tool)).resolver(Crashing)
    })
    .await;
    let expected = [
        crashed("str", "a plain word"),
        crashed("string", "number 7"),
        crashed("other", "no reason given"),
        crashed("later", "after an await"),
        ("executed", "fine".to_owned()),
    ];
    assert_eq!(played.told(0), expected);
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn t5_a_panic_before_the_first_await_is_caught_too() {
    let played = play(|_| {
        let model = script().then(calls(&["look"])).reply("Done.");
        Scene::new(model).tools([tool("look")]).resolver(CrashingEarly)
    })
    .await;
    assert_eq!(played.told(0), [crashed("look", "no future")]);
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

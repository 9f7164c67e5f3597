//! Tool calls: what is checked before any runs, how they run, and what the model is told.
use std::{
    panic::panic_any,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    orchestrator::{OrchestratorOptions, PrepareStepContext, PrepareStepResult, StreamEvent},
    testing::{RecordingResolver, Reply},
    tool::{ToolContext, ToolResolver},
    types::{ChatMessage, FinishReason, Tool, ToolStatus},
};

use crate::fixtures::{
    Notes, Played, Scene, ToolFuture, assert_answered_once, call, echo, play, script, tool,
};

/// A reply that calls tools without arguments.
fn calls(names: &[&str]) -> Reply {
    names.iter().fold(Reply::empty(), |reply, name| reply.call(*name, json!({})))
}

/// What the model is told of one raw call of `look`, and what was executed.
async fn told_of(arguments: &'static str) -> ((&'static str, String), Vec<(String, Value)>) {
    let played = play(|_| {
        let reply = Reply::empty().raw_call("a", "look", arguments);
        Scene::new(script().then(reply).reply("Done.")).echoing(["look"])
    })
    .await;
    assert_eq!(played.steps().len(), 2, "the loop goes on");
    (played.told(0).remove(0), played.calls)
}

fn statuses(played: &Played, step: usize) -> Vec<&'static str> {
    played.told(step).iter().map(|it| it.0).collect()
}

#[tokio::test(start_paused = true)]
async fn t1_arguments_that_do_not_fit_are_answered_with_the_path_and_siblings_still_run() {
    let played = play(|_| {
        let reply = Reply::empty()
            .call("look", json!({ "n": "seven" }))
            .call("look", json!({ "n": 1, "depth": 2 }))
            .call("hear", json!({ "n": 3 }));
        Scene::new(script().then(reply).reply("Done.")).echoing(["look", "hear"])
    })
    .await;
    let misfit = |what: &str| {
        let text = format!(
            "The arguments of `look` do not fit its schema: {what}. Call it again with arguments that do."
        );
        ("invalid", text)
    };
    let expected = [
        misfit("at `/n`: want integer, but got string (schema `/properties/n`)"),
        misfit("at the top: additionalProperties 'depth' not allowed"),
        ("executed", "hear".to_owned()),
    ];
    assert_eq!(played.told(0), expected);
    assert_eq!(played.calls, [("hear".to_owned(), json!({ "n": 3 }))]);
    assert_eq!(played.steps().len(), 2, "the loop goes on");
}

#[tokio::test(start_paused = true)]
async fn t1_an_unknown_name_is_answered_with_the_active_ones_and_the_nearest() {
    let played = play(|_| {
        let scene = Scene::new(script().then(calls(&["serch", "xyz"])).reply("Done."));
        scene.echoing(["search", "look"])
    })
    .await;
    let expected = [
        (
            "invalid",
            "There is no tool named `serch` to call now. Did you mean `search`? You can call: `look`, `search`.",
        ),
        ("invalid", "There is no tool named `xyz` to call now. You can call: `look`, `search`."),
    ];
    assert_eq!(played.told(0), expected.map(|(status, text)| (status, text.to_owned())));
    assert!(played.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn t1_a_call_where_no_tools_are_is_answered_too() {
    let played = play(|_| Scene::new(script().then(calls(&["look"])).reply("Done."))).await;
    let text = "There is no tool named `look`, and none may be called now. Answer without.";
    assert_eq!(played.told(0), [("invalid", text.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t1_a_batch_is_checked_whole_before_any_of_it_runs() {
    let played = play(|_| {
        let model = script().then(calls(&["look", "sing", "hear"])).reply("Done.");
        Scene::new(model).echoing(["look", "hear"])
    })
    .await;
    let results = played.events.iter().filter_map(|event| match event {
        StreamEvent::ToolResult { result, .. } => Some((result.name.as_str(), result.status)),
        _ => None,
    });
    let expected = [
        ("sing", ToolStatus::Invalid),
        ("look", ToolStatus::Executed),
        ("hear", ToolStatus::Executed),
    ];
    assert_eq!(results.collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn t1_a_tool_of_which_the_schema_says_nothing_takes_any_object() {
    let played = play(|_| {
        let free = Tool::function_with_schema("free", "Takes anything", json!({}));
        let model = script().calls("free", json!({ "any": [1, null] })).reply("Done.");
        Scene::new(model).tools([free]).resolver(echo(&["free"]))
    })
    .await;
    assert_eq!(played.calls, [("free".to_owned(), json!({ "any": [1, null] }))]);
}

#[tokio::test(start_paused = true)]
async fn t2_a_tool_outside_the_active_set_never_executes_and_the_model_is_told_what_may() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| PrepareStepResult {
            active_tools: (ctx.step_number == 0).then(|| vec!["look".into(), "hear".into()]),
            ..Default::default()
        };
        let options =
            OrchestratorOptions { prepare_step: Some(Arc::new(prepare)), ..Default::default() };
        let model = script().then(calls(&["delete"])).then(calls(&["delete"])).reply("Done.");
        Scene::new(model).echoing(["look", "hear", "delete"]).options(options)
    })
    .await;
    let text = "There is no tool named `delete` to call now. You can call: `hear`, `look`.";
    assert_eq!(played.told(0), [("invalid", text.to_owned())]);
    assert_eq!(played.told(1), [("executed", "delete".to_owned())], "it rules one step alone");
    assert_eq!(played.calls.len(), 1);
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

#[tokio::test(start_paused = true)]
async fn t7_empty_arguments_mean_an_empty_object() {
    for arguments in ["", "  \n", "{}"] {
        let (told, executed) = told_of(arguments).await;
        assert_eq!(told, ("executed", "look".to_owned()), "{arguments:?}");
        assert_eq!(executed, [("look".to_owned(), json!({}))], "{arguments:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t7_arguments_that_do_not_parse_never_execute() {
    let broken = "The arguments of `look` are not valid JSON or were cut off: \
         EOF while parsing an object at line 1 column 7. Call it again with one complete JSON object.";
    assert_eq!(told_of(r#"{"n": 1"#).await, (("invalid", broken.to_owned()), vec![]));
    let words = told_of("some words").await.0.1;
    assert!(words.contains("not valid JSON or were cut off: expected value at line 1"), "{words}");
    let other = "The arguments of `look` must be a JSON object. Call it again with one.";
    for arguments in ["[1]", "7", "null", r#""{}""#, r#""some words""#] {
        assert_eq!(
            told_of(arguments).await,
            (("invalid", other.to_owned()), vec![]),
            "{arguments}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn t7_arguments_cut_off_because_the_reply_ended_for_length_never_execute() {
    let played = play(|_| {
        let reply = Reply::empty()
            .raw_call("whole", "look", r#"{"n": 1}"#)
            .raw_call("cut", "look", r#"{"n": 12"#)
            .raw_call("not begun", "look", "")
            .finish_reason(FinishReason::Length);
        Scene::new(script().then(reply).reply("Done.")).echoing(["look"])
    })
    .await;
    assert_eq!(statuses(&played, 0), ["executed", "invalid", "invalid"]);
    assert_eq!(played.calls, [("look".to_owned(), json!({ "n": 1 }))]);
}

#[tokio::test(start_paused = true)]
async fn t8_ids_that_are_empty_or_repeated_are_made_unique_before_anything_sees_them() {
    let played = play(|notes| {
        let reply = ["", "a", "a", "", "a_3"];
        let reply = reply.iter().fold(Reply::empty(), |it, id| it.raw_call(*id, "look", "{}"));
        let scene = Scene::new(script().then(reply).reply("Done."));
        scene.tools([tool("look")]).resolver(NotesIds(notes.clone()))
    })
    .await;
    let step = &played.steps()[0];
    let called: Vec<_> = step.tool_calls.iter().map(|it| it.id.clone()).collect();
    assert_eq!(called, ["call_1_1", "a", "a_3", "call_1_4", "a_3_5"]);
    let begun = played.events.iter().filter_map(|event| match event {
        StreamEvent::Delta { delta, .. } => delta.tool_call.as_ref()?.id.clone(),
        _ => None,
    });
    assert_eq!(begun.collect::<Vec<_>>(), called, "in the deltas");
    let announced = played.events.iter().filter_map(|event| match event {
        StreamEvent::ToolCall { call, .. } => Some(call.id.clone()),
        _ => None,
    });
    assert_eq!(announced.collect::<Vec<_>>(), called, "in the events");
    assert_eq!(played.notes, called, "as the tools know it");
    let answered = step.tool_results.iter().map(|it| it.call_id.clone());
    assert_eq!(answered.collect::<Vec<_>>(), called, "in the results");
}

/// Notes the id of each call it executes.
struct NotesIds(Notes);

#[async_trait]
impl ToolResolver for NotesIds {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        unreachable!("the loop gives the context")
    }

    async fn call_tool_with(
        &self,
        _: &str,
        _: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.0.add(&*context.call_id);
        Ok(json!(context.step_number))
    }
}

#[tokio::test(start_paused = true)]
async fn t8_an_id_that_comes_again_in_a_later_step_is_another_call() {
    let played = play(|notes| {
        let again = || Reply::empty().raw_call("same", "look", "{}");
        let model = script().then(again()).then(again()).reply("Done.");
        Scene::new(model).tools([tool("look")]).resolver(NotesIds(notes.clone()))
    })
    .await;
    assert_eq!(played.notes, ["same", "same"]);
    assert_eq!(played.told(0), [("executed", "0".to_owned())]);
    assert_eq!(played.told(1), [("executed", "1".to_owned())]);
    assert_eq!(played.output().warnings, []);
    assert_eq!(played.steps()[1].tool_calls, [call("same", "look", json!({}))]);
}

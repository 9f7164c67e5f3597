//! Time that runs out: for the run, a step, the first event, the next event, a tool.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    CancellationToken, ErrorKind, LlmError, async_trait,
    model::{Delta, LanguageModel, ModelEvent, ModelStream},
    orchestrator::{OrchestratorOptions, Timeouts},
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::{ToolContext, ToolResolver},
    types::{ChatMessage, ChatRequest, ToolStatus},
};
use tokio::time::sleep;

use crate::fixtures::{Notes, NotesDrop, Played, Scene, assert_answered_once, play, script, tool};

const CUT: &str = "The run ended before this call was finished. It may have been executed in part.";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn within(timeouts: Timeouts) -> OrchestratorOptions {
    OrchestratorOptions { timeouts, ..Default::default() }
}

/// Tools that answer with their name: `quick` at once, `slow` after a minute.
fn quick_and_slow() -> RecordingResolver {
    let resolver = RecordingResolver::new().returning("quick", json!("quick"));
    resolver.returning_after("slow", secs(60), json!("slow"))
}

/// A first step that is done, and a second that is `script`'s next.
fn second_step(model: ScriptedModel) -> Scene {
    Scene::new(model).tools(["quick", "slow"].map(tool)).resolver(quick_and_slow())
}

fn first_step() -> ScriptedModel {
    script().calls("quick", json!({}))
}

/// What is asserted of every run that ran out of time in its second step.
fn assert_out_of_time(played: &Played, after: Duration, text: &str) {
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::Timeout);
    assert_eq!(failed.text, text);
    assert_eq!(played.took, after);
    assert_eq!(played.told(0), [("executed", "quick".to_owned())], "the finished step is kept");
    assert_answered_once(&failed.messages);
}

#[tokio::test(start_paused = true)]
async fn e3_a_run_that_takes_too_long_ends_with_the_finished_steps() {
    let played = play(|_| {
        let model = first_step().then(Reply::text("Well").delayed(secs(20)));
        second_step(model).options(within(Timeouts { run: Some(secs(10)), ..Default::default() }))
    })
    .await;
    let text = "the run took longer than 10s; raise `timeouts.run` if that is too short (1 step was finished)";
    assert_out_of_time(&played, secs(10), text);
}

#[tokio::test(start_paused = true)]
async fn e3_a_step_that_takes_too_long_ends_with_the_finished_steps_before_it() {
    let played = play(|_| {
        let slow = Reply::text("One ").wait(secs(4)).delta(Delta::content("two ")).wait(secs(4));
        let model = first_step().then(slow.delta(Delta::content("three.")));
        second_step(model).options(within(Timeouts { step: Some(secs(6)), ..Default::default() }))
    })
    .await;
    let text = "the step took longer than 6s; raise `timeouts.step` if that is too short (1 step was finished)";
    assert_out_of_time(&played, secs(6), text);
    let said = Some(ChatMessage::assistant("One two "));
    assert_eq!(played.failed().partial_reply, said, "what was read is not lost");
}

#[tokio::test(start_paused = true)]
async fn e3_a_reply_that_does_not_begin_in_time_is_an_error() {
    let slow: [fn() -> Reply; 2] = [
        || Reply::text("Well").delayed(secs(9)),
        || Reply::empty().wait(secs(9)).delta(Delta::content("Well")),
    ];
    for slow in slow {
        let played = play(|_| {
            let timeouts = Timeouts { first_event: Some(secs(8)), ..Default::default() };
            second_step(first_step().then(slow())).options(within(timeouts))
        })
        .await;
        let text = "the model did not begin to answer for longer than 8s; raise `timeouts.first_event` if that is too short (1 step was finished)";
        assert_out_of_time(&played, secs(8), text);
    }
}

#[tokio::test(start_paused = true)]
async fn e3_a_reply_that_falls_silent_is_an_error() {
    let played = play(|_| {
        let silent = Reply::text("Well, ").wait(secs(9)).delta(Delta::content("yes."));
        let timeouts = Timeouts { idle: Some(secs(8)), ..Default::default() };
        second_step(first_step().then(silent)).options(within(timeouts))
    })
    .await;
    let text = "the model fell silent for longer than 8s; raise `timeouts.idle` if that is too short (1 step was finished)";
    assert_out_of_time(&played, secs(8), text);
    assert_eq!(played.failed().partial_reply, Some(ChatMessage::assistant("Well, ")));
}

#[tokio::test(start_paused = true)]
async fn e3_what_comes_in_time_is_not_cut() {
    let played = play(|_| {
        let slow = Reply::text("One ").wait(secs(4)).delta(Delta::content("two ")).wait(secs(4));
        let slow = |finish: &str| slow.clone().delta(Delta::content(finish)).delayed(secs(4));
        let model = script().then(slow("three.").call("quick", json!({}))).then(slow("four."));
        second_step(model).options(within(Timeouts {
            run: Some(secs(25)),
            step: Some(secs(13)),
            first_event: Some(secs(5)),
            idle: Some(secs(5)),
            tool: Some(secs(5)),
        }))
    })
    .await;
    assert_eq!(played.output().steps.len(), 2, "a step's time begins anew with each");
    assert_eq!(played.took, secs(24));
}

#[tokio::test(start_paused = true)]
async fn e3_each_timeout_has_a_code_of_its_own() {
    let cases = [
        ("run_timeout", Timeouts { run: Some(secs(1)), ..Default::default() }, false),
        ("step_timeout", Timeouts { step: Some(secs(1)), ..Default::default() }, false),
        (
            "first_event_timeout",
            Timeouts { first_event: Some(secs(1)), ..Default::default() },
            true,
        ),
        ("idle_timeout", Timeouts { idle: Some(secs(1)), ..Default::default() }, true),
    ];
    for (code, timeouts, is_retryable) in cases {
        let reply = Reply::text("Well").wait(secs(9)).delta(Delta::content(", yes."));
        let reply = if code == "idle_timeout" { reply } else { reply.delayed(secs(9)) };
        let scene = Scene::new(script().then(reply)).options(within(timeouts));
        let error = scene.stream().await.steps.await.unwrap_err();
        assert_eq!(error.error().code(), Some(code));
        assert_eq!(error.error().is_retryable(), is_retryable, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn e3_the_soonest_of_the_limits_counts() {
    let all = |run, step, first_event| Timeouts {
        run: Some(secs(run)),
        step: Some(secs(step)),
        first_event: Some(secs(first_event)),
        ..Default::default()
    };
    let cases = [(all(1, 2, 3), "run"), (all(2, 1, 3), "step"), (all(3, 2, 1), "first_event")];
    for (timeouts, option) in cases {
        let played = play(|_| {
            Scene::new(script().then(Reply::text("Well").delayed(secs(9))))
                .options(within(timeouts))
        })
        .await;
        assert_eq!(played.took, secs(1));
        assert!(played.failed().text.contains(&format!("`timeouts.{option}`")));
    }
}

#[tokio::test(start_paused = true)]
async fn e3_a_step_begun_again_has_no_more_time_than_before() {
    let played = play(|_| {
        let silent = || Reply::text("Well").wait(secs(60));
        let timeouts = Timeouts { step: Some(secs(7)), idle: Some(secs(5)), ..Default::default() };
        let options = OrchestratorOptions { step_retries: 5, ..within(timeouts) };
        Scene::new(script().then(silent()).then(silent())).options(options)
    })
    .await;
    assert_eq!(played.took, secs(7));
    assert_eq!(played.requests.len(), 2, "and none after its time is up");
}

#[tokio::test(start_paused = true)]
async fn e3_a_run_out_of_time_interrupts_its_tools_and_keeps_what_is_finished() {
    for timeouts in [
        Timeouts { run: Some(secs(10)), ..Default::default() },
        Timeouts { step: Some(secs(10)), ..Default::default() },
    ] {
        let played = play(|_| {
            let both = Reply::empty().call("slow", json!({})).call("quick", json!({}));
            second_step(first_step().then(both)).options(within(timeouts))
        })
        .await;
        assert_eq!(played.took, secs(10));
        let expected = [("interrupted", CUT.to_owned()), ("executed", "quick".to_owned())];
        assert_eq!(played.told(1), expected);
        assert_answered_once(played.messages());
    }
}

#[tokio::test(start_paused = true)]
async fn e3_the_slowness_of_a_reader_is_not_the_models_silence() {
    let timeouts =
        Timeouts { first_event: Some(secs(5)), idle: Some(secs(5)), ..Default::default() };
    let reply = Reply::text("One two ").wait(secs(4)).delta(Delta::content("three."));
    let scene = Scene::new(script().then(reply)).options(within(timeouts));
    let mut stream = scene.stream().await.stream;
    let mut count = 0;
    while let Some(event) = stream.next().await {
        event.unwrap();
        count += 1;
        sleep(secs(60)).await;
    }
    assert_eq!(count, 7, "start, step_start, three deltas, step_finish, end");
}

/// Says a word whenever it is asked, without ever waiting.
struct Endless;

#[async_trait]
impl LanguageModel for Endless {
    fn provider(&self) -> &'static str {
        "endless"
    }

    fn model(&self) -> &'static str {
        "endless"
    }

    async fn stream(&self, _: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let word = || Ok(ModelEvent::content("on and "));
        Ok(futures_util::stream::repeat_with(word).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn e3_a_model_that_is_never_silent_is_cut_as_well() {
    let timeouts = Timeouts { run: Some(secs(5)), ..Default::default() };
    let mut stream = Scene::new(Endless).options(within(timeouts)).stream().await.stream;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_) => tokio::time::advance(Duration::from_millis(100)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.error().code(), Some("run_timeout"));
}

#[tokio::test]
async fn e3_a_run_that_never_lets_the_runtime_look_at_its_timers_is_cut_as_well() {
    let timeouts = Timeouts { run: Some(Duration::from_millis(20)), ..Default::default() };
    let stream = Scene::new(Endless).options(within(timeouts)).stream().await.stream;
    let error = stream.finish().await.unwrap_err();
    assert_eq!(error.error().code(), Some("run_timeout"));
}

#[tokio::test(start_paused = true)]
async fn t6_a_tool_that_takes_too_long_is_stopped_and_the_model_is_told() {
    let played = play(|_| {
        let both = Reply::empty().call("slow", json!({})).call("quick", json!({}));
        let timeouts = Timeouts { tool: Some(secs(20)), ..Default::default() };
        second_step(script().then(both).reply("Done.")).options(within(timeouts))
    })
    .await;
    let told = "The tool `slow` was stopped because it took longer than 20s. It may have been executed in part. Ask it for less, or try another way.";
    let expected = [("timed_out", told.to_owned()), ("executed", "quick".to_owned())];
    assert_eq!(played.told(0), expected, "its sibling is not harmed");
    assert_eq!(played.output().response.content_text(), Some("Done."), "the run goes on");
    assert_eq!(played.took, secs(20));
}

#[tokio::test(start_paused = true)]
async fn t6_the_limit_of_a_tool_counts_instead_of_the_runs() {
    for (own, of_run, is_stopped) in [
        (Some(secs(59)), None, true),
        (Some(secs(61)), None, false),
        (Some(secs(61)), Some(secs(10)), false),
        (Some(secs(10)), Some(secs(100)), true),
        (Some(Duration::MAX), Some(secs(10)), false),
        (None, Some(Duration::MAX), false),
        (None, None, false),
    ] {
        let played = play(|_| {
            let slow = own.map_or(tool("slow"), |own| tool("slow").timeout(own));
            let timeouts = Timeouts { tool: of_run, ..Default::default() };
            Scene::new(script().calls("slow", json!({})).reply("Done."))
                .tools([slow])
                .resolver(quick_and_slow())
                .options(within(timeouts))
        })
        .await;
        let status = played.steps()[0].tool_results[0].status;
        let expected = if is_stopped { ToolStatus::TimedOut } else { ToolStatus::Executed };
        assert_eq!(status, expected, "{own:?} and {of_run:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t6_waiting_for_a_place_is_not_the_tools_time() {
    let played = play(|_| {
        let three = (0..3).fold(Reply::empty(), |reply, _| reply.call("slow", json!({})));
        let timeouts = Timeouts { tool: Some(secs(61)), ..Default::default() };
        let options = OrchestratorOptions { max_parallel_tools: 1, ..within(timeouts) };
        second_step(script().then(three).reply("Done.")).options(options)
    })
    .await;
    let statuses = played.told(0).into_iter().map(|it| it.0);
    assert_eq!(statuses.collect::<Vec<_>>(), ["executed"; 3]);
    assert_eq!(played.took, secs(180));
}

/// Notes what becomes of its calls, and keeps their tokens: `slow` takes an hour, others no time.
struct Watched(Notes, Arc<Mutex<Vec<(String, CancellationToken)>>>);

#[async_trait]
impl ToolResolver for Watched {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        Err(LlmError::fatal("the loop gives a context"))
    }

    async fn call_tool_with(
        &self,
        name: &str,
        _: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.1.lock().unwrap().push((name.to_owned(), context.cancellation.clone()));
        if name == "slow" {
            let _guard = NotesDrop(self.0.clone(), "slow dropped");
            sleep(secs(3600)).await;
        }
        Ok(json!(name))
    }
}

#[tokio::test(start_paused = true)]
async fn t6_a_tool_that_takes_too_long_is_dropped_and_its_token_tells_whatever_it_began() {
    let tokens = Arc::default();
    let played = play(|notes| {
        let both = Reply::empty().call("slow", json!({})).call("quick", json!({}));
        let timeouts = Timeouts { tool: Some(secs(20)), ..Default::default() };
        Scene::new(script().then(both).reply("Done."))
            .tools(["slow", "quick"].map(tool))
            .resolver(Watched(notes.clone(), Arc::clone(&tokens)))
            .options(within(timeouts))
    })
    .await;
    assert_eq!(played.notes, ["slow dropped"]);
    let tokens = tokens.lock().unwrap();
    assert_eq!(tokens.len(), 8, "two on each surface");
    for (name, token) in &*tokens {
        assert_eq!(token.is_cancelled(), name == "slow", "{name}");
    }
}

//! What a run does about model calls that fail: whom it lets retry, when it begins a step again,
//! and how a context that is too long is answered.
use std::{sync::Arc, time::Duration};

use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError,
    model::{Delta, ModelEvent, layers::Retry},
    orchestrator::{
        OnContextTooLong, OrchestratorOptions, PrepareStepResult, StreamEvent, Timeouts,
    },
    testing::Reply,
    types::{ChatMessage, FinishReason, TokenCount, ToolResult, Usage, Warning},
    user,
};

use crate::{
    fixtures::{Notes, Played, Scene, assert_answered_once, call, event_type, play, script},
    layer_stand_ins::{Answer, Heard, Listed, PROMPT, events, failure, says},
};

fn overloaded() -> LlmError {
    failure(ErrorKind::Overloaded)
}

fn too_long() -> LlmError {
    LlmError::new(ErrorKind::ContextTooLong, "8,001 tokens are too many")
}

/// Options of a run whose steps may begin again this often.
fn retrying(step_retries: usize) -> OrchestratorOptions {
    OrchestratorOptions { step_retries, ..Default::default() }
}

fn retried(attempt: usize, error: &str) -> Warning {
    Warning::Retried { attempt, error: error.into() }
}

/// The kinds of the events, with the attempt of each reset.
fn outline(played: &Played) -> Vec<String> {
    let line = |event: &StreamEvent| match event {
        StreamEvent::StepReset { step_number, attempt, .. } => {
            format!("step_reset of {step_number} to attempt {attempt}")
        }
        other => event_type(other),
    };
    played.events.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn m1_a_run_over_a_layer_is_retried_and_tells_of_it() {
    let played = play(|_| {
        let limited = failure(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(1));
        let model = script().calls("look", json!({})).fails(limited).reply("Done.");
        Scene::new(Retry::new(model)).echoing(["look"])
    })
    .await;
    let output = played.output();
    assert_eq!(output.response.content_text(), Some("Done."));
    assert_eq!(output.warnings, [retried(1, "it failed")]);
    assert_eq!(played.took, Duration::from_secs(1));
    assert_eq!(played.event_types().iter().filter(|it| *it == "step_start").count(), 2);
    assert_eq!(played.event_types().iter().filter(|it| *it == "warning").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn m1_without_a_layer_a_call_that_fails_before_its_reply_is_not_repeated() {
    let played =
        play(|_| Scene::new(script().fails(overloaded()).reply("Never.")).options(retrying(5)))
            .await;
    assert_eq!(played.failed().kind, ErrorKind::Overloaded);
    assert_eq!(played.requests.len(), 1);

    let played = play(|_| {
        let first = Ok(vec![Err(overloaded())]);
        Scene::new(Listed::new("first", [first, says("Never.")])).options(retrying(5))
    })
    .await;
    assert_eq!(played.requests.len(), 1, "nor if the failure is the first item of its stream");
}

#[tokio::test(start_paused = true)]
async fn m1_the_error_after_the_last_attempt_keeps_the_steps_and_says_how_many_there_were() {
    let played = play(|_| {
        let wait = failure(ErrorKind::Server).with_retry_after(Duration::ZERO);
        let model =
            script().calls("look", json!({})).fails(wait.clone()).fails(wait.clone()).fails(wait);
        Scene::new(Retry::new(model)).echoing(["look"])
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.text, "it failed (3 attempts) (1 step was finished)");
    assert_eq!(failed.steps.len(), 1);
    assert_answered_once(&failed.messages);
}

#[tokio::test(start_paused = true)]
async fn m2_a_wait_longer_than_the_run_may_take_is_an_error_at_once() {
    for (timeouts, left) in [
        (Timeouts { run: Some(Duration::from_secs(19)), ..Default::default() }, "19s"),
        (Timeouts { step: Some(Duration::from_secs(18)), ..Default::default() }, "18s"),
        (Timeouts { first_event: Some(Duration::from_secs(17)), ..Default::default() }, "17s"),
    ] {
        let played = play(|_| {
            let limited = failure(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(20));
            let model = Retry::new(script().fails(limited).reply("Never."));
            Scene::new(model).options(OrchestratorOptions { timeouts, ..Default::default() })
        })
        .await;
        let failed = played.failed();
        assert_eq!(played.took, Duration::ZERO);
        assert_eq!(failed.kind, ErrorKind::RateLimited);
        let text = format!("it failed; the next attempt is due in 20s, and only {left} are left");
        assert_eq!(failed.text, text);
    }
}

/// Two steps, of which the second breaks off once in the middle of a call.
fn broken_once(options: OrchestratorOptions) -> Scene {
    let broken = Reply::text("Let me").call("look", json!({ "n": 1 })).cut();
    let model = script().calls("look", json!({})).then(broken).reply("Done.");
    Scene::new(model).echoing(["look"]).options(options)
}

#[tokio::test(start_paused = true)]
async fn m3_a_step_begins_again_when_its_reply_breaks_off_and_readers_are_told_to_forget_it() {
    let played = play(|_| broken_once(retrying(1))).await;
    let expected = [
        "start",
        "step_start",
        "delta",
        "delta",
        "delta",
        "tool_call",
        "tool_result",
        "step_finish",
        "step_start",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "warning",
        "step_reset of 1 to attempt 2",
        "delta",
        "step_finish",
        "end",
    ];
    assert_eq!(outline(&played), expected);
    let output = played.output();
    assert_eq!(output.warnings, [retried(1, "the reply broke off before its end; ask again")]);
    assert_eq!(output.steps[1].messages, [ChatMessage::assistant("Done.")], "no trace is left");
    assert_eq!(played.calls.len(), 1, "the call of the broken reply never executes");
    assert_eq!(played.requests[1], played.requests[2], "the same is asked again");
}

#[tokio::test(start_paused = true)]
async fn m3_by_default_no_step_begins_again() {
    let played = play(|_| broken_once(OrchestratorOptions::default())).await;
    assert_eq!(played.failed().kind, ErrorKind::IncompleteReply);
    assert_eq!(played.requests.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn m3_a_step_begins_again_after_whatever_may_pass_and_nothing_else() {
    let cases = [
        (ErrorKind::Connection, true),
        (ErrorKind::Overloaded, true),
        (ErrorKind::Server, true),
        (ErrorKind::Timeout, true),
        (ErrorKind::IncompleteReply, true),
        (ErrorKind::MalformedReply, true),
        (ErrorKind::ContentFilter, false),
        (ErrorKind::InvalidRequest, false),
        (ErrorKind::PermissionDenied, false),
    ];
    for (kind, begins_again) in cases {
        let played = play(|_| {
            let broken = Reply::text("Well").fail(failure(kind));
            Scene::new(script().then(broken).reply("Done.")).options(retrying(1))
        })
        .await;
        assert_eq!(played.ended.is_ok(), begins_again, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn m3_each_step_begins_again_so_often_and_the_last_failure_is_the_runs() {
    let played = play(|_| {
        let cut = |text| Reply::text(text).cut();
        let first = Reply::empty().call("look", json!({}));
        let model = script().then(cut("A")).then(cut("B")).then(first);
        let model = model.then(cut("C")).then(cut("D")).then(cut("E")).reply("Never.");
        Scene::new(model).echoing(["look"]).options(retrying(2))
    })
    .await;
    let resets: Vec<_> = outline(&played).into_iter().filter(|it| it.contains("reset")).collect();
    let expected = [
        "step_reset of 0 to attempt 2",
        "step_reset of 0 to attempt 3",
        "step_reset of 1 to attempt 2",
        "step_reset of 1 to attempt 3",
    ];
    assert_eq!(resets, expected);
    let failed = played.failed();
    assert_eq!((failed.kind, failed.steps.len()), (ErrorKind::IncompleteReply, 1));
    assert_eq!(failed.partial_reply, Some(ChatMessage::assistant("E")));
    assert_answered_once(&failed.messages);
}

#[tokio::test(start_paused = true)]
async fn m3_a_reply_that_falls_silent_begins_again_too() {
    let played = play(|_| {
        let silent =
            Reply::text("Well").wait(Duration::from_secs(60)).delta(Delta::content(", yes."));
        let timeouts = Timeouts { idle: Some(Duration::from_secs(5)), ..Default::default() };
        let options = OrchestratorOptions { timeouts, ..retrying(1) };
        Scene::new(script().then(silent).reply("Done.")).options(options)
    })
    .await;
    assert_eq!(played.output().response.content_text(), Some("Done."));
    assert_eq!(played.took, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn m3_an_attempt_that_broke_off_is_visible_in_telemetry_and_no_prompt_is() {
    let (heard, _guard) = Heard::listen();
    let played = play(|_| {
        let model = script().then(Reply::text("Well").cut()).reply("Done.");
        Scene::new(model).messages(vec![user!(PROMPT)]).options(retrying(1))
    })
    .await;
    played.output();
    let line =
        "a reply broke off and is asked for again step_number=0 attempt=1 kind=IncompleteReply";
    let lines = heard.lines();
    let told: Vec<_> = lines.iter().map(|it| it.split_once("}: ").unwrap()).collect();
    assert!(told.iter().all(|(span, _)| span.starts_with("WARN invoke_agent{")), "{told:?}");
    assert!(!lines.concat().contains(PROMPT), "{told:?}");
    assert_eq!(told.iter().map(|it| it.1).collect::<Vec<_>>(), [line; 4], "once on each surface");
}

/// A reply that is malformed after its end, when what it cost is known.
fn too_much(usage: Option<Usage>) -> Answer {
    let finish = ModelEvent::finish(FinishReason::Stop, usage);
    events([ModelEvent::content("One."), finish, ModelEvent::content("Two.")])
}

fn costs(usage: Usage) -> Answer {
    events([ModelEvent::content("Done."), ModelEvent::finish(FinishReason::Stop, Some(usage))])
}

#[tokio::test(start_paused = true)]
async fn u1_an_attempt_that_was_billed_counts_though_it_broke_off() {
    let played = play(|_| {
        let answers = [too_much(Some(Usage::new(10, 1))), costs(Usage::new(10, 4))];
        Scene::new(Listed::new("first", answers)).options(retrying(1))
    })
    .await;
    let output = played.output();
    assert_eq!(output.usage, Usage::new(20, 5));
    assert_eq!(output.steps[0].usage, Some(Usage::new(20, 5)));
    assert_eq!(
        output.response.usage,
        Some(Usage::new(10, 4)),
        "the reply says what it cost itself"
    );
}

#[tokio::test(start_paused = true)]
async fn u1_what_a_broken_attempt_did_not_say_is_unknown_and_never_nothing() {
    let played = play(|_| {
        let answers = [too_much(None), costs(Usage::new(10, 4))];
        Scene::new(Listed::new("first", answers)).options(retrying(1))
    })
    .await;
    assert_eq!(played.output().usage.total_tokens, TokenCount::UNKNOWN);
}

/// Leaves the last message of a history.
fn last_alone(notes: &Notes) -> OnContextTooLong {
    let notes = notes.clone();
    Arc::new(move |messages| {
        notes.add(format!("{} messages are too many", messages.len()));
        messages.last().map(|it| vec![it.clone()])
    })
}

/// Leaves the first and the last message.
fn first_and_last(notes: &Notes) -> OnContextTooLong {
    let last = last_alone(notes);
    Arc::new(move |messages| Some([vec![messages[0].clone()], last(messages)?].concat()))
}

fn shortening(hook: OnContextTooLong) -> OrchestratorOptions {
    OrchestratorOptions { on_context_too_long: Some(hook), ..Default::default() }
}

/// A conversation with a system message and three others.
fn long() -> Vec<ChatMessage> {
    vec![
        ChatMessage::system("Be brief."),
        user!("one"),
        ChatMessage::assistant("two"),
        user!("three"),
    ]
}

#[tokio::test(start_paused = true)]
async fn m6_a_shorter_history_answers_a_context_that_is_too_long_for_that_step_alone() {
    let played = play(|notes| {
        let model = script().fails(too_long()).calls("look", json!({})).reply("Done.");
        let scene = Scene::new(model).messages(long()).echoing(["look"]);
        scene.options(shortening(last_alone(notes)))
    })
    .await;
    assert_eq!(played.notes, ["3 messages are too many"], "without the system message");
    let sent: Vec<_> = played.requests.iter().map(|it| it.messages.len()).collect();
    assert_eq!(sent, [3, 1, 5], "the next step is sent the whole history again");
    assert_eq!(played.requests[1].messages, [user!("three")]);
    assert!(played.requests.iter().all(|it| it.system == [ChatMessage::system("Be brief.")]));
    assert_eq!(played.messages().len(), 7, "the run's own history stays whole");
    assert_eq!(played.output().warnings, []);
    assert!(!outline(&played).iter().any(|it| it.contains("reset")), "there was nothing to forget");
}

#[tokio::test(start_paused = true)]
async fn m6_the_hook_is_asked_once_a_step() {
    let played = play(|notes| {
        let model = script().fails(too_long()).fails(too_long()).reply("Never.");
        Scene::new(model).messages(long()).options(shortening(last_alone(notes)))
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::ContextTooLong);
    assert_eq!(played.notes, ["3 messages are too many"]);

    let played = play(|notes| {
        let model = script().fails(too_long()).calls("look", json!({}));
        let model = model.fails(too_long()).reply("Done.");
        let scene = Scene::new(model).messages(long()).echoing(["look"]);
        scene.options(shortening(first_and_last(notes)))
    })
    .await;
    assert_eq!(played.output().steps.len(), 2, "and in the next step again");
    assert_eq!(played.notes, ["3 messages are too many", "5 messages are too many"]);
}

#[tokio::test(start_paused = true)]
async fn m6_a_history_that_the_hook_tore_is_mended_and_that_is_reported() {
    let played = play(|notes| {
        let model = script().calls("look", json!({})).fails(too_long()).reply("Done.");
        Scene::new(model).echoing(["look"]).options(shortening(first_and_last(notes)))
    })
    .await;
    let [Warning::ResultWithoutCall { call_id }] = &played.output().warnings[..] else {
        panic!("{:?}", played.output().warnings)
    };
    assert_eq!(call_id, "call_1");
    assert_answered_once(&played.requests[2].messages);
}

#[tokio::test(start_paused = true)]
async fn m6_the_hook_is_given_what_was_sent() {
    let played = play(|notes| {
        let sent = PrepareStepResult {
            messages: Some(vec![user!("two"), user!("three")]),
            ..Default::default()
        };
        let options = OrchestratorOptions {
            prepare_step: Some(Arc::new(move |_| sent.clone())),
            ..shortening(last_alone(notes))
        };
        let model = script().fails(too_long()).reply("Done.");
        Scene::new(model).messages(long()).options(options)
    })
    .await;
    assert_eq!(played.notes, ["2 messages are too many"]);
    assert_eq!(played.requests[1].messages, [user!("three")]);
}

#[tokio::test(start_paused = true)]
async fn m6_no_shorter_history_or_none_at_all_lets_the_run_fail_as_it_did() {
    let stray = ToolResult::executed(&call("a", "look", json!({})), json!(1));
    let stray = ChatMessage::tool(stray);
    let nothing: [OnContextTooLong; 3] = [
        Arc::new(|_| None),
        Arc::new(|_| Some(Vec::new())),
        Arc::new(move |_| Some(vec![stray.clone()])),
    ];
    for hook in nothing {
        let played = play(|_| {
            let model = script().fails(too_long()).reply("Never.");
            Scene::new(model).options(shortening(Arc::clone(&hook)))
        })
        .await;
        assert_eq!(played.failed().text, "8,001 tokens are too many");
        assert_eq!(played.requests.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn m6_other_failures_are_not_for_the_hook() {
    let played = play(|notes| {
        let model = script().fails(failure(ErrorKind::InvalidRequest)).reply("Never.");
        Scene::new(model).options(shortening(last_alone(notes)))
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::InvalidRequest);
    assert!(played.notes.is_empty());
}

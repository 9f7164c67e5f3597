//! Limits: what a run may use up, what it says when it has, and the answer it may be asked for then.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    ErrorKind,
    orchestrator::{
        AtLimit, LoopGuard, OrchestratorOptions, PrepareStepContext, PrepareStepResult, StoppedBy,
        ToolApproval, UsageLimit, UsageLimits, step_count_is,
    },
    testing::{Reply, ScriptedModel},
    types::{FinishReason, ToolChoice, Usage},
};

use crate::fixtures::{
    Played, Scene, assert_answered_once, calls, echo, play, restless, script, tool,
};

fn limited(limits: UsageLimits) -> OrchestratorOptions {
    OrchestratorOptions { limits, ..Default::default() }
}

fn answering(options: OrchestratorOptions) -> OrchestratorOptions {
    OrchestratorOptions { at_limit: AtLimit::Answer, ..options }
}

fn by_usage(limit: UsageLimit) -> StoppedBy {
    serde_json::from_value(json!({ "usage_limit": { "limit": limit } })).unwrap()
}

/// A model that calls `look` ten times, each at the price of 60 and 40 tokens.
fn costly() -> ScriptedModel {
    let reply = |n| Reply::empty().call("look", json!({ "n": n })).usage(Usage::new(60, 40));
    (0..10).fold(script(), |script, n| script.then(reply(n)))
}

async fn spending(limits: UsageLimits) -> Played {
    play(|_| Scene::new(costly()).echoing(["look"]).options(limited(limits))).await
}

#[tokio::test(start_paused = true)]
async fn u3_a_limit_on_tokens_is_checked_before_the_request() {
    let none = UsageLimits::default();
    let cases = [
        (UsageLimits { input_tokens: Some(120), ..none }, UsageLimit::InputTokens, 2),
        (UsageLimits { input_tokens: Some(121), ..none }, UsageLimit::InputTokens, 3),
        (UsageLimits { output_tokens: Some(40), ..none }, UsageLimit::OutputTokens, 1),
        (UsageLimits { output_tokens: Some(41), ..none }, UsageLimit::OutputTokens, 2),
        (UsageLimits { total_tokens: Some(300), ..none }, UsageLimit::TotalTokens, 3),
        (UsageLimits { total_tokens: Some(301), ..none }, UsageLimit::TotalTokens, 4),
    ];
    for (limits, limit, steps) in cases {
        let played = spending(limits).await;
        assert_eq!(played.output().stopped_by, by_usage(limit), "{limits:?}");
        assert_eq!(played.requests.len(), steps, "{limits:?}");
        assert_eq!(played.calls.len(), steps, "the tools of the last step were executed");
        assert_answered_once(played.messages());
    }
}

#[tokio::test(start_paused = true)]
async fn u3_a_reply_that_does_not_say_what_it_cost_is_never_stopped_by_tokens() {
    let limits = UsageLimits { total_tokens: Some(1), ..Default::default() };
    let played = play(|_| Scene::new(restless()).echoing(["look"]).options(limited(limits))).await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
}

#[tokio::test(start_paused = true)]
async fn u3_an_answer_is_an_answer_whatever_it_cost() {
    let limits = UsageLimits { total_tokens: Some(1), ..Default::default() };
    let played = play(|_| {
        let answer = Reply::text("Done.").usage(Usage::new(60, 40));
        Scene::new(script().then(answer)).options(limited(limits))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn u3_requests_are_counted_with_those_of_a_step_that_began_again() {
    let limits = UsageLimits { requests: Some(3), ..Default::default() };
    let options = || OrchestratorOptions { step_retries: 5, ..limited(limits) };
    let played = play(|_| {
        let model =
            script().then(Reply::text("Hm").cut()).then(calls(&["look"])).then(calls(&["look"]));
        Scene::new(model).echoing(["look"]).options(options())
    })
    .await;
    assert_eq!(played.output().stopped_by, by_usage(UsageLimit::Requests));
    assert_eq!((played.requests.len(), played.steps().len()), (3, 2));

    let played = play(|_| {
        let model = script().then(calls(&["look"]));
        let model = (0..5).fold(model, |model, _| model.then(Reply::text("Hm").cut()));
        Scene::new(model).echoing(["look"]).options(options())
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::IncompleteReply, "what broke off is no answer");
    assert_eq!(played.requests.len(), 3, "and there was no other attempt left");
    assert_eq!(played.steps().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn u3_a_tool_call_limit_is_checked_against_the_whole_batch_and_nothing_of_it_runs() {
    let limits = UsageLimits { tool_calls: Some(3), ..Default::default() };
    let played = play(|notes| {
        let notes = notes.clone();
        let approve = move |name: &str, arguments: &serde_json::Value| {
            notes.add(name);
            ToolApproval::Approve(arguments.clone())
        };
        let options =
            OrchestratorOptions { on_tool_approval: Some(Arc::new(approve)), ..limited(limits) };
        let model = script().then(calls(&["look", "look"])).then(calls(&["hear", "sing", "hear"]));
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, by_usage(UsageLimit::ToolCalls));
    let told = "The call was not executed, nor was any other of the same reply: together they are 2, and \
                the run has 1 left of the 3 that it may execute. Answer with what you have.";
    let told = ("skipped", told.to_owned());
    let unknown = "There is no tool named `sing` to call now. You can call: `hear`, `look`.";
    assert_eq!(played.told(1), [told.clone(), ("invalid", unknown.to_owned()), told]);
    assert_eq!(played.calls.len(), 2, "those of the first step alone");
    assert_eq!(played.notes, ["look", "look"], "nobody is asked about what can't be executed");
    assert_answered_once(played.messages());
}

#[tokio::test(start_paused = true)]
async fn u3_a_batch_that_just_fits_runs_and_calls_that_never_ran_do_not_count() {
    let limits = UsageLimits { tool_calls: Some(3), ..Default::default() };
    let played = play(|_| {
        let deny = |name: &str, arguments: &serde_json::Value| match name {
            "hear" => ToolApproval::Deny { reason: "not now".into() },
            _ => ToolApproval::Approve(arguments.clone()),
        };
        let options =
            OrchestratorOptions { on_tool_approval: Some(Arc::new(deny)), ..limited(limits) };
        let model = script()
            .then(calls(&["hear", "sing", "look"]))
            .then(calls(&["look", "look"]))
            .reply("Done.");
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    assert_eq!(played.calls.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn u3_a_limit_of_no_tool_calls_lets_none_run() {
    let limits = UsageLimits { tool_calls: Some(0), ..Default::default() };
    let played = play(|_| {
        let model = script().then(calls(&["look"])).reply("Without, then.");
        Scene::new(model).echoing(["look"]).options(answering(limited(limits)))
    })
    .await;
    assert!(played.calls.is_empty());
    assert_eq!(played.output().response.content_text(), Some("Without, then."));
    assert_eq!(played.output().stopped_by, by_usage(UsageLimit::ToolCalls));
}

#[tokio::test(start_paused = true)]
async fn u3_calls_left_to_the_caller_are_not_counted() {
    let limits = UsageLimits { tool_calls: Some(1), ..Default::default() };
    let played = play(|_| {
        let model = script().then(calls(&["ask", "look", "ask"]));
        let scene = Scene::new(model).tools([tool("look"), tool("ask")]).resolver(echo(&["look"]));
        scene.options(limited(limits))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::ToolCallsPending);
    assert_eq!(played.output().pending.len(), 2);
    assert_eq!(played.calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn u3_a_limit_that_lets_nothing_begin_is_an_error_that_names_it() {
    let none = UsageLimits::default();
    let cases = [
        (UsageLimits { input_tokens: Some(0), ..none }, "limits.input_tokens"),
        (UsageLimits { output_tokens: Some(0), ..none }, "limits.output_tokens"),
        (UsageLimits { total_tokens: Some(0), ..none }, "limits.total_tokens"),
        (UsageLimits { requests: Some(0), ..none }, "limits.requests"),
    ];
    for (limits, name) in cases {
        let played = spending(limits).await;
        let text = format!(
            "{name} is 0, so the model could never be asked; give it at least 1, or `None` for no limit"
        );
        assert_eq!((played.failed().kind, &played.failed().text), (ErrorKind::InvalidInput, &text));
        assert!(played.requests.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn l5_a_final_answer_is_one_more_step_with_tools_off_and_the_limit_is_what_ended_the_run() {
    let played = play(|_| {
        let model =
            script().then(calls(&["look"])).then(calls(&["look"])).reply("So far.").reply("Never.");
        let options = OrchestratorOptions { max_steps: 2, ..Default::default() };
        Scene::new(model).echoing(["look"]).options(answering(options))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    assert_eq!(played.output().response.content_text(), Some("So far."));
    assert_eq!((played.steps().len(), played.requests.len()), (3, 3));
    let choices: Vec<_> = played.requests.iter().map(|it| it.tool_choice.clone()).collect();
    assert_eq!(choices, [None, None, Some(ToolChoice::None)]);
    assert!(played.requests.iter().all(|it| it.tools == ["look"]), "a prompt cache keeps hitting");
    assert_eq!(played.event_types().iter().filter(|it| *it == "step_finish").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn l5_a_model_that_calls_a_tool_in_its_final_answer_gets_no_execution_and_no_other_step() {
    let played = play(|_| {
        let options = OrchestratorOptions { max_steps: 1, ..Default::default() };
        Scene::new(restless()).echoing(["look"]).options(answering(options))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    assert_eq!((played.steps().len(), played.calls.len()), (2, 1));
    let told = "`look` was not executed, for no tool may be called now. Answer without.";
    assert_eq!(played.told(1), [("invalid", told.to_owned())]);
    assert_answered_once(played.messages());
}

#[tokio::test(start_paused = true)]
async fn l5_a_final_answer_that_is_paused_is_not_gone_on_with() {
    let played = play(|_| {
        let paused = Reply::text("Wait").finish_reason(FinishReason::Paused);
        let model = script().then(calls(&["look"])).then(paused).reply("Never.");
        let options = OrchestratorOptions { max_steps: 1, ..Default::default() };
        Scene::new(model).echoing(["look"]).options(answering(options))
    })
    .await;
    assert_eq!((played.requests.len(), &played.output().stopped_by), (2, &StoppedBy::MaxSteps));
}

type Case = (fn() -> ScriptedModel, OrchestratorOptions, StoppedBy);

#[tokio::test(start_paused = true)]
async fn l5_every_limit_may_end_in_a_final_answer_and_is_named_all_the_same() {
    let invalid = || script().then(calls(&["sing"])).then(calls(&["sing"])).reply("So far.");
    let same = || script().then(calls(&["look"])).then(calls(&["look"])).reply("So far.");
    let defaults = OrchestratorOptions::default;
    let limit = |limits| limited(limits);
    let none = UsageLimits::default();
    let cases: [Case; 4] = [
        (
            invalid,
            OrchestratorOptions { max_invalid_calls: 1, ..defaults() },
            StoppedBy::InvalidToolCalls,
        ),
        (
            same,
            OrchestratorOptions { loop_guard: LoopGuard::Stop { times: 2 }, ..defaults() },
            StoppedBy::RepeatedToolCalls,
        ),
        (same, limit(UsageLimits { requests: Some(2), ..none }), by_usage(UsageLimit::Requests)),
        (same, limit(UsageLimits { tool_calls: Some(1), ..none }), by_usage(UsageLimit::ToolCalls)),
    ];
    for (model, options, expected) in cases {
        let options = answering(options);
        let played = play(|_| Scene::new(model()).echoing(["look"]).options(options.clone())).await;
        assert_eq!(played.output().stopped_by, expected);
        assert_eq!(played.output().response.content_text(), Some("So far."), "{expected:?}");
        assert_eq!(played.requests.len(), 3);
        assert_answered_once(played.messages());
    }
}

#[tokio::test(start_paused = true)]
async fn l5_a_stop_condition_is_no_limit_and_an_answer_needs_no_other() {
    let options = || answering(OrchestratorOptions { max_steps: 2, ..Default::default() });
    let condition = play(|_| {
        Scene::new(restless()).echoing(["look"]).stop(step_count_is(1)).options(options())
    })
    .await;
    assert!(matches!(condition.output().stopped_by, StoppedBy::Condition { index: 0, .. }));
    assert_eq!(condition.requests.len(), 1);

    let answer = play(|_| {
        let model = script().then(calls(&["look"])).reply("Done.").reply("Never.");
        Scene::new(model).echoing(["look"]).options(options())
    })
    .await;
    assert_eq!(answer.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn l6_the_final_answer_is_prepared_too_but_its_tools_stay_off() {
    let played = play(|notes| {
        let notes = notes.clone();
        let prepare = move |ctx: PrepareStepContext<'_>| {
            notes.add(ctx.step_number.to_string());
            PrepareStepResult {
                tool_choice: Some(ToolChoice::Required),
                system: Some(format!("Step {}.", ctx.step_number)),
                ..Default::default()
            }
        };
        let model = script().then(calls(&["look"])).then(calls(&["look"]));
        let options = OrchestratorOptions {
            max_steps: 1,
            prepare_step: Some(Arc::new(prepare)),
            ..Default::default()
        };
        Scene::new(model).echoing(["look"]).options(answering(options))
    })
    .await;
    assert_eq!(played.notes, ["0", "1"]);
    assert_eq!(played.requests[1].tool_choice, Some(ToolChoice::None));
    assert_eq!(played.requests[1].system[0].text(), Some("Step 1."));
    assert_eq!(played.calls.len(), 1);
}

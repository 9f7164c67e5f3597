//! What runs cost: every step counts, and what nobody says stays unknown.
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError,
    model::ModelEvent,
    orchestrator::{OrchestratorOptions, StepResult},
    testing::{Reply, ScriptedModel},
    types::{FinishReason, TokenCount, Usage},
};

use crate::{
    fixtures::{Played, Scene, play, script},
    layer_stand_ins::{Listed, events},
};

fn step(usage: Option<Usage>) -> StepResult {
    let mut step = StepResult::default();
    step.usage = usage;
    step
}

/// A run of two steps that cost this.
async fn costing(costs: [Option<Usage>; 2]) -> Played {
    play(|_| {
        let priced = |reply: Reply, cost: &Option<Usage>| match cost {
            Some(usage) => reply.usage(usage.clone()),
            None => reply,
        };
        let first = priced(Reply::empty().call("look", json!({})), &costs[0]);
        let model = script().then(first).then(priced(Reply::text("Done."), &costs[1]));
        Scene::new(model).echoing(["look"])
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn u1_usage_is_the_sum_of_the_steps() {
    let mut second = Usage::new(130, 8);
    second.cached_input_tokens = 100.into();
    second.reasoning_tokens = 3.into();
    let played = costing([Some(Usage::new(100, 20)), Some(second.clone())]).await;
    assert_eq!(played.output().usage, Usage::new(230, 28), "cached and reasoning are unknown once");
    assert_eq!(played.output().response.usage, Some(second), "a reply knows its own");
    let steps = played.steps().iter().map(|it| it.usage.as_ref().unwrap().total_tokens);
    assert_eq!(steps.collect::<Vec<_>>(), [120.into(), TokenCount::from(138)]);
}

#[tokio::test(start_paused = true)]
async fn u1_what_one_step_does_not_say_is_unknown_in_the_sum() {
    for costs in [[None, Some(Usage::new(1, 1))], [Some(Usage::new(1, 1)), None], [None, None]] {
        let played = costing(costs).await;
        assert_eq!(played.output().usage, Usage::default());
        assert_eq!(played.output().usage.total_tokens, TokenCount::UNKNOWN);
    }
}

#[test]
fn u1_merge_usage_keeps_each_unknown_to_itself() {
    let mut cached = Usage::new(10, 1);
    cached.cached_input_tokens = 4.into();
    let merged = StepResult::merge_usage(&[step(Some(cached)), step(Some(Usage::new(5, 2)))]);
    assert_eq!(merged, Usage::new(15, 3));
    assert_eq!(merged.cached_input_tokens.get(), None);
}

#[test]
fn u1_merge_usage_saturates() {
    let merged = StepResult::merge_usage(&[
        step(Some(Usage::new(u64::MAX, u64::MAX))),
        step(Some(Usage::new(2, 1))),
    ]);
    assert_eq!(merged, Usage::new(u64::MAX, u64::MAX));
}

#[test]
fn u2_cached_and_reasoning_tokens_are_kept_apart_and_included_in_their_totals() {
    let mut usage = Usage::new(100, 20);
    (usage.cached_input_tokens, usage.reasoning_tokens) = (80.into(), 15.into());
    let sum = StepResult::merge_usage(&[step(Some(usage.clone())), step(Some(usage))]);
    assert_eq!((sum.input_tokens, sum.output_tokens), (200.into(), 40.into()));
    assert_eq!((sum.cached_input_tokens, sum.reasoning_tokens), (160.into(), 30.into()));
    assert_eq!(sum.total_tokens, 240);
}

#[test]
fn u1_no_steps_cost_nothing() {
    assert_eq!(StepResult::merge_usage(&[]), Usage::zero());
    assert_eq!(Usage::zero().total_tokens, 0);
}

#[test]
fn u1_an_estimate_makes_the_sum_an_estimate() {
    let mut guessed = Usage::new(1, 1);
    guessed.estimated = true;
    let merged = StepResult::merge_usage(&[step(Some(Usage::new(1, 1))), step(Some(guessed))]);
    assert_eq!((merged.total_tokens.get(), merged.estimated), (Some(4), true));
}

fn trying_twice() -> OrchestratorOptions {
    OrchestratorOptions { step_retries: 1, ..Default::default() }
}

/// A run that fails in its second step, after one that cost 11 tokens.
async fn failing(second: fn(ScriptedModel) -> ScriptedModel) -> Played {
    play(|_| {
        let first = Reply::empty().call("look", json!({})).usage(Usage::new(10, 1));
        Scene::new(second(script().then(first))).echoing(["look"]).options(trying_twice())
    })
    .await
}

fn down() -> LlmError {
    LlmError::new(ErrorKind::InvalidRequest, "no more")
}

#[tokio::test(start_paused = true)]
async fn u1_a_run_that_fails_counts_the_replies_that_broke_off_in_its_last_step() {
    let before = failing(|model| model.then(Reply::text("Well").cut()).fails(down())).await;
    assert_eq!(before.failed().kind, ErrorKind::InvalidRequest);
    assert_eq!(before.failed().usage, Usage::default(), "what it cost is unknown");

    let last = failing(|model| model.then(Reply::text("Well").fail(down()))).await;
    assert_eq!(last.failed().usage, Usage::default());
    assert_eq!(last.failed().steps[0].usage, Some(Usage::new(10, 1)), "what is known is kept");

    let refused = failing(|model| model.fails(down())).await;
    assert_eq!(refused.failed().usage, Usage::new(10, 1), "what never began costs nothing");
}

#[tokio::test(start_paused = true)]
async fn u1_what_replies_that_broke_off_say_they_cost_is_in_the_sum_of_a_failure() {
    let too_much = |tokens| {
        let finish = ModelEvent::finish(FinishReason::Stop, Some(Usage::new(tokens, 1)));
        events([ModelEvent::content("One."), finish, ModelEvent::content("Two.")])
    };
    let played = play(|_| {
        let model = Listed::new("first", [too_much(10), too_much(20)]);
        Scene::new(model).options(trying_twice())
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::MalformedReply);
    assert_eq!(played.failed().usage, Usage::new(30, 2));
}

//! The stop conditions that look at tokens, time, calls and repetition, on whole runs.
use std::time::Duration;

use serde_json::json;
use siumai_core::{
    orchestrator::{
        StepResult, StopCondition, StoppedBy, all_of, cost_over, elapsed, has_tool_call, no,
        same_call_repeated, step_count_is, tool_call_count_is, total_tokens_over,
    },
    prices::{ModelPrice, PriceTable, Usd},
    testing::{RecordingResolver, Reply},
    types::Usage,
};

use crate::fixtures::{Played, Scene, calls, play, restless, script, tool};

/// A run of `restless` whose replies cost 100 tokens and whose tool takes a second.
async fn working(condition: impl Fn() -> Box<dyn StopCondition>) -> Played {
    play(|_| {
        let reply = |n| Reply::empty().call("look", json!({ "n": n })).usage(Usage::new(90, 10));
        let model = (0..10).fold(script(), |script, n| script.then(reply(n)));
        let second = Duration::from_secs(1);
        let resolver = RecordingResolver::new().returning_after("look", second, json!("seen"));
        Scene::new(model).tools([tool("look")]).resolver(resolver).stop(condition())
    })
    .await
}

fn steps_of(played: &Played) -> usize {
    assert!(matches!(played.output().stopped_by, StoppedBy::Condition { index: 0, .. }));
    played.steps().len()
}

#[tokio::test(start_paused = true)]
async fn l5_total_tokens_over_holds_when_the_steps_cost_more_and_not_as_much() {
    assert_eq!(steps_of(&working(|| total_tokens_over(299)).await), 3);
    assert_eq!(steps_of(&working(|| total_tokens_over(300)).await), 4);
}

#[test]
fn l5_total_tokens_over_counts_what_is_known_and_takes_the_rest_for_nothing() {
    let step = |usage: Option<Usage>| {
        let mut step = StepResult::default();
        step.usage = usage;
        step
    };
    let mut half = Usage::default();
    half.input_tokens = 60.into();
    let steps = [step(None), step(Some(half)), step(Some(Usage::new(40, 1)))];
    assert!(total_tokens_over(100).should_stop(&steps));
    assert!(!total_tokens_over(101).should_stop(&steps));
    assert!(!total_tokens_over(0).should_stop(&[step(None)]));
    let endless = [step(Some(Usage::new(u64::MAX, 0))), step(Some(Usage::new(1, 1)))];
    assert!(!total_tokens_over(u64::MAX).should_stop(&endless), "a sum saturates");
}

fn prices(provider: &str, model: &str) -> PriceTable {
    let price = ModelPrice::new(provider, model, 10.0, 100.0);
    PriceTable::new("2026-01-31", "the price list", vec![price]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn l5_cost_over_holds_when_the_steps_cost_more_and_not_as_much() {
    let over = |amount: f64| move || cost_over(amount, &prices("scripted", "script"));
    assert_eq!(steps_of(&working(over(0.005_699)).await), 3);
    assert_eq!(steps_of(&working(over(0.005_7)).await), 4);
}

#[tokio::test(start_paused = true)]
async fn l5_cost_over_takes_what_is_unknown_for_nothing() {
    let played =
        play(|_| Scene::new(restless()).echoing(["look"]).stop(cost_over(0.0, &prices("a", "b"))))
            .await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    assert_eq!(StepResult::merge_costs(played.steps(), &prices("a", "b")), None);
    assert_eq!(StepResult::merge_costs(&[], &prices("a", "b")), Some(Usd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn l5_elapsed_holds_once_the_steps_took_that_long() {
    let seconds = |count| move || elapsed(Duration::from_secs(count));
    assert_eq!(steps_of(&working(seconds(3)).await), 3);
    let more = || elapsed(Duration::from_millis(3_001));
    assert_eq!(steps_of(&working(more).await), 4);
    assert_eq!(steps_of(&working(seconds(0)).await), 1);
}

#[tokio::test(start_paused = true)]
async fn l5_a_step_says_how_long_its_model_and_its_tools_took() {
    let played = play(|_| {
        let first = calls(&["slow", "quick"]).delayed(Duration::from_secs(2));
        let model = script().then(first.wait(Duration::from_secs(1))).reply("Done.");
        let resolver = RecordingResolver::new()
            .returning_after("slow", Duration::from_secs(5), json!(1))
            .returning_after("quick", Duration::from_secs(4), json!(2));
        Scene::new(model).tools([tool("slow"), tool("quick")]).resolver(resolver)
    })
    .await;
    let durations: Vec<_> = played.steps().iter().map(|it| it.duration).collect();
    assert_eq!(durations, [Duration::from_secs(8), Duration::ZERO]);
    assert_eq!(played.took, Duration::from_secs(8));
    let json = serde_json::to_value(played.steps()).unwrap();
    let back: Vec<StepResult> = serde_json::from_value(json).unwrap();
    assert_eq!(back, played.steps(), "it survives JSON");
}

#[tokio::test(start_paused = true)]
async fn l5_tool_call_count_is_holds_at_n_calls_or_more_and_counts_valid_ones() {
    let played = play(|_| {
        let model = script()
            .then(calls(&["look", "sing", "look"]))
            .then(calls(&["look", "look"]))
            .then(calls(&["look"]))
            .reply("Never.");
        Scene::new(model).echoing(["look"]).stop(tool_call_count_is(3))
    })
    .await;
    assert_eq!(steps_of(&played), 2, "`sing` does not exist");
    let held = |count| tool_call_count_is(count).should_stop(played.steps());
    assert_eq!([held(4), held(5)], [true, false]);
    assert!(tool_call_count_is(0).should_stop(&[]));
}

#[tokio::test(start_paused = true)]
async fn l5_same_call_repeated_looks_at_names_and_arguments_and_not_at_results() {
    let played = play(|_| {
        let model = script()
            .calls("look", json!({ "n": 1 }))
            .calls("look", json!({ "n": 2 }))
            .calls("look", json!({ "n": 2 }))
            .calls("hear", json!({ "n": 2 }))
            .calls("hear", json!({ "n": 2 }))
            .calls("hear", json!({ "n": 2 }))
            .reply("Never.");
        let counter = std::sync::atomic::AtomicUsize::new(0);
        let next = move |_: &serde_json::Value| {
            Ok(json!(counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
        };
        let resolver = RecordingResolver::new().returning("look", json!(0)).function("hear", next);
        let scene = Scene::new(model).tools([tool("look"), tool("hear")]).resolver(resolver);
        scene.stop(same_call_repeated(3))
    })
    .await;
    assert_eq!(steps_of(&played), 6);
}

#[tokio::test(start_paused = true)]
async fn l5_same_call_repeated_sees_two_and_three_calls_that_take_turns() {
    let round = |period: i32| {
        move || {
            let model = (0..12)
                .fold(script(), |script, step| script.calls("look", json!({ "n": step % period })));
            Scene::new(model).echoing(["look"]).stop(same_call_repeated(3))
        }
    };
    for period in 1..=3 {
        let scene = round(period);
        let played = play(|_| scene()).await;
        assert_eq!(steps_of(&played), 3 * usize::try_from(period).unwrap());
    }
    let four = round(4);
    let played = play(|_| four()).await;
    assert_eq!(played.failed().steps.len(), 12, "the script was at its end before");
}

#[tokio::test(start_paused = true)]
async fn l5_no_holds_when_its_condition_does_not() {
    let played = play(|_| {
        let idle = all_of(vec![step_count_is(2), no(has_tool_call("hear"))]);
        let model = script().then(calls(&["look"])).then(calls(&["hear"])).then(calls(&["look"]));
        Scene::new(model).echoing(["look", "hear"]).stop(idle)
    })
    .await;
    assert_eq!(steps_of(&played), 3);
    assert!(no(step_count_is(1)).should_stop(&[]));
    assert!(!no(no(step_count_is(1))).should_stop(&[]));
}

#[tokio::test(start_paused = true)]
async fn l5_a_condition_of_none_of_these_leaves_a_run_to_its_limit() {
    let played = play(|_| {
        let scene = Scene::new(restless()).echoing(["look"]).stop(same_call_repeated(2));
        scene.stop(total_tokens_over(0)).stop(elapsed(Duration::from_secs(1)))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
}

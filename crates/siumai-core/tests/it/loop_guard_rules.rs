//! A model that goes round in a circle: it is told, or the run ends.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind,
    orchestrator::{
        ApprovalRequest, LoopGuard, OnToolApproval, OrchestratorOptions, StepResult, StoppedBy,
        ToolApproval,
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
};

use crate::fixtures::{Played, Scene, assert_answered_once, play, script, tool};

fn guarded(loop_guard: LoopGuard) -> OrchestratorOptions {
    OrchestratorOptions { loop_guard, ..Default::default() }
}

/// A model that calls `look` with these numbers in turn, `times` times over.
fn circling(numbers: &[i64], times: usize) -> ScriptedModel {
    let all = numbers.iter().cycle().take(numbers.len() * times);
    all.fold(script(), |script, n| script.calls("look", json!({ "n": n }))).reply("Done.")
}

async fn turning(numbers: &'static [i64], times: usize, options: OrchestratorOptions) -> Played {
    play(|_| Scene::new(circling(numbers, times)).echoing(["look"]).options(options.clone())).await
}

/// The steps whose results have a note, by number.
fn noted(steps: &[StepResult]) -> Vec<usize> {
    let is_noted = |it: &&StepResult| it.tool_results.iter().any(|it| it.note.is_some());
    steps.iter().filter(is_noted).map(|it| it.step_number).collect()
}

#[tokio::test(start_paused = true)]
async fn l5_the_third_same_call_with_the_same_result_is_executed_and_the_model_is_told() {
    let played = turning(&[1], 4, OrchestratorOptions::default()).await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer, "nothing else happens");
    assert_eq!(played.calls.len(), 4);
    assert_eq!(noted(played.steps()), [2, 3]);
    let result = &played.steps()[2].tool_results[0];
    assert_eq!(result.output, json!("look"), "the output stays what the tool returned");
    let note = "The last 3 times that `look` was called with these arguments, the result was this same one. \
                Another such call is unlikely to change that: go on with what you have, take another way, \
                or answer.";
    assert_eq!(result.note.as_deref(), Some(note));
    assert_eq!(result.output_text(), format!("look\n\n{note}"), "the model reads both");
    let sent = played.requests[3].messages.last().unwrap();
    assert_eq!(sent.tool_results().next().unwrap(), result);
}

#[tokio::test(start_paused = true)]
async fn l5_two_and_three_calls_that_take_turns_are_noticed_too() {
    let two = turning(&[1, 2], 4, OrchestratorOptions::default()).await;
    assert_eq!(noted(two.steps()), [5, 6, 7]);
    let three = turning(&[1, 2, 3], 3, OrchestratorOptions::default()).await;
    assert_eq!(noted(three.steps()), [8]);
    let four = turning(&[1, 2, 3, 4], 4, OrchestratorOptions::default()).await;
    assert_eq!(noted(four.steps()), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn l5_a_call_that_yields_something_new_each_time_is_no_circle() {
    for loop_guard in [LoopGuard::Tell { times: 2 }, LoopGuard::Stop { times: 2 }] {
        let played = play(|_| {
            let count = AtomicUsize::new(0);
            let page = move |_: &Value| Ok(json!(count.fetch_add(1, Ordering::Relaxed)));
            let resolver = RecordingResolver::new().function("look", page);
            let scene = Scene::new(circling(&[1], 5)).tools([tool("look")]).resolver(resolver);
            scene.options(guarded(loop_guard))
        })
        .await;
        assert_eq!(played.output().stopped_by, StoppedBy::Answer);
        assert_eq!(noted(played.steps()), [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn l5_a_guard_that_stops_ends_the_run_when_all_was_done_so_often() {
    let stop = |times| guarded(LoopGuard::Stop { times });
    let one = turning(&[1], 9, stop(3)).await;
    assert_eq!(one.output().stopped_by, StoppedBy::RepeatedToolCalls);
    assert_eq!((one.steps().len(), noted(one.steps())), (3, vec![]));
    assert_answered_once(one.messages());
    assert_eq!(turning(&[1, 2], 9, stop(2)).await.steps().len(), 4);
    assert_eq!(turning(&[1, 2, 3], 9, stop(2)).await.steps().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn l5_a_guard_that_asks_has_the_next_same_call_wait_for_approval_and_the_run_goes_on_with_it()
{
    let asking = || guarded(LoopGuard::Ask { times: 2 });
    let waiting = turning(&[1], 3, asking()).await;
    let output = waiting.output();
    assert_eq!(output.stopped_by, StoppedBy::ApprovalPending);
    assert_eq!(waiting.calls.len(), 2, "the third was not executed");
    let suspended = output.suspended.clone().unwrap();
    let pending = suspended.pending();
    assert_eq!(pending.len(), 1);

    let resumed = play(|_| {
        let options = OrchestratorOptions {
            resume: Some(suspended.clone()),
            decisions: pending.iter().map(ApprovalRequest::approve).collect(),
            ..asking()
        };
        let scene = Scene::new(script().reply("Done.")).messages(vec![]).echoing(["look"]);
        scene.options(options)
    })
    .await;
    assert_eq!(resumed.output().stopped_by, StoppedBy::Answer);
    assert_eq!(resumed.calls.len(), 1, "it is executed once somebody approved it");
}

#[tokio::test(start_paused = true)]
async fn l5_a_guard_that_asks_leaves_alone_what_approval_denies_or_changes() {
    let deny: OnToolApproval = Arc::new(|_, _| ToolApproval::Deny { reason: "no".into() });
    let change: OnToolApproval = Arc::new(|_, _| ToolApproval::Modify(json!({ "n": 7 })));
    for approve in [deny, change] {
        let options = OrchestratorOptions {
            on_tool_approval: Some(approve),
            ..guarded(LoopGuard::Ask { times: 2 })
        };
        let played = turning(&[1], 5, options).await;
        assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    }
}

#[tokio::test(start_paused = true)]
async fn l5_a_guard_that_is_off_says_nothing() {
    let played = turning(&[1], 9, guarded(LoopGuard::Off)).await;
    assert_eq!((played.steps().len(), noted(played.steps())), (10, vec![]));
}

#[tokio::test(start_paused = true)]
async fn l5_a_failure_that_comes_again_is_noted_too() {
    let played = play(|_| {
        let error = siumai_core::LlmError::ToolExecutionError("The door is shut.".into());
        let resolver = RecordingResolver::new().failing("look", error);
        let twice = || Reply::empty().call("look", json!({})).call("look", json!({ "n": 1 }));
        let model = script().then(twice()).then(twice()).then(twice()).reply("Done.");
        Scene::new(model).tools([tool("look")]).resolver(resolver)
    })
    .await;
    assert_eq!(noted(played.steps()), [2]);
    let told = played.told(2);
    assert!(told.iter().all(|(status, text)| {
        *status == "failed" && text.starts_with("The door is shut.\n\nThe last 3 times")
    }));
}

#[tokio::test(start_paused = true)]
async fn l5_a_guard_that_sees_a_circle_in_anything_is_an_error() {
    for loop_guard in [LoopGuard::Tell { times: 1 }, LoopGuard::Stop { times: 0 }] {
        let played = turning(&[1], 1, guarded(loop_guard)).await;
        assert_eq!(played.failed().kind, ErrorKind::InvalidInput);
        assert!(played.failed().text.contains("give it at least 2, or choose `LoopGuard::Off`"));
    }
}

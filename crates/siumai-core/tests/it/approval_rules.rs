//! Approval: when it is asked, and what each answer brings about.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    orchestrator::{OnToolApproval, OrchestratorOptions, StoppedBy, ToolApproval, has_tool_call},
    testing::Reply,
    types::ToolResult,
};

use crate::fixtures::{Notes, Played, Scene, call, calls, echo, play, script, tool};

/// One reply that calls `look` with `arguments`, judged by `approver`.
async fn judged(arguments: Value, approver: fn(&Notes, &str, &Value) -> ToolApproval) -> Played {
    play(|notes| {
        let notes = notes.clone();
        let options = OrchestratorOptions {
            on_tool_approval: Some(Arc::new(move |name, arguments| {
                approver(&notes, name, arguments)
            })),
            ..Default::default()
        };
        let reply = Reply::empty().call("look", arguments.clone()).call("hear", json!({ "n": 2 }));
        let scene = Scene::new(script().then(reply).reply("Done."));
        scene.echoing(["look", "hear"]).options(options)
    })
    .await
}

/// One reply that calls `look`, which needs approval, and `hear`, which does not.
async fn needing_approval(on_tool_approval: Option<OnToolApproval>) -> Played {
    play(|_| {
        let options = OrchestratorOptions {
            on_tool_approval: on_tool_approval.clone(),
            ..Default::default()
        };
        let scene = Scene::new(script().then(calls(&["look", "hear"])).reply("Done."));
        scene
            .tools([tool("look").needs_approval(), tool("hear")])
            .resolver(echo(&["look", "hear"]))
            .options(options)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a3_where_nobody_is_asked_a_tool_that_needs_approval_waits_and_the_others_execute() {
    let played = needing_approval(None).await;
    assert_eq!(played.output().stopped_by, StoppedBy::ApprovalPending);
    assert_eq!(played.calls, [("hear".to_owned(), json!({}))]);
    let suspended = played.output().suspended.as_ref().unwrap();
    let waiting: Vec<_> = suspended.pending().iter().map(|it| it.call.name.clone()).collect();
    assert_eq!(waiting, ["look"]);
}

#[tokio::test(start_paused = true)]
async fn a3_a_tool_that_needs_approval_executes_when_it_is_approved() {
    let played = needing_approval(Some(Arc::new(|_, it| ToolApproval::Approve(it.clone())))).await;
    let called: Vec<_> = played.calls.iter().map(|it| &*it.0).collect();
    assert_eq!(called, ["look", "hear"]);
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

fn denied(name: &str, reason: &str) -> (&'static str, String) {
    let text = format!(
        "The call of `{name}` was denied and not executed: {reason}. Go on without it, or say what you need it for."
    );
    ("denied", text)
}

#[tokio::test(start_paused = true)]
async fn a1_approval_is_asked_in_call_order_before_any_call_executes() {
    let played = judged(json!({ "n": 1 }), |notes, name, arguments| {
        notes.add(format!("{name} {arguments}"));
        ToolApproval::Approve(arguments.clone())
    })
    .await;
    assert_eq!(played.notes, [r#"look {"n":1}"#, r#"hear {"n":2}"#]);
    assert_eq!(played.told(0), [("executed", "look".into()), ("executed", "hear".into())]);
    let executed = [("look".to_owned(), json!({ "n": 1 })), ("hear".to_owned(), json!({ "n": 2 }))];
    assert_eq!(played.calls, executed);
}

#[tokio::test(start_paused = true)]
async fn a1_a_call_that_could_not_be_executed_is_never_asked_about() {
    let played = judged(json!({ "n": "one" }), |notes, name, arguments| {
        notes.add(name);
        ToolApproval::Approve(arguments.clone())
    })
    .await;
    assert_eq!(played.notes, ["hear"]);
    assert_eq!(played.told(0)[0].0, "invalid");
}

#[tokio::test(start_paused = true)]
async fn a1_a_denial_is_told_to_the_model_with_its_reason_and_the_loop_goes_on() {
    let played = judged(json!({}), |_, name, arguments| match name {
        "look" => ToolApproval::Deny { reason: "it is private".into() },
        _ => ToolApproval::Approve(arguments.clone()),
    })
    .await;
    assert_eq!(played.told(0), [denied("look", "it is private"), ("executed", "hear".into())]);
    assert_eq!(played.calls, [("hear".to_owned(), json!({ "n": 2 }))]);
    assert_eq!(played.output().response.content_text(), Some("Done."));
    let held = has_tool_call("look").should_stop(&played.steps()[..1]);
    assert!(held, "a call that was denied is a valid call");
}

#[tokio::test(start_paused = true)]
async fn a1_modified_arguments_are_what_is_executed_and_the_result_says_so() {
    let played = judged(json!({ "n": 1 }), |_, name, arguments| match name {
        "look" => ToolApproval::Modify(json!({ "n": 9 })),
        _ => ToolApproval::Approve(arguments.clone()),
    })
    .await;
    assert_eq!(played.calls[0], ("look".to_owned(), json!({ "n": 9 })));
    let look = call("call_1", "look", json!({ "n": 1 }));
    let step = &played.steps()[0];
    assert_eq!(step.tool_calls[0], look, "what the model asked for stays as it was");
    let mut expected = ToolResult::executed(&look, json!("look"));
    expected.modified_arguments = Some(json!({ "n": 9 }));
    assert_eq!(*step.tool_results[0], expected);
    assert_eq!(step.tool_results[1].modified_arguments, None);
}

#[tokio::test(start_paused = true)]
async fn a1_other_arguments_in_an_approval_count_as_modified() {
    let played =
        judged(json!({ "n": 1 }), |_, _, _| ToolApproval::Approve(json!({ "n": 5 }))).await;
    let modified = played.steps()[0].tool_results.iter().map(|it| it.modified_arguments.clone());
    assert_eq!(modified.collect::<Vec<_>>(), [Some(json!({ "n": 5 })), Some(json!({ "n": 5 }))]);
}

#[tokio::test(start_paused = true)]
async fn a1_modified_arguments_are_validated_again() {
    let played = judged(json!({ "n": 1 }), |_, name, arguments| match name {
        "look" => ToolApproval::Modify(json!({ "n": "nine" })),
        _ => ToolApproval::Approve(arguments.clone()),
    })
    .await;
    assert_eq!(played.calls, [("hear".to_owned(), json!({ "n": 2 }))]);
    let (status, text) = &played.told(0)[0];
    assert_eq!(*status, "denied");
    assert!(text.contains("at `/n`: want integer, but got string"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn t7_whoever_approves_sees_empty_arguments_as_the_tool_gets_them() {
    for arguments in ["", "null", "{}"] {
        let played = play(|notes| {
            let notes = notes.clone();
            let approve = move |_: &str, arguments: &Value| {
                notes.add(arguments.to_string());
                ToolApproval::Approve(arguments.clone())
            };
            let on_tool_approval = Some(Arc::new(approve) as OnToolApproval);
            let options = OrchestratorOptions { on_tool_approval, ..Default::default() };
            let reply = Reply::empty().raw_call("a", "look", arguments);
            Scene::new(script().then(reply).reply("Done.")).echoing(["look"]).options(options)
        })
        .await;
        assert_eq!(played.notes, ["{}"], "{arguments:?}");
        let result = ToolResult::executed(&call("a", "look", json!({})), json!("look"));
        assert_eq!(*played.steps()[0].tool_results[0], result, "nothing was modified");
        assert_eq!(played.calls, [("look".to_owned(), json!({}))], "{arguments:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a6_a_panic_in_the_approver_is_a_denial() {
    let played = judged(json!({}), |_, name, arguments| {
        assert_eq!(name, "hear", "only hearing is allowed");
        ToolApproval::Approve(arguments.clone())
    })
    .await;
    assert_eq!(played.told(0), [denied("look", "approval failed"), ("executed", "hear".into())]);
    assert_eq!(played.calls, [("hear".to_owned(), json!({ "n": 2 }))]);
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

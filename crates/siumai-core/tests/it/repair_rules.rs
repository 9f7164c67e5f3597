//! Calls that can't be executed: mended once, and tolerated so many times in a row.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    orchestrator::{
        InvalidCall, OrchestratorOptions, PrepareStepContext, PrepareStepResult, StoppedBy,
        ToolApproval, has_tool_call,
    },
    testing::{Reply, ScriptedModel},
    types::{ChatMessage, Role, Tool, ToolCall, ToolChoice},
};

use crate::fixtures::{
    Notes, Played, Scene, assert_answered_once, call, calls, echo, play, script, tool,
};

fn repairing(
    repair: impl Fn(InvalidCall<'_>) -> Option<ToolCall> + Send + Sync + 'static,
) -> OrchestratorOptions {
    OrchestratorOptions { repair_tool_call: Some(Arc::new(repair)), ..Default::default() }
}

/// Notes what it is asked, and makes a number of each text.
fn numbering(notes: &Notes) -> OrchestratorOptions {
    let notes = notes.clone();
    repairing(move |invalid| {
        let names: Vec<_> = invalid.tools.iter().map(Tool::name).collect();
        notes.add(format!("{} of {}: {}", invalid.call.name, names.join(" "), invalid.problem));
        let n: i64 = invalid.call.arguments["n"].as_str()?.parse().ok()?;
        Some(ToolCall { arguments: json!({ "n": n }), ..invalid.call.clone() })
    })
}

#[tokio::test(start_paused = true)]
async fn t9_a_null_where_a_parameter_is_left_out_is_left_out() {
    let played = play(|_| {
        let model = script().calls("look", json!({ "n": null, "far": true })).reply("Done.");
        let look = tool("look").parameter("far", "boolean", "How", true);
        Scene::new(model).tools([look]).resolver(echo(&["look"]))
    })
    .await;
    assert_eq!(played.calls, [("look".to_owned(), json!({ "far": true }))]);
    let result = &played.steps()[0].tool_results[0];
    assert_eq!(result.modified_arguments, Some(json!({ "far": true })));
}

#[tokio::test(start_paused = true)]
async fn t9_a_repair_mends_an_invalid_call_once_and_the_mended_call_is_executed() {
    let played = play(|notes| {
        let model = script().calls("look", json!({ "n": "7" })).reply("Done.");
        Scene::new(model).echoing(["look", "hear"]).options(numbering(notes))
    })
    .await;
    assert_eq!(played.calls, [("look".to_owned(), json!({ "n": 7 }))]);
    let asked = "look of look hear: The arguments of `look` do not fit its schema: at `/n`: want integer, \
                 but got string (schema `/properties/n`). Call it again with arguments that do.";
    assert_eq!(played.notes, [asked]);

    let step = &played.steps()[0];
    let made = call("call_1", "look", json!({ "n": "7" }));
    assert_eq!(step.tool_calls, [Arc::clone(&made)], "the reply keeps the call as it was made");
    assert_eq!(step.messages[0].tool_calls().collect::<Vec<_>>(), [&made]);
    let result = &step.tool_results[0];
    assert_eq!((result.name.as_str(), &result.modified_name), ("look", &None));
    assert_eq!(result.modified_arguments, Some(json!({ "n": 7 })));
    assert_eq!(played.told(0), [("executed", "look".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t9_a_repaired_name_is_recorded_and_counts_as_a_call_of_that_tool() {
    let played = play(|_| {
        let lower = |invalid: InvalidCall<'_>| {
            Some(ToolCall { name: invalid.call.name.to_lowercase(), ..invalid.call.clone() })
        };
        let model = script().then(calls(&["LOOK"])).reply("Never.");
        let options = OrchestratorOptions {
            tool_choice: Some(ToolChoice::Specific { tool_name: "look".into() }),
            ..repairing(lower)
        };
        Scene::new(model).echoing(["look", "hear"]).options(options).stop(has_tool_call("look"))
    })
    .await;
    assert!(matches!(played.output().stopped_by, StoppedBy::Condition { index: 0, .. }));
    let result = &played.steps()[0].tool_results[0];
    assert_eq!((result.name.as_str(), result.modified_name.as_deref()), ("LOOK", Some("look")));
    assert_eq!(result.executed_name(), "look");
    assert_eq!(result.modified_arguments, None);
    assert_eq!(played.calls, [("look".to_owned(), json!({}))]);
}

#[tokio::test(start_paused = true)]
async fn t9_a_mended_call_is_validated_again_and_t1_answers_the_one_the_model_made() {
    let hopeless: [fn(InvalidCall<'_>) -> Option<ToolCall>; 4] = [
        |_| None,
        |invalid| Some(invalid.call.clone()),
        |invalid| Some(ToolCall { name: "sing".into(), ..invalid.call.clone() }),
        |_| panic!("no idea"),
    ];
    for repair in hopeless {
        let played = play(|notes| {
            let notes = notes.clone();
            let options = repairing(move |invalid| {
                notes.add("asked");
                repair(invalid)
            });
            let model = script().calls("look", json!({ "n": "x" })).reply("Done.");
            Scene::new(model).echoing(["look"]).options(options)
        })
        .await;
        let (status, told) = &played.told(0)[0];
        assert_eq!(*status, "invalid");
        assert!(told.starts_with("The arguments of `look` do not fit its schema"), "{told}");
        assert!(played.calls.is_empty());
        assert_eq!(played.notes, ["asked"], "once");
        assert_eq!(played.steps()[0].tool_results[0].modified_arguments, None);
    }
}

#[tokio::test(start_paused = true)]
async fn t9_a_repair_is_not_asked_about_valid_calls_and_never_leaves_the_active_set() {
    let played = play(|notes| {
        let notes = notes.clone();
        let prepare = |_: PrepareStepContext<'_>| PrepareStepResult {
            active_tools: Some(vec!["look".into()]),
            ..Default::default()
        };
        let options = OrchestratorOptions {
            prepare_step: Some(Arc::new(prepare)),
            ..repairing(move |invalid| {
                let names: Vec<_> = invalid.tools.iter().map(Tool::name).collect();
                notes.add(format!("{} of {}", invalid.call.name, names.join(" ")));
                Some(ToolCall { name: "delete".into(), ..invalid.call.clone() })
            })
        };
        let model = script().then(calls(&["look", "sing"])).reply("Done.");
        Scene::new(model).echoing(["look", "delete"]).options(options)
    })
    .await;
    assert_eq!(played.notes, ["sing of look"]);
    assert_eq!(played.calls, [("look".to_owned(), json!({}))]);
}

#[tokio::test(start_paused = true)]
async fn t9_a_mended_call_keeps_its_id_whatever_the_repair_says() {
    let played = play(|_| {
        let options = repairing(|_| Some((*call("another", "look", json!({}))).clone()));
        let model = script().then(calls(&["peek", "look"])).reply("Done.");
        Scene::new(model).echoing(["look"]).options(options)
    })
    .await;
    let ids: Vec<_> = played.steps()[0].tool_results.iter().map(|it| it.call_id.clone()).collect();
    assert_eq!(ids, ["call_1", "call_2"]);
    assert_answered_once(played.messages());
}

#[tokio::test(start_paused = true)]
async fn t9_approval_is_asked_about_the_mended_call() {
    let played = play(|notes| {
        let asked = notes.clone();
        let approve = move |name: &str, arguments: &Value| {
            asked.add(format!("approve {name} {arguments}"));
            match arguments["n"].as_i64() {
                Some(1) => ToolApproval::Deny { reason: "one is too few".into() },
                _ => ToolApproval::Modify(json!({ "n": 3 })),
            }
        };
        let options = OrchestratorOptions {
            on_tool_approval: Some(Arc::new(approve)),
            ..repairing(|invalid| {
                let n: i64 = invalid.call.arguments["n"].as_str()?.parse().ok()?;
                let arguments = json!({ "n": n });
                Some(ToolCall { name: "look".into(), arguments, ..invalid.call.clone() })
            })
        };
        let reply =
            Reply::empty().call("Look", json!({ "n": "1" })).call("Look", json!({ "n": "2" }));
        Scene::new(script().then(reply).reply("Done.")).echoing(["look"]).options(options)
    })
    .await;
    assert_eq!(played.notes, [r#"approve look {"n":1}"#, r#"approve look {"n":2}"#]);
    assert_eq!(played.calls, [("look".to_owned(), json!({ "n": 3 }))]);
    let [denied, modified] = &played.steps()[0].tool_results[..] else { panic!() };
    assert_eq!((denied.name.as_str(), &denied.modified_name), ("Look", &None), "it never ran");
    assert_eq!(modified.modified_name.as_deref(), Some("look"));
    assert_eq!(modified.modified_arguments, Some(json!({ "n": 3 })));
}

#[tokio::test(start_paused = true)]
async fn t9_a_mended_call_that_is_left_to_the_caller_is_given_as_mended() {
    let played = play(|_| {
        let options =
            repairing(|invalid| Some(ToolCall { name: "ask".into(), ..invalid.call.clone() }));
        let scene = Scene::new(script().then(calls(&["Ask"]))).tools([tool("ask")]);
        scene.resolver(echo(&[])).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::ToolCallsPending);
    assert_eq!(played.output().pending, [call("call_1", "ask", json!({}))]);
}

/// A run of these replies, each a list of tools; `sing` does not exist.
async fn tolerating(budget: Option<usize>, replies: &'static [&'static [&'static str]]) -> Played {
    play(|_| {
        let model: ScriptedModel =
            replies.iter().fold(script(), |script, names| script.then(calls(names)));
        let defaults = OrchestratorOptions::default();
        let max_invalid_calls = budget.unwrap_or(defaults.max_invalid_calls);
        let options = OrchestratorOptions { max_invalid_calls, ..defaults };
        Scene::new(model.reply("Done.")).echoing(["look"]).options(options)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn t9_a_run_tolerates_three_invalid_calls_in_a_row_and_the_fourth_ends_it() {
    let three = tolerating(None, &[&["sing"], &["sing"], &["sing"]]).await;
    assert_eq!(three.output().stopped_by, StoppedBy::Answer);
    let four = tolerating(None, &[&["sing"], &["sing"], &["sing"], &["sing"]]).await;
    assert_eq!(four.output().stopped_by, StoppedBy::InvalidToolCalls);
    assert_eq!(four.steps().len(), 4);
    assert_eq!(four.output().messages.last().map(ChatMessage::role), Some(Role::Tool));
    assert_answered_once(four.messages());
}

#[tokio::test(start_paused = true)]
async fn t9_a_valid_call_begins_the_count_anew() {
    let replies: &[&[&str]] = &[&["sing"], &["sing", "look"], &["sing"], &["look"], &["sing"]];
    assert_eq!(tolerating(Some(1), replies).await.output().stopped_by, StoppedBy::Answer);
    let played = tolerating(Some(1), &[&["look"], &["sing"], &["sing"], &["look"]]).await;
    assert_eq!(played.output().stopped_by, StoppedBy::InvalidToolCalls);
    assert_eq!(played.steps().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn t9_the_calls_of_one_reply_are_one_mistake() {
    let played = tolerating(Some(1), &[&["sing", "sing", "sing", "sing", "sing"], &["look"]]).await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn t9_a_budget_of_none_ends_the_run_at_the_first() {
    let played = tolerating(Some(0), &[&["sing"]]).await;
    assert_eq!(played.output().stopped_by, StoppedBy::InvalidToolCalls);
    assert_eq!(played.steps().len(), 1);
}

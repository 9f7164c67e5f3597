//! Tool calls: what is checked before any runs, and what the model is told.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    LlmError, async_trait,
    orchestrator::{OrchestratorOptions, PrepareStepContext, PrepareStepResult, StreamEvent},
    testing::Reply,
    tool::{ToolContext, ToolResolver},
    types::{FinishReason, Tool, ToolStatus},
};

use crate::fixtures::{Notes, Played, Scene, call, calls, echo, play, script, tool};

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
async fn t7_empty_arguments_mean_an_empty_object() {
    for arguments in ["", "  \n", "{}", "null"] {
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
    for arguments in ["[1]", "7", r#""{}""#, r#""some words""#] {
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

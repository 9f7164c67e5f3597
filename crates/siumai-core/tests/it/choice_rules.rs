//! Tool choices that a model does not obey: what it calls against them is not executed.
use std::sync::Arc;

use siumai_core::{
    orchestrator::{OrchestratorOptions, PrepareStepContext, PrepareStepResult, StoppedBy},
    types::ToolChoice,
};

use crate::fixtures::{Played, Scene, assert_answered_once, calls, play, prepared, script, tool};

const NONE_MAY: &str = "`look` was not executed, for no tool may be called now. Answer without.";

fn specific(name: &str) -> ToolChoice {
    ToolChoice::Specific { tool_name: name.into() }
}

async fn choosing(choice: ToolChoice, replies: &'static [&'static [&'static str]]) -> Played {
    play(|_| {
        let model = replies.iter().fold(script(), |script, names| script.then(calls(names)));
        let options =
            OrchestratorOptions { tool_choice: Some(choice.clone()), ..Default::default() };
        Scene::new(model.reply("Done.")).echoing(["look", "hear"]).options(options)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn t2_a_step_whose_choice_is_none_executes_nothing_and_the_model_is_told() {
    let played = choosing(ToolChoice::None, &[&["look", "look"], &["look"]]).await;
    assert!(played.calls.is_empty());
    let told = || ("invalid", NONE_MAY.to_owned());
    assert_eq!((played.told(0), played.told(1)), (vec![told(), told()], vec![told()]));
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    assert_answered_once(played.messages());
}

#[tokio::test(start_paused = true)]
async fn t2_a_choice_of_none_by_prepare_step_rules_that_step_alone_and_beats_the_active_set() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| PrepareStepResult {
            tool_choice: (ctx.step_number == 0).then_some(ToolChoice::None),
            active_tools: Some(vec!["look".into()]),
            ..Default::default()
        };
        let model = script().then(calls(&["look"])).then(calls(&["look"])).reply("Done.");
        Scene::new(model).echoing(["look", "hear"]).options(prepared(Arc::new(prepare)))
    })
    .await;
    assert_eq!(played.told(0), [("invalid", NONE_MAY.to_owned())]);
    assert_eq!(played.told(1), [("executed", "look".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t2_a_choice_of_none_leaves_nothing_to_the_caller_either() {
    let played = play(|_| {
        let options =
            OrchestratorOptions { tool_choice: Some(ToolChoice::None), ..Default::default() };
        let scene = Scene::new(script().then(calls(&["look"])).reply("Done."));
        scene.tools([tool("look")]).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    assert_eq!(played.told(0), [("invalid", NONE_MAY.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t2_a_choice_of_one_tool_executes_no_other() {
    let played = choosing(specific("look"), &[&["hear", "look"]]).await;
    let told = "There is no tool named `hear` to call now. You can call: `look`.";
    let executed = ("executed", "look".to_owned());
    assert_eq!(played.told(0), [("invalid", told.to_owned()), executed]);
    assert_eq!(played.calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn l7_a_forced_tool_stays_forced_until_it_was_called_itself() {
    let played = choosing(specific("look"), &[&["hear"], &["look"], &["hear"]]).await;
    let choices: Vec<_> =
        played.requests.iter().map(|it| it.tool_choice.clone().unwrap()).collect();
    let auto = ToolChoice::Auto;
    assert_eq!(choices, [specific("look"), specific("look"), auto.clone(), auto]);
    let names: Vec<_> = played.calls.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["look", "hear"]);
}

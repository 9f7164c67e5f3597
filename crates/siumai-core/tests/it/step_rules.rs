//! What rules one step: `prepare_step`, the choice of tools and the settings.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    ErrorKind,
    orchestrator::{OrchestratorOptions, PrepareStepContext, PrepareStepResult},
    system,
    types::{ChatMessage, Settings, ToolChoice},
    user,
};

use crate::fixtures::{Played, Scene, Sent, play, prepared, restless, script};

/// Of each request, what was sent about tools.
fn choices(played: &Played) -> Vec<(Vec<String>, Option<ToolChoice>)> {
    played.requests.iter().map(|it| (it.tools.clone(), it.tool_choice.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn l6_prepare_step_rules_one_step_alone_and_the_history_stays_whole() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| match ctx.step_number {
            1 => PrepareStepResult {
                tool_choice: Some(ToolChoice::None),
                active_tools: Some(vec!["hear".into()]),
                system: Some("Step two.".into()),
                messages: Some(vec![user!("only this")]),
            },
            _ => PrepareStepResult::default(),
        };
        let model = script().calls("look", json!({})).calls("hear", json!({})).reply("Done.");
        Scene::new(model)
            .messages(vec![system!("Be brief."), system!("Be kind."), user!("go")])
            .echoing(["look", "hear"])
            .options(prepared(Arc::new(prepare)))
    })
    .await;

    let [first, second, third] = &played.requests[..] else { panic!() };
    assert_eq!(first.system, [system!("Be brief."), system!("Be kind.")]);
    assert_eq!(second.system, [system!("Step two.")], "it replaces, it is not added");
    assert_eq!(second.messages, [user!("only this")]);
    assert_eq!(third.system, first.system);
    let whole = [&[user!("go")], &played.steps()[0].messages[..], &played.steps()[1].messages[..]];
    assert_eq!(third.messages, whole.concat());
    let both = vec!["look".to_owned(), "hear".to_owned()];
    let expected =
        [(both.clone(), None), (vec!["hear".into()], Some(ToolChoice::None)), (both, None)];
    assert_eq!(choices(&played), expected);
    assert_eq!(played.messages()[..3], [system!("Be brief."), system!("Be kind."), user!("go")]);
}

#[tokio::test(start_paused = true)]
async fn l6_the_settings_of_the_run_hold_in_every_step() {
    let settings = || Settings { temperature: Some(0.2), seed: Some(7), ..Default::default() };
    let played = play(|_| {
        let options = OrchestratorOptions { settings: settings(), ..Default::default() };
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        scene.echoing(["look"]).options(options)
    })
    .await;
    let sent: Vec<_> = played.requests.into_iter().map(|it| it.settings).collect();
    assert_eq!(sent, [settings(), settings()]);
}

#[tokio::test(start_paused = true)]
async fn l6_prepare_step_sees_what_came_before_its_step() {
    let played = play(|notes| {
        let notes = notes.clone();
        let prepare = move |ctx: PrepareStepContext<'_>| {
            let (steps, messages) = (ctx.steps.len(), ctx.messages.len());
            notes.add(format!("{}: {steps} steps, {messages} messages", ctx.step_number));
            PrepareStepResult::default()
        };
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        let scene = scene.messages(vec![system!("Be brief."), user!("go")]);
        scene.echoing(["look"]).options(prepared(Arc::new(prepare)))
    })
    .await;
    assert_eq!(played.notes, ["0: 0 steps, 1 messages", "1: 1 steps, 3 messages"]);
}

fn own_messages() -> Vec<ChatMessage> {
    vec![system!("The messages'."), user!("this")]
}

#[tokio::test(start_paused = true)]
async fn l6_one_system_message_takes_the_place_of_another() {
    let sent = |wish: fn() -> PrepareStepResult| async move {
        let played = play(|_| {
            let scene = Scene::new(script().reply("Done."));
            let scene = scene.messages(vec![system!("The run's."), user!("go")]);
            scene.options(prepared(Arc::new(move |_: PrepareStepContext<'_>| wish())))
        })
        .await;
        let Sent { system, messages, .. } = played.requests[0].clone();
        (system, messages)
    };
    assert_eq!(
        sent(|| PrepareStepResult { system: Some("The step's.".into()), ..Default::default() })
            .await,
        (vec![system!("The step's.")], vec![user!("go")])
    );
    assert_eq!(
        sent(|| PrepareStepResult { messages: Some(own_messages()), ..Default::default() }).await,
        (vec![system!("The messages'.")], vec![user!("this")])
    );
    assert_eq!(
        sent(|| PrepareStepResult {
            system: Some("The step's.".into()),
            messages: Some(own_messages()),
            ..Default::default()
        })
        .await,
        (vec![system!("The step's.")], vec![user!("this")])
    );
}

#[tokio::test(start_paused = true)]
async fn l6_what_prepare_step_wants_and_cannot_be_is_an_error_that_names_it() {
    let error = |wish: fn() -> PrepareStepResult| async move {
        let played = play(|_| {
            let prepare = move |ctx: PrepareStepContext<'_>| match ctx.step_number {
                0 => PrepareStepResult::default(),
                _ => wish(),
            };
            let scene = Scene::new(script().calls("look", json!({})).reply("Never."));
            scene.echoing(["look"]).options(prepared(Arc::new(prepare)))
        })
        .await;
        assert_eq!(played.failed().kind, ErrorKind::InvalidInput);
        assert_eq!(played.steps().len(), 1, "what was done is kept");
        played.failed().text.replace(" (1 step was finished)", "")
    };
    assert_eq!(
        error(|| PrepareStepResult {
            active_tools: Some(vec!["loook".into()]),
            ..Default::default()
        })
        .await,
        "active_tools names `loook`, which is not on offer (`look`); did you mean `look`?"
    );
    assert_eq!(
        error(|| PrepareStepResult {
            tool_choice: Some(ToolChoice::Specific { tool_name: "sing".into() }),
            ..Default::default()
        })
        .await,
        "tool_choice forces `sing`, which is not on offer (`look`)"
    );
    assert_eq!(
        error(|| PrepareStepResult {
            tool_choice: Some(ToolChoice::Required),
            active_tools: Some(vec![]),
            ..Default::default()
        })
        .await,
        "tool_choice requires a tool call, but no tools are on offer; offer some or choose `Auto`"
    );
    assert_eq!(
        error(|| PrepareStepResult { messages: Some(vec![]), ..Default::default() }).await,
        "prepare_step gave no messages; give at least one, or `None` for the history"
    );
}

#[tokio::test(start_paused = true)]
async fn l7_a_forced_choice_of_the_run_goes_back_to_auto_after_it_was_obeyed() {
    let forced = |choice: fn() -> ToolChoice| async move {
        let played = play(|_| {
            let model = script()
                .calls("look", json!({ "n": "no number" }))
                .calls("look", json!({}))
                .calls("look", json!({}))
                .reply("Done.");
            let options = OrchestratorOptions { tool_choice: Some(choice()), ..Default::default() };
            Scene::new(model).echoing(["look"]).options(options)
        })
        .await;
        played.requests.into_iter().map(|it| it.tool_choice.unwrap()).collect::<Vec<_>>()
    };
    let specific = || ToolChoice::Specific { tool_name: "look".into() };
    let auto = ToolChoice::Auto;
    assert_eq!(
        forced(|| ToolChoice::Required).await,
        [ToolChoice::Required, ToolChoice::Required, auto.clone(), auto.clone()],
        "an invalid call does not obey it"
    );
    let expected = [specific(), specific(), auto.clone(), auto];
    assert_eq!(forced(|| ToolChoice::Specific { tool_name: "look".into() }).await, expected);
    assert_eq!(forced(|| ToolChoice::None).await, [const { ToolChoice::None }; 4]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_call_of_another_tool_does_not_obey_a_choice_of_one() {
    let specific = || ToolChoice::Specific { tool_name: "look".into() };
    let played = play(|_| {
        let model = script().calls("hear", json!({})).calls("look", json!({})).reply("Done.");
        let options = OrchestratorOptions { tool_choice: Some(specific()), ..Default::default() };
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    let choices: Vec<_> = played.requests.into_iter().filter_map(|it| it.tool_choice).collect();
    assert_eq!(choices, [specific(), specific(), ToolChoice::Auto]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_forced_choice_of_prepare_step_is_obeyed_each_time() {
    let played = play(|_| {
        let prepare = |_: PrepareStepContext<'_>| PrepareStepResult {
            tool_choice: Some(ToolChoice::Required),
            ..Default::default()
        };
        let options = OrchestratorOptions { max_steps: 3, ..prepared(Arc::new(prepare)) };
        Scene::new(restless()).echoing(["look"]).options(options)
    })
    .await;
    let choices: Vec<_> = played.requests.into_iter().map(|it| it.tool_choice).collect();
    assert_eq!(choices, [const { Some(ToolChoice::Required) }; 3]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_choice_of_prepare_step_goes_before_the_runs_which_waits_until_it_is_obeyed() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| PrepareStepResult {
            tool_choice: (ctx.step_number == 0).then_some(ToolChoice::Auto),
            ..Default::default()
        };
        let model = script().calls("hear", json!({})).calls("look", json!({})).reply("Done.");
        let options = OrchestratorOptions {
            tool_choice: Some(ToolChoice::Specific { tool_name: "look".into() }),
            ..prepared(Arc::new(prepare))
        };
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    let specific = ToolChoice::Specific { tool_name: "look".into() };
    let choices: Vec<_> = played.requests.into_iter().filter_map(|it| it.tool_choice).collect();
    assert_eq!(choices, [ToolChoice::Auto, specific, ToolChoice::Auto]);
}

#[tokio::test(start_paused = true)]
async fn l7_without_tools_nothing_is_said_about_a_choice() {
    let played = play(|_| {
        let options =
            OrchestratorOptions { tool_choice: Some(ToolChoice::Auto), ..Default::default() };
        Scene::new(script().reply("Done.")).options(options)
    })
    .await;
    assert_eq!(choices(&played), [(vec![], None)]);
}

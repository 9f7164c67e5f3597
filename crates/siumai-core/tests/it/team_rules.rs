//! Models chosen step by step, and agents that hand a conversation on to one another.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    ErrorKind,
    journal::MemoryJournal,
    model::LanguageModel,
    orchestrator::{
        ApprovalRequest, OrchestratorOptions, PrepareStepResult, StoppedBy, Team, ToolApproval,
        ToolLoopAgent, UsageLimits, run, step_count_is,
    },
    testing::{Reply, ScriptedModel},
    tool::ToolSet,
    types::{ChatMessage, ChatRequest, Tool},
    user,
};

use crate::{
    agent_rules::{Agent, agent},
    fixtures::{Scene, calls, play, script},
};

fn echoing(names: &[&'static str]) -> ToolSet {
    names.iter().copied().fold(ToolSet::new(), |set, name| {
        set.function(name, "Does something", move |(): ()| async move { name })
    })
}

fn handing_to(name: &str) -> Reply {
    Reply::empty().call("hand_off", json!({ "to": name }))
}

/// A front desk that hands on to billing, which pays and answers.
fn desk_and_billing() -> (Arc<ScriptedModel>, Arc<ScriptedModel>, Agent) {
    let desk = Arc::new(script().then(handing_to("billing")));
    let billing = Arc::new(script().then(calls(&["pay"])).reply("Paid."));
    let team = team(&desk, &billing, echoing(&["pay", "look"]));
    (desk, billing, team)
}

fn team(desk: &Arc<ScriptedModel>, billing: &Arc<ScriptedModel>, tools: ToolSet) -> Agent {
    let desk = agent(Arc::clone(desk), echoing(&["find"])).with_system("You find who can help.");
    let billing = agent(Arc::clone(billing), tools).with_system("You see to money.");
    let team = Team::new().with("desk", "Knows everybody", &desk);
    team.with("billing", "Sees to money", &billing).build().unwrap()
}

fn offered(request: &ChatRequest) -> Vec<&str> {
    request.tools().iter().map(Tool::name).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hand_off_gives_the_whole_conversation_to_another_model_system_and_tools() {
    let (desk, billing, team) = desk_and_billing();
    let output = team.run(vec![user!("Pay me")]).await.unwrap();
    assert_eq!((output.steps.len(), &output.stopped_by), (3, &StoppedBy::Answer));
    assert_eq!(output.response.content_text(), Some("Paid."));

    let [asked] = &desk.requests()[..] else { panic!("the desk is asked once") };
    assert_eq!(asked.system(), [ChatMessage::system("You find who can help.")]);
    assert_eq!(offered(asked), ["find", "hand_off"]);
    let then = billing.requests();
    assert_eq!(then[0].system(), [ChatMessage::system("You see to money.")]);
    assert_eq!(offered(&then[0]), ["pay", "look", "hand_off"]);
    assert_eq!(then[0].messages(), &output.messages[..3], "all that was said");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_goes_on_is_with_whoever_had_it_last() {
    let (_, _, team) = desk_and_billing();
    let mut messages = team.run(vec![user!("Pay me")]).await.unwrap().messages;
    messages.push(user!("Thanks"));
    let (desk, billing) = (Arc::new(script()), Arc::new(script().reply("Any time.")));
    let again = self::team(&desk, &billing, echoing(&["pay"]));
    let output = again.run(messages).await.unwrap();
    assert_eq!(output.response.content_text(), Some("Any time."));
    assert!(desk.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn t2_a_member_cannot_call_the_tools_of_another() {
    let desk = Arc::new(script().then(calls(&["pay"])).reply("I can't."));
    let output =
        team(&desk, &Arc::new(script()), echoing(&["pay"])).run(vec![user!("Pay me")]).await;
    let output = output.unwrap();
    let told = output.steps[0].tool_results[0].output.as_str().unwrap();
    assert!(told.contains("pay") && output.steps[0].tool_results[0].is_error(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_denied_hand_off_hands_nothing_on() {
    let desk = Arc::new(script().then(handing_to("billing")).reply("So it's me."));
    let deny = |_: &str, _: &serde_json::Value| ToolApproval::Deny { reason: "no".to_owned() };
    let options =
        OrchestratorOptions { on_tool_approval: Some(Arc::new(deny)), ..Default::default() };
    let team = team(&desk, &Arc::new(script()), echoing(&["pay"])).with_options(options);
    let output = team.run(vec![user!("Pay me")]).await.unwrap();
    assert_eq!(output.response.content_text(), Some("So it's me."));
}

#[tokio::test(start_paused = true)]
async fn j2_a_team_that_was_suspended_goes_on_with_the_member_whose_turn_it_was() {
    let (desk, billing) =
        (Arc::new(script().then(handing_to("billing"))), script().then(calls(&["pay"])));
    let pay = || echoing(&["pay"]).marked(Tool::needs_approval);
    let journal = Arc::new(MemoryJournal::new());
    let options = OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        journal: Some(journal),
        ..Default::default()
    };
    let first = team(&desk, &Arc::new(billing), pay()).with_options(options.clone());
    let waiting = first.run(vec![user!("Pay me")]).await.unwrap();
    let pending = waiting.suspended.unwrap().pending();
    let decisions = pending.iter().map(ApprovalRequest::approve).collect();
    let later = team(&Arc::new(script()), &Arc::new(script().reply("Paid.")), pay());
    let later = later.with_options(OrchestratorOptions { decisions, ..options });
    let output = later.run(vec![]).await.unwrap();
    assert_eq!(output.response.content_text(), Some("Paid."));
    assert_eq!(output.steps.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_team_may_be_a_tool_and_a_member_prepares_its_own_steps() {
    let (_, _, team) = desk_and_billing();
    let model = script().calls("helper", json!({ "task": "Pay me" })).reply("Done.");
    let tools = ToolSet::new().add(team.as_tool("helper", "Helps"));
    let output = ToolLoopAgent::with_tools(model, tools).run(vec![user!("go")]).await.unwrap();
    assert_eq!(output.steps[0].tool_results[0].output, json!("Paid."));

    let quiet = OrchestratorOptions {
        prepare_step: Some(Arc::new(|_| PrepareStepResult {
            active_tools: Some(vec!["find".to_owned(), "pay".to_owned()]),
            system: Some("Hush.".to_owned()),
            ..Default::default()
        })),
        ..Default::default()
    };
    let model = Arc::new(script().reply("…"));
    let desk = agent(Arc::clone(&model), echoing(&["find"])).with_options(quiet);
    let other = agent(script(), echoing(&["pay"]));
    let team = Team::new().with("desk", "", &desk).with("other", "", &other).build().unwrap();
    team.run(vec![user!("go")]).await.unwrap();
    assert_eq!(offered(&model.requests()[0]), ["find"], "the tools of others stay out of reach");
    assert_eq!(model.requests()[0].system(), [ChatMessage::system("Hush.")]);
}

#[test]
fn mistakes_of_a_team_are_told_when_it_is_built() {
    let plain = || agent(script(), echoing(&["look"]));
    let told = |team: Team| team.build().unwrap_err().to_string();
    assert_eq!(told(Team::new()), "the team has no members; add at least one");
    let twice = Team::new().with("a", "", &plain()).with("a", "", &plain());
    assert_eq!(told(twice), "the team has two members named `a`; rename one");
    let clash = Team::new().with("a", "", &plain()).with("b", "", &plain());
    assert!(told(clash).contains("`look`"));
    let shared = plain();
    Team::new().with("a", "", &shared).with("b", "", &shared).build().unwrap();

    let limits = UsageLimits { requests: Some(1), ..Default::default() };
    let limited = plain().with_options(OrchestratorOptions { limits, ..Default::default() });
    let approve = |_: &str, _: &serde_json::Value| ToolApproval::Pause;
    let options =
        OrchestratorOptions { on_tool_approval: Some(Arc::new(approve)), ..Default::default() };
    let watched = plain().with_options(options);
    let stopped = plain().stop_when(step_count_is(1));
    for (member, what) in
        [(limited, "limits"), (watched, "an approver"), (stopped, "stop conditions")]
    {
        let error = Team::new().with("a", "", &member).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(&format!("the member `a` has {what} of its own")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_chosen_for_each_step_and_its_replies_are_its_own() {
    let played = play(|notes| {
        let notes = notes.clone();
        let quick: Arc<dyn LanguageModel> = Arc::new(script().reply("Quickly."));
        let choose = move |context: siumai_core::orchestrator::PrepareStepContext<'_>| {
            notes.add(format!("step {} after {}", context.step_number, context.messages.len()));
            (context.step_number == 1).then(|| Arc::clone(&quick))
        };
        let options =
            OrchestratorOptions { choose_model: Some(Arc::new(choose)), ..Default::default() };
        Scene::new(script().then(calls(&["look"]))).echoing(["look"]).options(options)
    })
    .await;
    assert_eq!(played.notes, ["step 0 after 1", "step 1 after 3"]);
    assert_eq!(played.output().response.content_text(), Some("Quickly."));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_chosen_again_finds_what_it_made_of_the_request_before() {
    let chosen = Arc::new(script().then(calls(&["look"])).reply("Done."));
    let model: Arc<dyn LanguageModel> = Arc::clone(&chosen) as _;
    let options = OrchestratorOptions {
        choose_model: Some(Arc::new(move |_| Some(Arc::clone(&model)))),
        ..Default::default()
    };
    let tools = echoing(&["look"]);
    run(&script(), vec![user!("Hi")], None, Some(&tools), &[], options).await.unwrap();
    let requests = chosen.requests();
    requests[0].memo().put("made of the first");
    assert_eq!(requests[1].memo().take(), Some("made of the first"));
}

#[tokio::test(start_paused = true)]
async fn j2_a_resumed_run_asks_no_model_for_what_is_recorded() {
    let journal = Arc::new(MemoryJournal::new());
    let options = |quick: Arc<dyn LanguageModel>| OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        journal: Some(Arc::clone(&journal) as _),
        choose_model: Some(Arc::new(move |_| Some(Arc::clone(&quick)))),
        ..Default::default()
    };
    let (model, quick) = (script(), Arc::new(script().reply("Hello.")));
    let first = run(&model, vec![user!("Hi")], None, None, &[], options(quick)).await.unwrap();
    let again = run(&script(), vec![], None, None, &[], options(Arc::new(script()))).await.unwrap();
    assert_eq!(again, first);
}

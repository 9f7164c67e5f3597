//! Agents whose calls need approval: who is asked, how the run above waits, and how both go on.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, async_trait,
    journal::MemoryJournal,
    orchestrator::{
        ApprovalDecision, ApprovalRequest, Approver, OrchestratorOptions, RunOutput, SigningKey,
        StoppedBy, StreamEvent, SuspendedRun, ToolApproval, ToolLoopAgent,
    },
    testing::{Reply, ScriptedModel},
    tool::{ToolContext, ToolResolver, ToolSet},
    types::{Tool, Usage},
    user,
};

use crate::{
    agent_rules::{Agent, agent, asking, helped_by, scene, task},
    fixtures::{Notes, Played, Scene, assert_answered_once, event_type, play, script},
};

/// Tools that write down what they are called with: `pay` needs approval, `look` does not.
fn purse(notes: &Notes) -> ToolSet {
    let (paid, seen) = (notes.clone(), notes.clone());
    ToolSet::new()
        .tool(paying_tool(), move |arguments, context: ToolContext| {
            paid.add(format!("{} pays {}", context.idempotency_key(), arguments["n"]));
            async { Ok(json!("paid")) }
        })
        .function("look", "Looks", move |(): ()| {
            seen.add("looks");
            async { "seen" }
        })
}

fn paying_tool() -> Tool {
    Tool::function("pay", "Pays").parameter("n", "integer", "How much", true).needs_approval()
}

fn pays(amounts: &[i64]) -> Reply {
    let reply = Reply::empty().call("look", json!({}));
    amounts.iter().fold(reply, |reply, n| reply.call("pay", json!({ "n": n })))
}

/// An agent that looks, pays `amounts`, and says so.
fn payer(notes: &Notes, amounts: &[i64]) -> Agent {
    let model = script().then(pays(amounts).usage(Usage::new(10, 1)));
    agent(model.then(Reply::text("It is paid.").usage(Usage::new(20, 2))), purse(notes))
}

/// The same agent in another process, whose model goes on where it was.
fn payer_later(notes: &Notes) -> Agent {
    agent(script().then(Reply::text("It is paid.").usage(Usage::new(20, 2))), purse(notes))
}

/// The run above, suspended with its helper, which wants to pay `amounts`.
async fn waiting(amounts: &'static [i64]) -> Played {
    play(|notes| scene(asking(), helped_by(&payer(notes, amounts)))).await
}

fn suspended(output: &RunOutput) -> SuspendedRun {
    output.suspended.clone().expect("the run waits")
}

/// Goes on with `suspended` in another process.
async fn resumed(suspended: &SuspendedRun, decisions: &[ApprovalDecision]) -> Played {
    play(|notes| later(notes, suspended, decisions)).await
}

fn later(notes: &Notes, suspended: &SuspendedRun, decisions: &[ApprovalDecision]) -> Scene {
    let (resume, decisions) = (Some(suspended.clone()), decisions.to_vec());
    scene(script().reply("Done."), helped_by(&payer_later(notes)))
        .messages(vec![])
        .options(OrchestratorOptions { resume, decisions, ..Default::default() })
}

const CHILD: &str = "run-1/step-0/tool/call_1/helper";

#[tokio::test(start_paused = true)]
async fn a2_a_pause_in_an_agent_suspends_the_run_above_with_the_agent_in_its_state() {
    let played = waiting(&[7]).await;
    let output = played.output();
    assert_eq!(output.stopped_by, StoppedBy::ApprovalPending);
    assert_eq!(played.notes, ["looks"]);
    assert_eq!(played.told(0)[0].0, "pending");
    assert_answered_once(&output.messages);
    assert_eq!(output.agents_usage, Usage::new(10, 1), "what was paid so far");

    let pending = suspended(output).pending();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].run_id.as_str(), pending[0].step_number), (CHILD, 0));
    assert_eq!(
        (pending[0].call.name.as_str(), &pending[0].agents),
        ("pay", &vec!["helper".to_owned()])
    );
    let asked = played.events.iter().find_map(|it| match it {
        StreamEvent::ApprovalPending { request, .. } => Some(request),
        _ => None,
    });
    assert_eq!(asked, Some(&pending[0]));
    let events: Vec<_> = played.events.iter().map(event_type).collect();
    assert!(!events.contains(&"step_finish".to_owned()), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a2_a_decided_agent_goes_on_where_it_was_and_then_the_run_above() {
    let at_once = play(|notes| {
        let options =
            OrchestratorOptions { on_tool_approval: Some(approve_all()), ..Default::default() };
        scene(asking(), helped_by(&payer(notes, &[7]))).options(options)
    })
    .await;
    let json = serde_json::to_string(&suspended(waiting(&[7]).await.output())).unwrap();
    let suspended: SuspendedRun = serde_json::from_str(&json).unwrap();
    let decisions: Vec<_> = suspended.pending().iter().map(ApprovalRequest::approve).collect();
    let resumed = resumed(&suspended, &decisions).await;
    assert_eq!(resumed.notes, [format!("{CHILD}/step-0/tool/call_2 pays 7")], "and looks no more");
    assert_eq!(resumed.output(), at_once.output());
    assert_eq!(resumed.output().agents_usage, Usage::new(30, 3));
}

fn approve_all() -> siumai_core::orchestrator::OnToolApproval {
    Arc::new(|_: &str, arguments: &Value| ToolApproval::Approve(arguments.clone()))
}

#[tokio::test(start_paused = true)]
async fn a3_any_subset_may_be_decided_and_the_rest_goes_on_waiting() {
    let suspended = suspended(waiting(&[1, 2]).await.output());
    let pending = suspended.pending();
    assert_eq!(pending.len(), 2);
    let nothing = resumed(&suspended, &[]).await;
    assert_eq!((nothing.notes.len(), &nothing.output().suspended), (0, &Some(suspended.clone())));

    let second = resumed(&suspended, &[pending[1].approve()]).await;
    assert_eq!(second.notes, [format!("{CHILD}/step-0/tool/call_3 pays 2")]);
    let left = second.output().suspended.clone().expect("it waits for the first");
    assert_eq!(left.pending(), pending[..1]);
    let refused = resumed(&left, &[pending[1].approve()]).await;
    assert_eq!(refused.failed().kind, ErrorKind::DecisionRefused, "a decision counts once");

    let ended = resumed(&left, &[pending[0].deny("too much")]).await;
    assert_eq!(ended.output().stopped_by, StoppedBy::Answer);
    assert!(ended.notes.is_empty());
    let both = [pending[1].approve(), pending[0].deny("too much")];
    assert_eq!(resumed(&suspended, &both).await.output().messages, ended.output().messages);
}

#[tokio::test(start_paused = true)]
async fn a4_a_decision_for_an_agent_holds_for_its_call_alone() {
    let suspended = suspended(waiting(&[7]).await.output());
    let request = &suspended.pending()[0];
    let mut others = vec![request.approve(); 5];
    others[0].run_id = "run-1".to_owned();
    others[1].step_number = 1;
    others[2].call_id = "call_1".to_owned();
    others[3].tool_name = "look".to_owned();
    others[4].arguments_digest = "0".repeat(64);
    for other in others {
        let refused = resumed(&suspended, &[request.approve(), other.clone()]).await;
        assert_eq!(refused.failed().kind, ErrorKind::DecisionRefused, "{other:?}");
        assert!(refused.notes.is_empty(), "nothing happens");
    }
    let misfit = resumed(&suspended, &[request.modify(json!({ "n": "much" }))]).await;
    assert_eq!(misfit.failed().kind, ErrorKind::DecisionRefused);
    assert!(misfit.notes.is_empty());
    let modified = resumed(&suspended, &[request.modify(json!({ "n": 3 }))]).await;
    assert_eq!(modified.notes, [format!("{CHILD}/step-0/tool/call_2 pays 3")]);
}

#[tokio::test(start_paused = true)]
async fn a4_a_decision_that_an_agent_refuses_leaves_it_waiting_and_cuts_no_sibling_short() {
    let journal = MemoryJournal::new();
    let boss = |notes: &Notes, model: ScriptedModel, helper: Agent, decisions| {
        let options = OrchestratorOptions {
            run_id: Some("run-1".to_owned()),
            journal: Some(Arc::new(journal.clone())),
            decisions,
            ..Default::default()
        };
        let own = ToolSet::new().add(purse(notes)).add(helped_by(&helper));
        ToolLoopAgent::with_tools(model, own).with_options(options)
    };
    let notes = Notes::default();
    let model = script().then(task().call("pay", json!({ "n": 1 })));
    let waiting = boss(&notes, model, payer(&notes, &[7]), vec![]).run(vec![user!("go")]).await;
    let pending = suspended(&waiting.unwrap()).pending();
    let [below, own] = &pending[..] else { panic!("two calls wait: {pending:?}") };

    let decisions = vec![below.modify(json!({ "n": "much" })), own.approve()];
    let refused = boss(&notes, script(), payer_later(&notes), decisions).run(vec![]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::DecisionRefused);
    assert_eq!(notes.all(), ["looks", "run-1/step-0/tool/call_2 pays 1"]);

    let model = script().reply("Done.");
    let decided = boss(&notes, model, payer_later(&notes), vec![below.approve()]).run(vec![]).await;
    assert_eq!(decided.unwrap().stopped_by, StoppedBy::Answer);
    assert_eq!(notes.all()[2..], [format!("{CHILD}/step-0/tool/call_2 pays 7")]);
}

#[tokio::test(start_paused = true)]
async fn a5_the_state_of_an_agent_is_signed_with_that_of_the_run_above() {
    let suspended = suspended(waiting(&[7]).await.output());
    let key = SigningKey::new([7; 32]).unwrap();
    let text = suspended.to_signed(&key).unwrap();
    assert_eq!(SuspendedRun::from_signed(&text, &key).unwrap(), suspended);
    let middle = text.len() / 2;
    let other = if &text[middle..=middle] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &text[..middle], &text[middle + 1..]);
    let refused = SuspendedRun::from_signed(&forged, &key).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::BadSignature);
}

#[tokio::test(start_paused = true)]
async fn a7_a_new_message_is_refused_while_an_agent_waits_or_denies_what_it_waits_for() {
    let suspended = suspended(waiting(&[7]).await.output());
    let told = |deny_pending| {
        let suspended = suspended.clone();
        move |notes: &Notes| {
            let resume = Some(suspended.clone());
            let options = OrchestratorOptions { resume, deny_pending, ..Default::default() };
            let model = script().reply("Done.");
            scene(model, helped_by(&payer_later(notes)))
                .messages(vec![user!("Stop")])
                .options(options)
        }
    };
    let refused = play(told(false)).await;
    assert_eq!(refused.failed().kind, ErrorKind::InvalidInput);
    assert!(refused.failed().text.contains("`call_2` of `pay`"), "{}", refused.failed().text);

    let denied = play(told(true)).await;
    assert!(denied.notes.is_empty());
    assert_eq!(denied.told(0), [("executed", "It is paid.".to_owned())]);
    assert_eq!(denied.messages()[3], user!("Stop"));
    assert_eq!(denied.output().stopped_by, StoppedBy::Answer);
}

/// Writes down who asks, and decides by the amount.
struct Boss(Notes);

#[async_trait]
impl Approver for Boss {
    async fn decide(&self, request: &ApprovalRequest, tool: &Tool) -> ToolApproval {
        let arguments = request.call.arguments.clone();
        self.0.add(format!("{:?} wants {} {arguments}", request.agents, tool.name()));
        match arguments["n"].as_i64() {
            Some(1) => ToolApproval::Deny { reason: "too little".to_owned() },
            Some(2) => ToolApproval::Modify(json!({ "n": 20 })),
            Some(3) => panic!("asleep"),
            _ => ToolApproval::Approve(arguments),
        }
    }
}

fn bossy(notes: &Notes) -> OrchestratorOptions {
    OrchestratorOptions { approver: Some(Arc::new(Boss(notes.clone()))), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn a1_an_agent_without_an_approver_asks_that_of_the_run_above_which_hears_who_asks() {
    let played = play(|notes| {
        let middle =
            agent(script().then(task()).reply("He did."), helped_by(&payer(notes, &[1, 2, 3])));
        let tools = ToolSet::new().add(middle.as_tool("manager", "Manages"));
        let model = script().calls("manager", json!({ "task": "pay" })).reply("Done.");
        scene(model, tools).options(bossy(notes))
    })
    .await;
    let below = r#"["manager", "helper"]"#;
    assert_eq!(
        played.notes,
        [
            r#"[] wants manager {"task":"pay"}"#.to_owned(),
            r#"["manager"] wants helper {"task":"help"}"#.to_owned(),
            format!("{below} wants look {{}}"),
            format!(r#"{below} wants pay {{"n":1}}"#),
            format!(r#"{below} wants pay {{"n":2}}"#),
            format!(r#"{below} wants pay {{"n":3}}"#),
            "looks".to_owned(),
            "run-1/step-0/tool/call_1/manager/step-0/tool/call_1/helper/step-0/tool/call_3 pays 20"
                .to_owned(),
        ]
    );
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn a1_an_agent_with_an_approver_of_its_own_asks_that() {
    let played = play(|notes| {
        let deny = |name: &str, arguments: &Value| match name {
            "pay" => ToolApproval::Deny { reason: "never".to_owned() },
            _ => ToolApproval::Approve(arguments.clone()),
        };
        let options =
            OrchestratorOptions { on_tool_approval: Some(Arc::new(deny)), ..Default::default() };
        let helper = payer(notes, &[7]).with_options(options);
        scene(asking(), helped_by(&helper)).options(bossy(notes))
    })
    .await;
    assert_eq!(played.notes, [r#"[] wants helper {"task":"help"}"#, "looks"]);
}

#[tokio::test(start_paused = true)]
async fn a2_agents_at_any_depth_wait_side_by_side_and_go_on_by_their_own_decisions() {
    let team = |notes: &Notes, first: ScriptedModel, middle: ScriptedModel, payer: [Agent; 2]| {
        let [below, beside] = payer;
        let manager = agent(middle, helped_by(&below)).as_tool("manager", "Manages");
        let set = ToolSet::new().add(manager).add(beside.as_tool("clerk", "Writes"));
        let _ = notes;
        scene(first, set)
    };
    let both = Reply::empty()
        .call("manager", json!({ "task": "a" }))
        .call("clerk", json!({ "task": "b" }));
    let waiting = play(|notes| {
        let agents = [payer(notes, &[1]), payer(notes, &[2])];
        team(notes, script().then(both.clone()), script().then(task()), agents)
    })
    .await;
    let suspended = suspended(waiting.output());
    let paths: Vec<_> = suspended.pending().iter().map(|it| it.agents.join("/")).collect();
    assert_eq!(paths, ["manager/helper", "clerk"]);

    let decisions: Vec<_> =
        suspended.pending().iter().rev().map(ApprovalRequest::approve).collect();
    let ended = play(|notes| {
        let agents = [payer_later(notes), payer_later(notes)];
        let scene = team(notes, script().reply("Done."), script().reply("He did."), agents);
        let (resume, decisions) = (Some(suspended.clone()), decisions.clone());
        let options = OrchestratorOptions { resume, decisions, ..Default::default() };
        scene.messages(vec![]).options(options)
    })
    .await;
    let told = [("executed", "He did.".to_owned()), ("executed", "It is paid.".to_owned())];
    assert_eq!(ended.told(0), told);
    assert_eq!(ended.notes.len(), 2, "{:?}", ended.notes);
}

/// A tool of its own that has two agents help, in the order that `names` says.
fn both(notes: &Notes, names: [&'static str; 2], helper: &Agent, other: &Agent) -> ToolSet {
    let inner = helped_by(helper).add(other.as_tool("other", "Helps"));
    let notes = notes.clone();
    ToolSet::new().function_with("both", "Has both help", move |(): (), context| {
        let (inner, notes) = (inner.clone(), notes.clone());
        async move {
            for name in names {
                let task = json!({ "task": "help" });
                let told = inner.call_tool_with(name, task, &context).await;
                notes.add(told.map_or_else(|it| it.message().to_owned(), |it| it.to_string()));
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn of_two_agents_in_one_call_the_first_may_wait_and_the_other_is_told_that_it_cannot() {
    let played = play(|notes| {
        let tools = both(notes, ["helper", "other"], &payer(notes, &[7]), &payer(notes, &[8]));
        scene(script().calls("both", json!({})).reply("Done."), tools)
    })
    .await;
    let pending = suspended(played.output()).pending();
    assert_eq!(pending.len(), 1, "the first of them waits, whatever the tool made of that");
    assert_eq!(pending[0].call.arguments, json!({ "n": 7 }));
    assert_eq!(pending[0].run_id, CHILD);
    assert!(played.notes[3].contains("needs approval, which nobody can give it here"));

    let resumed = play(|notes| {
        // In the other order: what the first began is not the other's.
        let looks = agent(script().reply("Nothing."), purse(notes));
        let tools = both(notes, ["other", "helper"], &payer_later(notes), &looks);
        let options = OrchestratorOptions {
            resume: played.output().suspended.clone(),
            decisions: vec![pending[0].approve()],
            ..Default::default()
        };
        scene(script().reply("Done."), tools).messages(vec![]).options(options)
    })
    .await;
    let paid = format!("{CHILD}/step-0/tool/call_2 pays 7");
    assert_eq!(resumed.notes, [r#""Nothing.""#, &paid, r#""It is paid.""#]);
}

/// An agent `depth` agents above one that pays.
fn deep(notes: &Notes, depth: usize) -> ToolSet {
    let (model, tools) = match depth {
        1 => (script().then(pays(&[7])), purse(notes)),
        _ => (script().then(task()), deep(notes, depth - 1)),
    };
    ToolSet::new().add(agent(model, tools).as_tool("helper", "Helps").max_depth(99))
}

#[tokio::test(start_paused = true)]
async fn a_state_as_deep_as_agents_may_go_is_read_back() {
    let played = play(|notes| scene(asking(), deep(notes, 10))).await;
    let suspended = suspended(played.output());
    assert_eq!(suspended.pending()[0].agents.len(), 10);
    let key = SigningKey::new([7; 32]).unwrap();
    let text = suspended.to_signed(&key).unwrap();
    assert_eq!(SuspendedRun::from_signed(&text, &key).unwrap(), suspended);

    let deeper = play(|notes| scene(asking(), deep(notes, 11))).await;
    assert_eq!(deeper.output().suspended, None, "more than ten are not called");
}

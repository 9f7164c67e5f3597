//! Agents as tools: what they are asked and answer, what they cost, and what stops them.
use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use siumai_core::{
    CancellationToken, ErrorKind, LlmError,
    model::LanguageModel,
    orchestrator::{
        AgentTool, OrchestratorOptions, StepResult, StoppedBy, StreamEvent, Timeouts,
        ToolLoopAgent, UsageLimit, UsageLimits, cost_over, step_count_is, total_tokens_over,
    },
    prices::{ModelPrice, PriceTable, Usd},
    testing::{Reply, ScriptedModel},
    tool::{ToolContext, ToolSet},
    types::{ModelUsage, Role, TokenCount, Usage},
    user,
};

use crate::fixtures::{Notes, NotesDrop, Scene, play, script, soon};

/// An agent that answers by `model` with `tools`.
pub(crate) fn agent(model: impl LanguageModel + 'static, tools: ToolSet) -> Agent {
    ToolLoopAgent::with_tools(Arc::new(model), tools)
}

pub(crate) type Agent = ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet>;

/// A scene whose model may call what `tools` has.
pub(crate) fn scene(model: ScriptedModel, tools: ToolSet) -> Scene {
    Scene::new(model).tools(tools.definitions().to_vec()).resolver(tools)
}

/// A set with `agent` as the tool `helper`.
pub(crate) fn helped_by(agent: &Agent) -> ToolSet {
    ToolSet::new().add(agent.as_tool("helper", "Helps"))
}

/// A model that has the helper do something, and is done.
pub(crate) fn asking() -> ScriptedModel {
    script().then(task()).reply("Done.")
}

pub(crate) fn task() -> Reply {
    Reply::empty().call("helper", json!({ "task": "help" }))
}

#[tokio::test(start_paused = true)]
async fn an_agent_begins_with_its_task_alone_and_answers_with_its_last_text() {
    let played = play(|notes| {
        let notes = notes.clone();
        let look = ToolSet::new().function_with("look", "Looks", move |(): (), context| {
            let (key, messages) =
                (context.idempotency_key().to_owned(), context.messages().to_vec());
            notes.add(format!("{key} after {:?}", messages[0].text()));
            async { "seen" }
        });
        let helper = agent(script().calls("look", json!({})).reply("I looked."), look);
        scene(asking(), helped_by(&helper.with_system("You help.")))
    })
    .await;
    assert_eq!(played.told(0), [("executed", "I looked.".to_owned())]);
    assert_eq!(
        played.notes,
        [r#"run-1/step-0/tool/call_1/helper/step-0/tool/call_1 after Some("help")"#]
    );
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn an_agent_takes_typed_arguments_and_may_answer_with_what_its_last_tool_returned() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Sum {
        a: i64,
        b: i64,
    }

    let played = play(|_| {
        let tools = ToolSet::new().function("add", "Adds", |it: Sum| async move { it.a + it.b });
        let helper = agent(script().calls("add", json!({ "a": 2, "b": 3 })), tools);
        let helper = helper.stop_when(step_count_is(1)).as_tool("helper", "Adds");
        let helper = helper.taking(|it: Sum| vec![user!(format!("{} + {}", it.a, it.b))]);
        let model = script().calls("helper", json!({ "a": 2, "b": 3 })).reply("Done.");
        scene(model, ToolSet::new().add(helper))
    })
    .await;
    assert_eq!(played.output().steps[0].tool_results[0].output, json!(5));
}

#[tokio::test(start_paused = true)]
async fn u2_what_agents_cost_is_rolled_up_under_its_own_field_through_every_depth() {
    let played = play(|_| {
        let deepest =
            agent(script().then(Reply::text("3").usage(Usage::new(300, 30))), ToolSet::new());
        let model = script().then(task().usage(Usage::new(20, 2)));
        let middle =
            agent(model.then(Reply::text("2").usage(Usage::new(21, 2))), helped_by(&deepest));
        let model = script().then(task().usage(Usage::new(1, 0)));
        scene(model.then(Reply::text("1").usage(Usage::new(2, 1))), helped_by(&middle))
    })
    .await;
    let output = played.output();
    assert_eq!(output.usage, Usage::new(3, 1));
    assert_eq!(output.agents_usage, Usage::new(341, 34));
    assert_eq!(StepResult::merge_agents_usage(&output.steps), output.agents_usage);
    let scripted = |usage| {
        let mut bill = ModelUsage::default();
        (bill.provider, bill.model) = (Some("scripted".into()), Some("script".into()));
        bill.usage = usage;
        bill
    };
    let bill = &output.steps[0].tool_results[0].agents_usage;
    assert_eq!(*bill, [scripted(Usage::new(341, 34))]);
}

#[tokio::test(start_paused = true)]
async fn u2_what_an_agent_does_not_say_it_cost_is_unknown() {
    let played = play(|_| {
        let model = script().then(task().usage(Usage::new(1, 1)));
        let model = model.then(Reply::text("1").usage(Usage::new(1, 1)));
        scene(model, helped_by(&agent(script().reply("Hm."), ToolSet::new())))
    })
    .await;
    assert_eq!(played.output().usage.total_tokens, 4);
    assert_eq!(played.output().agents_usage.total_tokens, TokenCount::UNKNOWN);
}

/// A scene whose helper costs 100 tokens a time, and whose model calls it again and again.
fn costly() -> Scene {
    let paid = |reply: Reply, input| reply.usage(Usage::new(input, 0));
    let helper = (0..9).fold(script(), |all, n| all.then(paid(Reply::text(format!("{n}")), 100)));
    let model = (0..9).fold(script(), |all, _| all.then(paid(task(), 1)));
    scene(model, helped_by(&agent(helper, ToolSet::new())))
}

#[tokio::test(start_paused = true)]
async fn u3_limits_and_conditions_on_tokens_and_cost_see_what_agents_cost() {
    let limits = UsageLimits { total_tokens: Some(250), ..Default::default() };
    let options = || OrchestratorOptions { limits, ..Default::default() };
    let played = play(|_| costly().options(options())).await;
    let limit = UsageLimit::TotalTokens;
    assert!(
        matches!(&played.output().stopped_by, StoppedBy::UsageLimit { limit: it, .. } if *it == limit)
    );
    assert_eq!(played.steps().len(), 3);

    let played = play(|_| costly().stop(total_tokens_over(200))).await;
    assert_eq!(played.steps().len(), 2);

    let prices = vec![ModelPrice::new("scripted", "script", 1.0, 1.0)];
    let prices = PriceTable::new("2026-01-31", "a test", prices).unwrap();
    let played = play(|_| costly().stop(cost_over(0.000_202, &prices))).await;
    assert_eq!(played.steps().len(), 3);
    assert_eq!(played.steps()[0].cost(&prices), Some(Usd::from(0.000_101)));
}

/// A tool that never comes to an end, and says when it is dropped.
fn endless(notes: &Notes) -> ToolSet {
    let notes = notes.clone();
    ToolSet::new().function("wait", "Waits", move |(): ()| {
        let notes = notes.clone();
        async move {
            let _dropped = NotesDrop(notes, "the agent's tool was dropped");
            std::future::pending::<()>().await;
        }
    })
}

fn waiting(notes: &Notes) -> Agent {
    let reply = Reply::empty().call("wait", json!({})).usage(Usage::new(50, 5));
    agent(script().then(reply), endless(notes))
}

#[tokio::test(start_paused = true)]
async fn e1_cancelling_the_run_above_stops_the_agent_and_keeps_what_it_cost() {
    let played = play(|notes| {
        let token = CancellationToken::new();
        let options =
            OrchestratorOptions { cancellation: Some(token.clone()), ..Default::default() };
        let stop = ToolSet::new().function("stop", "Stops", move |(): ()| {
            let token = token.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                token.cancel();
                std::future::pending::<()>().await;
            }
        });
        let model = script().then(task().call("stop", json!({})));
        scene(model, helped_by(&waiting(notes)).add(stop)).options(options)
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::Cancelled);
    assert_eq!(played.notes, ["the agent's tool was dropped"]);
    assert_eq!(played.failed().agents_usage, Usage::new(50, 5));
    assert_eq!(played.told(0)[0].0, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn e1_dropping_the_stream_above_stops_the_agent_and_keeps_what_it_cost() {
    let notes = Notes::default();
    let scene = scene(script().then(task()), helped_by(&waiting(&notes)));
    let orchestration = scene.stream().await;
    let mut stream = orchestration.stream;
    let hour = Duration::from_secs(3600);
    let read = async { while futures_util::StreamExt::next(&mut stream).await.is_some() {} };
    tokio::time::timeout(hour, read).await.unwrap_err();
    drop(stream);
    let failed = soon(orchestration.steps).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Cancelled);
    assert_eq!(notes.all(), ["the agent's tool was dropped"]);
    assert_eq!(failed.agents_usage(), Usage::new(50, 5));
}

#[tokio::test(start_paused = true)]
async fn e3_the_timeouts_of_the_agent_and_of_its_call_hold_alike() {
    let timeouts = Timeouts { run: Some(Duration::from_secs(2)), ..Default::default() };
    let played = play(|notes| {
        let options = OrchestratorOptions { timeouts, ..Default::default() };
        scene(asking(), helped_by(&waiting(notes).with_options(options)))
    })
    .await;
    let told = "The agent `helper` failed: the run took longer than 2s; raise `timeouts.run` if that \
                is too short. Give it another task, or go on without it.";
    assert_eq!(played.told(0), [("failed", told.to_owned())]);
    assert_eq!(played.output().agents_usage, Usage::new(50, 5));

    let played = play(|notes| {
        let tools = helped_by(&waiting(notes)).marked(|it| it.timeout(Duration::from_secs(1)));
        scene(asking(), tools)
    })
    .await;
    assert_eq!(played.told(0)[0].0, "timed_out");
    assert_eq!(played.output().agents_usage, Usage::new(50, 5));
    assert_eq!(played.notes, ["the agent's tool was dropped"]);
}

/// An agent that calls itself before it answers.
fn recursive(notes: &Notes) -> Agent {
    let below = notes.clone();
    let again = AgentTool::new("helper", "Helps", move || recursive(&below));
    notes.add("begins");
    agent(script().then(task()).reply("Did it."), ToolSet::new().add(again))
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_calls_itself_does_so_five_deep_and_is_told_then() {
    let played = play(|notes| {
        let notes = notes.clone();
        let helper = AgentTool::new("helper", "Helps", move || recursive(&notes));
        scene(asking(), ToolSet::new().add(helper))
    })
    .await;
    assert_eq!(played.told(0), [("executed", "Did it.".to_owned())]);
    assert_eq!(played.notes.len(), 5);

    let played = play(|_| {
        let helper = agent(script(), ToolSet::new()).as_tool("helper", "Helps");
        scene(asking(), ToolSet::new().add(helper.max_depth(0)))
    })
    .await;
    let told = "The agent `helper` was not called: agents may call agents only 0 deep, and this would be \
                deeper. Do the task yourself, or answer with what you have.";
    assert_eq!(played.told(0), [("failed", told.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t5_a_panic_in_an_agent_is_told_to_the_model_that_called_it() {
    let panics = |_: siumai_core::orchestrator::PrepareStepContext<'_>| panic!("what now");
    let played = play(|_| {
        let options =
            OrchestratorOptions { prepare_step: Some(Arc::new(panics)), ..Default::default() };
        scene(asking(), helped_by(&agent(script(), ToolSet::new()).with_options(options)))
    })
    .await;
    let (status, told) = &played.told(0)[0];
    assert_eq!(*status, "failed");
    assert!(
        told.starts_with("The agent `helper` failed: a panic ended the run: what now"),
        "{told}"
    );
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_fails_is_told_of_and_a_fatal_tool_of_it_ends_the_run_above() {
    let played = play(|_| {
        let failing = script().fails(LlmError::new(ErrorKind::Overloaded, "too busy"));
        scene(asking(), helped_by(&agent(failing, ToolSet::new())))
    })
    .await;
    let told = "The agent `helper` failed: too busy. Give it another task, or go on without it.";
    assert_eq!(played.told(0), [("failed", told.to_owned())]);

    let played = play(|_| {
        let burn = ToolSet::new().function("burn", "Burns", |(): ()| async {
            Err::<(), _>(LlmError::fatal("it burns"))
        });
        let helper = agent(script().calls("burn", json!({})), burn);
        scene(asking(), helped_by(&helper))
    })
    .await;
    assert_eq!((played.failed().kind, played.steps().len()), (ErrorKind::FatalTool, 1));
}

#[tokio::test(start_paused = true)]
async fn t11_what_an_agent_does_reaches_the_stream_above_as_progress() {
    let played = play(|_| {
        let look = ToolSet::new().function_with(
            "look",
            "Looks",
            |(): (), context: ToolContext| async move {
                context.progress("half");
                tokio::task::yield_now().await;
                "seen"
            },
        );
        let helper = agent(script().calls("look", json!({})).reply("I looked."), look);
        scene(asking(), helped_by(&helper))
    })
    .await;
    let progress = played.events.iter().filter_map(|it| match it {
        StreamEvent::ToolProgress { name, value, .. } if name == "helper" => Some(value.clone()),
        _ => None,
    });
    let text = |it: &Value| it["type"] == "text";
    let (texts, others): (Vec<_>, Vec<_>) = progress.partition(text);
    let texts: String = texts.iter().filter_map(|it| it["text"].as_str()).collect();
    assert_eq!(texts, "I looked.");
    assert_eq!(
        others,
        [
            json!({ "type": "tool_call", "name": "look" }),
            json!({ "type": "tool_progress", "name": "look", "value": "half" }),
            json!({ "type": "tool_result", "name": "look", "status": "executed" }),
        ]
    );
    let roles = played.messages().iter().map(siumai_core::types::ChatMessage::role);
    let expected = [Role::User, Role::Assistant, Role::Tool, Role::Assistant];
    assert_eq!(roles.collect::<Vec<_>>(), expected, "no word of it is in the history");
}

#[tokio::test(start_paused = true)]
async fn the_tools_of_an_agent_get_what_those_of_the_run_above_get() {
    let played = play(|notes| {
        let notes = notes.clone();
        let tools =
            ToolSet::new().function_with("look", "Looks", move |(): (), context: ToolContext| {
                notes.add(format!("{:?} {:?}", context.get::<&str>(), context.get::<u8>()));
                async {}
            });
        let helper =
            agent(script().calls("look", json!({})).reply("Hm."), tools).with_context(2_u8);
        let options = OrchestratorOptions::default().with_context("above").with_context(1_u8);
        scene(asking(), helped_by(&helper)).options(options)
    })
    .await;
    assert_eq!(played.notes, [r#"Some("above") Some(2)"#]);
}

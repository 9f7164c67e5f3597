//! A process that dies while an agent runs below a run: both are resumed, and nothing finished is
//! done twice.
use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    journal::{Effect, Journal, MemoryJournal, Outcome, Record, RecordKind, RunJournal},
    orchestrator::{
        ApprovalRequest, OrchestratorOptions, RecordedRun, RunError, RunOutput, StoppedBy,
        ToolLoopAgent, perform,
    },
    testing::Reply,
    tool::{ToolContext, ToolSet},
    types::{Tool, Usage},
    user,
};

use crate::{
    agent_rules::{Agent, agent, asking, helped_by, scene, task},
    crash_sweep::{ByPlace, Slow},
    fixtures::{assert_answered_once, calls, play, script},
};

const CHILD: &str = "run-1/step-0/tool/call_1/helper";

/// Everything that outlives a process.
#[derive(Clone, Default)]
struct World {
    journal: MemoryJournal,
    /// How often each call was finished, by its key.
    done: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl World {
    /// The tool `name` of an agent. Asked again for what it has done, it knows.
    fn tool(&self, name: &str) -> ToolSet {
        let done = Arc::clone(&self.done);
        let tool = Tool::function(name, "Does something").idempotent();
        ToolSet::new().tool(tool, move |_, context: ToolContext| {
            let done = Arc::clone(&done);
            async move {
                tokio::task::yield_now().await;
                *done.lock().unwrap().entry(context.idempotency_key().to_owned()).or_default() += 1;
                Ok(json!("done"))
            }
        })
    }

    fn helper(&self) -> Agent {
        let paid = |reply: Reply| reply.usage(Usage::new(10, 1));
        let tools = self.tool("look").add(self.tool("pay").marked(Tool::needs_approval));
        let replies = [calls(&["look", "pay"]), calls(&["look"]), Reply::text("Helped.")];
        agent(ByPlace::new(replies.map(paid)), tools)
    }

    /// One life of the process, from its start to wherever the run stops by itself.
    async fn live(&self) -> Result<RunOutput, RunError> {
        let options = OrchestratorOptions {
            run_id: Some("run-1".to_owned()),
            journal: Some(Arc::new(Slow(self.journal.clone()))),
            ..Default::default()
        };
        let boss = |options| {
            let model = ByPlace::new([task(), Reply::text("Done.")]);
            ToolLoopAgent::with_tools(model, helped_by(&self.helper())).with_options(options)
        };
        let has_begun = !self.journal.records("run-1").is_empty();
        let messages = if has_begun { vec![] } else { vec![user!("go")] };
        let output = boss(options.clone()).run(messages).await?;
        let Some(suspended) = output.suspended.clone() else { return Ok(output) };
        let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
        boss(OrchestratorOptions { decisions, ..options }).run(vec![]).await
    }

    /// A life that ends after so many polls; whether it came to its own end before.
    async fn live_for(&self, polls: usize) -> bool {
        let mut life = pin!(self.live());
        let mut left = polls;
        poll_fn(|context| {
            if life.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            left -= 1;
            // Died between two polls, whoever would have woken it.
            if left == 0 { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    fn check(&self, ended: &RunOutput, place: &str) {
        assert_eq!(ended.stopped_by, StoppedBy::Answer, "{place}");
        assert_answered_once(&ended.messages);
        assert_eq!(ended.steps.len(), 2, "{place}");
        assert_eq!(ended.steps[0].tool_results[0].output, json!("Helped."), "{place}");
        let child = RecordedRun::read(&self.journal.records(CHILD)).unwrap().unwrap();
        assert_eq!(child.steps().len(), 3, "{place}");
        assert!(self.done.lock().unwrap().len() == 3, "{place}");
        for run in ["run-1", CHILD] {
            for (effect, times) in outcomes(&self.journal.records(run)) {
                assert_eq!(times, 1, "{place}: {effect} of {run} was finished and done again");
            }
        }
    }
}

/// How often each effect has an outcome. A model that was asked again had none that was heard.
fn outcomes(records: &[Record]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for record in records.iter().filter(|it| it.kind() == RecordKind::Outcome) {
        *times.entry(record.effect().unwrap()).or_default() += 1;
    }
    times
}

#[tokio::test(start_paused = true)]
async fn j2_a_run_with_an_agent_that_dies_at_every_await_point_repeats_nothing_finished() {
    let whole = World::default();
    let output = whole.live().await.unwrap();
    whole.check(&output, "a whole life");
    assert_eq!(output.agents_usage, Usage::new(30, 3));
    let mut polls = 1;
    loop {
        let world = World::default();
        if world.live_for(polls).await {
            break;
        }
        let ended = world.live().await.unwrap();
        world.check(&ended, &format!("dying at poll {polls}"));
        polls += 1;
    }
    assert!(polls > 60, "{polls} polls are the whole life");
}

#[tokio::test(start_paused = true)]
async fn j2_a_run_with_an_agent_that_dies_again_and_again_comes_to_its_end() {
    for polls in 7..40 {
        let world = World::default();
        let mut lives = 0;
        while !world.live_for(polls + lives).await {
            lives += 1;
        }
        let ended = world.live().await.unwrap();
        world.check(&ended, &format!("dying every {polls} polls, {lives} times"));
    }
}

/// Can't be written from a run's `nth` batch of records on.
struct Full(MemoryJournal, &'static str, usize);

#[async_trait]
impl Journal for Full {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        let left = if run_id == self.1 { self.2 } else { usize::MAX };
        Ok(Box::new(FullRun(self.0.open(run_id).await?, Mutex::new(left))))
    }
}

struct FullRun(Box<dyn RunJournal>, Mutex<usize>);

#[async_trait]
impl RunJournal for FullRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        self.0.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        {
            let mut left = self.1.lock().unwrap();
            let Some(rest) = left.checked_sub(1) else {
                return Err(LlmError::new(ErrorKind::Journal, "the disk is full"));
            };
            *left = rest;
        }
        self.0.append(records).await
    }
}

#[tokio::test(start_paused = true)]
async fn j1_a_journal_that_cannot_keep_an_agent_ends_the_run_above_and_it_goes_on_later() {
    let journal = MemoryJournal::new();
    let helper = || agent(ByPlace::new([Reply::text("Helped.")]), ToolSet::new());
    let model = || ByPlace::new([task(), Reply::text("Done.")]);
    let options = |journal: Arc<dyn Journal>| OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        journal: Some(journal),
        ..Default::default()
    };
    let full = Arc::new(Full(journal.clone(), CHILD, 2));
    let boss = ToolLoopAgent::with_tools(model(), helped_by(&helper())).with_options(options(full));
    let failed = boss.run(vec![user!("go")]).await.unwrap_err();
    assert_eq!(failed.error().message(), "the disk is full");
    let recorded = RecordedRun::read(&journal.records("run-1")).unwrap().unwrap();
    assert_eq!(recorded.under_way().len(), 1, "nothing came of the call");

    let boss = boss.with_options(options(Arc::new(journal.clone())));
    let output = boss.run(vec![]).await.unwrap();
    assert_eq!(output.steps[0].tool_results[0].output, json!("Helped."));
    assert_eq!(output.response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn j3_an_agent_is_kept_as_a_run_of_its_own_in_the_journal_of_the_run_above() {
    let journal = MemoryJournal::new();
    let kept = journal.clone();
    let helper = agent(script().reply("Helped."), ToolSet::new());
    let boss = ToolLoopAgent::with_tools(asking(), helped_by(&helper));
    let options = OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        journal: Some(Arc::new(kept)),
        ..Default::default()
    };
    boss.with_options(options).run(vec![user!("go")]).await.unwrap();
    let child = RecordedRun::read(&journal.records(CHILD)).unwrap().unwrap();
    assert_eq!(child.run_id(), CHILD);
    assert_eq!(child.messages()[0], user!("help"));
    let above = RecordedRun::read(&journal.records("run-1")).unwrap().unwrap();
    assert_eq!(above.steps().len(), 2);
}

/// An engine that performs effects itself, and keeps what came of each by its name.
#[derive(Clone)]
struct Engine(
    MemoryJournal,
    Arc<Mutex<BTreeMap<String, String>>>,
    Arc<dyn Fn() -> Agent + Send + Sync>,
);

#[async_trait]
impl Journal for Engine {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        Ok(Box::new(EngineRun(self.0.open(run_id).await?, self.clone())))
    }
}

struct EngineRun(Box<dyn RunJournal>, Engine);

#[async_trait]
impl RunJournal for EngineRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        self.0.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        self.0.append(records).await
    }

    async fn perform(
        &self,
        effect: Effect,
        here: BoxFuture<'_, Outcome>,
    ) -> Result<Outcome, LlmError> {
        drop(here);
        let Engine(_, stored, helper) = &self.1;
        let known = stored.lock().unwrap().get(&effect.name).cloned();
        if let Some(known) = known {
            return Ok(serde_json::from_str(&known).unwrap());
        }
        let json = serde_json::to_string(&effect).unwrap();
        let model = ByPlace::new([task(), Reply::text("Done.")]);
        let effect: Effect = serde_json::from_str(&json).unwrap();
        let outcome = perform(&effect, &model, &helped_by(&helper())).await;
        let json = serde_json::to_string(&outcome).unwrap();
        stored.lock().unwrap().insert(effect.name, json.clone());
        Ok(serde_json::from_str(&json).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_performed_elsewhere_waits_and_goes_on_by_what_the_effect_says() {
    let world = World::default();
    let engine = Engine(MemoryJournal::new(), Arc::default(), {
        let world = world.clone();
        Arc::new(move || world.helper())
    });
    let options = OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        journal: Some(Arc::new(engine.clone())),
        ..Default::default()
    };
    let boss = |options| {
        ToolLoopAgent::with_tools(script(), helped_by(&world.helper())).with_options(options)
    };
    let waiting = boss(options.clone()).run(vec![user!("go")]).await.unwrap();
    let pending = waiting.suspended.unwrap().pending();
    assert_eq!(pending[0].agents, ["helper"]);
    let decisions = pending.iter().map(ApprovalRequest::approve).collect();
    let output = boss(OrchestratorOptions { decisions, ..options }).run(vec![]).await.unwrap();
    assert_eq!(output.steps[0].tool_results[0].output, json!("Helped."));
    assert_eq!(output.agents_usage, Usage::new(30, 3));
    let done = world.done.lock().unwrap().clone();
    assert!(done.len() == 3 && done.values().all(|times| *times == 1), "{done:?}");
    assert!(engine.0.records(CHILD).is_empty(), "it is in no journal");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_suspended_is_performed_again_under_another_name_with_the_same_key() {
    let played = play(|_| {
        let pay = ToolSet::new().function("pay", "Pays", |(): ()| async { "paid" });
        let helper = agent(script().calls("pay", json!({})), pay.marked(Tool::needs_approval));
        scene(asking(), helped_by(&helper))
    })
    .await;
    let suspended = played.output().suspended.clone().unwrap();
    let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
    let journal = MemoryJournal::new();
    let options = OrchestratorOptions {
        journal: Some(Arc::new(journal.clone())),
        resume: Some(suspended),
        decisions,
        ..Default::default()
    };
    let pay = ToolSet::new().function("pay", "Pays", |(): ()| async { "paid" });
    let helper = agent(script().reply("Paid."), pay.marked(Tool::needs_approval));
    let boss = ToolLoopAgent::with_tools(script().reply("Done."), helped_by(&helper));
    boss.with_options(options).run(vec![]).await.unwrap();
    let records = journal.records("run-1");
    let begun = records.iter().filter(|it| it.kind() == RecordKind::Intent);
    let names: Vec<_> = begun.filter_map(Record::effect).collect();
    assert_eq!(names, ["step-0/tool-2/call_1", "step-1/model"]);
}

//! A process that dies anywhere: the run is resumed, ends alike, and nothing finished is done twice.
use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use serde_json::{Value, json};
use siumai_core::{
    LlmError, async_trait,
    journal::{Journal, MemoryJournal, Record, RecordKind, RunJournal},
    model::{LanguageModel, ModelStream},
    orchestrator::{
        ApprovalRequest, OrchestratorOptions, RunError, RunOutput, StoppedBy, ToolApproval, run,
    },
    testing::{Reply, ScriptedModel},
    tool::{ToolContext, ToolResolver},
    types::{ChatRequest, Role, Tool, ToolStatus},
    user,
};

use crate::fixtures::{assert_answered_once, calls, script, tool};

/// Answers by the place in the conversation, however often it is asked there.
pub(crate) struct ByPlace(Vec<ScriptedModel>);

impl ByPlace {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let often = |it: Reply| (0..50).fold(script(), |script, _| script.then(it.clone()));
        Self(replies.into_iter().map(often).collect())
    }
}

#[async_trait]
impl LanguageModel for ByPlace {
    fn provider(&self) -> &'static str {
        "test"
    }

    fn model(&self) -> &'static str {
        "by-place"
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let place = request.messages().iter().filter(|it| it.role() == Role::Assistant).count();
        match self.0.get(place) {
            Some(script) => script.stream(request).await,
            None => Err(LlmError::invalid_input("the conversation is over")),
        }
    }
}

/// Keeps a log of what was begun and what was finished, by key, as one outside the process would.
#[derive(Clone, Default)]
struct Logging(Arc<Mutex<BTreeMap<String, (usize, usize)>>>);

#[async_trait]
impl ToolResolver for Logging {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        Ok(json!(name))
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let key = context.idempotency_key().to_owned();
        self.0.lock().unwrap().entry(key.clone()).or_default().0 += 1;
        tokio::task::yield_now().await;
        self.0.lock().unwrap().entry(key).or_default().1 += 1;
        self.call_tool(name, arguments).await
    }
}

/// A journal that gives way before and after it writes, as one on a disk would.
#[derive(Clone, Default)]
pub(crate) struct Slow(pub(crate) MemoryJournal);

#[async_trait]
impl Journal for Slow {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        tokio::task::yield_now().await;
        Ok(Box::new(SlowRun(self.0.open(run_id).await?)))
    }
}

struct SlowRun(Box<dyn RunJournal>);

#[async_trait]
impl RunJournal for SlowRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        tokio::task::yield_now().await;
        self.0.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        tokio::task::yield_now().await;
        self.0.append(records).await?;
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Everything that outlives a process.
struct World {
    journal: MemoryJournal,
    log: Logging,
    tools: Vec<Tool>,
}

impl World {
    fn new(mark: Mark) -> Self {
        let tools = ["look", "hear", "pay"].map(|name| mark(tool(name))).to_vec();
        Self { journal: MemoryJournal::new(), log: Logging::default(), tools }
    }

    /// One life of the process, from its start to wherever the run stops by itself.
    async fn live(&self, decisions: bool) -> Result<RunOutput, RunError> {
        let records = self.journal.records("run-1");
        let options = OrchestratorOptions {
            run_id: Some("run-1".to_owned()),
            journal: Some(Arc::new(Slow(self.journal.clone()))),
            on_tool_approval: Some(Arc::new(|name, arguments| match name {
                "pay" => ToolApproval::Pause,
                _ => ToolApproval::Approve(arguments.clone()),
            })),
            ..Default::default()
        };
        let model = ByPlace::new([
            calls(&["look", "hear", "pay"]),
            calls(&["look"]),
            calls(&["hear", "look"]),
            Reply::text("Done."),
        ]);
        let messages = if records.is_empty() { vec![user!("go")] } else { vec![] };
        let tools = Some(self.tools.clone());
        let output =
            run(&model, messages, tools.clone(), Some(&self.log), &[], options.clone()).await?;
        let Some(suspended) = output.suspended.clone().filter(|_| decisions) else {
            return Ok(output);
        };
        // The person has all the time there is.
        let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
        let options = OrchestratorOptions { decisions, ..options };
        run(&model, vec![], tools, Some(&self.log), &[], options).await
    }

    /// A life that ends after so many polls; whether it came to its own end before.
    async fn live_for(&self, polls: usize) -> bool {
        let mut life = pin!(self.live(true));
        let mut left = polls;
        let ended = poll_fn(|context| {
            let Some(rest) = left.checked_sub(1) else { return Poll::Ready(false) };
            left = rest;
            let ended = life.as_mut().poll(context).is_ready();
            // Died between two polls, whoever would have woken it.
            if left == 0 && !ended {
                return Poll::Ready(false);
            }
            if ended { Poll::Ready(true) } else { Poll::Pending }
        });
        ended.await
    }

    /// Asserts that the run came to the end of `whole`, and what it did was done once.
    fn check(&self, ended: &RunOutput, whole: &RunOutput, is_idempotent: bool, place: &str) {
        assert_eq!(ended.stopped_by, StoppedBy::Answer, "{place}");
        assert_eq!(ended.response, whole.response, "{place}");
        assert_answered_once(&ended.messages);
        if is_idempotent {
            assert_eq!(ended.messages, whole.messages, "{place}");
        }
        let log = self.log.0.lock().unwrap().clone();
        for (step, expected) in ended.steps.iter().zip(&whole.steps) {
            assert_eq!(step.tool_calls, expected.tool_calls, "{place}");
            for (result, expected) in step.tool_results.iter().zip(&expected.tool_results) {
                let key = format!("run-1/step-{}/tool/{}", step.step_number, result.call_id);
                let (begun, finished) = log.get(&key).copied().unwrap_or_default();
                if result.status == ToolStatus::Indeterminate {
                    assert!(!is_idempotent && begun <= 1, "{place}: {key}");
                    continue;
                }
                assert_eq!(result, expected, "{place}: {key}");
                assert!(finished >= 1, "{place}: {key} is lost");
                assert!(is_idempotent || (begun, finished) == (1, 1), "{place}: {key} ran twice");
            }
        }
        assert_eq!(ended.steps.len(), whole.steps.len(), "{place}");
        for (key, times) in finished_twice(&self.journal.records("run-1")) {
            assert_eq!(times, 1, "{place}: {key} was finished before and done again");
        }
    }
}

/// How often each effect has an outcome.
fn finished_twice(records: &[Record]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for record in records.iter().filter(|it| it.kind() == RecordKind::Outcome) {
        *times.entry(record.effect().unwrap_or_default().to_owned()).or_default() += 1;
    }
    times
}

/// A life that nothing cuts short.
async fn whole(mark: Mark) -> (World, RunOutput) {
    let world = World::new(mark);
    let output = world.live(true).await.unwrap();
    assert_eq!((output.steps.len(), output.stopped_by.clone()), (4, StoppedBy::Answer));
    (world, output)
}

/// What tools are marked as.
type Mark = fn(Tool) -> Tool;

/// Tools as they are, and idempotent ones.
const MARKS: [(Mark, bool); 2] = [(|it| it, false), (Tool::idempotent, true)];

#[tokio::test(start_paused = true)]
async fn j2_a_run_that_is_cut_at_every_record_ends_alike_and_does_nothing_finished_twice() {
    for (mark, is_idempotent) in MARKS {
        let (first, output) = whole(mark).await;
        let records = first.journal.records("run-1");
        assert!(records.len() > 30, "{} records", records.len());
        for cut in 0..=records.len() {
            let world = World::new(mark);
            world.journal.set_records("run-1", records[..cut].to_vec());
            // What the records say is finished was done in the life before.
            for record in records[..cut].iter().filter(|it| it.kind() == RecordKind::Outcome) {
                let key = format!("run-1/{}", record.effect().unwrap());
                world.log.0.lock().unwrap().insert(key, (1, 1));
            }
            let ended = world.live(true).await.unwrap();
            world.check(&ended, &output, is_idempotent, &format!("cut at record {cut}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn j2_a_run_that_dies_at_every_await_point_ends_alike_and_does_nothing_finished_twice() {
    for (mark, is_idempotent) in MARKS {
        let (_, output) = whole(mark).await;
        let mut polls = 1;
        loop {
            let world = World::new(mark);
            if world.live_for(polls).await {
                break;
            }
            let ended = world.live(true).await.unwrap();
            world.check(&ended, &output, is_idempotent, &format!("dying at poll {polls}"));
            polls += 1;
        }
        assert!(polls > 60, "{polls} polls are the whole life");
    }
}

#[tokio::test(start_paused = true)]
async fn t12_a_call_executes_once_at_most_in_the_life_of_a_run_that_dies_again_and_again() {
    for (mark, is_idempotent) in MARKS {
        let (_, output) = whole(mark).await;
        for polls in 5..60 {
            let world = World::new(mark);
            let mut lives = 0;
            while !world.live_for(polls + lives).await {
                lives += 1;
            }
            let ended = world.live(true).await.unwrap();
            let place = format!("dying every {polls} polls, {lives} times");
            world.check(&ended, &output, is_idempotent, &place);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_let_go_by_a_life_that_ended_anyhow() {
    let world = World::new(|it| it);
    world.live_for(5).await;
    world.journal.open("run-1").await.unwrap();
}

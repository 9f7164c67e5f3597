//! Journals: what is written when, and how a run goes on from what was written.
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    journal::{Effect, Journal, MemoryJournal, Outcome, Record, RecordKind, RunJournal},
    orchestrator::{
        ApprovalRequest, OrchestratorOptions, RunError, RunOutput, StoppedBy, ToolApproval,
        perform, run,
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::{ToolContext, ToolResolver},
    types::{Tool, ToolStatus, Usage},
    user,
};

use crate::fixtures::{
    Notes, Played, Scene, assert_answered_once, calls, echo, event_type, play, script, tool,
};

fn kept_in(journal: impl Journal + 'static) -> OrchestratorOptions {
    OrchestratorOptions { journal: Some(Arc::new(journal)), ..Default::default() }
}

/// A journal in which the run `run-1` has these records.
fn holding(records: &[Record]) -> MemoryJournal {
    let journal = MemoryJournal::new();
    journal.set_records("run-1", records.to_vec());
    journal
}

/// Two steps of tools, two of them side by side, and an answer.
fn replies() -> [Reply; 3] {
    let both = calls(&["look", "hear"]).usage(Usage::new(1, 1));
    [both, calls(&["look"]).usage(Usage::new(2, 1)), Reply::text("Done.").usage(Usage::new(3, 1))]
}

fn model(replies: impl IntoIterator<Item = Reply>) -> ScriptedModel {
    replies.into_iter().fold(script(), ScriptedModel::then)
}

/// The records of a whole run of [`replies`], and what came of it.
async fn whole() -> (Vec<Record>, RunOutput) {
    let journal = MemoryJournal::new();
    let tools = Some(vec![tool("look"), tool("hear")]);
    let options = OrchestratorOptions { run_id: Some("run-1".into()), ..kept_in(journal.clone()) };
    let resolver = echo(&["look", "hear"]);
    let model = model(replies());
    let output = run(&model, vec![user!("go")], tools, Some(&resolver), &[], options);
    let output = output.await.unwrap();
    (journal.records("run-1"), output)
}

fn told_of(records: &[Record]) -> Vec<String> {
    let told = |it: &Record| format!("{:?} {}", it.kind(), it.effect().unwrap_or("-"));
    records.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn j1_intent_is_recorded_before_an_effect_and_its_outcome_after() {
    let (records, _) = whole().await;
    let expected = [
        "Begun -",
        "Decision -",
        "Intent step-0/model",
        "Outcome step-0/model",
        "Decision step-0/tool/call_1",
        "Decision step-0/tool/call_2",
        "Intent step-0/tool/call_1",
        "Intent step-0/tool/call_2",
        "Outcome step-0/tool/call_1",
        "Outcome step-0/tool/call_2",
        "Decision -",
        "Intent step-1/model",
        "Outcome step-1/model",
        "Decision step-1/tool/call_1",
        "Intent step-1/tool/call_1",
        "Outcome step-1/tool/call_1",
        "Decision -",
        "Intent step-2/model",
        "Outcome step-2/model",
        "Ended -",
    ];
    assert_eq!(told_of(&records), expected);
}

/// Notes what is written, and fails from the nth writing on.
#[derive(Clone)]
struct Noting {
    inner: MemoryJournal,
    notes: Notes,
    writings: Arc<AtomicUsize>,
    fails_from: usize,
}

impl Noting {
    fn new(notes: &Notes, fails_from: usize) -> Self {
        let (inner, notes) = (MemoryJournal::new(), notes.clone());
        Self { inner, notes, writings: Arc::default(), fails_from }
    }
}

#[async_trait]
impl Journal for Noting {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        Ok(Box::new(Opened(self.inner.open(run_id).await?, self.clone())))
    }
}

/// A journal in memory, and what stands around it.
struct Opened<J>(Box<dyn RunJournal>, J);

#[async_trait]
impl RunJournal for Opened<Noting> {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        self.0.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        if self.1.writings.fetch_add(1, Ordering::SeqCst) >= self.1.fails_from {
            return Err(LlmError::new(ErrorKind::Journal, "the disk is full"));
        }
        tokio::task::yield_now().await;
        for told in told_of(records) {
            self.1.notes.add(told);
        }
        self.0.append(records).await
    }
}

fn noted(notes: &Notes, what: &'static str) -> RecordingResolver {
    let notes = notes.clone();
    RecordingResolver::new().function("look", move |_| {
        notes.add(what);
        Ok(json!("seen"))
    })
}

#[tokio::test(start_paused = true)]
async fn j1_a_record_is_written_before_observers_hear_of_it_and_before_the_run_moves_on() {
    let played = play(|notes| {
        let told = notes.clone();
        let finished = notes.clone();
        let options = OrchestratorOptions {
            on_chunk: Some(Arc::new(move |text: &str| told.add(format!("heard {text}")))),
            on_step_finish: Some(Arc::new(move |_: &_| finished.add("told of a step"))),
            ..kept_in(Noting::new(notes, usize::MAX))
        };
        let model = script().then(calls(&["look"])).reply("Done.");
        Scene::new(model).tools([tool("look")]).resolver(noted(notes, "looked")).options(options)
    })
    .await;
    let expected = [
        "Begun -",
        "Decision -",
        "Intent step-0/model",
        "Outcome step-0/model",
        "Decision step-0/tool/call_1",
        "Intent step-0/tool/call_1",
        "looked",
        "Outcome step-0/tool/call_1",
        "told of a step",
        "Decision -",
        "Intent step-1/model",
        "heard Done.",
        "Outcome step-1/model",
        "told of a step",
        "Ended -",
    ];
    assert_eq!(played.notes, expected);
}

#[tokio::test(start_paused = true)]
async fn j1_what_was_said_of_a_call_is_recorded_before_somebody_is_asked_about_the_next() {
    let played = play(|notes| {
        let asked = notes.clone();
        let options = OrchestratorOptions {
            on_tool_approval: Some(Arc::new(move |_, _| {
                asked.add("asked");
                ToolApproval::Pause
            })),
            ..kept_in(Noting::new(notes, usize::MAX))
        };
        let model = script().then(calls(&["look", "look"]));
        Scene::new(model).tools([tool("look")]).resolver(echo(&["look"])).options(options)
    })
    .await;
    let expected = [
        "Begun -",
        "Decision -",
        "Intent step-0/model",
        "Outcome step-0/model",
        "asked",
        "Decision step-0/tool/call_1",
        "asked",
        "Decision step-0/tool/call_2",
        "Ended -",
    ];
    assert_eq!(played.notes, expected);
}

#[tokio::test(start_paused = true)]
async fn j1_decisions_that_nobody_is_asked_for_are_written_together() {
    let (journal, resolver) = (Noting::new(&Notes::default(), usize::MAX), echo(&["look"]));
    let model = script().then(calls(&["look", "look", "look"])).reply("Done.");
    let tools = Some(vec![tool("look")]);
    let options = kept_in(journal.clone());
    run(&model, vec![user!("go")], tools, Some(&resolver), &[], options).await.unwrap();
    // Begun, two steps, two requests and replies, the decisions, all starts, three results, ended.
    assert_eq!(journal.writings.load(Ordering::SeqCst), 13);
}

#[tokio::test(start_paused = true)]
async fn j1_if_a_record_cannot_be_written_the_run_ends_with_that_error_and_nothing_happens_after() {
    let mut all: Vec<String> = Vec::new();
    for fails_from in (0..=11).rev() {
        let played = play(|notes| {
            let model = script().then(calls(&["look"])).reply("Done.");
            let options = kept_in(Noting::new(notes, fails_from));
            Scene::new(model)
                .tools([tool("look")])
                .resolver(noted(notes, "looked"))
                .options(options)
        })
        .await;
        if all.is_empty() {
            assert_eq!(played.output().stopped_by, StoppedBy::Answer);
            all = played.notes;
            assert_eq!(all.len(), 12, "11 writings and a tool");
            continue;
        }
        let failed = played.failed();
        assert_eq!(failed.kind, ErrorKind::Journal);
        assert!(failed.text.starts_with("the disk is full"), "{}", failed.text);
        assert_eq!(played.notes, all[..played.notes.len()]);
        let writings = played.notes.iter().filter(|it| *it != "looked").count();
        assert_eq!(writings, fails_from);
        assert_answered_once(&failed.messages);
        // What was paid for comes back, though it could not be written.
        assert_eq!(failed.messages.len() > 1, fails_from >= 3, "at {fails_from}");
    }
}

#[tokio::test(start_paused = true)]
async fn j2_resumed_from_any_prefix_a_run_ends_alike_and_repeats_nothing_that_was_finished() {
    let (records, output) = whole().await;
    for cut in 1..=records.len() {
        let kept = &records[..cut];
        let outcomes = |of: &str| {
            let is_one = |it: &&Record| {
                it.kind() == RecordKind::Outcome && it.effect().is_some_and(|it| it.contains(of))
            };
            kept.iter().filter(is_one).count()
        };
        let (heard, executed) = (outcomes("/model"), outcomes("/tool/"));
        let tools = ["look", "hear"].map(|name| tool(name).idempotent());
        let played = play(|_| {
            let left = replies().into_iter().skip(heard);
            let scene = Scene::new(model(left)).messages(vec![]).options(kept_in(holding(kept)));
            scene.tools(tools.clone()).resolver(echo(&["look", "hear"]))
        })
        .await;
        let resumed = played.output();
        assert_eq!(resumed.messages, output.messages, "cut after {cut}");
        assert_eq!(resumed.stopped_by, output.stopped_by);
        assert_eq!(played.calls.len(), 3 - executed, "cut after {cut}");
        assert_eq!(played.requests.len(), 3 - heard, "cut after {cut}");
        // A request that nobody heard the answer of may be on the bill.
        let is_lost = told_of(kept)
            .last()
            .is_some_and(|it| it.starts_with("Intent") && it.ends_with("/model"));
        assert_eq!(resumed.usage.total_tokens.get(), (!is_lost).then_some(9), "cut after {cut}");
        assert_eq!(resumed.warnings.len(), usize::from(is_lost));
    }
}

/// The records of a run whose process died while `look` ran.
async fn died_looking() -> Vec<Record> {
    let (records, _) = whole().await;
    let begun = told_of(&records).iter().position(|it| it.starts_with("Outcome step-1/tool"));
    records[..begun.unwrap()].to_vec()
}

#[tokio::test(start_paused = true)]
async fn j3_a_tool_that_had_started_and_not_finished_is_indeterminate_and_the_model_is_told() {
    let records = died_looking().await;
    let played = play(|_| {
        let scene = Scene::new(script().reply("I see.")).messages(vec![]);
        scene.echoing(["look", "hear"]).options(kept_in(holding(&records)))
    })
    .await;
    assert_eq!(played.calls, []);
    let told = "The process ended while this tool ran. Nobody knows whether it did what it was \
                asked: see what came of it before you call it again.";
    assert_eq!(played.told(1), [("indeterminate", told.to_owned())]);
    assert_eq!(played.output().response.content_text(), Some("I see."));
}

/// Notes the key of each call.
struct Keyed(Notes);

#[async_trait]
impl ToolResolver for Keyed {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        Ok(json!(name))
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.0.add(format!("{} as {}", context.call_id, context.idempotency_key()));
        self.call_tool(name, arguments).await
    }
}

#[tokio::test(start_paused = true)]
async fn j3_an_idempotent_tool_runs_again_with_the_same_call_id_and_key() {
    let records = died_looking().await;
    for marked in [Tool::idempotent, Tool::read_only] {
        let played = play(|notes| {
            let scene = Scene::new(script().reply("Done.")).messages(vec![]);
            let scene = scene.tools([marked(tool("look")), tool("hear")]);
            scene.resolver(Keyed(notes.clone())).options(kept_in(holding(&records)))
        })
        .await;
        assert_eq!(played.notes, ["call_1 as run-1/step-1/tool/call_1"]);
        assert_eq!(played.told(1), [("executed", "look".to_owned())]);
    }
}

#[tokio::test(start_paused = true)]
async fn j3_a_reply_that_nobody_heard_is_asked_for_again_and_the_stream_says_so() {
    let (records, _) = whole().await;
    let played = play(|_| {
        let scene = Scene::new(model(replies())).messages(vec![]);
        scene.echoing(["look", "hear"]).options(kept_in(holding(&records[..3])))
    })
    .await;
    let events = &played.event_types()[..3];
    assert_eq!(events, ["start", "warning", "step_reset"]);
    assert_eq!(serde_json::to_value(&played.events[2]).unwrap()["attempt"], 2);
}

#[tokio::test(start_paused = true)]
async fn j4_a_journal_of_a_newer_version_is_refused_and_so_is_one_that_is_damaged() {
    let (records, _) = whole().await;
    let with = |place: usize, record: Record| {
        let mut changed = records.clone();
        changed[place] = record;
        changed
    };
    let newer = records[3].clone().with_version(2);
    let garbled = Record::new(RecordKind::Outcome, None, "{".to_owned());
    let mut shuffled = records.clone();
    shuffled.remove(3);
    let cases = [
        (
            with(3, newer),
            "record 3 of the run is of version 2, and this library reads up to 1; update it to resume the run",
        ),
        (
            with(3, garbled),
            "record 3 of the run is damaged, and it can't be resumed: EOF while parsing an object at line 1 column 1",
        ),
        (
            shuffled,
            "record 3 of the run is damaged, and it can't be resumed: a decision can't come here in a run",
        ),
        (
            records[1..].to_vec(),
            "record 0 of the run is damaged, and it can't be resumed: a journal begins with the run's beginning",
        ),
    ];
    for (records, expected) in cases {
        let played = play(|_| {
            let scene = Scene::new(script()).messages(vec![]).options(kept_in(holding(&records)));
            scene.echoing(["look", "hear"])
        })
        .await;
        assert_eq!((played.failed().kind, &*played.failed().text), (ErrorKind::Journal, expected));
        assert_eq!(played.requests, []);
    }
}

#[tokio::test(start_paused = true)]
async fn j5_two_cannot_drive_one_run_at_once() {
    let journal = MemoryJournal::new();
    let held = journal.open("run-1").await.unwrap();
    let driven = async || {
        play(|_| Scene::new(script().reply("Done.")).options(kept_in(journal.clone()))).await
    };
    let refused = driven().await;
    let expected = "the run `run-1` is driven by somebody else; wait until that has ended";
    assert_eq!((refused.failed().kind, &*refused.failed().text), (ErrorKind::Journal, expected));
    assert_eq!(journal.records("run-1"), []);
    drop(held);
    let options = OrchestratorOptions { run_id: Some("run-1".into()), ..kept_in(journal) };
    let output = run(&script().reply("Done."), vec![user!("go")], None, None, &[], options).await;
    assert_eq!(output.unwrap().response.content_text(), Some("Done."));
}

async fn resumed(journal: &MemoryJournal, model: ScriptedModel, said: &str) -> Played {
    let records = journal.records("run-1");
    play(|_| {
        let messages = if said.is_empty() { vec![] } else { vec![user!(said)] };
        let replies = model_of(&model);
        Scene::new(replies).messages(messages).options(kept_in(holding(&records)))
    })
    .await
}

/// The same script again.
fn model_of(model: &ScriptedModel) -> ScriptedModel {
    (0..model.remaining()).fold(script(), |script, _| script.reply("And done."))
}

#[tokio::test(start_paused = true)]
async fn j2_the_same_call_again_gives_the_same_and_other_messages_are_said_to_the_run() {
    let journal = MemoryJournal::new();
    let options = OrchestratorOptions { run_id: Some("run-1".into()), ..kept_in(journal.clone()) };
    let model = script().reply("Done.");
    let first = run(&model, vec![user!("go")], None, None, &[], options).await.unwrap();
    for said in ["", "go"] {
        let again = resumed(&journal, script(), said).await;
        assert_eq!((again.output(), &again.requests[..]), (&first, &[][..]));
    }
    let more = resumed(&journal, script().reply("And done."), "And?").await;
    let sent = [first.messages.clone(), vec![user!("And?")]].concat();
    assert_eq!(more.requests[0].messages, sent);
    assert_eq!(more.steps().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn j2_a_run_that_is_not_in_the_journal_is_not_begun_with_nothing() {
    let nothing = resumed(&MemoryJournal::new(), script(), "").await;
    let expected = "the journal has no run `run-1`; give messages to begin it";
    assert_eq!(
        (nothing.failed().kind, &*nothing.failed().text),
        (ErrorKind::InvalidInput, expected)
    );
}

#[tokio::test(start_paused = true)]
async fn l8_a_failed_run_is_resumed_where_it_failed() {
    let journal = MemoryJournal::new();
    let options =
        || OrchestratorOptions { run_id: Some("run-1".into()), ..kept_in(journal.clone()) };
    let tools = || Some(vec![tool("look")]);
    let resolver = echo(&["look"]);
    let down = LlmError::new(ErrorKind::Authentication, "no key");
    let failing = script().then(calls(&["look"])).fails(down);
    let failed = run(&failing, vec![user!("go")], tools(), Some(&resolver), &[], options()).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Authentication);

    let model = script().reply("Done.");
    let output = run(&model, vec![], tools(), Some(&resolver), &[], options()).await.unwrap();
    assert_eq!((output.steps.len(), resolver.calls().len()), (2, 1));
    assert_eq!(output.response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn a4_with_a_journal_a_decision_counts_once_whatever_was_copied() {
    let journal = MemoryJournal::new();
    let options = || OrchestratorOptions {
        run_id: Some("run-1".into()),
        on_tool_approval: Some(Arc::new(|_, _| ToolApproval::Pause)),
        ..kept_in(journal.clone())
    };
    let (tools, resolver) = (|| Some(vec![tool("pay")]), echo(&["pay"]));
    let model = script().then(calls(&["pay"])).reply("Done.");
    let waiting = run(&model, vec![user!("go")], tools(), Some(&resolver), &[], options()).await;
    let copy = waiting.unwrap().suspended.unwrap();
    let decisions: Vec<_> = copy.pending().iter().map(ApprovalRequest::approve).collect();
    let decided = || OrchestratorOptions {
        resume: Some(copy.clone()),
        decisions: decisions.clone(),
        ..options()
    };
    let output = run(&model, vec![], tools(), Some(&resolver), &[], decided()).await.unwrap();
    assert_eq!(output.stopped_by, StoppedBy::Answer);
    let again = run(&model, vec![], tools(), Some(&resolver), &[], decided()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::DecisionRefused);
    assert_eq!(resolver.calls().len(), 1);
}

/// An engine that performs effects on another task, from what is left of them as JSON, and
/// stores what came of them: as one would that runs on several machines.
#[derive(Clone, Default)]
struct Engine {
    inner: MemoryJournal,
    /// What is to be done, for the worker.
    queue: Arc<Mutex<VecDeque<String>>>,
    /// The names of the effects that were ever put there.
    known: Arc<Mutex<HashSet<String>>>,
    stored: Arc<Mutex<Vec<(String, String)>>>,
    /// The driver dies, as far as it can be seen, after so many effects.
    dies_after: Option<usize>,
}

impl Engine {
    /// Takes in what is to be done, unless it has it already.
    fn submit(&self, effect: &Effect) {
        if self.known.lock().unwrap().insert(effect.idempotency_key()) {
            self.queue.lock().unwrap().push_back(serde_json::to_string(effect).unwrap());
        }
    }

    fn outcome(&self, name: &str) -> Option<Outcome> {
        let stored = self.stored.lock().unwrap();
        let (_, json) = stored.iter().find(|(it, _)| it == name)?;
        Some(serde_json::from_str(json).unwrap())
    }

    async fn work(&self, model: &ScriptedModel, resolver: &RecordingResolver) {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let next = self.queue.lock().unwrap().pop_front();
            let Some(json) = next else { continue };
            let effect: Effect = serde_json::from_str(&json).unwrap();
            let outcome = perform(&effect, model, resolver).await;
            let stored = (effect.idempotency_key(), serde_json::to_string(&outcome).unwrap());
            self.stored.lock().unwrap().push(stored);
        }
    }
}

#[async_trait]
impl Journal for Engine {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        Ok(Box::new(Opened(self.inner.open(run_id).await?, self.clone())))
    }
}

#[async_trait]
impl RunJournal for Opened<Engine> {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        self.0.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        self.0.append(records).await
    }

    async fn perform(
        &self,
        effect: Effect,
        _: BoxFuture<'_, Outcome>,
    ) -> Result<Outcome, LlmError> {
        self.1.submit(&effect);
        if self.1.dies_after.is_some_and(|it| self.1.stored.lock().unwrap().len() >= it) {
            return Err(LlmError::new(ErrorKind::Journal, "the lease is lost"));
        }
        self.recover(&effect).await.map(Option::unwrap)
    }

    async fn recover(&self, effect: &Effect) -> Result<Option<Outcome>, LlmError> {
        // It may have been meant to be done, and never have come here.
        self.1.submit(effect);
        loop {
            if let Some(outcome) = self.1.outcome(&effect.idempotency_key()) {
                return Ok(Some(outcome));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn j2_an_engine_performs_effects_on_another_task_from_their_json_alone() {
    let (_, expected) = whole().await;
    for dies_after in 0..=6 {
        let engine = Engine::default();
        let (model, resolver) = (model(replies()), echo(&["look", "hear"]));
        // In the place of the run's own, who must not be asked.
        let (nobody, nothing) = (script(), echo(&["look", "hear"]));
        let driven = async |engine: Engine, messages| -> Result<RunOutput, RunError> {
            let options = OrchestratorOptions { run_id: Some("run-1".into()), ..kept_in(engine) };
            let tools = Some(vec![tool("look"), tool("hear")]);
            run(&nobody, messages, tools, Some(&nothing), &[], options).await
        };
        let both = async {
            let dying = Engine { dies_after: Some(dies_after), ..engine.clone() };
            let first = driven(dying, vec![user!("go")]).await;
            match first {
                Ok(output) => output,
                Err(failed) => {
                    assert!(failed.to_string().starts_with("the lease is lost"), "{failed}");
                    driven(engine.clone(), vec![]).await.unwrap()
                }
            }
        };
        let mut output = tokio::select! {
            output = both => output,
            () = engine.work(&model, &resolver) => unreachable!("it works for ever"),
        };
        // The engine takes its time.
        for step in &mut output.steps {
            step.duration = Duration::ZERO;
        }
        assert_eq!(output, expected, "dying after {dies_after}");
        assert_eq!(resolver.calls().len(), 3, "each tool has run once");
        assert_eq!((model.remaining(), nothing.calls()), (0, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn j2_a_reply_that_was_not_heard_as_it_came_reaches_the_stream_whole() {
    let (records, _) = whole().await;
    let engine = Engine::default();
    engine.inner.set_records("run-1", records[..records.len() - 2].to_vec());
    let stored = json!({ "type": "replied", "response": { "message": { "role": "assistant", "content": [{ "type": "text", "text": "Done." }] }, "tool_calls": [], "finish_reason": "stop", "usage": null } });
    engine.known.lock().unwrap().insert("run-1/step-2/model".to_owned());
    engine.stored.lock().unwrap().push(("run-1/step-2/model".to_owned(), stored.to_string()));
    let scene = Scene::new(script()).messages(vec![]).echoing(["look", "hear"]);
    let mut stream = scene.options(kept_in(engine)).stream().await.stream;
    let mut events = Vec::new();
    while let Some(event) = futures_util::StreamExt::next(&mut stream).await {
        events.push(event_type(&event.unwrap()));
    }
    assert_eq!(events, ["start", "delta", "step_finish", "end"]);
}

#[tokio::test(start_paused = true)]
async fn e2_a_call_that_never_started_says_so_when_the_run_is_cut_short() {
    let played = play(|_| {
        let resolver = echo(&["look", "hear"]).failing("stop", LlmError::fatal("enough"));
        let options = OrchestratorOptions { max_parallel_tools: 1, ..Default::default() };
        let scene = Scene::new(script().then(calls(&["look", "stop", "hear"])));
        scene.tools(["look", "stop", "hear"].map(tool)).resolver(resolver).options(options)
    })
    .await;
    let not_run = "The run ended before this call was executed. It did not run.";
    assert_eq!(played.told(0)[2], ("interrupted", not_run.to_owned()));
    assert_eq!(played.steps()[0].tool_results[2].status, ToolStatus::Interrupted);
}

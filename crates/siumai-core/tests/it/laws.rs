//! Laws that hold for every run, tried with made-up models and tools.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::{Index, select},
};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    history::{History, mend},
    journal::MemoryJournal,
    model::{Delta, LanguageModel},
    orchestrator::{
        OrchestratorOptions, RunError, RunOutput, StepResult, StoppedBy, StreamEvent,
        StreamOrchestration, ToolApproval, step_count_is,
    },
    testing::{Reply, ScriptedModel},
    tool::{ToolContext, ToolResolver},
    types::{ChatMessage, FinishReason, Role, TokenCount, ToolResult, ToolStatus, Usage},
};

use crate::{
    crash_sweep::ByPlace,
    fixtures::{
        Failed, Notes, NotesDrop, Played, Scene, assert_answered_once, event_type, play, tool,
    },
};

/// A made-up run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    replies: Vec<PlannedReply>,
    max_steps: usize,
    max_parallel_tools: usize,
    stop_at: usize,
    is_denying: bool,
}

#[derive(Clone, Debug)]
struct PlannedReply {
    delay: u64,
    texts: Vec<&'static str>,
    calls: Vec<(&'static str, &'static str, &'static str)>,
    usage: Option<(u64, u64)>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Finish,
    Length,
    Cut,
    Fail,
}

const TOOLS: [&str; 7] = ["fine", "slow", "alone", "fails", "crashes", "fatal", "left"];
const ARGUMENTS: [&str; 7] =
    ["", "{}", r#"{"n": 3}"#, r#"{"n": 30}"#, r#"{"n": "x"}"#, r#"{"n""#, "[]"];

pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    (vec(replies(), 1..5), 1..6_usize, 1..4_usize, 1..8_usize, any::<bool>()).prop_map(
        |(replies, max_steps, max_parallel_tools, stop_at, is_denying)| Plan {
            replies,
            max_steps,
            max_parallel_tools,
            stop_at,
            is_denying,
        },
    )
}

fn replies() -> impl Strategy<Value = PlannedReply> {
    let texts = vec(select(&["", " ", "one ", "two"][..]), 0..4);
    let names = [&TOOLS[..5], &["fine", "slow", "unknown"], &TOOLS[..]].concat();
    let call = (select(&["", "a", "b", "a_2"][..]), select(names), select(&ARGUMENTS[..]));
    let usage = proptest::option::of((any::<u64>(), 0..100_u64));
    let end = prop_oneof![
        12 => Just(End::Finish),
        1 => Just(End::Length),
        1 => Just(End::Cut),
        1 => Just(End::Fail),
    ];
    (0..3_u64, texts, vec(call, 0..5), usage, end).prop_map(|(delay, texts, calls, usage, end)| {
        PlannedReply { delay, texts, calls, usage, end }
    })
}

impl Plan {
    pub(crate) fn scene(&self, notes: &Notes) -> Scene {
        let replies = self.replies.iter();
        let model = replies.fold(ScriptedModel::new(), |model, it| model.then(it.reply()));
        self.scene_of(model, notes)
    }

    /// The same, kept in `journal`, with a model that gives each reply as often as it is asked.
    fn kept_scene(&self, journal: &MemoryJournal) -> Scene {
        let model = ByPlace::new(self.replies.iter().map(PlannedReply::reply));
        self.scene_of(model, &Notes::default()).journal(journal.clone())
    }

    fn scene_of(&self, model: impl LanguageModel + 'static, notes: &Notes) -> Scene {
        let is_denying = self.is_denying;
        let approve = move |name: &str, arguments: &Value| match name {
            "fine" if is_denying => ToolApproval::Deny { reason: "not now".into() },
            "slow" if is_denying => ToolApproval::Modify(json!({ "n": 1 })),
            _ => ToolApproval::Approve(arguments.clone()),
        };
        let options = OrchestratorOptions {
            max_steps: self.max_steps,
            max_parallel_tools: self.max_parallel_tools,
            on_tool_approval: Some(Arc::new(approve)),
            ..Default::default()
        };
        let tools = TOOLS.map(|name| match name {
            "alone" => tool(name).exclusive().idempotent(),
            _ => tool(name).idempotent(),
        });
        Scene::new(model)
            .tools(tools)
            .resolver(Deeds(notes.clone()))
            .stop(step_count_is(self.stop_at))
            .options(options)
    }
}

impl PlannedReply {
    fn reply(&self) -> Reply {
        let reply = Reply::empty().delayed(Duration::from_millis(self.delay));
        let reply = self.texts.iter().fold(reply, |it, text| it.delta(Delta::content(*text)));
        let calls = self.calls.iter();
        let reply = calls.fold(reply, |it, (id, name, text)| it.raw_call(*id, *name, text));
        let reply = match self.usage {
            Some((input, output)) => reply.usage(Usage::new(input, output)),
            None => reply,
        };
        match self.end {
            End::Finish => reply,
            End::Length => reply.finish_reason(FinishReason::Length),
            End::Cut => reply.cut(),
            End::Fail => reply.fail(LlmError::new(ErrorKind::Server, "the provider is down")),
        }
    }
}

/// Notes when a tool begins, ends and is dropped.
struct Deeds(Notes);

#[async_trait]
impl ToolResolver for Deeds {
    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        context.progress("about to begin");
        let outcome = self.call_tool(name, arguments).await;
        context.progress("about to end");
        outcome
    }

    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.0.add(format!("{name} begins"));
        let _guard = NotesDrop(self.0.clone(), "a tool is dropped");
        if name == "slow" || name == "alone" {
            let wait = arguments["n"].as_u64().unwrap_or(7);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        self.0.add(format!("{name} ends"));
        match name {
            "fails" => Err(LlmError::ToolExecutionError("it failed".into())),
            "fatal" => Err(LlmError::fatal("it is over")),
            // Without the hook that would print every one of them.
            "crashes" => std::panic::resume_unwind(Box::new("it crashed")),
            _ => Ok(json!({ "did": name })),
        }
    }

    fn has_tool(&self, name: &str) -> bool {
        name != "left"
    }
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() }
}

pub(crate) fn in_paused_time<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(config())]

    // `play` itself asserts that draining equals collecting, on all surfaces.
    #[test]
    fn whatever_happens_a_run_keeps_the_laws(plan in plans()) {
        in_paused_time(async {
            let played = play(|notes| plan.scene(notes)).await;
            check_results(&played);
            check_order(&played);
            check_usage(&plan, &played);
            check_ids(played.steps());
            check_deeds(&played);
            check_kept(&played);
        });
    }

    #[test]
    fn after_a_drop_nothing_happens_and_what_was_done_is_whole(plan in plans(), read in 0..40_usize) {
        in_paused_time(async {
            let whole = play(|notes| plan.scene(notes)).await;
            let notes = Notes::default();
            let StreamOrchestration { mut stream, steps, .. } = plan.scene(&notes).stream().await;
            let events: Vec<_> = stream.by_ref().take(read).filter_map(async |it| it.ok()).collect().await;
            drop(stream);
            let then = notes.all();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert_eq!(notes.all(), then, "nothing happens afterwards");
            assert_eq!(events[..], whole.events[..events.len()], "until then it was the same run");
            match steps.now_or_never().expect("the steps wait for nothing") {
                Ok(steps) => assert_eq!(steps, whole.steps()),
                Err(failed) => check_cut_short(&failed.into(), &whole),
            }
        });
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_prefix_of_the_journal_resumes_to_the_same_run(plan in plans(), cut in any::<Index>()) {
        in_paused_time(async {
            let journal = MemoryJournal::new();
            let whole = plan.kept_scene(&journal).stream().await.stream.finish().await;
            let records = journal.records("run-1");
            let kept = MemoryJournal::new();
            kept.set_records("run-1", records[..=cut.index(records.len())].to_vec());
            let scene = plan.kept_scene(&kept).messages(vec![]);
            let resumed = scene.stream().await.stream.finish().await;
            check_resumed(whole, resumed);
        });
    }
}

/// A run that ended by itself ends alike. One that failed may get further now, from where it was.
fn check_resumed(whole: Result<RunOutput, RunError>, resumed: Result<RunOutput, RunError>) {
    let (resumed_messages, is_left) = match &resumed {
        Ok(output) => (output.messages.clone(), !output.pending.is_empty()),
        Err(failed) => (failed.messages().to_vec(), false),
    };
    match whole {
        Ok(whole) => {
            let resumed = resumed.unwrap();
            assert_eq!((resumed.messages, resumed.stopped_by), (whole.messages, whole.stopped_by));
            assert_eq!(resumed.response.message, whole.response.message);
            assert_eq!(resumed.pending, whole.pending);
        }
        Err(whole) => {
            // What is left to the caller has no result yet.
            if !is_left {
                assert_answered_once(&resumed_messages);
            }
            // In the step that a fatal tool ended, the others may now come to their end before it.
            let is_reply = |it: &ChatMessage| it.role() == Role::Assistant;
            let last = whole.messages().iter().rposition(is_reply).unwrap_or(1);
            let finished = &whole.messages()[..last];
            for (whole, resumed) in finished.iter().zip(&resumed_messages) {
                assert_eq!(whole, resumed, "what was finished stays as it was");
            }
        }
    }
}

/// Every call has exactly one result, but for those that a run says are pending.
fn check_results(played: &Played) {
    let mut messages = played.messages().to_vec();
    if let Ok(output) = &played.ended {
        let is_pending = output.stopped_by == StoppedBy::ToolCallsPending;
        assert_eq!(is_pending, !output.pending.is_empty());
        for call in &output.pending {
            let answer = ToolResult::executed(call, Value::Null);
            messages.push(ChatMessage::tool(answer));
        }
    }
    assert_answered_once(&messages);
    let of_steps: Vec<_> = played.steps().iter().flat_map(|it| it.messages.clone()).collect();
    let whole = [&played.messages()[..1], &of_steps].concat();
    assert_eq!(played.messages(), whole, "the history is what it began with and its steps");
}

/// `Start` is first, `End` is last and once, and everything stands within its step, in its order.
fn check_order(played: &Played) {
    let types = played.event_types();
    assert_eq!(types[0], "start");
    assert_eq!(types.iter().filter(|it| *it == "start").count(), 1);
    let ends = types.iter().filter(|it| *it == "end").count();
    assert_eq!(ends, usize::from(played.ended.is_ok()));
    assert!(ends == 0 || types.last().unwrap() == "end");

    let (mut step, mut stage) = (0, 0);
    let mut open = BTreeSet::new();
    for event in &played.events {
        let value = serde_json::to_value(event).unwrap();
        if let Some(number) = value["step_number"].as_u64() {
            assert_eq!(number, step, "steps are numbered from 0");
        }
        let next = match event {
            StreamEvent::StepStart { .. } => 1,
            StreamEvent::Delta { delta, .. } => {
                assert!(!delta.is_empty());
                2
            }
            StreamEvent::ToolCall { call, .. } => {
                assert!(open.insert(call.id.clone()));
                3
            }
            StreamEvent::ToolProgress { call_id, .. } => {
                assert!(open.contains(call_id), "a tool reports between its call and its result");
                4
            }
            StreamEvent::ToolResult { result, .. } => {
                assert!(open.remove(&result.call_id), "a call comes before its result, and once");
                4
            }
            StreamEvent::StepFinish { step: finished, .. } => {
                assert_eq!(finished.step_number as u64, step);
                check_told_of(finished, played);
                step += 1;
                (stage, open) = (0, BTreeSet::new());
                continue;
            }
            _ => continue,
        };
        assert!(
            stage <= next && (next > 1 || stage == 0),
            "{} at stage {stage}",
            event_type(event)
        );
        stage = next;
    }
}

/// A step is told of as it is given back, but for calls left to the caller of a run that then failed.
fn check_told_of(finished: &StepResult, played: &Played) {
    let mut step = played.steps()[finished.step_number].clone();
    if played.ended.is_err() {
        let was_open = |status| status == ToolStatus::Interrupted;
        step.tool_results.retain(|it| !was_open(it.status));
        step.messages.retain(|it| it.tool_results().all(|it| !was_open(it.status)));
    }
    assert_eq!(*finished, step);
}

/// The run's total is the sum of its replies, and unknown where one of them is: one that broke off
/// does not say what it cost.
fn check_usage(plan: &Plan, played: &Played) {
    let mut usages: Vec<_> = played.steps().iter().map(|it| it.usage.clone()).collect();
    let has_broken_off = |failed: &Failed| match failed.kind {
        ErrorKind::IncompleteReply => true,
        // One that failed before anything of it came cost nothing.
        ErrorKind::Server => {
            let reply = &plan.replies[played.requests.len() - 1];
            !reply.texts.is_empty() || !reply.calls.is_empty()
        }
        _ => false,
    };
    usages.extend(played.ended.as_ref().err().filter(|it| has_broken_off(it)).map(|_| None));
    let total = |of: fn(&Usage) -> TokenCount| {
        usages.iter().try_fold(0_u64, |sum, it| Some(sum.saturating_add(of(it.as_ref()?).get()?)))
    };
    let usage = played.ended.as_ref().map_or_else(|it| &it.usage, |it| &it.usage);
    assert_eq!(usage.input_tokens.get(), total(|it| it.input_tokens));
    assert_eq!(usage.output_tokens.get(), total(|it| it.output_tokens));
    assert_eq!(usage.total_tokens.get(), total(|it| it.total_tokens));
}

/// Ids are never empty, and unique within a step.
fn check_ids(steps: &[StepResult]) {
    for step in steps {
        let ids: BTreeSet<_> = step.tool_calls.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), step.tool_calls.len());
        assert!(step.tool_calls.iter().all(|it| !it.id.is_empty()));
    }
}

/// What the results say of executions is what the tools noted.
fn check_deeds(played: &Played) {
    let results = || played.steps().iter().flat_map(|it| &it.tool_results);
    let ran = results().filter(|it| matches!(it.status, ToolStatus::Executed | ToolStatus::Failed));
    let ended = played.notes.iter().filter(|it| it.ends_with(" ends")).count();
    let begun = played.notes.iter().filter(|it| it.ends_with(" begins")).count();
    let reported = ran.count();
    assert!(reported <= ended && ended <= begun && begun == played.calls.len());
    assert!(
        played.ended.is_err() || reported == begun,
        "only a fatal tool leaves others unfinished"
    );
    assert!(played.calls.iter().all(|(_, arguments)| arguments.is_object()));
}

/// A history that leaves the library is kept without loss, and has nothing to be mended.
fn check_kept(played: &Played) {
    let kept = serde_json::to_string(&History::new(played.messages().to_vec())).unwrap();
    let back: History = serde_json::from_str(&kept).unwrap();
    assert_eq!(back.messages, played.messages());
    assert_eq!(serde_json::to_string(&back).unwrap(), kept);
    if played.ended.as_ref().is_ok_and(|it| !it.pending.is_empty()) {
        return;
    }
    assert_eq!(mend(back.messages), (played.messages().to_vec(), vec![]));
}

/// What a cancelled run gives back is the beginning of the `whole` run, with a valid history.
fn check_cut_short(failed: &Failed, whole: &Played) {
    if whole.ended.as_ref().err() == Some(failed) {
        return; // It had failed of itself before.
    }
    assert_eq!(failed.kind, ErrorKind::Cancelled);
    assert_answered_once(&failed.messages);
    check_ids(&failed.steps);
    let count = failed.steps.len();
    assert!(count <= whole.steps().len());
    for (cut, step) in failed.steps.iter().zip(whole.steps()) {
        assert_eq!(cut.tool_calls, step.tool_calls);
        let is_last = cut.step_number + 1 == count;
        for result in &cut.tool_results {
            let full = step.tool_results.iter().find(|it| it.call_id == result.call_id);
            let is_cancelled = is_last && result.status == ToolStatus::Cancelled;
            assert!(is_cancelled || full == Some(result), "{result:?} was {full:?}");
        }
    }
}

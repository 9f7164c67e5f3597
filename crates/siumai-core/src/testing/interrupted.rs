//! A run that is cut at a record and resumed, for the suite of journals.
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::json;

use super::{RecordingResolver, Reply};
use crate::{
    ErrorKind, LlmError,
    journal::{Journal, Record, RecordKind, RunJournal},
    model::{LanguageModel, ModelStream},
    orchestrator::{OrchestratorOptions, RunError, RunOutput, run},
    types::{ChatRequest, Role, Tool, ToolStatus},
    user,
};

/// What came of a run, and how often each tool was executed in it.
pub(super) struct Played {
    pub(super) ended: Result<RunOutput, LlmError>,
    pub(super) executed: BTreeMap<String, usize>,
}

/// Runs the same run as ever under the name `id`: two tools at once, then one, then an answer.
pub(super) async fn play(id: &str, journal: Arc<dyn Journal>) -> Played {
    let tools = TOOLS.map(|(name, is_idempotent)| {
        let tool = Tool::function(name, "Does something");
        if is_idempotent { tool.idempotent() } else { tool }
    });
    let resolver = TOOLS
        .iter()
        .fold(RecordingResolver::new(), |all, (name, _)| all.returning(*name, json!(name)));
    let options = OrchestratorOptions {
        journal: Some(journal),
        run_id: Some(id.to_owned()),
        ..Default::default()
    };
    let messages = vec![user!("go")];
    let ended = run(&Planned, messages, Some(tools.into()), Some(&resolver), &[], options).await;
    let mut executed = BTreeMap::new();
    for (name, _) in resolver.calls() {
        *executed.entry(name).or_default() += 1;
    }
    Played { ended: ended.map_err(RunError::into), executed }
}

/// The tools, and whether each may run again when nobody knows what came of it.
const TOOLS: [(&str, bool); 3] = [("look", true), ("pay", false), ("tell", false)];

/// Whether a resumed run ended as the one that nothing cut.
pub(super) fn compare(whole: &RunOutput, resumed: &RunOutput) -> Result<(), String> {
    let end =
        |it: &RunOutput| (it.stopped_by.clone(), it.response.content_text().map(str::to_owned));
    if end(whole) != end(resumed) {
        return Err(format!("it ended with {:?}, not with {:?}", end(resumed), end(whole)));
    }
    if resumed.steps.len() != whole.steps.len() {
        return Err(format!("it took {} steps, not {}", resumed.steps.len(), whole.steps.len()));
    }
    for (ours, theirs) in whole.steps.iter().zip(&resumed.steps) {
        for (ours, theirs) in ours.tool_results.iter().zip(&theirs.tool_results) {
            let is_alike = ours == theirs || theirs.status == ToolStatus::Indeterminate;
            if !is_alike || ours.call_id != theirs.call_id {
                return Err(format!("a result is {theirs:?}, not {ours:?}"));
            }
        }
    }
    Ok(())
}

/// Whether nothing was executed twice that must not be.
pub(super) fn count(
    kept: &[Record],
    before: &BTreeMap<String, usize>,
    after: &BTreeMap<String, usize>,
) -> Result<(), String> {
    for (name, is_idempotent) in TOOLS {
        let times = |counts: &BTreeMap<String, usize>| counts.get(name).copied().unwrap_or(0);
        let (before, after) = (times(before), times(after));
        let is_finished = kept.iter().any(|record| {
            record.kind() == RecordKind::Outcome
                && record.body().contains(&format!("\"{name}\""))
                && record.effect().is_some_and(|it| it.contains("/tool/"))
        });
        let may_repeat = is_idempotent && !is_finished;
        if before + after > 1 && !may_repeat {
            return Err(format!("`{name}` was executed {before} times before and {after} after"));
        }
    }
    Ok(())
}

/// Answers by what it is told, so that a reply that nobody heard comes again.
struct Planned;

#[async_trait]
impl LanguageModel for Planned {
    fn provider(&self) -> &'static str {
        "planned"
    }

    fn model(&self) -> &'static str {
        "plan"
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let replies = request.messages().iter().filter(|it| it.role() == Role::Assistant).count();
        let reply = match replies {
            0 => Reply::text("Let me see.").call("look", json!({})).call("pay", json!({})),
            1 => Reply::empty().call("tell", json!({})),
            _ => Reply::text("It is done."),
        };
        reply.play().await
    }
}

/// A journal whose `nth` append, from 0, fails, and each after it: as if the process had died.
pub(super) struct Cutting {
    journal: Arc<dyn Journal>,
    appends: Arc<AtomicUsize>,
    cut_at: usize,
}

impl Cutting {
    pub(super) fn new(journal: Arc<dyn Journal>, cut_at: usize) -> Self {
        Self { journal, appends: Arc::default(), cut_at }
    }

    pub(super) fn has_cut(&self) -> bool {
        self.appends.load(Ordering::Relaxed) > self.cut_at
    }
}

#[async_trait]
impl Journal for Cutting {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        let run = self.journal.open(run_id).await?;
        let (appends, cut_at) = (Arc::clone(&self.appends), self.cut_at);
        Ok(Box::new(CuttingRun { run, appends, cut_at }))
    }
}

struct CuttingRun {
    run: Box<dyn RunJournal>,
    appends: Arc<AtomicUsize>,
    cut_at: usize,
}

#[async_trait]
impl RunJournal for CuttingRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        self.run.records().await
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        if self.appends.fetch_add(1, Ordering::Relaxed) >= self.cut_at {
            return Err(LlmError::new(ErrorKind::Journal, "the journal is cut here"));
        }
        self.run.append(records).await
    }
}

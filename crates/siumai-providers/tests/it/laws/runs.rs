//! What holds for runs that go on from what somebody stored, or are played once more: whatever was
//! made of it since, they go on or fail, and both in order.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    LlmError, async_trait,
    journal::{Journal, Record, RunJournal},
    model::{LanguageModel, layers::Replay},
    orchestrator::{self, ApprovalRequest, OrchestratorOptions, SuspendedRun},
    testing::{RecordingResolver, ScriptedModel},
    types::{ChatMessage, Tool},
    user,
};

use super::reading::run;

/// Approves what `suspended` waits for, and goes on.
pub(crate) fn check_suspended(suspended: SuspendedRun) {
    let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
    let resume = Some(suspended);
    go_on(OrchestratorOptions { resume, decisions, ..OrchestratorOptions::default() });
}

/// Goes on with a run of which these records were kept.
pub(crate) fn check_journal(records: Vec<Record>) {
    let journal: Option<Arc<dyn Journal>> = Some(Arc::new(Kept(records)));
    let run_id = Some("run".to_owned());
    go_on(OrchestratorOptions { journal, run_id, ..OrchestratorOptions::default() });
}

/// Plays a recording, if `lines` are one.
pub(crate) fn check_recording(lines: &[u8]) -> bool {
    let replay = Replay::from_reader(lines);
    replay.map(|it| go_on_with(&it, vec![user!("Go")], OrchestratorOptions::default())).is_ok()
}

fn go_on(options: OrchestratorOptions) {
    go_on_with(&ScriptedModel::new().reply("Yes."), vec![], options);
}

fn go_on_with(model: &dyn LanguageModel, messages: Vec<ChatMessage>, options: OrchestratorOptions) {
    let resolver = RecordingResolver::new().returning("f", json!("done"));
    let tools = Some(vec![Tool::function("f", "Does it")]);
    let ended = run(orchestrator::run(model, messages, tools, Some(&resolver), &[], options));
    if let Ok(output) = ended {
        serde_json::to_string(&output.messages).expect("a history can be stored");
    }
}

/// Keeps what it has, and takes in everything.
#[derive(Clone)]
struct Kept(Vec<Record>);

#[async_trait]
impl Journal for Kept {
    async fn open(&self, _: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl RunJournal for Kept {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        Ok(self.0.clone())
    }

    async fn append(&self, _: &[Record]) -> Result<(), LlmError> {
        Ok(())
    }
}

//! A run as its journal tells it, for those who look at runs without driving them.
use std::fmt;

use super::{
    ApprovalRequest, Ending, StepResult,
    entry::{ended_with, replay},
    run::Run,
};
use crate::{
    LlmError,
    journal::Record,
    types::{ChatMessage, ToolCall, Usage},
};

/// A run as its records tell it.
///
/// ```
/// use std::sync::Arc;
/// use siumai_core::{
///     journal::MemoryJournal,
///     orchestrator::{Ending, OrchestratorOptions, RecordedRun, StoppedBy, run},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let journal = MemoryJournal::new();
/// let options = OrchestratorOptions {
///     journal: Some(Arc::new(journal.clone())),
///     run_id: Some("greeting".to_owned()),
///     ..Default::default()
/// };
/// let model = ScriptedModel::new().reply("Hello.");
/// let output = run(&model, vec![user!("Hi")], None, None, &[], options).await?;
///
/// let recorded = RecordedRun::read(&journal.records("greeting"))?.expect("it was kept");
/// assert_eq!(recorded.messages(), output.messages);
/// assert!(matches!(recorded.ending(), Some(Ending::StoppedBy(StoppedBy::Answer))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RecordedRun {
    run: Run,
    ending: Option<Ending>,
}

impl RecordedRun {
    /// Reads the records of a run; gives nothing if it never began.
    ///
    /// # Errors
    ///
    /// Of kind [`Journal`](crate::ErrorKind::Journal), if they are not what a run could have
    /// written, or come from a newer version.
    pub fn read(records: &[Record]) -> Result<Option<Self>, LlmError> {
        let Some((_, run)) = replay(records)? else { return Ok(None) };
        let ending = records.last().map(Ending::read).transpose()?.flatten();
        Ok(Some(Self { run, ending }))
    }

    /// The id of the run.
    pub fn run_id(&self) -> &str {
        self.run.id()
    }

    /// The finished steps, in order.
    pub fn steps(&self) -> &[StepResult] {
        self.run.steps()
    }

    /// The history so far. The calls of a step that is not finished have no results yet.
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.run.clone().into_parts().1
    }

    /// What the finished steps cost.
    pub fn usage(&self) -> Usage {
        self.run.usage()
    }

    /// What the agents cost that the finished steps called, and those below them.
    pub fn agents_usage(&self) -> Usage {
        self.run.agents_usage()
    }

    /// The calls that wait for a decision, in call order.
    pub fn pending(&self) -> Vec<ApprovalRequest> {
        self.run.requests()
    }

    /// The calls whose tools had begun and of which nothing more is known.
    pub fn under_way(&self) -> Vec<ToolCall> {
        self.run.started().map(|it| (*it.call).clone()).collect()
    }

    /// How it ended; nothing if it is driven just now, or its process died, or it was cancelled.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }
}

impl Ending {
    /// How a run ended, if that is what `record` says.
    ///
    /// # Errors
    ///
    /// Of kind [`Journal`](crate::ErrorKind::Journal), if it can't be read.
    pub fn read(record: &Record) -> Result<Option<Self>, LlmError> {
        ended_with(record)
    }
}

impl fmt::Debug for RecordedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prompts stay out of logs.
        f.debug_struct("RecordedRun")
            .field("run_id", &self.run_id())
            .field("steps", &self.steps().len())
            .field("pending", &self.pending().len())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

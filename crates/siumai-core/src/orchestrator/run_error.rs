//! What a failed run gives back.
use std::{error::Error, fmt, sync::Arc};

use super::{RunOutput, StepResult};
use crate::{
    ErrorKind, LlmError,
    types::{ChatMessage, Usage, Warning},
};

/// Why a run failed, with everything it had finished.
///
/// It turns into an [`LlmError`] by `?`, where only the reason matters.
#[derive(Clone)]
pub struct RunError {
    error: LlmError,
    done: Arc<Done>,
}

#[derive(Debug)]
struct Done {
    steps: Vec<StepResult>,
    messages: Vec<ChatMessage>,
    usage: Usage,
    /// The part of `usage` that no step has: of replies that broke off.
    broken: Usage,
    partial_reply: Option<ChatMessage>,
    warnings: Vec<Warning>,
    output: Option<RunOutput>,
}

impl RunError {
    pub(super) fn new(
        error: LlmError,
        steps: Vec<StepResult>,
        messages: Vec<ChatMessage>,
        broken: Usage,
        partial_reply: Option<ChatMessage>,
        warnings: Vec<Warning>,
    ) -> Self {
        let usage = StepResult::merge_usage(&steps) + broken.clone();
        let done = Done { steps, messages, usage, broken, partial_reply, warnings, output: None };
        Self { error, done: Arc::new(done) }
    }

    /// A run that failed before it began.
    pub(crate) fn unbegun(error: LlmError, messages: Vec<ChatMessage>) -> Self {
        Self::new(error, Vec::new(), messages, Usage::zero(), None, Vec::new())
    }

    /// A run that came to an end without the answer that was wanted of it.
    pub(super) fn unanswered(error: LlmError, output: RunOutput) -> Self {
        let done = Done {
            steps: output.steps.clone(),
            messages: output.messages.clone(),
            usage: output.usage.clone(),
            broken: Usage::zero(),
            partial_reply: None,
            warnings: output.warnings.clone(),
            output: Some(output),
        };
        Self { error, done: Arc::new(done) }
    }

    /// The failure itself.
    pub fn error(&self) -> &LlmError {
        &self.error
    }

    /// The sort of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The steps that were finished, the one that failed included if its tools had begun:
    /// calls that were cut short have a result that says so.
    pub fn steps(&self) -> &[StepResult] {
        &self.done.steps
    }

    /// The history up to the failure. It is valid: run again with it to go on.
    pub fn messages(&self) -> &[ChatMessage] {
        &self.done.messages
    }

    /// What the run cost: the finished steps, and the replies of the one under way that broke off.
    /// If one of those did not say what it cost, the sum is unknown.
    pub fn usage(&self) -> &Usage {
        &self.done.usage
    }

    /// What the agents cost that the run called, and those below them, as far as they got.
    pub fn agents_usage(&self) -> Usage {
        StepResult::merge_agents_usage(self.steps())
    }

    /// What replies cost that broke off, and are part of no step.
    pub(super) fn broken_usage(&self) -> &Usage {
        &self.done.broken
    }

    /// What the model had said of a reply that broke off; it is not part of the history.
    pub fn partial_reply(&self) -> Option<&ChatMessage> {
        self.done.partial_reply.as_ref()
    }

    /// What the model said last, in the last finished step that has text.
    pub fn last_text(&self) -> Option<&str> {
        self.done.steps.iter().rev().find_map(StepResult::text)
    }

    /// The run, if it came to an end by itself and only the [answer](super::generate_as) that was
    /// wanted of it is missing: it may wait for approval, or have come to a limit.
    pub fn output(&self) -> Option<&RunOutput> {
        self.done.output.as_ref()
    }

    /// What was not as it should be, and did not end the run.
    pub fn warnings(&self) -> &[Warning] {
        &self.done.warnings
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps().len() {
            0 => write!(f, "{}", self.error),
            1 => write!(f, "{} (1 step was finished)", self.error),
            count => write!(f, "{} ({count} steps were finished)", self.error),
        }
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prompts stay out of logs: what was finished is counted, not shown.
        f.debug_struct("RunError")
            .field("error", &self.error)
            .field("steps", &self.steps().len())
            .field("messages", &self.messages().len())
            .field("usage", self.usage())
            .finish_non_exhaustive()
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl From<RunError> for LlmError {
    fn from(failed: RunError) -> Self {
        failed.error
    }
}

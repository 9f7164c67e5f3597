//! How a run ends: what is given back of it, whatever ended it.
use std::{any::Any, sync::Arc};

use super::{
    RunError, RunOutput, StoppedBy, SuspendedRun, execute::panic_text, open_step::out_of_order,
    outcome::Outcome, run::Run,
};
use crate::{
    ErrorKind, LlmError,
    journal::ModelFailure,
    telemetry::Invocation,
    types::{ChatMessage, ToolStatus, Usage},
};

/// Why the loop broke off, and what the model had said of the reply it was in.
pub(super) struct Broken {
    pub(super) error: LlmError,
    pub(super) partial_reply: Option<ChatMessage>,
    /// What that reply cost.
    pub(super) usage: Box<Usage>,
}

impl Broken {
    /// A reply broke off. If nothing of it had come, it cost nothing.
    pub(super) fn reply(failure: ModelFailure) -> Self {
        let ModelFailure { error, has_begun, partial_reply, usage } = failure;
        let is_cut = matches!(error.kind(), ErrorKind::IncompleteReply | ErrorKind::MalformedReply);
        let usage = if is_cut || has_begun { usage.unwrap_or_default() } else { Usage::zero() };
        Self { error, partial_reply, usage: Box::new(usage) }
    }
}

/// Holds a run from its making to its end. If it is dropped before, the run ends as cancelled.
pub(super) struct Guard {
    pub(super) run: Option<Run>,
    /// The run as telemetry sees it, from its first poll.
    pub(super) invocation: Option<Invocation>,
    outcome: Arc<Outcome>,
}

impl Guard {
    /// Holds `run`, and leaves in `outcome` what comes of it.
    pub(super) fn new(run: Run, outcome: Arc<Outcome>) -> Self {
        Self { run: Some(run), invocation: None, outcome }
    }

    pub(super) fn end(&mut self, ended: Result<StoppedBy, Broken>) {
        let Some(run) = self.run.take() else { return };
        self.leave(match ended {
            Ok(stopped_by) => output(run, stopped_by),
            Err(Broken { error, partial_reply, usage }) => {
                let status = match error.kind() {
                    ErrorKind::Cancelled => ToolStatus::Cancelled,
                    _ => ToolStatus::Interrupted,
                };
                Err(failure(run, status, error, partial_reply, *usage))
            }
        });
    }

    fn leave(&mut self, ended: Result<RunOutput, RunError>) {
        match (self.invocation.take(), &ended) {
            (Some(invocation), Ok(output)) => invocation.finished(output),
            (Some(invocation), Err(failed)) => invocation.failed(failed),
            // It was never polled.
            (None, _) => {}
        }
        self.outcome.set(ended);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let error = LlmError::new(
            ErrorKind::Cancelled,
            "the run was cancelled: its stream was dropped before the end",
        );
        self.leave(Err(failure(run, ToolStatus::Cancelled, error, None, Usage::zero())));
    }
}

impl From<LlmError> for Broken {
    fn from(error: LlmError) -> Self {
        Self { error, partial_reply: None, usage: Box::new(Usage::zero()) }
    }
}

fn output(mut run: Run, stopped_by: StoppedBy) -> Result<RunOutput, RunError> {
    let is_waiting = stopped_by == StoppedBy::ApprovalPending;
    let suspended = is_waiting.then(|| SuspendedRun::new(run.clone()));
    if is_waiting {
        run.break_off(ToolStatus::Pending);
    }
    let (Some(response), pending) = run.outcome() else {
        let error = out_of_order("an end before the first reply");
        return Err(failure(run, ToolStatus::Interrupted, error, None, Usage::zero()));
    };
    let run_id = run.id().to_owned();
    let (usage, agents_usage) = (run.usage(), run.agents_usage());
    let (steps, messages, warnings) = run.into_parts();
    Ok(RunOutput {
        run_id,
        response,
        steps,
        messages,
        usage,
        agents_usage,
        stopped_by,
        pending,
        suspended,
        warnings,
    })
}

fn failure(
    mut run: Run,
    status: ToolStatus,
    error: LlmError,
    partial_reply: Option<ChatMessage>,
    of_partial_reply: Usage,
) -> RunError {
    let broken = run.broken_usage() + of_partial_reply;
    run.break_off(status);
    let (steps, messages, warnings) = run.into_parts();
    RunError::new(error, steps, messages, broken, partial_reply, warnings)
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> LlmError {
    let what = panic_text(panic);
    tracing::error!("a panic ended the run: {what}");
    let message = format!(
        "a panic ended the run: {what}; look for it in the model, the stop conditions and prepare_step"
    );
    LlmError::new(ErrorKind::Panicked, message)
}

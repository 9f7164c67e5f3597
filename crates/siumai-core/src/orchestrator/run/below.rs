//! What a run cost and what it waits for, with the agents below it; no IO.
use std::sync::Arc;

use super::{Run, State};
use crate::{
    orchestrator::{
        ApprovalRequest, StepResult,
        below::{Notes, bill},
        open_step::OpenStep,
    },
    types::{ModelUsage, ToolCall, ToolStatus, Usage},
};

impl Run {
    /// The same state for another life: agents leave nothing in it that is for this one.
    pub(in crate::orchestrator) fn afresh(self) -> Self {
        Self { notes: Notes::default(), ..self }
    }

    /// What somebody is to decide on, be it for an agent that the run called.
    pub(in crate::orchestrator) fn requests(&self) -> Vec<ApprovalRequest> {
        let requests = |step: &OpenStep| step.requests(&self.id, self.steps.len());
        self.open_step().map(requests).unwrap_or_default()
    }

    /// The id of the call whose agent waits for what `request` asks; nothing if the run itself does.
    pub(in crate::orchestrator) fn call_above(&self, request: &ApprovalRequest) -> Option<&str> {
        self.open_step()?.call_above(request)
    }

    /// The call of that id in the step under way, as it is executed.
    pub(in crate::orchestrator) fn open_call(&self, call_id: &str) -> Option<&Arc<ToolCall>> {
        self.open_step()?.call(call_id)
    }

    /// What somebody is to decide on a call of the step under way.
    pub(in crate::orchestrator) fn request_for(&self, call_id: &str) -> Option<ApprovalRequest> {
        let call = self.open_step()?.call(call_id)?;
        Some(ApprovalRequest::new(&self.id, self.steps.len(), call))
    }

    /// What the finished steps cost.
    pub(in crate::orchestrator) fn usage(&self) -> Usage {
        StepResult::merge_usage(&self.steps)
    }

    /// What the replies cost that broke off in a step whose model has not answered yet.
    pub(in crate::orchestrator) fn broken_usage(&self) -> Usage {
        match &self.state {
            State::Asking(asking) => asking.broken_usage(),
            _ => Usage::zero(),
        }
    }

    /// What the agents that the finished steps called cost.
    pub(in crate::orchestrator) fn agents_usage(&self) -> Usage {
        StepResult::merge_agents_usage(&self.steps)
    }

    /// What the models of the run cost so far, and those of agents below it.
    pub(in crate::orchestrator) fn bill(&self) -> Vec<ModelUsage> {
        let mut run = self.clone();
        run.break_off(ToolStatus::Pending);
        bill(&run.steps)
    }

    /// Where the agents that run just now leave what they cost.
    pub(in crate::orchestrator) fn notes(&self) -> &Notes {
        &self.notes
    }
}

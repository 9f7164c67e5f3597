//! What limits and the guard against circles make of a run; no IO.
use std::sync::Arc;

use super::{Rules, Run, State};
use crate::{
    orchestrator::{AtLimit, StoppedBy, limits, loop_guard::Circle, open_step::Decision},
    types::ToolResult,
};

impl Run {
    /// What the model is told if `count` more calls of the step under way can't be executed.
    pub(in crate::orchestrator) fn overshot(
        &self,
        rules: &Rules<'_>,
        count: usize,
    ) -> Option<String> {
        let State::Answering(step) = &self.state else { return None };
        let executed = limits::executed(&self.steps) + step.executions();
        rules.limits.usage.overshot(executed, count + step.skipped())
    }

    /// The circle that the calls of the step under way close, if the model is to hear of it.
    pub(in crate::orchestrator) fn circle(&self, rules: &Rules<'_>) -> Option<Circle> {
        let State::Answering(step) = &self.state else { return None };
        rules.limits.loop_guard.told(&self.steps, &step.response.tool_calls)
    }

    /// What becomes of a call that may be executed as far as approval goes: it waits, if somebody
    /// is to be asked about one that was made so often.
    pub(in crate::orchestrator) fn guarded(
        &self,
        rules: &Rules<'_>,
        call_id: &str,
        decision: Decision,
    ) -> Decision {
        let State::Answering(step) = &self.state else { return decision };
        if decision != (Decision::Execute { modified_arguments: None }) {
            return decision;
        }
        let calls = &step.response.tool_calls;
        let circle = rules.limits.loop_guard.asked(&self.steps, calls);
        let call = calls.iter().find(|it| it.id == call_id);
        match circle.zip(call) {
            Some((circle, call)) if circle.is_stale(&self.steps, call) => Decision::Wait,
            _ => decision,
        }
    }

    /// Makes `result` one of the call as the model made it, whatever was executed for it.
    pub(in crate::orchestrator) fn as_called(&self, result: Arc<ToolResult>) -> Arc<ToolResult> {
        match &self.state {
            State::Answering(step) => step.as_called(result),
            _ => result,
        }
    }

    /// Adds to `result` what the model is told if it came all the way round `circle`.
    pub(in crate::orchestrator) fn noted(
        &self,
        circle: Option<Circle>,
        result: Arc<ToolResult>,
    ) -> Arc<ToolResult> {
        let (State::Answering(step), Some(circle)) = (&self.state, circle) else { return result };
        let mut calls = step.response.tool_calls.iter();
        let call = calls.find(|it| it.id == result.call_id);
        match call.and_then(|call| circle.note(&self.steps, call, &result)) {
            Some(note) => {
                let mut result = Arc::unwrap_or_clone(result);
                result.add_note(note);
                Arc::new(result)
            }
            None => result,
        }
    }

    /// Whether the model is asked once more where `stopped_by` ends the run.
    pub(super) fn answers_at(&self, stopped_by: &StoppedBy, rules: &Rules<'_>) -> bool {
        let is_limit = match stopped_by {
            StoppedBy::MaxSteps
            | StoppedBy::UsageLimit { .. }
            | StoppedBy::InvalidToolCalls
            | StoppedBy::RepeatedToolCalls => true,
            StoppedBy::Answer
            | StoppedBy::Condition { .. }
            | StoppedBy::ToolCallsPending
            | StoppedBy::ApprovalPending => false,
        };
        is_limit && self.ending.is_none() && rules.limits.at_limit == AtLimit::Answer
    }
}

//! How a step ends: with all its results, or broken off; no IO.
use std::sync::Arc;

use super::{Run, State};
use crate::{
    orchestrator::{StepResult, open_step::OpenStep},
    types::{ChatMessage, ToolStatus},
};

impl Run {
    /// Moves the open step to the finished ones if nothing in it is left to do here.
    pub(super) fn finish_step(&mut self) -> Option<&StepResult> {
        let open = match std::mem::replace(&mut self.state, State::Between) {
            State::Answering(step) if step.is_finished() => step,
            other => {
                self.state = other;
                return None;
            }
        };
        let step = if open.left().next().is_some() {
            let step = (*open).clone();
            self.state = State::Left(open);
            step
        } else {
            *open
        };
        let tool_results: Vec<_> = step.results().cloned().collect();
        let OpenStep { response, usage, summaries, .. } = step;
        let mut messages = Vec::with_capacity(1 + tool_results.len());
        messages.push(response.message.clone());
        messages.extend(tool_results.iter().cloned().map(ChatMessage::tool));
        // Results came in finish order; the history wants call order.
        Arc::make_mut(&mut self.messages).extend_from_slice(&messages[1..]);
        self.steps.push(StepResult {
            step_number: self.steps.len(),
            messages,
            finish_reason: response.finish_reason.clone(),
            provider: response.provider.clone(),
            model: response.model.clone(),
            usage,
            summaries,
            tool_calls: response.tool_calls.clone(),
            tool_results,
            duration: self.clock.step(),
        });
        self.response = Some(response);
        self.steps.last()
    }

    /// Ends what is under way: every call that is not finished gets a result that says `status`.
    pub(in crate::orchestrator) fn break_off(&mut self, status: ToolStatus) {
        self.reopen();
        if let State::Answering(step) = &mut self.state {
            step.break_off(status, &self.notes);
            self.finish_step();
        }
        self.state = State::Between;
    }

    /// Takes the last step back from the finished ones if it left calls to the caller,
    /// who does not hear of them when the run breaks off.
    fn reopen(&mut self) {
        let State::Left(step) = &self.state else { return };
        let step = step.clone();
        self.steps.pop();
        let kept = self.messages.len() - step.results().count();
        Arc::make_mut(&mut self.messages).truncate(kept);
        self.state = State::Answering(step);
    }
}

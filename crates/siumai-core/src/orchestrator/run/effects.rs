//! The effects that a run wants, and what becomes of those whose end nobody knows.
use std::sync::Arc;

use super::{
    super::{below::Below, entry::SummaryEntry, execute::CallLimits},
    Entry, ReadyCall, Run, State,
};
use crate::{
    CancellationToken,
    journal::{Effect, Work, model_effect, tool_effect},
    tool::{ToolContext, Toolbox},
    types::{ChatRequest, Tool, ToolResult, ToolStatus},
};

impl Run {
    /// The name of the model call under way, or of the next of this step.
    pub(in super::super) fn model_effect_name(&self) -> String {
        let nth = match &self.state {
            State::Asking(asking) => asking.request_number(),
            _ => 1,
        };
        model_effect(self.steps.len(), nth)
    }

    pub(in super::super) fn model_effect(&self, request: ChatRequest) -> Effect {
        let work = Work::CallModel { request, call_id_prefix: self.call_id_prefix() };
        Effect { run_id: self.id.to_string(), name: self.model_effect_name(), work }
    }

    /// The name of the execution of a call of this step: of the one under way, or of the next.
    pub(in super::super) fn tool_effect_name(&self, call_id: &str) -> String {
        let suspensions = self.open_step().map_or(0, |it| it.suspensions(call_id));
        tool_effect(self.steps.len(), call_id, suspensions + 1)
    }

    pub(in super::super) fn tool_effect(&self, ready: ReadyCall, limits: CallLimits) -> Effect {
        let ReadyCall { call, modified_arguments, below } = ready;
        let step_number = self.steps.len();
        let name = self.tool_effect_name(&call.id);
        let (suspended, decisions) = match below.map(|it| *it) {
            Some(Below { run, decisions, .. }) => (Some(Box::new(run)), decisions),
            None => (None, Vec::new()),
        };
        let CallLimits { time: time_limit, result_bytes: max_result_bytes } = limits;
        let work = Work::ExecuteTool {
            step_number,
            call,
            modified_arguments,
            time_limit,
            max_result_bytes,
            suspended,
            decisions,
        };
        Effect { run_id: self.id.to_string(), name, work }
    }

    /// What the tool of a call of this step is given: of the history, all but the leading system
    /// messages. An agent that was suspended goes on with the key it began with.
    pub(in super::super) fn tool_context(
        &self,
        call_id: &str,
        cancellation: Option<&CancellationToken>,
    ) -> ToolContext {
        let token =
            cancellation.map_or_else(CancellationToken::new, CancellationToken::child_token);
        ToolContext::with_token(call_id.to_owned(), self.steps.len(), token)
            .of_run(&self.id)
            .with_messages(Arc::clone(&self.messages))
    }

    /// What becomes of an effect that had begun when the process died, where nobody knows
    /// what came of it.
    pub(in super::super) fn forgotten(&self, effect: &Effect, tools: &Toolbox) -> Entry {
        let (call, modified_arguments) = match &effect.work {
            Work::CallModel { .. } => return Entry::ReplyLost,
            Work::Summarise { .. } => return Entry::Summary(SummaryEntry::Lost),
            Work::ExecuteTool { call, modified_arguments, .. } => (call, modified_arguments),
        };
        let arguments = modified_arguments.as_ref().unwrap_or(&call.arguments);
        let fits = || tools.check(&call.name, arguments, self.active_tools()).is_ok();
        if tools.find(&call.name).is_some_and(Tool::is_idempotent) && fits() {
            return Entry::CallReopened { call_id: call.id.clone() };
        }
        let told = "The process ended while this tool ran. Nobody knows whether it did what it was \
                    asked: see what came of it before you call it again.";
        let result = ToolResult::unexecuted(call, ToolStatus::Indeterminate, told);
        Entry::CallFinished(Arc::new(result))
    }
}

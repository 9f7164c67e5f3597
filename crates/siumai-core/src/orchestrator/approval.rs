//! Whether a call may be executed: the tool and its arguments first, then whoever approves.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures_util::FutureExt;
use serde_json::Value;

use super::{
    ApprovalRequest, OrchestratorOptions, ToolApproval, answer::Sought, below::agents_above,
    open_step::Decision,
};
use crate::{
    tool::{ToolResolver, Toolbox, as_object},
    types::{Tool, ToolCall, ToolResult, ToolStatus},
};

/// What a call is judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) tools: &'a Toolbox,
    pub(super) active_tools: Option<&'a [String]>,
    pub(super) resolver: Option<&'a dyn ToolResolver>,
    pub(super) answer: Option<Sought<'a>>,
    pub(super) options: &'a OrchestratorOptions,
    pub(super) run_id: &'a str,
    pub(super) step_number: usize,
}

impl Judge<'_> {
    /// Decides on `call`, or answers it with the result that the model is told: it is refused, or
    /// it is the answer of the run, which nobody executes.
    ///
    /// Whoever approves is asked only about calls that could be executed.
    pub(super) async fn decide(&self, call: &Arc<ToolCall>) -> Result<Decision, Arc<ToolResult>> {
        self.check(call, &call.arguments)?;
        if self.answer.is_some_and(|it| it.is_asked_by(&call.name)) {
            return Err(Arc::new(Sought::taken(call)));
        }
        if !self.resolver.is_some_and(|it| it.has_tool(&call.name)) {
            return Ok(Decision::Leave);
        }
        match self.ask(call).await {
            None => Ok(Decision::Execute { modified_arguments: None }),
            Some(ToolApproval::Approve(arguments) | ToolApproval::Modify(arguments)) => {
                self.approved(call, arguments)
            }
            Some(ToolApproval::Deny { reason }) => Err(denied(call, &reason)),
            Some(ToolApproval::Pause) => Ok(Decision::Wait),
        }
    }

    /// Whether `call` could be executed with `arguments`; if not, the result that says so.
    pub(super) fn check(&self, call: &ToolCall, arguments: &Value) -> Result<(), Arc<ToolResult>> {
        let invalid = |told| Arc::new(ToolResult::unexecuted(call, ToolStatus::Invalid, told));
        self.misfit(call, arguments).map_err(invalid)
    }

    /// Whether `arguments` could take the place of the model's; if not, why not.
    pub(super) fn misfit(&self, call: &ToolCall, arguments: &Value) -> Result<(), String> {
        self.tools.check(&call.name, arguments, self.active_tools)?;
        match self.answer.filter(|it| it.is_asked_by(&call.name)) {
            Some(sought) => sought.schema.check_call(arguments),
            None => Ok(()),
        }
    }

    /// What whoever approves says; nothing if nobody wants to be asked.
    async fn ask(&self, call: &Arc<ToolCall>) -> Option<ToolApproval> {
        let answer = match (&self.options.on_tool_approval, &self.options.approver) {
            (Some(approve), _) => {
                let arguments = as_object(&call.arguments);
                catch_unwind(AssertUnwindSafe(|| approve(&call.name, &arguments)))
            }
            (None, Some(approver)) => {
                let mut request = ApprovalRequest::new(self.run_id, self.step_number, call);
                request.agents = agents_above(self.options).to_vec();
                let tool = self.tools.find(&call.name)?;
                // Called inside the block: it may panic before its first await.
                let decision = async { approver.decide(&request, tool).await };
                AssertUnwindSafe(decision).catch_unwind().await
            }
            // Absence is never approval.
            (None, None) => {
                let is_needed = self.tools.find(&call.name).is_some_and(Tool::is_approval_needed);
                return is_needed.then_some(ToolApproval::Pause);
            }
        };
        Some(answer.unwrap_or_else(|_| {
            tracing::error!(tool = call.name, "whoever approves panicked; the call is denied");
            ToolApproval::Deny { reason: "approval failed".to_owned() }
        }))
    }

    fn approved(&self, call: &ToolCall, arguments: Value) -> Result<Decision, Arc<ToolResult>> {
        if arguments == *as_object(&call.arguments) {
            return Ok(Decision::Execute { modified_arguments: None });
        }
        match self.misfit(call, &arguments) {
            Ok(()) => Ok(Decision::Execute { modified_arguments: Some(arguments) }),
            Err(misfit) => {
                Err(denied(call, &format!("its arguments were changed to unusable ones. {misfit}")))
            }
        }
    }
}

pub(super) fn denied(call: &ToolCall, reason: &str) -> Arc<ToolResult> {
    let name = &call.name;
    let told = format!(
        "The call of `{name}` was denied and not executed: {reason}. Go on without it, or say what you need it for."
    );
    Arc::new(ToolResult::unexecuted(call, ToolStatus::Denied, told))
}

//! Whether a call may be executed: the tool and its arguments first, then whoever approves.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::Value;

use super::{OnToolApproval, ToolApproval, open_step::Decision};
use crate::{
    tool::{ToolResolver, Toolbox},
    types::{ToolCall, ToolResult, ToolStatus},
};

/// What a call is judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) tools: &'a Toolbox,
    pub(super) active_tools: Option<&'a [String]>,
    pub(super) resolver: Option<&'a dyn ToolResolver>,
    pub(super) approver: Option<&'a OnToolApproval>,
}

impl Judge<'_> {
    /// Decides on `call`, or refuses it with the result that the model is told.
    ///
    /// Whoever approves is asked only about calls that could be executed.
    pub(super) fn decide(&self, call: &ToolCall) -> Result<Decision, Arc<ToolResult>> {
        if let Err(told) = self.check(call, &call.arguments) {
            return Err(Arc::new(ToolResult::unexecuted(call, ToolStatus::Invalid, told)));
        }
        if !self.resolver.is_some_and(|it| it.has_tool(&call.name)) {
            return Ok(Decision::Leave);
        }
        let Some(approver) = self.approver else {
            return Ok(Decision::Execute { modified_arguments: None });
        };
        match ask(approver, call) {
            ToolApproval::Approve(arguments) | ToolApproval::Modify(arguments) => {
                self.approved(call, arguments)
            }
            ToolApproval::Deny { reason } => Err(denied(call, &reason)),
        }
    }

    fn approved(&self, call: &ToolCall, arguments: Value) -> Result<Decision, Arc<ToolResult>> {
        if arguments == call.arguments {
            return Ok(Decision::Execute { modified_arguments: None });
        }
        match self.check(call, &arguments) {
            Ok(()) => Ok(Decision::Execute { modified_arguments: Some(arguments) }),
            Err(misfit) => {
                Err(denied(call, &format!("its arguments were changed to unusable ones. {misfit}")))
            }
        }
    }

    fn check(&self, call: &ToolCall, arguments: &Value) -> Result<(), String> {
        self.tools.check(&call.name, arguments, self.active_tools)
    }
}

fn ask(approver: &OnToolApproval, call: &ToolCall) -> ToolApproval {
    let asked = catch_unwind(AssertUnwindSafe(|| approver(&call.name, &call.arguments)));
    asked.unwrap_or_else(|_| {
        tracing::error!(tool = call.name, "on_tool_approval panicked; the call is denied");
        ToolApproval::Deny { reason: "approval failed".to_owned() }
    })
}

fn denied(call: &ToolCall, reason: &str) -> Arc<ToolResult> {
    let name = &call.name;
    let told = format!(
        "The call of `{name}` was denied and not executed: {reason}. Go on without it, or say what you need it for."
    );
    Arc::new(ToolResult::unexecuted(call, ToolStatus::Denied, told))
}

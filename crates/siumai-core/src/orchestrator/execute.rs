//! The execution of one tool call: whatever the tool does, there is one result.
use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use super::open_step::ReadyCall;
use crate::{
    ErrorKind, LlmError,
    tool::{ToolContext, ToolResolver},
    types::{ToolResult, ToolStatus},
};

/// What came of an execution.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) result: ToolResult,
    /// Set if the tool wants the run to end.
    pub(super) fatal: Option<LlmError>,
}

/// Executes `ready`; a panic of the tool is caught.
pub(super) async fn execute(
    resolver: &dyn ToolResolver,
    ready: ReadyCall,
    step_number: usize,
) -> Executed {
    let ReadyCall { call, modified_arguments } = ready;
    let context = ToolContext::new(call.id.as_str(), step_number);
    let arguments = modified_arguments.clone().unwrap_or_else(|| call.arguments.clone());
    // The call itself stands inside the block too: a tool may panic before its first await.
    let outcome = async { resolver.call_tool_with(&call.name, arguments, &context).await };
    let outcome = AssertUnwindSafe(outcome).catch_unwind().await;
    let (mut result, fatal) = match outcome {
        Ok(Ok(output)) => (ToolResult::executed(&call, output), None),
        Ok(Err(error)) => {
            let told = error.message().to_owned();
            let fatal = (error.kind() == ErrorKind::FatalTool).then_some(error);
            (ToolResult::unexecuted(&call, ToolStatus::Failed, told), fatal)
        }
        Err(panic) => {
            let (name, what) = (&call.name, panic_text(&*panic));
            tracing::error!(tool = name, "a tool panicked: {what}");
            let told = format!(
                "The tool `{name}` crashed: {what}. Calling it again the same way will not help; try another way."
            );
            (ToolResult::unexecuted(&call, ToolStatus::Failed, told), None)
        }
    };
    result.modified_arguments = modified_arguments;
    Executed { result, fatal }
}

/// What a panic says.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

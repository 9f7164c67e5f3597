//! The execution of one tool call: whatever the tool does, there is one result.
use std::{any::Any, sync::Arc, time::Duration};

use tracing::Instrument;

use super::{
    below::{Above, Suspension},
    contained::Contained,
    open_step::ReadyCall,
};
use crate::{
    ErrorKind, LlmError,
    journal::Outcome,
    telemetry::{Execution, ToolTelemetry},
    tool::{ToolContext, ToolResolver, as_object},
    types::{ToolResult, ToolStatus},
};

/// How much a call may take, as far as there are limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallLimits {
    pub(super) time: Option<Duration>,
    pub(super) result_bytes: Option<usize>,
}

/// Executes `ready` within `limits`: what takes too long is dropped, what is too large cut off.
/// A panic of the tool is caught, whenever it comes.
pub(super) fn execute<'a>(
    resolver: &'a dyn ToolResolver,
    ready: ReadyCall,
    context: ToolContext,
    limits: CallLimits,
    telemetry: ToolTelemetry<'a>,
) -> impl Future<Output = Outcome> + use<'a> {
    let ReadyCall { call, modified_arguments, below: _ } = ready;
    // A block holds each of these once, where an `async fn` would hold them twice.
    async move {
        // Dropped with this future, it stops what the tool may have left to somebody else.
        let guard = context.cancellation.clone().drop_guard();
        let arguments = modified_arguments.as_ref().unwrap_or(&call.arguments);
        let arguments = as_object(arguments).into_owned();
        let execution = Execution::begin(telemetry, &call, &arguments);
        let span = execution.span().clone();
        let start = || resolver.call_tool_with(&call.name, arguments, &context);
        let outcome = match span.in_scope(|| Contained::new(start)) {
            Ok(tool) => within(limits.time, tool).instrument(span).await,
            // Before its first await.
            Err(panic) => Ok(Err(panic)),
        };
        if matches!(outcome, Ok(Ok(_))) {
            guard.disarm();
        }
        let left = context.above::<Above>().map(|it| it.notes.take(&call.id)).unwrap_or_default();
        if let (Ok(Ok(_)), Some(Suspension { run, error })) = (&outcome, left.suspension) {
            let waits =
                ToolResult::unexecuted(&call, ToolStatus::Pending, "It waits for approval.");
            execution.ended(&waits, error.as_ref().map(LlmError::kind));
            return Outcome::ToolSuspended { call_id: call.id.clone(), run, error };
        }
        let failed = match &outcome {
            Ok(Ok(Ok(_))) => None,
            Ok(Ok(Err(error))) => Some(error.kind()),
            Ok(Err(_)) => Some(ErrorKind::Panicked),
            Err(TooLong(_)) => Some(ErrorKind::Timeout),
        };
        let (mut result, fatal) = match outcome {
            Ok(Ok(Ok(output))) => (ToolResult::executed(&call, output), None),
            Ok(Ok(Err(error))) => {
                let told = error.message().to_owned();
                let fatal = (error.kind() == ErrorKind::FatalTool).then_some(error);
                (ToolResult::unexecuted(&call, ToolStatus::Failed, told), fatal)
            }
            Ok(Err(panic)) => {
                let (name, what) = (&call.name, panic_text(&*panic));
                let log = || tracing::error!(tool = name, "a tool panicked: {what}");
                execution.span().in_scope(log);
                let told = format!(
                    "The tool `{name}` crashed: {what}. Calling it again the same way will not help; try another way."
                );
                (ToolResult::unexecuted(&call, ToolStatus::Failed, told), None)
            }
            Err(TooLong(limit)) => {
                let name = &call.name;
                let told = format!(
                    "The tool `{name}` was stopped because it took longer than {limit:?}. It may have been \
                 executed in part. Ask it for less, or try another way."
                );
                (ToolResult::unexecuted(&call, ToolStatus::TimedOut, told), None)
            }
        };
        result.modified_arguments = modified_arguments;
        result.agents_usage = left.usage;
        if let Some(limit) = limits.result_bytes {
            result.truncate(limit);
        }
        execution.ended(&result, failed);
        Outcome::ToolFinished { result: Arc::new(result), fatal }
    }
}

/// A tool was dropped after this time.
struct TooLong(Duration);

async fn within<T>(limit: Option<Duration>, tool: impl Future<Output = T>) -> Result<T, TooLong> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, tool).await.map_err(|_| TooLong(limit)),
        None => Ok(tool.await),
    }
}

/// What a panic says.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

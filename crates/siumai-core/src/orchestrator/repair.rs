//! The mending of calls that can't be executed, by a function of the caller's; no IO.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::limits::was_executed;
use crate::{
    tool::{Toolbox, has_nulls},
    types::{Tool, ToolCall, ToolResult},
};

/// A call that can't be executed as the model wrote it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct InvalidCall<'a> {
    /// The call.
    pub call: &'a ToolCall,
    /// What is wrong with it, as the model is told if nobody mends it.
    pub problem: &'a str,
    /// The tools that may be called in this step.
    pub tools: &'a [Tool],
}

/// Mends a call that can't be executed, or says that it can't.
///
/// What it returns is executed in place of the model's call if it is valid itself, under the
/// call's own id. The reply keeps the call as the model wrote it, and the result says what was
/// executed instead: [`modified_name`](ToolResult::modified_name) and
/// [`modified_arguments`](ToolResult::modified_arguments). A panic in it is no repair.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{InvalidCall, OrchestratorOptions, run},
///     testing::{RecordingResolver, ScriptedModel},
///     types::{Tool, ToolCall},
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let in_lower_case = |invalid: InvalidCall<'_>| {
///     Some(ToolCall { name: invalid.call.name.to_lowercase(), ..invalid.call.clone() })
/// };
/// let options =
///     OrchestratorOptions { repair_tool_call: Some(Arc::new(in_lower_case)), ..Default::default() };
/// let model = ScriptedModel::new().calls("Dig", json!({})).reply("Only earth.");
/// let spade = RecordingResolver::new().returning("dig", json!("earth"));
///
/// let tools = vec![Tool::function("dig", "Dig")];
/// let output = run(&model, vec![user!("Dig")], Some(tools), Some(&spade), &[], options).await?;
/// let result = &output.steps[0].tool_results[0];
/// assert_eq!((result.name.as_str(), result.modified_name.as_deref()), ("Dig", Some("dig")));
/// assert_eq!(result.output, json!("earth"));
/// # Ok(())
/// # }
/// ```
pub type RepairToolCall = Arc<dyn Fn(InvalidCall<'_>) -> Option<ToolCall> + Send + Sync>;

/// What can be executed in place of `call` where that can't: the same without nulls that mean
/// nothing, or what `repair` makes of it.
pub(super) fn mend(
    repair: Option<&RepairToolCall>,
    call: &ToolCall,
    tools: &Toolbox,
    active: Option<&[String]>,
) -> Option<ToolCall> {
    if repair.is_none() && !has_nulls(&call.arguments) {
        return None;
    }
    let problem = tools.check(&call.name, &call.arguments, active).err()?;
    if let Some(arguments) = tools.without_nulls(&call.name, &call.arguments)
        && tools.check(&call.name, &arguments, active).is_ok()
    {
        return Some(ToolCall { arguments, ..call.clone() });
    }
    let repair = repair?;
    let on_offer = tools.active(active);
    let invalid = InvalidCall { call, problem: &problem, tools: &on_offer };
    let mended = catch_unwind(AssertUnwindSafe(|| repair(invalid))).unwrap_or_else(|_| {
        tracing::error!(tool = call.name, "repair_tool_call panicked; the call stays as it is");
        None
    })?;
    tools.check(&mended.name, &mended.arguments, active).ok()?;
    Some(ToolCall { id: call.id.clone(), ..mended })
}

/// Makes `result`, of what became of `call` in a repair, one that answers `call` itself.
pub(super) fn as_called(mut result: ToolResult, call: &ToolCall, mended: &ToolCall) -> ToolResult {
    result.name.clone_from(&call.name);
    if !was_executed(result.status) {
        return result;
    }
    if mended.name != call.name {
        result.modified_name = Some(mended.name.clone());
    }
    if mended.arguments != call.arguments && result.modified_arguments.is_none() {
        result.modified_arguments = Some(mended.arguments.clone());
    }
    result
}

impl fmt::Debug for InvalidCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments are the user's business, and stay out of logs.
        let names: Vec<_> = self.tools.iter().map(Tool::name).collect();
        f.debug_struct("InvalidCall")
            .field("tool", &self.call.name)
            .field("tools", &names)
            .finish_non_exhaustive()
    }
}

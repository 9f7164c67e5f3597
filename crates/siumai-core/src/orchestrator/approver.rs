//! Who approves calls, now or later, and how a decision is bound to its call.
use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolApproval;
use crate::{
    ErrorKind, LlmError,
    tool::as_object,
    types::{Tool, ToolCall, canonical_json},
};

/// Decides on calls before they execute, and may take its time.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use siumai_core::{
///     async_trait,
///     orchestrator::{ApprovalRequest, Approver, OrchestratorOptions, StoppedBy, ToolApproval, run},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// /// Lets tools that change nothing pass, and leaves the others to a person.
/// struct AskTheBoss;
///
/// #[async_trait]
/// impl Approver for AskTheBoss {
///     async fn decide(&self, request: &ApprovalRequest, tool: &Tool) -> ToolApproval {
///         match tool.is_read_only() {
///             true => ToolApproval::Approve(request.call.arguments.clone()),
///             false => ToolApproval::Pause,
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("pay", json!({ "amount": 7 })).reply("Paid.");
/// let resolver = RecordingResolver::new().returning("pay", json!("done"));
/// let tools = || Some(vec![Tool::function("pay", "Pays").parameter("amount", "integer", "How much", true)]);
/// let options = OrchestratorOptions { approver: Some(Arc::new(AskTheBoss)), ..Default::default() };
/// let waiting = run(&model, vec![user!("Pay 7")], tools(), Some(&resolver), &[], options.clone()).await?;
/// assert_eq!(waiting.stopped_by, StoppedBy::ApprovalPending);
/// assert!(resolver.calls().is_empty());
///
/// // Days later, maybe elsewhere:
/// let suspended = waiting.suspended.expect("it waits");
/// let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
/// let options = OrchestratorOptions { resume: Some(suspended), decisions, ..options };
/// let output = run(&model, vec![], tools(), Some(&resolver), &[], options).await?;
/// assert_eq!(output.response.content_text(), Some("Paid."));
/// # Ok(())
/// # }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't approve calls",
    note = "implement `Approver` for it (with `#[async_trait]`), or give a closure as `on_tool_approval`"
)]
pub trait Approver: Send + Sync {
    /// Decides on a call of `tool` whose arguments fit. [`ToolApproval::Pause`] suspends the run
    /// until somebody decides. Calls of one reply are asked about one after the other, in order.
    ///
    /// A panic in it is a denial.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped at one of its awaits when the run is cancelled or its stream dropped.
    async fn decide(&self, request: &ApprovalRequest, tool: &Tool) -> ToolApproval;
}

/// A call that somebody is to decide on.
///
/// Its decisions hold for it alone: for this call of this run, with these arguments, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRequest {
    /// The run that wants it.
    pub run_id: String,
    /// The number of the step, from 0.
    pub step_number: usize,
    /// The call.
    pub call: Arc<ToolCall>,
    /// Who wants it: the names of the [agents](super::AgentTool) from the run that you started down
    /// to the one that makes the call, as each was called. None if the run itself wants it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
}

/// What somebody decided on an [`ApprovalRequest`].
///
/// It names what it was made for, and is refused for anything else:
///
/// ```
/// # use std::sync::Arc;
/// # use serde_json::json;
/// # use siumai_core::{orchestrator::{ApprovalRequest, OrchestratorOptions, ToolApproval, run}, testing::{RecordingResolver, ScriptedModel}, types::Tool, user};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// # let model = ScriptedModel::new().calls("pay", json!({ "amount": 7 })).reply("Paid.");
/// # let resolver = RecordingResolver::new().returning("pay", json!("done"));
/// # let tools = || Some(vec![Tool::function_with_schema("pay", "Pays", json!({ "type": "object" }))]);
/// # let options = OrchestratorOptions { on_tool_approval: Some(Arc::new(|_, _| ToolApproval::Pause)), ..Default::default() };
/// # let waiting = run(&model, vec![user!("Pay 7")], tools(), Some(&resolver), &[], options.clone()).await?;
/// # let suspended = waiting.suspended.expect("it waits");
/// let request = &suspended.pending()[0];
/// let mut other = request.clone();
/// other.run_id = "run-of-yesterday".to_owned();
///
/// let options = OrchestratorOptions {
///     decisions: vec![other.approve()],
///     resume: Some(suspended.clone()),
///     ..options
/// };
/// let failed = run(&model, vec![], tools(), Some(&resolver), &[], options).await.unwrap_err();
/// assert_eq!(failed.kind(), siumai_core::ErrorKind::DecisionRefused);
/// assert!(resolver.calls().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalDecision {
    /// The run it is for.
    pub run_id: String,
    /// The number of the step it is for, from 0.
    pub step_number: usize,
    /// The id of the call it is for.
    pub call_id: String,
    /// The name of the tool it is for.
    pub tool_name: String,
    /// The digest of the arguments it is for: SHA-256 of their canonical JSON, in hexadecimal digits.
    pub arguments_digest: String,
    /// What was decided.
    pub approval: ToolApproval,
}

impl ApprovalRequest {
    pub(super) fn new(run_id: &str, step_number: usize, call: &Arc<ToolCall>) -> Self {
        let call = match as_object(&call.arguments) {
            Cow::Borrowed(_) => Arc::clone(call),
            Cow::Owned(arguments) => Arc::new(ToolCall { arguments, ..(**call).clone() }),
        };
        Self { run_id: run_id.to_owned(), step_number, call, agents: Vec::new() }
    }

    /// The decision to execute the call as it is.
    pub fn approve(&self) -> ApprovalDecision {
        self.decide(ToolApproval::Approve(self.call.arguments.clone()))
    }

    /// The decision to execute the call with other arguments, which must fit the tool's schema.
    pub fn modify(&self, arguments: Value) -> ApprovalDecision {
        self.decide(ToolApproval::Modify(arguments))
    }

    /// The decision not to execute the call. The model is told, with the reason.
    pub fn deny(&self, reason: impl Into<String>) -> ApprovalDecision {
        self.decide(ToolApproval::Deny { reason: reason.into() })
    }

    fn decide(&self, approval: ToolApproval) -> ApprovalDecision {
        ApprovalDecision {
            run_id: self.run_id.clone(),
            step_number: self.step_number,
            call_id: self.call.id.clone(),
            tool_name: self.call.name.clone(),
            arguments_digest: digest(&self.call.arguments),
            approval,
        }
    }
}

impl ApprovalDecision {
    /// The one of `waiting` that the decision is for.
    ///
    /// # Errors
    ///
    /// If it is for none of them.
    pub(super) fn find<'a>(
        &self,
        waiting: &'a [ApprovalRequest],
        run_id: &str,
    ) -> Result<&'a ApprovalRequest, LlmError> {
        let call_id = &self.call_id;
        let is_below = self.run_id.strip_prefix(run_id).is_some_and(|it| it.starts_with('/'));
        if self.run_id != run_id && !is_below {
            let theirs = &self.run_id;
            return Err(refused(&format!("it is for the run `{theirs}`, and this is `{run_id}`")));
        }
        let is_meant = |it: &&ApprovalRequest| {
            it.run_id == self.run_id && it.step_number == self.step_number && it.call.id == *call_id
        };
        let Some(request) = waiting.iter().find(is_meant) else {
            let step = self.step_number;
            return Err(refused(&format!(
                "no call `{call_id}` waits for it in step {step}; it may have been decided before"
            )));
        };
        if request.call.name != self.tool_name {
            let (ours, theirs) = (&request.call.name, &self.tool_name);
            return Err(refused(&format!(
                "it is for the tool `{theirs}`, and call `{call_id}` is of `{ours}`"
            )));
        }
        if digest(&request.call.arguments) != self.arguments_digest {
            return Err(refused(&format!("it is for other arguments than those of `{call_id}`")));
        }
        match &self.approval {
            ToolApproval::Approve(arguments) if *arguments != request.call.arguments => {
                Err(refused("it approves changed arguments; modify them instead"))
            }
            ToolApproval::Pause => Err(refused("it decides nothing; leave it out")),
            _ => Ok(request),
        }
    }
}

pub(super) fn refused(why: &str) -> LlmError {
    LlmError::new(ErrorKind::DecisionRefused, format!("a decision was refused: {why}"))
}

fn digest(arguments: &Value) -> String {
    let hash = hmac_sha256::Hash::hash(canonical_json(arguments).as_bytes());
    hash.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

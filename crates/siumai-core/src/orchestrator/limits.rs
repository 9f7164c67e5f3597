//! What a run may use up at most, what it has used, and what happens at a limit; no IO.
use serde::{Deserialize, Serialize};

use super::{OrchestratorOptions, StepResult, StoppedBy, loop_guard::LoopGuard};
use crate::{
    LlmError,
    types::{TokenCount, ToolCall, ToolResult, ToolStatus, Usage},
};

/// What a run may use up; what is `None` has no limit.
///
/// Tokens and requests are looked at before each request: once as many as the limit were used,
/// the model is not asked again. What the next request would cost is not known before it is made,
/// so a run may end with more tokens than its limit, by that one request. What a reply does not
/// say it cost counts as nothing, so a model that never says is never stopped by a limit on
/// tokens; `requests` and `max_steps` hold for any.
///
/// Tokens of [agents](super::AgentTool) that the run calls count too, once their call is finished;
/// their requests and tool calls don't.
///
/// Tool calls are looked at before a batch runs: where it would take the run beyond the limit,
/// none of it does, nobody is asked to approve it, and the model is told.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, StoppedBy, UsageLimit, UsageLimits, run},
///     testing::{RecordingResolver, Reply, ScriptedModel},
///     types::{Tool, Usage},
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let dig = || Reply::empty().call("dig", json!({})).usage(Usage::new(300, 20));
/// let model = ScriptedModel::new().then(dig()).then(dig()).then(dig());
/// let spade = RecordingResolver::new().returning("dig", json!("earth"));
/// let tools = vec![Tool::function("dig", "Dig")];
///
/// let limits = UsageLimits { total_tokens: Some(600), ..Default::default() };
/// let options = OrchestratorOptions { limits, ..Default::default() };
/// let output = run(&model, vec![user!("Dig")], Some(tools), Some(&spade), &[], options).await?;
/// assert_eq!(output.usage.total_tokens, 640);
/// assert!(matches!(
///     output.stopped_by,
///     StoppedBy::UsageLimit { limit: UsageLimit::TotalTokens, .. }
/// ));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageLimits {
    /// Tokens the model read, in all requests together. Not zero.
    pub input_tokens: Option<u64>,
    /// Tokens the model wrote. Not zero.
    pub output_tokens: Option<u64>,
    /// Both together. Not zero.
    pub total_tokens: Option<u64>,
    /// How often the model is asked, replies that broke off and are asked for again included.
    /// What layers around the model repeat by themselves does not show here. Not zero.
    pub requests: Option<usize>,
    /// How many tool calls are executed. Zero lets none.
    pub tool_calls: Option<usize>,
}

/// Which limit of [`UsageLimits`] was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsageLimit {
    /// [`UsageLimits::input_tokens`].
    InputTokens,
    /// [`UsageLimits::output_tokens`].
    OutputTokens,
    /// [`UsageLimits::total_tokens`].
    TotalTokens,
    /// [`UsageLimits::requests`].
    Requests,
    /// [`UsageLimits::tool_calls`].
    ToolCalls,
}

/// What a run does when it comes to a limit: to its steps, its usage, its invalid calls, or the
/// loop it may be in. A stop condition is no limit.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{AtLimit, OrchestratorOptions, StoppedBy, run},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("dig", json!({})).reply("Only earth, as far as I got.");
/// let spade = RecordingResolver::new().returning("dig", json!("earth"));
/// let options =
///     OrchestratorOptions { max_steps: 1, at_limit: AtLimit::Answer, ..Default::default() };
///
/// let tools = vec![Tool::function("dig", "Dig")];
/// let output = run(&model, vec![user!("Dig")], Some(tools), Some(&spade), &[], options).await?;
/// assert_eq!(output.response.content_text(), Some("Only earth, as far as I got."));
/// assert_eq!((output.steps.len(), output.stopped_by), (2, StoppedBy::MaxSteps));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AtLimit {
    /// The run ends with the last reply, whatever that was.
    #[default]
    Stop,
    /// The model is asked once more, beyond the limit, with [`ToolChoice::None`]: what it says
    /// then ends the run, and a tool it calls all the same does not execute.
    ///
    /// [`ToolChoice::None`]: crate::types::ToolChoice::None
    Answer,
}

/// The limits of a run other than `max_steps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) usage: UsageLimits,
    pub(super) at_limit: AtLimit,
    pub(super) max_invalid_calls: usize,
    pub(super) loop_guard: LoopGuard,
}

/// What a run has used up of the model, as far as anybody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spent {
    requests: usize,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
}

impl Limits {
    pub(super) fn of(options: &OrchestratorOptions) -> Self {
        Self {
            usage: options.limits,
            at_limit: options.at_limit,
            max_invalid_calls: options.max_invalid_calls,
            loop_guard: options.loop_guard,
        }
    }

    /// The limit that `steps` have come to by the calls they made, if any.
    pub(super) fn strayed(&self, steps: &[StepResult]) -> Option<StoppedBy> {
        if steps.last().is_some_and(was_held_back) {
            return Some(StoppedBy::UsageLimit { limit: UsageLimit::ToolCalls });
        }
        if invalid_in_a_row(steps) > self.max_invalid_calls {
            return Some(StoppedBy::InvalidToolCalls);
        }
        self.loop_guard.stops(steps).then_some(StoppedBy::RepeatedToolCalls)
    }
}

impl UsageLimits {
    /// # Errors
    ///
    /// If a limit lets nothing run at all.
    pub(super) fn check(&self) -> Result<(), LlmError> {
        let requests = self.requests.map(|it| it as u64);
        let named = [
            ("limits.input_tokens", self.input_tokens),
            ("limits.output_tokens", self.output_tokens),
            ("limits.total_tokens", self.total_tokens),
            ("limits.requests", requests),
        ];
        match named.into_iter().find(|(_, limit)| *limit == Some(0)) {
            Some((name, _)) => Err(LlmError::invalid_input(format!(
                "{name} is 0, so the model could never be asked; give it at least 1, or `None` for no limit"
            ))),
            None => Ok(()),
        }
    }

    /// The limit that forbids another request, if any does.
    pub(super) fn reached(&self, spent: &Spent) -> Option<UsageLimit> {
        let is_reached = |limit: Option<u64>, used: u64| limit.is_some_and(|it| used >= it);
        let reached = [
            (UsageLimit::Requests, self.requests.is_some_and(|it| spent.requests >= it)),
            (UsageLimit::TotalTokens, is_reached(self.total_tokens, spent.total_tokens)),
            (UsageLimit::InputTokens, is_reached(self.input_tokens, spent.input_tokens)),
            (UsageLimit::OutputTokens, is_reached(self.output_tokens, spent.output_tokens)),
        ];
        reached.into_iter().find(|(_, is_reached)| *is_reached).map(|(limit, _)| limit)
    }

    /// What the model is told if `more` calls can't be executed after `executed`.
    pub(super) fn overshot(&self, executed: usize, more: usize) -> Option<String> {
        let limit = self.tool_calls?;
        let left = limit.saturating_sub(executed);
        (more > left).then(|| {
            format!(
                "The call was not executed, nor was any other of the same reply: together they are {more}, \
                 and the run has {left} left of the {limit} that it may execute. Answer with what you have."
            )
        })
    }
}

impl Spent {
    /// Counts a request.
    pub(super) fn ask(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// Counts what a request cost, if that is known.
    pub(super) fn pay(&mut self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        let add = |sum: &mut u64, count: u64| *sum = sum.saturating_add(count);
        add(&mut self.input_tokens, known(usage.input_tokens));
        add(&mut self.output_tokens, known(usage.output_tokens));
        add(&mut self.total_tokens, at_least(usage));
    }
}

/// The total of `usage`, or as much of it as is known.
pub(super) fn at_least(usage: &Usage) -> u64 {
    let parts = || known(usage.input_tokens).saturating_add(known(usage.output_tokens));
    usage.total_tokens.get().unwrap_or_else(parts)
}

fn known(tokens: TokenCount) -> u64 {
    tokens.get().unwrap_or(0)
}

/// Whether a call with this status was executed, be it in part.
pub(super) fn was_executed(status: ToolStatus) -> bool {
    use ToolStatus::{Denied, Invalid, Pending, Skipped};
    !matches!(status, Invalid | Denied | Skipped | Pending)
}

/// How many calls of `steps` were executed.
pub(super) fn executed(steps: &[StepResult]) -> usize {
    let results = steps.iter().flat_map(|step| &step.tool_results);
    results.filter(|it| was_executed(it.status)).count()
}

/// The result of a call that a limit held back.
pub(super) fn skipped(call: &ToolCall, told: &str) -> ToolResult {
    ToolResult::unexecuted(call, ToolStatus::Skipped, told)
}

fn was_held_back(step: &StepResult) -> bool {
    step.tool_results.iter().any(|it| it.status == ToolStatus::Skipped)
}

/// How many steps at the end of `steps` called tools, and none of them validly.
///
/// A reply counts once, however many calls it has: when the model wrote the second, it had not
/// been told what is wrong with the first.
fn invalid_in_a_row(steps: &[StepResult]) -> usize {
    let is_invalid =
        |step: &&StepResult| !step.tool_calls.is_empty() && step.valid_calls().next().is_none();
    steps.iter().rev().take_while(is_invalid).count()
}

#[cfg(test)]
mod tests;

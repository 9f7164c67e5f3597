//! Whether a model goes round in a circle: the same calls again and again; no IO.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StepResult;
use crate::{
    LlmError,
    tool::as_object,
    types::{ToolCall, ToolResult},
};

/// As many steps may take turns in what is still seen as a circle.
const LONGEST_PERIOD: usize = 3;

/// What is done when the model repeats itself: steps that make the same calls, or two or three
/// such steps in turn, whose results are the same each time.
///
/// Calls are the same if they name the same tool with the same arguments, whatever the order of
/// the arguments' fields and of the calls in the step. A call that is repeated and yields
/// something new, as one that asks for the next page, is no circle.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{LoopGuard, OrchestratorOptions, StoppedBy, run},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("dig", json!({})).calls("dig", json!({}));
/// let spade = RecordingResolver::new().returning("dig", json!("earth"));
/// let options =
///     OrchestratorOptions { loop_guard: LoopGuard::Stop { times: 2 }, ..Default::default() };
///
/// let tools = vec![Tool::function("dig", "Dig")];
/// let output = run(&model, vec![user!("Dig")], Some(tools), Some(&spade), &[], options).await?;
/// assert_eq!(output.stopped_by, StoppedBy::RepeatedToolCalls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoopGuard {
    /// Nothing.
    Off,
    /// A result that a tool gives for the `times`th time has a [note](ToolResult::note) that says
    /// so, and so has each one after it. The calls are executed all the same. This is the default,
    /// with 3 times.
    Tell {
        /// How often, at least 2.
        times: usize,
    },
    /// The next such call after `times` waits for somebody to approve it, as if
    /// [`Pause`](super::ToolApproval::Pause) had been said of it: the run ends with
    /// [`ApprovalPending`](super::StoppedBy::ApprovalPending), and goes on when it is resumed with
    /// decisions. A call that approval denies or changes is not asked about again.
    Ask {
        /// How often, at least 2.
        times: usize,
    },
    /// The run ends when all has been done `times` times.
    Stop {
        /// How often, at least 2.
        times: usize,
    },
}

impl Default for LoopGuard {
    fn default() -> Self {
        Self::Tell { times: 3 }
    }
}

impl LoopGuard {
    /// # Errors
    ///
    /// If it would see a circle in anything.
    pub(super) fn check(self) -> Result<(), LlmError> {
        match self {
            Self::Tell { times } | Self::Ask { times } | Self::Stop { times } if times < 2 => {
                Err(LlmError::invalid_input(format!(
                    "loop_guard has {times} for `times`, but nothing is repeated before the second time; \
                     give it at least 2, or choose `LoopGuard::Off`"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the run ends after `steps`.
    pub(super) fn stops(self, steps: &[StepResult]) -> bool {
        let Self::Stop { times } = self else { return false };
        let calls = |step: usize| &steps[step].tool_calls[..];
        let is_same = |a: usize, b: usize| {
            same_calls(calls(a), calls(b)) && same_results(&steps[a], &steps[b])
        };
        period(steps.len(), times, is_same).is_some()
    }

    /// The circle that is closed by making `calls` after `steps`, if the model is to hear of it.
    pub(super) fn told(self, steps: &[StepResult], calls: &[Arc<ToolCall>]) -> Option<Circle> {
        let Self::Tell { times } = self else { return None };
        let calls_of = |step: usize| steps.get(step).map_or(calls, |it| &it.tool_calls);
        let is_same = |a: usize, b: usize| same_calls(calls_of(a), calls_of(b));
        let period = period(steps.len() + 1, times, is_same)?;
        Some(Circle { period, times })
    }

    /// The circle that making `calls` after `steps` goes on with, if somebody is to approve that.
    pub(super) fn asked(self, steps: &[StepResult], calls: &[Arc<ToolCall>]) -> Option<Circle> {
        let Self::Ask { times } = self else { return None };
        let period = repeated(steps, times)?;
        let goes_on = same_calls(&steps[steps.len() - period].tool_calls, calls);
        goes_on.then_some(Circle { period, times })
    }
}

/// A step makes the same calls as others before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circle {
    period: usize,
    times: usize,
}

impl Circle {
    /// Whether `call`, made after `steps`, came to the same each time before.
    pub(super) fn is_stale(self, steps: &[StepResult], call: &ToolCall) -> bool {
        let Self { period, times } = self;
        let Some(last) = came_to(&steps[steps.len() - period], call).next() else { return false };
        (2..=times).all(|round| {
            came_to(&steps[steps.len() - round * period], call).any(|it| same_result(it, last))
        })
    }

    /// What the model is told if `result`, of `call` after `steps`, was the same all the way round.
    pub(super) fn note(
        self,
        steps: &[StepResult],
        call: &ToolCall,
        result: &ToolResult,
    ) -> Option<String> {
        let Self { period, times } = self;
        let came_before = |round: usize| {
            let step = &steps[steps.len() - round * period];
            came_to(step, call).any(|earlier| same_result(earlier, result))
        };
        (1..times).all(came_before).then(|| {
            let name = &call.name;
            format!(
                "The last {times} times that `{name}` was called with these arguments, the result was this \
                 same one. Another such call is unlikely to change that: go on with what you have, take \
                 another way, or answer."
            )
        })
    }
}

/// Whether `steps` end in the same calls, `times` times over, whatever their results.
pub(super) fn is_repeated(steps: &[StepResult], times: usize) -> bool {
    repeated(steps, times).is_some()
}

/// After how many of the last steps their calls begin again, if they do so `times` times.
fn repeated(steps: &[StepResult], times: usize) -> Option<usize> {
    let is_same = |a: usize, b: usize| same_calls(&steps[a].tool_calls, &steps[b].tool_calls);
    period(steps.len(), times, is_same)
}

/// After how many of the last steps all begins again, if it does so `times` times.
fn period(steps: usize, times: usize, is_same: impl Fn(usize, usize) -> bool) -> Option<usize> {
    (1..=LONGEST_PERIOD).find(|period| {
        let Some(all) = period.checked_mul(times).filter(|all| *all <= steps && times > 0) else {
            return false;
        };
        // Whatever equals itself has calls.
        let is_first_alike = times > 1 || is_same(steps - 1, steps - 1);
        is_first_alike && (steps - all + period..steps).all(|step| is_same(step, step - period))
    })
}

fn same_calls(a: &[Arc<ToolCall>], b: &[Arc<ToolCall>]) -> bool {
    let is_in_order = || a.iter().zip(b).all(|(a, b)| same_call(a, b));
    let all_in = |some: &[Arc<ToolCall>], others: &[Arc<ToolCall>]| {
        some.iter().all(|it| others.iter().any(|other| same_call(it, other)))
    };
    let is_alike = || is_in_order() || a.len() > 1 && all_in(a, b) && all_in(b, a);
    !a.is_empty() && a.len() == b.len() && is_alike()
}

fn same_call(a: &ToolCall, b: &ToolCall) -> bool {
    // Asked of each call about several others, nearly always in vain: what differs comes first.
    same_value(&as_object(&a.arguments), &as_object(&b.arguments)) && a.name == b.name
}

/// Whether the values are equal, whatever the order of their fields. It is mostly the same.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            let differ = a.iter().zip(b).find(|(a, b)| !same_value(a.1, b.1) || a.0 != b.0);
            differ.is_none_or(|(one, other)| one.0 != other.0 && a == b)
        }
        _ => a == b,
    }
}

/// Whether each call of `a` came to what the same call came to in `b`.
fn same_results(a: &StepResult, b: &StepResult) -> bool {
    a.tool_calls.iter().all(|call| {
        came_to(a, call).all(|result| came_to(b, call).any(|other| same_result(other, result)))
    })
}

/// What the calls of `step` that are the same as `call` came to.
fn came_to<'a>(step: &'a StepResult, call: &ToolCall) -> impl Iterator<Item = &'a ToolResult> {
    let same = step.tool_calls.iter().filter(|it| same_call(it, call));
    same.filter_map(|it| step.tool_results.iter().find(|result| result.call_id == it.id))
        .map(AsRef::as_ref)
}

fn same_result(a: &ToolResult, b: &ToolResult) -> bool {
    a.status == b.status && a.output == b.output
}

#[cfg(test)]
mod tests;

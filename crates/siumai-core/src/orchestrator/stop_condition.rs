//! When a run stops before the model says so.
use super::StepResult;
use crate::types::FinishReason;

/// Says whether a run stops, given its finished steps. Each condition is asked once a step.
///
/// ```
/// use siumai_core::orchestrator::{StepResult, StopCondition};
///
/// struct TooManyTokens(u64);
///
/// impl StopCondition for TooManyTokens {
///     fn should_stop(&self, steps: &[StepResult]) -> bool {
///         StepResult::merge_usage(steps).total_tokens.get().is_some_and(|it| it > self.0)
///     }
/// }
///
/// assert!(!TooManyTokens(1_000).should_stop(&[]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stop condition",
    note = "pass a reference to what a box holds, as in `&[&*step_count_is(10)]`; `custom_condition` makes one of a closure"
)]
pub trait StopCondition: Send + Sync {
    /// Whether the run stops after the last of `steps`.
    fn should_stop(&self, steps: &[StepResult]) -> bool;
}

/// Holds from `count` finished steps on.
pub fn step_count_is(count: usize) -> Box<dyn StopCondition> {
    custom_condition(move |steps| steps.len() >= count)
}

/// Holds when the last step called the tool `name` with arguments that fit.
///
/// ```
/// use siumai_core::orchestrator::has_tool_call;
///
/// assert!(!has_tool_call("finalAnswer").should_stop(&[]));
/// ```
pub fn has_tool_call(name: impl Into<String>) -> Box<dyn StopCondition> {
    let name = name.into();
    custom_condition(move |steps| {
        steps.last().is_some_and(|step| step.valid_calls().any(|call| call.name == name))
    })
}

/// Holds when the last step has text and no tool call. A paused turn has not come to its text yet.
pub fn has_text_response() -> Box<dyn StopCondition> {
    custom_condition(|steps| {
        steps.last().is_some_and(|step| {
            step.tool_calls.is_empty()
                && step.finish_reason != FinishReason::Paused
                && step.text().is_some_and(|text| !text.is_empty())
        })
    })
}

/// Holds when any of `conditions` does; of none, never. All of them are asked.
pub fn any_of(conditions: Vec<Box<dyn StopCondition>>) -> Box<dyn StopCondition> {
    custom_condition(move |steps| ask(&conditions, steps).any(|held| held))
}

/// Holds when all of `conditions` do; of none, never. All of them are asked.
pub fn all_of(conditions: Vec<Box<dyn StopCondition>>) -> Box<dyn StopCondition> {
    custom_condition(move |steps| {
        !conditions.is_empty() && ask(&conditions, steps).all(|held| held)
    })
}

/// Holds when `condition` says so.
///
/// ```
/// use siumai_core::orchestrator::custom_condition;
///
/// let busy = custom_condition(|steps| steps.iter().any(|step| step.tool_calls.len() > 5));
/// assert!(!busy.should_stop(&[]));
/// ```
pub fn custom_condition(
    condition: impl Fn(&[StepResult]) -> bool + Send + Sync + 'static,
) -> Box<dyn StopCondition> {
    Box::new(Custom(condition))
}

struct Custom<F>(F);

impl<F: Fn(&[StepResult]) -> bool + Send + Sync> StopCondition for Custom<F> {
    fn should_stop(&self, steps: &[StepResult]) -> bool {
        (self.0)(steps)
    }
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<C: StopCondition + ?Sized> StopCondition for $pointer {
            fn should_stop(&self, steps: &[StepResult]) -> bool {
                (**self).should_stop(steps)
            }
        }
    )+};
}

forward!(&C, Box<C>, std::sync::Arc<C>);

/// Asks every condition: one that counts how often it is asked must count right inside a combinator too.
fn ask(conditions: &[Box<dyn StopCondition>], steps: &[StepResult]) -> std::vec::IntoIter<bool> {
    conditions.iter().map(|it| it.should_stop(steps)).collect::<Vec<_>>().into_iter()
}

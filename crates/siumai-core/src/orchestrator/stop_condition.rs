//! When a run stops before the model says so.
use std::time::Duration;

use super::{StepResult, limits::at_least, loop_guard::is_repeated};
use crate::{
    prices::{PriceTable, Usd},
    types::FinishReason,
};

/// Says whether a run stops, given its finished steps. Each condition is asked once a step.
///
/// ```
/// use siumai_core::orchestrator::{StepResult, StopCondition};
///
/// struct TooManyAtOnce(usize);
///
/// impl StopCondition for TooManyAtOnce {
///     fn should_stop(&self, steps: &[StepResult]) -> bool {
///         steps.last().is_some_and(|step| step.tool_calls.len() > self.0)
///     }
/// }
///
/// assert!(!TooManyAtOnce(10).should_stop(&[]));
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
    custom_condition(move |steps| steps.last().is_some_and(|step| step.has_called(&name)))
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

/// Holds once the steps together called tools `count` times or more, counting valid calls only.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, generate, tool_call_count_is},
///     testing::{RecordingResolver, Reply, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let twice = || Reply::empty().call("dig", json!({})).call("dig", json!({}));
/// let model = ScriptedModel::new().then(twice()).then(twice()).then(twice());
/// let spade = RecordingResolver::new().returning("dig", json!("earth"));
/// let tools = vec![Tool::function("dig", "Dig")];
///
/// let stop = tool_call_count_is(3);
/// let options = OrchestratorOptions::default();
/// let (_, steps) =
///     generate(&model, vec![user!("Dig")], Some(tools), Some(&spade), &[&*stop], options).await?;
/// assert_eq!(steps.len(), 2);
/// # Ok(())
/// # }
/// ```
pub fn tool_call_count_is(count: usize) -> Box<dyn StopCondition> {
    custom_condition(move |steps| {
        steps.iter().map(|step| step.valid_calls().count()).sum::<usize>() >= count
    })
}

/// Holds once the steps together cost more than `tokens`, of input and output, with the agents
/// they called.
///
/// What a step does not say it cost counts as nothing: the condition may come late, and never
/// early. [`UsageLimits`](super::UsageLimits) stop a run by its usage too, and count requests.
///
/// ```
/// use siumai_core::{orchestrator::{StepResult, total_tokens_over}, types::Usage};
///
/// let mut step = StepResult::default();
/// step.usage = Some(Usage::new(90, 10));
/// assert!(!total_tokens_over(100).should_stop(&[step.clone()]));
/// assert!(total_tokens_over(99).should_stop(&[step, StepResult::default()]));
/// ```
pub fn total_tokens_over(tokens: u64) -> Box<dyn StopCondition> {
    custom_condition(move |steps| {
        let of_agents = steps.iter().flat_map(StepResult::bill_of_agents).map(|it| &it.usage);
        let costs =
            steps.iter().filter_map(|step| step.usage.as_ref()).chain(of_agents).map(at_least);
        costs.fold(0, u64::saturating_add) > tokens
    })
}

/// Holds once the steps together cost more than `amount`, in US dollars, by the `prices` of the
/// models that answered, with the agents that the steps called.
///
/// A reply whose cost is unknown counts as nothing: the condition may come late, and never early.
/// So see to it that the table has every model that may be asked.
///
/// ```
/// use siumai_core::{
///     orchestrator::{StepResult, cost_over},
///     prices::{ModelPrice, PriceTable},
///     types::Usage,
/// };
///
/// let price = ModelPrice::new("openai", "small", 0.4, 1.6);
/// let prices = PriceTable::new("2026-01-31", "the price list", vec![price])?;
///
/// let mut step = StepResult::default();
/// (step.provider, step.model) = (Some("openai".into()), Some("small-2025-04-14".into()));
/// step.usage = Some(Usage::new(10_000, 1_000));
/// assert!(!cost_over(0.0056, &prices).should_stop(&[step.clone()]));
/// assert!(cost_over(0.0055, &prices).should_stop(&[step, StepResult::default()]));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
pub fn cost_over(amount: impl Into<Usd>, prices: &PriceTable) -> Box<dyn StopCondition> {
    let (amount, prices) = (amount.into(), prices.clone());
    custom_condition(move |steps| {
        steps.iter().flat_map(|step| step.costs(&prices)).flatten().sum::<Usd>() > amount
    })
}

/// Holds once the steps together took `time` or longer.
///
/// It is asked after a step, so it never cuts one short; [`Timeouts`](super::Timeouts) do.
///
/// ```
/// use std::time::Duration;
/// use siumai_core::orchestrator::{StepResult, elapsed};
///
/// let mut step = StepResult::default();
/// step.duration = Duration::from_secs(30);
/// let minute = elapsed(Duration::from_secs(60));
/// assert!(!minute.should_stop(&[step.clone()]));
/// assert!(minute.should_stop(&[step.clone(), step]));
/// ```
pub fn elapsed(time: Duration) -> Box<dyn StopCondition> {
    custom_condition(move |steps| {
        steps.iter().map(|step| step.duration).fold(Duration::ZERO, Duration::saturating_add)
            >= time
    })
}

/// Holds when the last steps made the same calls `times` times over: the same tools with the same
/// arguments, in each step, or in two or three steps that take turns.
///
/// Results don't matter here; [`LoopGuard`](super::LoopGuard) looks at them too. The order of the
/// calls in a step, and of the fields of their arguments, matters to neither.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, generate, same_call_repeated},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let (left, right) = (json!({ "to": "left" }), json!({ "to": "right" }));
/// let turns = [&left, &right, &left, &right, &left, &right];
/// let model = turns.iter().fold(ScriptedModel::new(), |model, to| model.calls("turn", (**to).clone()));
/// let wheel = RecordingResolver::new().returning("turn", json!("done"));
/// let tools = vec![Tool::function("turn", "Turn").parameter("to", "string", "A side", true)];
///
/// let stop = same_call_repeated(2);
/// let options = OrchestratorOptions::default();
/// let (_, steps) =
///     generate(&model, vec![user!("Go")], Some(tools), Some(&wheel), &[&*stop], options).await?;
/// assert_eq!(steps.len(), 4, "left, right, and both again");
/// # Ok(())
/// # }
/// ```
pub fn same_call_repeated(times: usize) -> Box<dyn StopCondition> {
    custom_condition(move |steps| is_repeated(steps, times))
}

/// Holds when `condition` does not.
///
/// ```
/// use siumai_core::orchestrator::{all_of, has_tool_call, no, step_count_is};
///
/// let idle = all_of(vec![step_count_is(3), no(has_tool_call("search"))]);
/// assert!(!idle.should_stop(&[]));
/// assert!(no(step_count_is(3)).should_stop(&[]));
/// ```
pub fn no(condition: Box<dyn StopCondition>) -> Box<dyn StopCondition> {
    custom_condition(move |steps| !condition.should_stop(steps))
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

//! What steps cost, in tokens and in money.
use super::StepResult;
use crate::{
    prices::{PriceTable, Usd},
    types::{ModelUsage, Usage},
};

impl StepResult {
    /// What the agents cost that the step called, and those below them; what one of them does not
    /// say is unknown in the sum. The step's own [`usage`](Self::usage) is apart from it.
    pub fn agents_usage(&self) -> Usage {
        self.bill_of_agents().map(|it| it.usage.clone()).sum()
    }

    /// What each model cost that was asked by agents which the step called.
    pub(super) fn bill_of_agents(&self) -> impl Iterator<Item = &ModelUsage> {
        self.tool_results.iter().flat_map(|it| &it.agents_usage)
    }

    /// What each model cost that was asked beside the step's own: for summaries, and by agents.
    pub(super) fn bill_of_others(&self) -> impl Iterator<Item = &ModelUsage> {
        self.summaries.iter().chain(self.bill_of_agents())
    }

    /// The sum of what the agents cost that `steps` called.
    pub fn merge_agents_usage(steps: &[Self]) -> Usage {
        steps.iter().map(Self::agents_usage).sum()
    }

    /// The sum of what `steps` cost, summaries of the history included. What one of them does not say is unknown in the sum.
    ///
    /// ```
    /// use siumai_core::{orchestrator::StepResult, types::{TokenCount, Usage}};
    ///
    /// let mut paid = StepResult::default();
    /// paid.usage = Some(Usage::new(10, 5));
    /// let silent = StepResult::default();
    ///
    /// assert_eq!(StepResult::merge_usage(&[paid.clone(), paid.clone()]).total_tokens, 30);
    /// assert_eq!(StepResult::merge_usage(&[paid, silent]).total_tokens, TokenCount::UNKNOWN);
    /// ```
    pub fn merge_usage(steps: &[Self]) -> Usage {
        let own = |step: &Self| step.usage.clone().unwrap_or_default();
        let summaries = |step: &Self| step.summaries.iter().map(|it| it.usage.clone()).sum();
        steps.iter().map(|step| own(step) + summaries(step)).sum()
    }

    /// What the step cost in money, with summaries of the history and the agents it called, by the prices of the models that
    /// answered; `None` if `prices` does not have one of them, or one did not say what it used.
    pub fn cost(&self, prices: &PriceTable) -> Option<Usd> {
        self.costs(prices).sum()
    }

    /// What each model that answered cost, if that is known.
    pub(super) fn costs(&self, prices: &PriceTable) -> impl Iterator<Item = Option<Usd>> {
        let cost = |provider: &Option<String>, model: &Option<String>, usage: Option<&Usage>| {
            prices.cost(provider.as_ref()?, model.as_ref()?, usage?)
        };
        let own = cost(&self.provider, &self.model, self.usage.as_ref());
        let of_others =
            self.bill_of_others().map(move |it| cost(&it.provider, &it.model, Some(&it.usage)));
        std::iter::once(own).chain(of_others)
    }

    /// What `steps` cost together; `None` if the cost of one of them is unknown.
    ///
    /// ```
    /// use siumai_core::{
    ///     orchestrator::{OrchestratorOptions, StepResult, run},
    ///     prices::{ModelPrice, PriceTable, Usd},
    ///     testing::{Reply, ScriptedModel},
    ///     types::Usage,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let price = ModelPrice::new("scripted", "script", 0.4, 1.6);
    /// let prices = PriceTable::new("2026-01-31", "the price list", vec![price])?;
    ///
    /// let model = ScriptedModel::new().then(Reply::text("Hello.").usage(Usage::new(1_000, 500)));
    /// let output = run(&model, vec![user!("Hi")], None, None, &[], OrchestratorOptions::default()).await?;
    /// assert_eq!(StepResult::merge_costs(&output.steps, &prices), Some(Usd::from(0.0012)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge_costs(steps: &[Self], prices: &PriceTable) -> Option<Usd> {
        steps.iter().map(|step| step.cost(prices)).sum()
    }
}

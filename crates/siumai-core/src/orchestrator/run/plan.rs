//! How the next step goes, and what the model is asked in it.
use std::sync::Arc;

use super::{Rules, Run};
use crate::{
    LlmError,
    orchestrator::{
        AnswerSchema, PrepareStepContext, PrepareStepResult, StoppedBy, prepare_step::StepPlan,
    },
    types::{ChatRequest, ToolChoice},
};

impl Run {
    /// How the next step goes; it is the last one if the run came to `limit`.
    pub(super) fn plan(
        &self,
        rules: &Rules<'_>,
        limit: Option<StoppedBy>,
    ) -> Result<StepPlan, LlmError> {
        let prepared = match rules.prepare_step {
            Some(prepare) => prepare(self.step_context()),
            None => PrepareStepResult::default(),
        };
        let mut plan = StepPlan::new(prepared, self.standing_choice(rules.tool_choice));
        if let Some(limit) = limit {
            plan = plan.last(limit);
        }
        if rules.answer.is_some_and(|it| it.by_tool) {
            let is_alone = rules.tools.active(None).len() == 1;
            plan.answer_by(AnswerSchema::TOOL, is_alone || self.is_refused);
        }
        plan.check(rules.tools)?;
        Ok(plan)
    }

    /// What is known of the step that is about to ask its model.
    pub(in crate::orchestrator) fn step_context(&self) -> PrepareStepContext<'_> {
        PrepareStepContext {
            step_number: self.steps.len(),
            steps: &self.steps,
            messages: &self.messages,
        }
    }

    /// The run's own choice; one that forces a call holds until it was obeyed.
    fn standing_choice(&self, choice: Option<&ToolChoice>) -> Option<ToolChoice> {
        let choice = choice?;
        let mut steps = self.steps.iter();
        let is_obeyed = match choice {
            ToolChoice::Required => steps.any(|it| it.valid_calls().next().is_some()),
            ToolChoice::Specific { tool_name } => steps.any(|it| it.has_called(tool_name)),
            ToolChoice::Auto | ToolChoice::None => false,
        };
        Some(if is_obeyed { ToolChoice::Auto } else { choice.clone() })
    }

    pub(super) fn request(&self, plan: &StepPlan, rules: &Rules<'_>) -> ChatRequest {
        let system = plan.system.as_ref().unwrap_or(&self.system);
        let messages = plan.messages.clone().unwrap_or_else(|| self.sent());
        let tools = rules.tools.active(plan.active_tools.as_deref());
        // Without tools there is nothing to choose, and providers refuse a choice.
        let choice = plan.tool_choice.clone().filter(|_| !tools.is_empty());
        let settings = Arc::clone(rules.settings);
        ChatRequest::of_run(Arc::clone(system), messages, settings, self.memo.clone())
            .with_tools(tools)
            .with_tool_choice(choice)
    }
}

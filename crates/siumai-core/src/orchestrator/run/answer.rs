//! Whether the model has answered, and what is done about an answer that is not what is wanted.
use super::{Rules, Run};
use crate::{
    LlmError,
    orchestrator::{AnswerSchema, StepResult, StoppedBy, answer::Refused},
    types::{FinishReason, ToolStatus},
};

impl Run {
    /// What the model is told if the run would be `stopped_by` an answer that is not what is wanted.
    ///
    /// # Errors
    ///
    /// If it was told so as often as it may try again.
    pub(super) fn refusal(
        &self,
        rules: &Rules<'_>,
        stopped_by: Option<&StoppedBy>,
    ) -> Result<Option<String>, LlmError> {
        let (Some(sought), Some(last), false) = (rules.answer, self.steps.last(), self.is_prompted)
        else {
            return Ok(None);
        };
        let by_calls = self.steps.iter().filter(|it| sought.is_refused_in(it)).count();
        let refused = self.refused + by_calls;
        match stopped_by {
            Some(StoppedBy::Answer) => match sought.schema.read_step(last) {
                Ok(_) => Ok(None),
                Err(why) => sought.retry(&why, refused).map(Some),
            },
            // The results of the calls have told the model what is wrong.
            None if sought.is_refused_in(last) && refused > sought.retries() => {
                Err(Refused::Misfit(told_of_call(last)).error())
            }
            _ => Ok(None),
        }
    }
}

/// Whether `last` is the answer. Where that is to have a shape and a condition ends the run
/// (`is_stopped`), one that does not fit is none.
pub(super) fn is_answer(last: &StepResult, rules: &Rules<'_>, is_stopped: bool) -> bool {
    if rules.answer.is_some_and(|it| it.is_given_by(last)) {
        return true;
    }
    // A paused turn is not an answer: the provider goes on when it gets it back.
    let is_said = last.tool_calls.is_empty() && last.finish_reason != FinishReason::Paused;
    let fits = || rules.answer.is_none_or(|it| it.schema.read_step(last).is_ok());
    is_said && (!is_stopped || fits())
}

fn told_of_call(step: &StepResult) -> String {
    let mut results = step.tool_results.iter();
    let refused = results
        .find(|it| it.status == ToolStatus::Invalid && it.executed_name() == AnswerSchema::TOOL);
    refused.map(|it| it.output_text().to_string()).unwrap_or_default()
}

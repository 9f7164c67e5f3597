//! Why a run ends between two steps, if it does.
use super::{Rules, Run, answer::is_answer};
use crate::orchestrator::{StepResult, StopCondition, StoppedBy};

impl Run {
    pub(super) fn stopped_by(&self, rules: &Rules<'_>) -> Option<StoppedBy> {
        let last = self.steps.last()?;
        if !self.is_prompted {
            let held = ask(rules.stop, &self.steps);
            if let Some(limit) = &self.ending {
                return Some(limit.clone());
            }
            if is_answer(last, rules, held.is_some()) {
                return Some(StoppedBy::Answer);
            }
            if let Some(index) = held {
                return Some(StoppedBy::Condition { index });
            }
            if let Some(limit) = rules.limits.strayed(&self.steps) {
                return Some(limit);
            }
        }
        if self.steps.len() >= rules.max_steps {
            return Some(StoppedBy::MaxSteps);
        }
        let limit = rules.limits.usage.reached(&self.spent)?;
        Some(StoppedBy::UsageLimit { limit })
    }
}

/// The place of the first condition that holds. All are asked, so that one which counts
/// how often it was asked counts right.
pub(super) fn ask(conditions: &[&dyn StopCondition], steps: &[StepResult]) -> Option<usize> {
    let held: Vec<bool> = conditions.iter().map(|it| it.should_stop(steps)).collect();
    held.into_iter().position(|held| held)
}

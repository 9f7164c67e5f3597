//! Calls that the task does not name: the final answer, and what a tool choice demands.
use serde_json::{Map, Value, json};

use super::{Planned, Planner};
use crate::offline::{
    answer::{self, Note},
    arguments,
    matching::{self, Candidate},
    schema::{self, Meaning, Shape, Slot},
};

impl Planner<'_> {
    /// Passes on what was gathered to the tool that takes final answers, if there is one.
    pub(super) fn final_answer(&self, notes: &[Note], must_call: bool) -> Option<Planned> {
        let candidate = self.candidates.iter().find(|it| it.is_final_answer())?;
        let has_worked = !self.history.made.is_empty() || must_call;
        if !has_worked
            || self.history.has_called(candidate.tool.name())
            || (candidate.tool.is_destructive() && !self.is_chosen)
        {
            return None;
        }
        let gathered = answer::gathered(self.history, notes);
        let takes_answer = |slot: &Slot<'_>| matches!(slot.shape, Shape::Text | Shape::Anything);
        let main = candidate
            .slots
            .iter()
            .find(|it| it.meaning == Meaning::Answer && takes_answer(it))
            .or_else(|| candidate.slots.iter().find(|it| it.required && takes_answer(it)))
            .or_else(|| candidate.slots.iter().find(|it| takes_answer(it)));
        let mut arguments = self.best_effort(&candidate.slots);
        if let Some(slot) = main {
            arguments.insert(slot.name.to_owned(), Value::String(gathered));
        }
        self.planned(candidate, arguments)
    }

    /// The call that comes nearest to the task where one has to be made.
    pub(super) fn forced(&self) -> Option<Planned> {
        let fits = matching::fits(self.candidates, self.task, self.task.text.all(), None);
        let by_fit = fits.iter().map(|it| &self.candidates[it.candidate]);
        let mut all = by_fit.chain(self.candidates.iter().filter(|it| !it.is_final_answer()));
        all.find_map(|candidate| {
            let is_allowed = self.is_chosen || !candidate.tool.is_destructive();
            // Whoever demands a call at every step gets each tool once.
            if !is_allowed || self.history.has_called(candidate.tool.name()) {
                return None;
            }
            let mut arguments = self.best_effort(&candidate.slots);
            let filled = arguments::fill(candidate, self.task, self.task.text.all(), None);
            arguments.extend(filled.arguments(candidate).into_iter().next().unwrap_or_default());
            self.planned(candidate, arguments)
        })
    }

    fn planned(&self, candidate: &Candidate<'_>, arguments: Map<String, Value>) -> Option<Planned> {
        let planned = Planned { name: candidate.tool.name().to_owned(), arguments };
        let is_new = {
            let arguments = Value::Object(planned.arguments.clone());
            self.history.attempts(&planned.name, &arguments).next().is_none()
        };
        (is_new && schema::fits(candidate.tool, &planned.arguments)).then_some(planned)
    }

    /// Something for each parameter that has to be there.
    fn best_effort(&self, slots: &[Slot<'_>]) -> Map<String, Value> {
        let required = slots.iter().filter(|it| it.required);
        required.map(|it| (it.name.to_owned(), self.any_value(it))).collect()
    }

    fn any_value(&self, slot: &Slot<'_>) -> Value {
        if let Some(default) = slot.default {
            return default.clone();
        }
        match &slot.shape {
            Shape::Text | Shape::Anything => Value::from(self.task.text.source.trim()),
            Shape::Number { whole } => {
                let least = [0.0, 1.0]
                    .into_iter()
                    .chain(slot.limits())
                    .find(|it| slot.allows(*it))
                    .unwrap_or(0.0);
                arguments::json_number(least, *whole).unwrap_or_else(|| json!(0))
            }
            Shape::Flag => Value::Bool(false),
            Shape::Choice(options) => options.first().map_or(Value::Null, |it| (*it).clone()),
            Shape::List(item) => Value::Array(vec![self.any_value(item)]),
            Shape::Record(slots) => Value::Object(self.best_effort(slots)),
        }
    }
}

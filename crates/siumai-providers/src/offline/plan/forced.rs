//! Calls that the task does not name: the final answer, and what a tool choice demands.
use serde_json::{Map, Value, json};

use super::{Planned, Planner};
use crate::offline::{
    answer::{self, Note},
    arguments,
    matching::{self, Candidate},
    schema::{self, Meaning, Shape, Slot},
};

/// The slot for all that was gathered: one for answers, or else one for text that is not `known`.
fn main_slot<'s, 't>(slots: &'s [Slot<'t>], known: &Map<String, Value>) -> Option<&'s Slot<'t>> {
    let takes_text = |slot: &Slot<'_>| matches!(slot.shape, Shape::Text | Shape::Anything);
    let mut texts = slots.iter().filter(|it| takes_text(it));
    let mut unknown = slots.iter().filter(|it| takes_text(it) && !known.contains_key(it.name));
    texts
        .find(|it| it.meaning == Meaning::Answer)
        .or_else(|| unknown.clone().find(|it| it.required))
        .or_else(|| unknown.next())
}

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
        let known = if self.history.made.is_empty() {
            // Nothing was worked out, so all there is to answer with is the task itself.
            let filled = arguments::fill(candidate, self.task, self.task.text.all(), None);
            filled.arguments(candidate).into_iter().next().unwrap_or_default()
        } else {
            self.known(&candidate.slots)
        };
        let unknown = Map::new();
        // What is known under the same name may be of another type.
        [&known, &unknown].into_iter().find_map(|known| {
            let mut arguments = self.best_effort(&candidate.slots);
            arguments.extend(known.clone());
            if let Some(slot) = main_slot(&candidate.slots, known) {
                arguments.insert(slot.name.to_owned(), gathered.clone().into());
            }
            self.planned(candidate, arguments)
        })
    }

    /// What calls and their results have under the names of `slots`; the latest counts.
    fn known(&self, slots: &[Slot<'_>]) -> Map<String, Value> {
        let made = self.history.made.iter().filter(|it| it.is_done());
        let objects: Vec<&Map<String, Value>> = made
            .flat_map(|it| [Some(&it.call.arguments), it.result.map(|it| &it.output)])
            .filter_map(|it| it?.as_object())
            .collect();
        let latest = |name: &str| objects.iter().rev().find_map(|it| it.get(name)).cloned();
        slots.iter().filter_map(|it| Some((it.name.to_owned(), latest(it.name)?))).collect()
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

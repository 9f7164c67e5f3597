//! What to do next: which calls, or what to say.
//!
//! A plan is worked out anew from each request. Calls that the history already has are not made
//! again, so a plan moves on by what was answered and always comes to an end.
mod forced;

use serde_json::{Map, Value};
use siumai_core::types::{ChatRequest, ToolChoice};

use super::{
    answer::{self, Note},
    arguments::{self, Filled},
    earlier::Earlier,
    history::{History, Made},
    matching::Candidate,
    schema::{self, Meaning, Slot},
    task::{Joint, Task},
    wishes::{self, Goal, Wish},
};

/// The next reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Call tools.
    Call(Vec<Planned>),
    /// Say something, and be done.
    Say(String),
}

/// A call to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
}

/// Works out the next reply.
pub(super) fn next(request: &ChatRequest, history: &History<'_>) -> Next {
    let choice = request.tool_choice().unwrap_or(&ToolChoice::Auto);
    let mut candidates = Candidate::all(request.tools());
    match choice {
        ToolChoice::None => candidates.clear(),
        ToolChoice::Specific { tool_name } => candidates.retain(|it| it.tool.name() == tool_name),
        ToolChoice::Auto | ToolChoice::Required => {}
    }
    let task = Task::new(history.task);
    let wishes = wishes::find(&task, &candidates, history.before);
    let is_chosen = matches!(choice, ToolChoice::Specific { .. });
    let planner =
        Planner { task: &task, candidates: &candidates, history, wishes: &wishes, is_chosen };
    let walk = planner.walk();
    if !walk.pending.is_empty() {
        return Next::Call(walk.pending);
    }
    let must_call = matches!(choice, ToolChoice::Required | ToolChoice::Specific { .. });
    if let Some(call) = planner.follow_up().or_else(|| planner.final_answer(&walk.notes, must_call))
    {
        return Next::Call(vec![call]);
    }
    if must_call && let Some(call) = planner.forced() {
        return Next::Call(vec![call]);
    }
    Next::Say(answer::compose(request.tools(), history, &walk.notes))
}

struct Planner<'t> {
    task: &'t Task<'t>,
    candidates: &'t [Candidate<'t>],
    history: &'t History<'t>,
    wishes: &'t [Wish],
    /// Whether the caller named the one tool to call.
    is_chosen: bool,
}

/// A walk through the wishes, up to what can be done next.
#[derive(Default)]
struct Walk {
    /// Calls to make next.
    pending: Vec<Planned>,
    /// Why wishes came to nothing.
    notes: Vec<Note>,
    /// What the calls of the last wish that had any came to.
    last: Option<Outcome>,
}

impl Walk {
    fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// What the calls of a wish came to.
#[derive(Clone)]
enum Outcome {
    Pending,
    Done(Earlier),
    Failed,
}

impl Planner<'_> {
    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        for (at, wish) in self.wishes.iter().enumerate() {
            match &wish.goal {
                Goal::Context => {}
                Goal::Unknown => walk
                    .notes
                    .push(Note::Unknown(self.task.text.written(wish.tokens.clone()).to_owned())),
                Goal::Call { candidate, given } => {
                    if wish.joint == Joint::Then && matches!(walk.last, Some(Outcome::Pending)) {
                        break;
                    }
                    let candidate = &self.candidates[*candidate];
                    if candidate.tool.is_destructive() && !self.is_chosen {
                        walk.note(Note::Destructive(candidate.tool.name().to_owned()));
                        continue;
                    }
                    if !self.grant(at, candidate, given, &mut walk) {
                        break;
                    }
                }
            }
        }
        walk
    }

    /// Plans the calls of one wish; `false` if it, and what follows, has to wait.
    fn grant(
        &self,
        at: usize,
        candidate: &Candidate<'_>,
        given: &Map<String, Value>,
        walk: &mut Walk,
    ) -> bool {
        let earlier = match &walk.last {
            Some(Outcome::Done(earlier)) => Some(earlier.clone()),
            Some(Outcome::Pending | Outcome::Failed) => None,
            None => self.history.before.and_then(|it| it.earlier()),
        };
        let mut filled =
            arguments::fill(candidate, self.task, self.wishes[at].tokens.clone(), earlier.as_ref());
        for (slot, values) in candidate.slots.iter().zip(&mut filled.values) {
            if values.is_empty() {
                values.extend(given.get(slot.name).cloned());
            }
        }
        if filled.waits && matches!(walk.last, Some(Outcome::Pending)) {
            return false;
        }
        self.complete(at, candidate, &mut filled, earlier.as_ref());
        let missing = filled.missing(candidate);
        if !missing.is_empty() {
            return Self::ungranted(candidate, &missing, walk);
        }
        let mut outcome = None;
        for arguments in filled.arguments(candidate) {
            if !schema::fits(candidate.tool, &arguments) {
                walk.note(Note::Unfit(candidate.tool.name().to_owned()));
                continue;
            }
            outcome = Some(self.plan(candidate, arguments, walk));
        }
        walk.last = outcome.or(walk.last.take());
        true
    }

    fn ungranted(candidate: &Candidate<'_>, missing: &[usize], walk: &mut Walk) -> bool {
        match &walk.last {
            // What is missing may be in a result that is not there yet.
            Some(Outcome::Pending) => return false,
            Some(Outcome::Failed) => {
                walk.note(Note::Blocked(candidate.tool.name().to_owned()));
            }
            _ => {
                let named = missing.iter().map(|it| &candidate.slots[*it]);
                let parameters =
                    named.map(|it| (it.name.to_owned(), it.description.to_owned())).collect();
                walk.notes
                    .push(Note::Missing { tool: candidate.tool.name().to_owned(), parameters });
            }
        }
        true
    }

    /// Makes a call pending, unless it was made already.
    fn plan(
        &self,
        candidate: &Candidate<'_>,
        arguments: Map<String, Value>,
        walk: &mut Walk,
    ) -> Outcome {
        let planned = Planned { name: candidate.tool.name().to_owned(), arguments };
        let arguments = Value::Object(planned.arguments.clone());
        let attempts: Vec<Made<'_>> = self.history.attempts(&planned.name, &arguments).collect();
        if let Some(done) = attempts.iter().find(|it| it.is_done()) {
            return done.earlier().map_or(Outcome::Failed, Outcome::Done);
        }
        // One more try for what may only have been bad luck, and can't do anything twice.
        let may_retry = |it: &Made<'_>| candidate.tool.is_read_only() && it.is_passing();
        match attempts.as_slice() {
            [] => {}
            [only] if may_retry(only) => {}
            _ => return Outcome::Failed,
        }
        if !walk.pending.contains(&planned) {
            walk.pending.push(planned);
        }
        Outcome::Pending
    }

    /// Fills what the wish itself leaves out: from the other clauses, from calls like it, from the result before.
    fn complete(
        &self,
        at: usize,
        candidate: &Candidate<'_>,
        filled: &mut Filled,
        earlier: Option<&Earlier>,
    ) {
        for (number, slot) in candidate.slots.iter().enumerate() {
            if !filled.values[number].is_empty() {
                continue;
            }
            let alike = self.said_of_alike(at, candidate, number);
            if !slot.required {
                let found = alike.or_else(|| self.referred_to(at, candidate, slot));
                filled.values[number].extend(found);
                continue;
            }
            let found = alike
                .or_else(|| self.said_elsewhere(at, candidate, slot))
                .or_else(|| self.question_before(at, slot))
                .or_else(|| {
                    earlier.and_then(|it| it.value_for(slot).or_else(|| it.argument_for(slot)))
                });
            filled.values[number].extend(found);
        }
    }

    /// What a neighbouring wish for the same tool says: `the kitchen and the hallway lights off`.
    fn said_of_alike(&self, at: usize, candidate: &Candidate<'_>, slot: usize) -> Option<Value> {
        let of =
            |wish: usize| self.wishes[wish].candidate().map(|it| self.candidates[it].tool.name());
        let is_alike = |wish: &usize| *wish != at && of(*wish) == Some(candidate.tool.name());
        let joined = |from: usize, to: usize| {
            self.wishes[from + 1..=to].iter().all(|it| it.joint == Joint::And)
        };
        let before = (0..at).rev().filter(|it| joined(*it, at));
        let after = (at + 1..self.wishes.len()).filter(|it| joined(at, *it));
        let value = |wish: usize| {
            let tokens = self.wishes[wish].tokens.clone();
            arguments::fill(candidate, self.task, tokens, None)
                .values
                .swap_remove(slot)
                .into_iter()
                .next_back()
        };
        before.chain(after).filter(is_alike).find_map(value)
    }

    /// What another clause says, the nearest before first: `I'm flying to Lisbon. … the weather there?`
    fn said_elsewhere(
        &self,
        at: usize,
        candidate: &Candidate<'_>,
        slot: &Slot<'_>,
    ) -> Option<Value> {
        let mut others = (0..at).rev().chain(at + 1..self.wishes.len());
        others.find_map(|it| {
            arguments::borrow(candidate, slot, self.task, self.wishes[it].tokens.clone())
        })
    }

    /// What `it` and `there` stand for in the clause before: a file, a place.
    fn referred_to(&self, at: usize, candidate: &Candidate<'_>, slot: &Slot<'_>) -> Option<Value> {
        let before = self.wishes.get(at.checked_sub(1)?)?;
        let is_thing =
            matches!(slot.meaning, Meaning::Path | Meaning::Url | Meaning::Place | Meaning::Zone);
        let refers = is_thing && self.wishes[at].refers(self.task);
        if refers {
            arguments::borrow(candidate, slot, self.task, before.tokens.clone())
        } else {
            None
        }
    }

    /// `Can bees count? Research it.`: the clause before is what is asked about.
    fn question_before(&self, at: usize, slot: &Slot<'_>) -> Option<Value> {
        let before = self.wishes.get(at.checked_sub(1)?)?;
        let is_question = before.candidate().is_none() && self.wishes[at].refers(self.task);
        let takes_text = matches!(slot.meaning, Meaning::Query | Meaning::Prose | Meaning::Title);
        (is_question && takes_text)
            .then(|| Value::from(self.task.text.written(before.tokens.clone())))
    }

    /// After a search in a task that asks for more than a search: read what was found.
    fn follow_up(&self) -> Option<Planned> {
        let asks_for_more = self.task.text.tokens.iter().any(|it| it.stem.is_in("investigate"));
        let searched = self.history.made.iter().rev().find(|made| {
            let of = |it: &&Candidate<'_>| it.tool.name() == made.call.name;
            made.is_done() && self.candidates.iter().find(of).is_some_and(Candidate::searches_web)
        })?;
        let reader = self.candidates.iter().find(|it| {
            it.reads_pages()
                && !it.searches_web()
                && !it.is_final_answer()
                && !it.tool.is_destructive()
                && !self.history.has_called(it.tool.name())
        })?;
        if !asks_for_more {
            return None;
        }
        let earlier = searched.earlier()?;
        let needed = reader.slots.iter().filter(|it| it.required);
        let arguments = needed
            .map(|it| Some((it.name.to_owned(), earlier.value_for(it)?)))
            .collect::<Option<Map<_, _>>>()?;
        schema::fits(reader.tool, &arguments)
            .then(|| Planned { name: reader.tool.name().to_owned(), arguments })
    }
}

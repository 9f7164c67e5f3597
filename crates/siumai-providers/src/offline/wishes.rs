//! What a task wants: its clauses, each with the tool that fits it.
//!
//! A clause that fits no tool goes on with the one before it (another city, another amount), is
//! context for the others, or is a wish that nothing here can fulfil.
use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    arguments::{self, Filled},
    history::Made,
    matching::{self, Candidate, Fit, THRESHOLD},
    schema::Shape,
    task::{Clause, Joint, Task},
    text::Kind,
    wording::Wording,
};

/// A stretch of the task and what is to be done about it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) tokens: Range<usize>,
    pub(super) joint: Joint,
    pub(super) goal: Goal,
}

#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// Call a tool, by its place among the candidates. What the task leaves out comes from `given`.
    Call { candidate: usize, given: Map<String, Value> },
    /// Nothing here fits.
    Unknown,
    /// It asks for nothing, but may hold what the other clauses need.
    Context,
}

impl Wish {
    pub(super) fn candidate(&self) -> Option<usize> {
        match self.goal {
            Goal::Call { candidate, .. } => Some(candidate),
            Goal::Unknown | Goal::Context => None,
        }
    }

    /// Whether it speaks of something that was said before.
    pub(super) fn refers(&self, task: &Task<'_>) -> bool {
        Wording::of(task, self.tokens.clone()).refers()
    }
}

/// All wishes of a task, in order. `before` is the last call of the turn before.
pub(super) fn find(
    task: &Task<'_>,
    candidates: &[Candidate<'_>],
    before: Option<Made<'_>>,
) -> Vec<Wish> {
    let mut finder = Finder { task, candidates, wishes: Vec::new() };
    for (number, clause) in task.clauses().into_iter().enumerate() {
        let goes_on =
            if number == 0 { before.and_then(|it| finder.goes_on_with(&clause, it)) } else { None };
        match goes_on {
            Some(wish) if finder.fit(clause.tokens.clone()).is_none() => finder.wishes.push(wish),
            _ => finder.add(clause),
        }
    }
    let mut wishes = finder.wishes;
    // What another wish speaks of is not left undone.
    for at in 1..wishes.len() {
        let is_meant = wishes[at].candidate().is_some() && wishes[at].refers(task);
        if is_meant && matches!(wishes[at - 1].goal, Goal::Unknown) {
            wishes[at - 1].goal = Goal::Context;
        }
    }
    wishes
}

struct Finder<'t> {
    task: &'t Task<'t>,
    candidates: &'t [Candidate<'t>],
    wishes: Vec<Wish>,
}

impl Finder<'_> {
    fn add(&mut self, clause: Clause) {
        if let Some(wish) = self.with_lead(&clause) {
            return self.wishes.push(wish);
        }
        // Another path or number alone is for the tool before.
        let is_bare = clause.tokens.clone().all(|it| !self.task.text.tokens[it].stem.is_telling());
        if is_bare && self.extend(&clause, true) {
            return;
        }
        if self.lists_more(&clause) && self.extend(&clause, false) {
            return;
        }
        if let Some(fit) = self.fit(clause.tokens.clone()) {
            return self.wishes.push(called(clause, fit.candidate));
        }
        if self.extend(&clause, true) {
            return;
        }
        if let Some(candidate) = self.continued(&clause) {
            return self.wishes.push(called(clause, candidate));
        }
        let wording = Wording::of(self.task, clause.tokens.clone());
        if wording.asks_about_the_world()
            && let Some(candidate) = self.candidates.iter().position(Candidate::searches_web)
        {
            return self.wishes.push(called(clause, candidate));
        }
        let Clause { tokens, joint } = clause.clone();
        if wording.is_request() {
            self.wishes.push(Wish { tokens, joint, goal: Goal::Unknown });
        } else if joint == Joint::Sentence || !self.extend(&clause, false) {
            self.wishes.push(Wish { tokens, joint, goal: Goal::Context });
        }
    }

    /// The tool that fits best, if one does.
    fn fit(&self, tokens: Range<usize>) -> Option<Fit> {
        let fits = matching::fits(self.candidates, self.task, tokens.clone(), None);
        let good: Vec<Fit> =
            fits.into_iter().filter(|it| it.score * self.trust(it, &tokens) >= THRESHOLD).collect();
        let best = good.first()?;
        if !best.filled.is_loose || self.candidates[best.candidate].tool.is_destructive() {
            return Some(best.clone());
        }
        // `Look up the weather in Paris`: whoever knows what the words are beats whoever takes any.
        let knows_better = |other: &&Fit| {
            let other_candidate = &self.candidates[other.candidate];
            let own = &self.candidates[best.candidate];
            let is_whole =
                !other.filled.is_loose && other.filled.missing(other_candidate).is_empty();
            let stems = tokens
                .clone()
                .filter(|it| best.filled.used[*it])
                .map(|it| &self.task.text.tokens[it].stem);
            let mut known = stems.filter(|it| it.is_telling());
            is_whole
                && known.any(|it| other_candidate.likeness(it) >= 0.9 && own.likeness(it) < 0.5)
        };
        good.iter().skip(1).find(knows_better).or(Some(best)).cloned()
    }

    /// How far a fit is to be trusted, given how the stretch is put.
    fn trust(&self, fit: &Fit, tokens: &Range<usize>) -> f32 {
        let candidate = &self.candidates[fit.candidate];
        let wording = Wording::of(self.task, tokens.clone());
        let explains = candidate.says("define") || candidate.says("search");
        match () {
            () if wording.asks_for_advice() => 0.0,
            () if wording.is_definition() && !explains => 0.0,
            () if wording.is_setting() => 0.3,
            () if wording.is_statement() && matching::takes_anything(candidate) => 0.5,
            () => 1.0,
        }
    }

    /// `Put milk`, `eggs`, `bread on the list`: what leads to a clause belongs to it.
    fn with_lead(&mut self, clause: &Clause) -> Option<Wish> {
        if clause.joint != Joint::And {
            return None;
        }
        let mut start = None;
        for at in (0..self.wishes.len()).rev() {
            let wish = &self.wishes[at];
            if !matches!(wish.goal, Goal::Context) {
                break;
            }
            start = Some(at);
            if wish.joint != Joint::And {
                break;
            }
        }
        let first = self.wishes[start?].clone();
        let whole = first.tokens.start..clause.tokens.end;
        let together = self.fit(whole.clone())?;
        let alone = self.fit(clause.tokens.clone());
        let refers = clause.joint == Joint::And
            && (Wording::of(self.task, clause.tokens.clone()).refers()
                || Wording::of(self.task, first.tokens.clone()).is_setting());
        let used = |it: &Fit| it.filled.used.iter().filter(|it| **it).count();
        let is_richer = |alone: &Fit| {
            refers
                && together.filled.missing(&self.candidates[together.candidate]).is_empty()
                && used(&together) > used(alone)
        };
        if alone.is_some_and(|it| it.candidate != together.candidate && !is_richer(&it)) {
            return None;
        }
        self.wishes.truncate(start?);
        Some(called(Clause { tokens: whole, joint: first.joint }, together.candidate))
    }

    /// Whether the clause goes on with the items of a list: `add apples and milk to the list`.
    fn lists_more(&self, clause: &Clause) -> bool {
        let before = self.wishes.last().and_then(Wish::candidate);
        let takes_list = |at: &usize| {
            let mut slots = self.candidates[*at].slots.iter();
            slots.any(|it| it.required && matches!(it.shape, Shape::List(_)))
        };
        let before = before.filter(|it| clause.joint == Joint::And && takes_list(it));
        before.is_some() && self.fit(clause.tokens.clone()).map(|it| it.candidate) == before
    }

    /// Adds the clause to the wish before it; if it must fit, only when that takes up all that it says.
    fn extend(&mut self, clause: &Clause, must_fit: bool) -> bool {
        if clause.joint == Joint::Sentence || (clause.joint == Joint::Then && must_fit) {
            return false;
        }
        let Some(wish) = self.wishes.last() else { return false };
        let Some(candidate) = wish.candidate() else { return false };
        let whole = wish.tokens.start..clause.tokens.end;
        let filled = arguments::fill(&self.candidates[candidate], self.task, whole.clone(), None);
        let is_taken_up = self.is_used_up(candidate, clause.tokens.clone(), &filled);
        if must_fit && !is_taken_up {
            return false;
        }
        if let Some(wish) = self.wishes.last_mut() {
            wish.tokens = whole;
        }
        true
    }

    /// The tool of the wish before, if the clause has all that another call of it needs.
    fn continued(&self, clause: &Clause) -> Option<usize> {
        let candidate = self.wishes.iter().rev().find_map(Wish::candidate)?;
        let tool = &self.candidates[candidate];
        let filled = arguments::fill(tool, self.task, clause.tokens.clone(), None);
        let is_whole = filled.missing(tool).is_empty() && tool.slots.iter().any(|it| it.required);
        let is_sure = !matching::takes_anything(tool);
        (is_whole && is_sure && self.is_used_up(candidate, clause.tokens.clone(), &filled))
            .then_some(candidate)
    }

    /// `And in Osaka?`: the last call again, with what is said anew.
    fn goes_on_with(&self, clause: &Clause, before: Made<'_>) -> Option<Wish> {
        let candidate = self.candidates.iter().position(|it| it.tool.name() == before.call.name)?;
        let given = before.call.arguments.as_object()?.clone();
        let tool = &self.candidates[candidate];
        let filled = arguments::fill(tool, self.task, clause.tokens.clone(), None);
        let is_new = filled.values.iter().any(|it| !it.is_empty());
        let is_sure = !matching::takes_anything(tool);
        let fits = is_new && is_sure && self.is_used_up(candidate, clause.tokens.clone(), &filled);
        fits.then(|| Wish {
            tokens: clause.tokens.clone(),
            joint: clause.joint,
            goal: Goal::Call { candidate, given },
        })
    }

    /// Whether everything that a stretch says went into arguments or is said by the tool itself.
    fn is_used_up(&self, candidate: usize, tokens: Range<usize>, filled: &Filled) -> bool {
        let says_nothing_else = |at: usize| {
            let token = &self.task.text.tokens[at];
            match token.kind {
                Kind::Mark | Kind::Break => true,
                Kind::Word => {
                    !token.stem.is_telling()
                        || self.candidates[candidate].likeness(&token.stem) > 0.5
                }
                _ => false,
            }
        };
        let says_something = tokens.clone().any(|it| filled.used[it]);
        says_something && tokens.into_iter().all(|it| filled.used[it] || says_nothing_else(it))
    }
}

fn called(clause: Clause, candidate: usize) -> Wish {
    let Clause { tokens, joint } = clause;
    Wish { tokens, joint, goal: Goal::Call { candidate, given: Map::new() } }
}

//! How well a tool fits a stretch of a task.
use std::ops::Range;

use siumai_core::types::Tool;

use super::{
    arguments::{self, Filled},
    earlier::Earlier,
    features::{self, Feature},
    schema::{self, Meaning, Shape, Slot},
    task::Task,
    words::{self, Stem},
};

/// Below this a tool is not called: a third of the words explained by a tool named otherwise is chance.
pub(super) const THRESHOLD: f32 = 0.36;

/// The least that a task has to say of a tool: a single word such as `now` or `file` is too little.
const LEAST: f32 = 0.45;

/// A tool, read.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) tool: &'a Tool,
    /// The stems of its name.
    pub(super) name: Vec<Stem>,
    described: Vec<Stem>,
    /// The words of name and description, in lower case.
    said: [Vec<String>; 2],
    pub(super) slots: Vec<Slot<'a>>,
    /// How much each word of the name tells it from the other tools.
    weights: Vec<f32>,
}

/// A tool for a stretch of a task, with how well it fits and what it would be called with.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) candidate: usize,
    pub(super) score: f32,
    pub(super) filled: Filled,
}

impl<'a> Candidate<'a> {
    pub(super) fn all(tools: &'a [Tool]) -> Vec<Self> {
        let mut all: Vec<Self> = tools.iter().map(Self::new).collect();
        let names: Vec<Vec<Stem>> = all.iter().map(|it| it.name.clone()).collect();
        for candidate in &mut all {
            let weight = |word: &Stem| {
                let sharing = names.iter().filter(|it| it.contains(word)).count().max(1);
                #[expect(clippy::cast_precision_loss, reason = "nobody offers millions of tools")]
                let rarity = 1.0 / sharing as f32;
                rarity * word.weight_in_name()
            };
            candidate.weights = candidate.name.iter().map(weight).collect();
        }
        all
    }

    fn new(tool: &'a Tool) -> Self {
        let said = [words::words_of_name(tool.name()), words::words_of_prose(tool.description())];
        let [name, described] = &said;
        let name = words::stems(name);
        let described =
            words::stems(described).into_iter().filter(|it| it.weight() > 0.0).collect();
        Self { tool, name, described, said, slots: schema::slots(tool), weights: Vec::new() }
    }

    /// How much a word is one of the tool's name or description.
    pub(super) fn likeness(&self, stem: &Stem) -> f32 {
        stem.nearest(&self.name).max(0.9 * stem.nearest(&self.described))
    }

    /// Whether it says a word of the group that is named by its first word.
    pub(super) fn says(&self, group: &str) -> bool {
        self.name.iter().chain(&self.described).any(|it| it.is_in(group))
    }

    /// Whether it takes the final answer of a run.
    pub(super) fn is_final_answer(&self) -> bool {
        let [name, described] = &self.said;
        let ends = |it: &[String]| words::any_of("final finish submit complete done", it);
        let answers = |it: &[String]| words::any_of("answer result response task report", it);
        let by_name = ends(name) && (answers(name) || answers(described) || name.len() == 1);
        by_name || (words::any_of("final", described) && answers(described) && answers(name))
    }

    /// Whether it searches the web or another store of knowledge.
    pub(super) fn searches_web(&self) -> bool {
        self.name.iter().any(|it| it.is_in("search")) && self.says("web")
    }

    /// Whether it reads a page or an article.
    pub(super) fn reads_pages(&self) -> bool {
        self.says("read") && self.says("article")
    }

    /// How well the tool fits `range`, if anything of it does.
    fn score(&self, task: &Task<'_>, range: Range<usize>, filled: &Filled) -> f32 {
        let features = features::of(task, &range);
        let mut explained = 0.0;
        let mut total = 0.0;
        let mut said = 0.0;
        for feature in &features {
            let is_used = filled.used[feature.at];
            // A value that the tool does not take is nothing that it explains.
            let is_lost = feature.is_literal && !is_used && !self.slots.is_empty();
            let likeness = if is_lost { 0.0 } else { self.likeness_of_feature(feature) };
            if likeness < 0.5 && is_used {
                continue;
            }
            explained += feature.weight * likeness;
            total += feature.weight;
            said += if feature.is_literal { 0.0 } else { feature.weight * likeness };
        }
        // Where any words would do for the arguments, a value says nothing either.
        let needs_any = self.slots.iter().any(|it| it.required);
        let is_any = filled.is_loose || (needs_any && takes_anything(self));
        let evidence = if is_any { said } else { explained + self.exact_values(filled) };
        if evidence < LEAST {
            return 0.0;
        }
        let coverage = self.coverage(&features);
        // A value that only a tool like this takes says as much as some of its words.
        let coverage =
            if self.is_sure(filled) { coverage + 0.3 * (1.0 - coverage) } else { coverage };
        explained / total * coverage
    }

    /// What values count that can hardly be mistaken, where words alone are few: `the files in src`.
    fn exact_values(&self, filled: &Filled) -> f32 {
        let is_exact = |(slot, values): (&Slot<'_>, &Vec<_>)| {
            slot.meaning < Meaning::Place && !values.is_empty()
        };
        if self.slots.iter().zip(&filled.values).any(is_exact) { 0.1 } else { 0.0 }
    }

    /// Whether everything it needs was filled, with some values that can hardly be mistaken and no others.
    fn is_sure(&self, filled: &Filled) -> bool {
        let is_text = |slot: &Slot<'_>| matches!(slot.shape, Shape::Text | Shape::List(_));
        let is_exact = |slot: &Slot<'_>| is_text(slot) && slot.meaning < Meaning::Place;
        let needs_any = self.slots.iter().any(|it| it.required);
        let slots = || {
            self.slots.iter().zip(&filled.values).filter(|(slot, _)| slot.required || !needs_any)
        };
        slots().any(|(slot, values)| is_exact(slot) && !values.is_empty())
            && slots().all(|(slot, values)| {
                !needs_any || (!values.is_empty() && (is_exact(slot) || !is_text(slot)))
            })
    }

    fn likeness_of_feature(&self, feature: &Feature) -> f32 {
        let by_slots =
            |stem: &Stem| self.slots.iter().map(|it| it.likeness(stem)).fold(0.0, f32::max);
        let of_stem = |stem: &Stem| self.likeness(stem).max(0.8 * by_slots(stem));
        feature.stems.iter().map(of_stem).fold(0.0, f32::max)
    }

    /// How much of the tool's own words the task says: of the name, or of a few of the description.
    fn coverage(&self, features: &[Feature]) -> f32 {
        let said = |word: &Stem| {
            let stems = features.iter().flat_map(|it| &it.stems);
            stems.map(|it| word.likeness(it)).fold(0.0, f32::max)
        };
        let total: f32 = self.weights.iter().sum();
        let by_name: f32 =
            self.name.iter().zip(&self.weights).map(|(word, weight)| said(word) * weight).sum();
        let mut by_description: f32 = 0.0;
        let mut of_description: f32 = 0.0;
        for word in &self.described {
            by_description += said(word) * word.weight();
            of_description += word.weight();
        }
        let by_name = if total > 0.0 { by_name / total } else { 0.0 };
        let by_description = by_description / of_description.clamp(1.0, 2.5);
        by_name.max(0.9 * by_description.min(1.0))
    }
}

/// The fits of all tools for a stretch of a task, the best first.
pub(super) fn fits(
    candidates: &[Candidate<'_>],
    task: &Task<'_>,
    range: Range<usize>,
    earlier: Option<&Earlier>,
) -> Vec<Fit> {
    let mut fits: Vec<Fit> = candidates
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.is_final_answer())
        .map(|(at, candidate)| {
            let filled = arguments::fill(candidate, task, range.clone(), earlier);
            let score = candidate.score(task, range.clone(), &filled);
            Fit { candidate: at, score, filled }
        })
        .filter(|it| it.score > 0.0)
        .collect();
    // Of two that fit alike, the one that could be called comes first, then the one offered first.
    let rank = |fit: &Fit| {
        let missing = fit.filled.missing(&candidates[fit.candidate]).len();
        let tool = candidates[fit.candidate].tool;
        fit.score
            * if missing == 0 { 1.0 } else { 0.5 }
            * if tool.is_destructive() { 0.6 } else { 1.0 }
    };
    fits.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    fits
}

/// Whether a tool needs nothing but text that could be anything, so that any words would fill it.
pub(super) fn takes_anything(candidate: &Candidate<'_>) -> bool {
    let is_open = |slot: &Slot<'_>| match &slot.shape {
        Shape::Text | Shape::Anything => slot.meaning >= Meaning::Title,
        Shape::List(item) => matches!(item.shape, Shape::Text) && item.meaning >= Meaning::Title,
        _ => false,
    };
    candidate.slots.iter().filter(|it| it.required).all(is_open)
}

//! What a stretch of a task says, for matching with tools: its words, values and sums.
use std::ops::Range;

use super::{
    expression::Expression,
    facts,
    task::Task,
    text::{Kind, Token},
    words::{Stem, is_one_of},
};

/// A word, a value or a sum.
#[derive(Debug)]
pub(super) struct Feature {
    /// Its place, to see whether it went into an argument.
    pub(super) at: usize,
    /// What it may be called.
    pub(super) stems: Vec<Stem>,
    pub(super) weight: f32,
    /// Whether it is a value rather than a word.
    pub(super) is_literal: bool,
}

/// All features of a stretch.
pub(super) fn of(task: &Task<'_>, range: &Range<usize>) -> Vec<Feature> {
    let is_inside = |it: &&Expression| range.start <= it.tokens.start && it.tokens.end <= range.end;
    let (firm, doubtful): (Vec<_>, Vec<_>) =
        task.expressions.iter().filter(is_inside).partition(|it| it.is_firm);
    let is_free = |at: &usize| !firm.iter().any(|it| it.tokens.contains(at));
    let tokens = range.clone().filter(is_free);
    let mut features: Vec<Feature> = tokens.filter_map(|at| of_token(task, at)).collect();
    features.extend(currencies(task, range));
    // `24/7` beside other words is no sum.
    let sums = if features.is_empty() { [firm, doubtful].concat() } else { firm };
    features.extend(sums.into_iter().map(|it| of_expression(task, it)));
    features
}

fn of_token(task: &Task<'_>, at: usize) -> Option<Feature> {
    let token = &task.text.tokens[at];
    let literal = literal_names(token);
    if !literal.is_empty() {
        let stems = literal.split(' ').map(Stem::new).chain([token.stem.clone()]);
        let stems = stems.filter(|it| !it.is_empty()).collect();
        return Some(Feature { at, stems, weight: 0.5, is_literal: true });
    }
    // `tell Anna`, but not `tell me`.
    if is_one_of("tell ask", task.text.word(at)) && task.text.is_capitalised(at + 1) {
        let stems = vec![Stem::new("message"), Stem::new("send")];
        return Some(Feature { at, stems, weight: 1.0, is_literal: false });
    }
    let weight = token.stem.weight();
    let is_word = token.kind == Kind::Word && weight > 0.0;
    is_word.then(|| Feature { at, stems: vec![token.stem.clone()], weight, is_literal: false })
}

/// What a value may be called by tools that take it.
fn literal_names(token: &Token) -> &'static str {
    match token.kind {
        Kind::Url => "url article",
        Kind::Email => "email",
        Kind::Path => "file path",
        Kind::Zone => "zone time",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Quoted | Kind::Rest => "text",
        Kind::Identifier => "id",
        Kind::Number(_) => "number",
        Kind::Word if facts::language_code(&token.value).is_some() => "language translate",
        Kind::Word | Kind::Break | Kind::Mark => "",
    }
}

/// Two currencies are about an exchange; one may be a price.
fn currencies(task: &Task<'_>, range: &Range<usize>) -> Vec<Feature> {
    let is_currency = |at: &usize| facts::currency_of(&task.text.tokens[*at].value).is_some();
    let places: Vec<usize> = range.clone().filter(is_currency).collect();
    let count = if places.len() > 1 { places.len() } else { 0 };
    let feature =
        |at| Feature { at, stems: vec![Stem::new("currency")], weight: 0.5, is_literal: true };
    places.into_iter().take(count).map(feature).collect()
}

/// A sum is about calculating, and about what its words say it does, or else its signs.
fn of_expression(task: &Task<'_>, expression: &Expression) -> Feature {
    let words = task.text.tokens[expression.tokens.clone()].iter();
    // `times` has the stem of what a clock tells.
    let telling =
        words.filter(|it| it.kind == Kind::Word && it.stem.is_telling() && it.value != "times");
    let own: Vec<Stem> = telling.map(|it| it.stem.clone()).collect();
    let mut stems = match (expression.is_conversion, own.is_empty()) {
        (true, _) => vec![Stem::new("convert")],
        (false, true) => expression.operations().map(Stem::new).collect(),
        (false, false) => own,
    };
    stems.push(Stem::new("calculate"));
    Feature { at: expression.tokens.start, stems, weight: 1.0, is_literal: false }
}

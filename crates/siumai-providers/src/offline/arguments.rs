//! Fills a tool's parameters from a stretch of a task.
//!
//! Each slot is read by what it means: literals that can hardly be mistaken first (addresses,
//! paths, dates), then what stands after a preposition, then what words are left over.
mod literals;
mod numbers;
pub(super) use self::numbers::json_number;
mod phrases;
mod places;
mod rest;

use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    earlier::Earlier,
    matching::Candidate,
    schema::{Meaning, Role, Shape, Slot},
    task::Task,
    text::Kind,
    words::{self, is_one_of},
};

/// What of a tool's parameters a stretch of a task fills.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    /// For each slot what was found: several values make several calls.
    pub(super) values: Vec<Vec<Value>>,
    /// Which tokens of the whole task went into a value.
    pub(super) used: Vec<bool>,
    /// Whether something of it came from an earlier result.
    pub(super) waits: bool,
    /// Whether something of it is only what was left over.
    pub(super) is_loose: bool,
}

impl Filled {
    /// The slots that must be filled and are not.
    pub(super) fn missing(&self, candidate: &Candidate<'_>) -> Vec<usize> {
        let is_missing = |(at, slot): (usize, &Slot<'_>)| {
            (slot.required && self.values[at].is_empty()).then_some(at)
        };
        candidate.slots.iter().enumerate().filter_map(is_missing).collect()
    }

    /// The arguments of each call.
    pub(super) fn arguments(&self, candidate: &Candidate<'_>) -> Vec<Map<String, Value>> {
        const MOST_CALLS: usize = 16;
        let count = self.values.iter().map(Vec::len).max().unwrap_or(0).clamp(1, MOST_CALLS);
        let one = |call: usize| {
            let value = |values: &Vec<Value>| values.get(call).or(values.last()).cloned();
            let filled = candidate.slots.iter().zip(&self.values);
            filled
                .filter_map(|(slot, values)| Some((slot.name.to_owned(), value(values)?)))
                .collect()
        };
        (0..count).map(one).collect()
    }
}

/// Reads what `range` of the task says about each slot.
pub(super) fn fill(
    candidate: &Candidate<'_>,
    task: &Task<'_>,
    range: Range<usize>,
    earlier: Option<&Earlier>,
) -> Filled {
    let mut reader = Reader::new(candidate, task, range, earlier);
    let values = reader.record(&candidate.slots);
    let Reader { used, waits, is_loose, .. } = reader;
    Filled { values, used, waits, is_loose }
}

/// Reads one slot from `range`, where the task says it elsewhere than the wish itself.
pub(super) fn borrow(
    candidate: &Candidate<'_>,
    slot: &Slot<'_>,
    task: &Task<'_>,
    range: Range<usize>,
) -> Option<Value> {
    let is_sure = slot.meaning < Meaning::Title || matches!(slot.shape, Shape::Choice(_));
    if !is_sure || !matches!(slot.shape, Shape::Text | Shape::Choice(_)) {
        return None;
    }
    let mut reader = Reader::new(candidate, task, range, None);
    reader.is_elsewhere = true;
    reader.slot(slot).into_iter().next()
}

/// Reads a range of a task, taking each token once.
struct Reader<'t> {
    candidate: &'t Candidate<'t>,
    task: &'t Task<'t>,
    range: Range<usize>,
    earlier: Option<&'t Earlier>,
    used: Vec<bool>,
    waits: bool,
    is_loose: bool,
    /// Whether the range belongs to another wish, so that only certain values count.
    is_elsewhere: bool,
}

impl<'t> Reader<'t> {
    fn new(
        candidate: &'t Candidate<'t>,
        task: &'t Task<'t>,
        range: Range<usize>,
        earlier: Option<&'t Earlier>,
    ) -> Self {
        let used = vec![false; task.text.tokens.len()];
        Self {
            candidate,
            task,
            range,
            earlier,
            used,
            waits: false,
            is_loose: false,
            is_elsewhere: false,
        }
    }

    /// The values of some slots, in their order.
    fn record(&mut self, slots: &[Slot<'_>]) -> Vec<Vec<Value>> {
        let mut values = vec![Vec::new(); slots.len()];
        let mut order: Vec<usize> = (0..slots.len()).collect();
        order.sort_by_key(|it| urgency(&slots[*it]));
        let (exact, free): (Vec<usize>, Vec<usize>) =
            order.into_iter().partition(|it| slots[*it].meaning < Meaning::Title);
        for at in exact {
            if !matches!(slots[at].shape, Shape::Number { .. }) {
                values[at] = self.slot(&slots[at]);
            }
        }
        self.numbers(slots, &mut values);
        for at in free {
            if values[at].is_empty() && !matches!(slots[at].shape, Shape::Number { .. }) {
                values[at] = self.slot(&slots[at]);
            }
        }
        for (slot, values) in slots.iter().zip(&mut values) {
            if let Some(default) = slot.default.filter(|_| slot.required && values.is_empty()) {
                values.push(default.clone());
            }
        }
        values
    }

    fn slot(&mut self, slot: &Slot<'_>) -> Vec<Value> {
        match &slot.shape {
            Shape::Choice(options) => self.choice(slot, options),
            Shape::Flag => self.flag(slot).map(Value::Bool).into_iter().collect(),
            Shape::List(item) => self.list(slot, item).into_iter().collect(),
            Shape::Record(slots) => self.nested(slots).into_iter().collect(),
            Shape::Number { .. } => Vec::new(),
            Shape::Text | Shape::Anything => {
                self.texts(slot).into_iter().map(Value::String).collect()
            }
        }
    }

    fn texts(&mut self, slot: &Slot<'_>) -> Vec<String> {
        match slot.meaning {
            Meaning::Expression => self.expressions(),
            Meaning::Path => self.paths(slot),
            Meaning::Url => self.literals(slot, Kind::Url),
            Meaning::Email => self.literals(slot, Kind::Email),
            Meaning::Unit => self.units(slot),
            Meaning::Date => self.dates(slot),
            Meaning::Time => self.times(slot),
            Meaning::Zone => self.zones(slot),
            Meaning::Currency => self.currencies(slot),
            Meaning::Language => self.languages(slot),
            Meaning::Symbol => self.symbols(slot),
            Meaning::Identifier => self.identifiers(slot),
            Meaning::Place => self.places(slot),
            Meaning::Pattern
            | Meaning::Query
            | Meaning::Title
            | Meaning::Person
            | Meaning::Other
            | Meaning::Code
            | Meaning::Command
            | Meaning::Prose => self.free_texts(slot),
            // The final answer is known when everything else is done.
            Meaning::Answer => Vec::new(),
        }
    }

    /// The expressions of the range, with an earlier result where one needs it.
    fn expressions(&mut self) -> Vec<String> {
        let task = self.task;
        let earlier = self.earlier.and_then(Earlier::number);
        let mut written = Vec::new();
        for expression in &task.expressions {
            let is_known = !expression.is_conversion || self.candidate.says("convert");
            if !is_known || !self.covers(&expression.tokens) {
                continue;
            }
            self.waits |= expression.refers();
            let Some(text) = expression.with(earlier) else { continue };
            self.take(expression.tokens.clone());
            written.push(text);
        }
        written
    }

    /// The options that the task names, or means: several only if they are listed.
    fn choice(&mut self, slot: &Slot<'_>, options: &[&Value]) -> Vec<Value> {
        if let [only] = options {
            return if slot.required { vec![(*only).clone()] } else { Vec::new() };
        }
        let named = options.iter().filter_map(|option| Some((self.option(option)?, *option)));
        let mut named: Vec<((f32, Range<usize>), &Value)> = named.collect();
        // Of two that fit alike, prepositions tell, and else the first one named counts.
        let fit = |((likeness, at), _): &((f32, Range<usize>), &Value)| {
            (*likeness, self.preposition_rank(slot.role, at.start))
        };
        named.sort_by(|a, b| {
            let ((of_a, rank_a), (of_b, rank_b)) = (fit(a), fit(b));
            of_b.total_cmp(&of_a).then(rank_b.cmp(&rank_a)).then(a.0.1.start.cmp(&b.0.1.start))
        });
        let Some(((_, first), _)) = named.first() else { return Vec::new() };
        let mut end = first.clone().end;
        let mut values = Vec::new();
        for ((_, at), option) in named {
            if !values.is_empty() && (at.start < end || !self.is_listing(end..at.start)) {
                continue;
            }
            end = at.end;
            self.take(at);
            values.push(option.clone());
        }
        values
    }

    /// How well the range names an option, and where.
    fn option(&self, option: &Value) -> Option<(f32, Range<usize>)> {
        if let Some(number) = option.as_f64() {
            let named = self.free().find(|it| self.task.text.number(*it) == Some(number))?;
            return Some((1.0, named..named + 1));
        }
        let name = option.as_str()?;
        let wanted = words::stems(&words::words_of_name(name));
        let length = wanted.len();
        let likeness = |start: usize| {
            let stem_at = |at: usize| self.task.text.tokens.get(at).map(|it| &it.stem);
            let each = wanted
                .iter()
                .enumerate()
                .map(|(offset, word)| stem_at(start + offset).map_or(0.0, |it| it.likeness(word)));
            let likeness = each.fold(1.0, f32::min);
            // A word that names the tool itself does not choose an option that is only like it.
            let is_own =
                |at: usize| stem_at(at).is_some_and(|it| self.candidate.likeness(it) >= 0.9);
            if likeness < 1.0 && (start..start + length).any(is_own) { 0.0 } else { likeness }
        };
        let by_words = (length > 0)
            .then(|| {
                self.free()
                    .map(|it| (likeness(it), it..it + length))
                    .filter(|it| it.0 > 0.8 && it.1.end <= self.range.end)
            })
            .into_iter()
            .flatten();
        let by_code =
            self.free().filter(|it| self.stands_for(*it, name)).map(|it| (0.95, it..it + 1));
        by_words.chain(by_code).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.start.cmp(&a.1.start)))
    }

    /// Whether something is on: `recursively`, `turn it on`, `without shuffle`.
    fn flag(&mut self, slot: &Slot<'_>) -> Option<bool> {
        let text = &self.task.text;
        let is_denied = |at: usize| {
            let before = (at.saturating_sub(2)..at).map(|it| text.word(it));
            before.into_iter().any(|it| is_one_of("no not without don't never disable ohne", it))
        };
        let named = self.free().find(|it| {
            let stem = &text.tokens[*it].stem;
            stem.weight() > 0.0 && slot.words.contains(stem) && !self.candidate.name.contains(stem)
        });
        let switch = self.free().find_map(|at| self.switched(at).map(|it| (at, it)));
        let takes_switch = slot.mentions("on off state enabled enable power active");
        if let Some((at, is_on)) = switch.filter(|_| takes_switch) {
            self.take(at..at + 1);
            return Some(is_on);
        }
        let at = named?;
        let value = !is_denied(at) && !is_one_of("false off no", text.word(at + 1));
        self.take(at..at + 1);
        Some(value)
    }

    fn switched(&self, at: usize) -> Option<bool> {
        let text = &self.task.text;
        match text.word(at) {
            "off" | "disable" | "aus" | "deactivate" => Some(false),
            "enable" | "activate" | "an" | "ein"
                if at + 1 == self.range.end || text.word(at) == "enable" =>
            {
                Some(true)
            }
            // `on` is a preposition more often than a state.
            "on" => {
                let follows_switch = is_one_of(
                    "turn switch put lights light lamp it",
                    text.word(at.wrapping_sub(1)),
                );
                (follows_switch || at + 1 == self.range.end).then_some(true)
            }
            _ => None,
        }
    }

    /// Everything of the range that can be an item.
    fn list(&mut self, slot: &Slot<'_>, item: &Slot<'_>) -> Option<Value> {
        let values: Vec<Value> = match &item.shape {
            Shape::Number { whole } => self.all_numbers(*whole),
            Shape::Choice(options) => {
                let mut named: Vec<_> = options
                    .iter()
                    .filter_map(|it| self.option(it).map(|(_, at)| (at.start, *it)))
                    .collect();
                named.sort_by_key(|it| it.0);
                named.into_iter().map(|(_, it)| it.clone()).collect()
            }
            Shape::Text => self.texts_of_list(slot, item).into_iter().map(Value::String).collect(),
            Shape::Record(slots) => self.nested(slots).into_iter().collect(),
            Shape::Flag | Shape::List(_) | Shape::Anything => Vec::new(),
        };
        (!values.is_empty()).then_some(Value::Array(values))
    }

    fn texts_of_list(&mut self, slot: &Slot<'_>, item: &Slot<'_>) -> Vec<String> {
        match item.meaning {
            Meaning::Other | Meaning::Title | Meaning::Person | Meaning::Prose | Meaning::Query => {
                let quoted = self.all_quoted();
                if quoted.is_empty() && slot.required { self.enumerated() } else { quoted }
            }
            _ => self.texts(item),
        }
    }

    /// An object, if everything it needs is there.
    fn nested(&mut self, slots: &[Slot<'_>]) -> Option<Value> {
        let used = self.used.clone();
        let values = self.record(slots);
        let is_whole =
            slots.iter().zip(&values).all(|(slot, values)| !slot.required || !values.is_empty());
        if !is_whole || values.iter().all(Vec::is_empty) {
            self.used = used;
            return None;
        }
        let named = slots.iter().zip(values);
        let object = named
            .filter_map(|(slot, values)| Some((slot.name.to_owned(), values.into_iter().next()?)));
        Some(Value::Object(object.collect()))
    }

    /// The tokens that are still to be had.
    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        self.range.clone().filter(|it| !self.used[*it])
    }

    fn is_free(&self, at: usize) -> bool {
        self.range.contains(&at) && !self.used[at]
    }

    fn covers(&self, tokens: &Range<usize>) -> bool {
        self.range.start <= tokens.start
            && tokens.end <= self.range.end
            && !self.used[tokens.clone()].contains(&true)
    }

    fn take(&mut self, tokens: Range<usize>) {
        self.used[tokens].fill(true);
    }
}

/// What is read first: by meaning, and of two alike the source before the target.
fn urgency(slot: &Slot<'_>) -> (bool, Meaning, bool, bool) {
    let is_list_of_free = matches!(&slot.shape, Shape::List(_)) && slot.meaning > Meaning::Place;
    let is_exact = matches!(slot.shape, Shape::Choice(_) | Shape::Flag);
    (!is_exact, slot.meaning, is_list_of_free, slot.role == Role::Target)
}

//! Which number of a task belongs to which parameter.
use serde_json::{Number, Value};

use super::Reader;
use crate::offline::{
    amounts::Amount,
    earlier::Earlier,
    facts::{self, Quantity, Unit},
    schema::{Shape, Slot},
    words::is_one_of,
};

impl Reader<'_> {
    /// Gives each number to the slot that it fits best, then the rest in order to slots that need one.
    pub(super) fn numbers(&mut self, slots: &[Slot<'_>], values: &mut [Vec<Value>]) {
        let task = self.task;
        let amounts: Vec<&Amount> =
            task.amounts.iter().filter(|it| self.covers(&it.number)).collect();
        let mut taken = vec![false; amounts.len()];
        let mut pairs = Vec::new();
        for (at, slot) in slots.iter().enumerate() {
            let Shape::Number { whole } = slot.shape else { continue };
            for (number, amount) in amounts.iter().enumerate() {
                let evidence = self.evidence(slot, amount);
                if evidence >= 1.0
                    && let Some(value) = self.measured(slot, amount, whole)
                {
                    pairs.push((evidence, at, number, value));
                }
            }
        }
        // A stable sort keeps slots and numbers in order where the evidence is the same.
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, at, number, value) in pairs {
            let slot = &slots[at];
            if values[at].is_empty() && !taken[number] {
                taken[number] = true;
                self.take_amount(slot, amounts[number]);
                values[at].push(value);
            }
        }
        for (at, slot) in slots.iter().enumerate() {
            let Shape::Number { whole } = slot.shape else { continue };
            if !slot.required || slot.default.is_some() || !values[at].is_empty() {
                continue;
            }
            let next = (0..amounts.len()).filter(|it| !taken[*it]).find_map(|number| {
                let value = self.measured(slot, amounts[number], whole)?;
                Some((number, value))
            });
            let refers = self.reference_before(next.as_ref().map(|it| amounts[it.0].tokens.start));
            if let Some(place) = refers {
                self.waits = true;
                if let Some(value) =
                    self.earlier.and_then(Earlier::number).and_then(|it| json_number(it, whole))
                {
                    self.take(place..place + 1);
                    values[at].push(value);
                }
            } else if let Some((number, value)) = next {
                taken[number] = true;
                self.take_amount(slot, amounts[number]);
                values[at].push(value);
            }
        }
    }

    pub(super) fn all_numbers(&mut self, whole: bool) -> Vec<Value> {
        let task = self.task;
        let mut values = Vec::new();
        for amount in &task.amounts {
            if self.covers(&amount.number)
                && let Some(value) = json_number(amount.value, whole)
            {
                self.take(amount.tokens.clone());
                values.push(value);
            }
        }
        values
    }

    /// `it` or `the result` in the place of a number, before the next one that is written.
    fn reference_before(&self, next: Option<usize>) -> Option<usize> {
        let text = &self.task.text;
        let is_named = |at: usize| {
            let word = text.word(at);
            is_one_of("it that this", word)
                || (is_one_of("result answer sum product total", word)
                    && is_one_of("the that this", text.word(at.wrapping_sub(1))))
        };
        // The `it` of `what date is it` stands for nothing.
        let is_empty = |at: usize| {
            text.word(at) == "it"
                && (is_one_of("is was will does make", text.word(at.wrapping_sub(1)))
                    || text.word(at + 1) == "is")
        };
        self.free().find(|at| is_named(*at) && !is_empty(*at) && next.is_none_or(|it| *at < it))
    }

    fn take_amount(&mut self, slot: &Slot<'_>, amount: &Amount) {
        let counted = amount.tokens.end;
        let is_named = self.is_free(counted) && self.name_likeness(slot, counted) > 0.5;
        let end = (counted + usize::from(is_named)).min(self.range.end);
        self.take_with_preposition(amount.tokens.start..end);
    }

    /// How much a word is one of the slot's.
    fn name_likeness(&self, slot: &Slot<'_>, at: usize) -> f32 {
        let stem = self.task.text.tokens.get(at).map(|it| &it.stem).filter(|it| it.weight() > 0.0);
        stem.map_or(0.0, |it| slot.likeness(it))
    }

    /// How much the words around a number say that it belongs to a slot.
    fn evidence(&self, slot: &Slot<'_>, amount: &Amount) -> f32 {
        let text = &self.task.text;
        let mut evidence = 0.0_f32;
        if let (Some(unit), Some(of_slot)) = (amount.unit, unit_of(slot)) {
            evidence = if unit.quantity == of_slot.quantity { 3.0 } else { return 0.0 };
        }
        if amount.is_money && slot.mentions("amount price cost budget money currency") {
            evidence += 2.0;
        }
        if slot.is_named("year") && (1800.0..=2200.0).contains(&amount.value) {
            evidence += 2.0;
        }
        // What follows a number is what is counted; what precedes it, up to a little word, names it.
        let after = amount.tokens.end + usize::from(text.is_mark(amount.tokens.end, "-"));
        evidence += 3.0 * self.name_likeness(slot, after);
        let before = amount.tokens.start.wrapping_sub(1);
        let little = is_one_of("to of at is by auf", text.word(before));
        let label =
            if little || text.is_mark(before, ":=") { before.wrapping_sub(1) } else { before };
        evidence += 2.5 * self.name_likeness(slot, label);
        evidence + bound(slot, text.word(before), text.word(before.wrapping_sub(1)))
    }

    /// The number in the slot's unit, if the slot can take it.
    fn measured(&self, slot: &Slot<'_>, amount: &Amount, whole: bool) -> Option<Value> {
        let factor = match (amount.unit, unit_of(slot)) {
            (Some(unit), Some(of_slot)) if unit.quantity == of_slot.quantity => {
                unit.size / of_slot.size
            }
            // A day is no price: a number of one quantity is none of another.
            (Some(unit), Some(_)) if unit.quantity != Quantity::Share => return None,
            _ => 1.0,
        };
        let exact = amount.value * factor;
        let value = (exact * 1e9).round() / 1e9;
        let value = if value.is_finite() { value } else { exact };
        let back = ["before", "ago", "earlier", "subtract", "minus", "back", "vor"];
        let is_back = slot.mentions("negative")
            && self.range.clone().any(|it| back.contains(&self.task.text.word(it)));
        let value = if is_back { -value.abs() } else { value };
        slot.allows(value).then(|| json_number(value, whole)).flatten()
    }
}

/// `under 150`, `at least 4`, `top 5`: a bound tells which slot a number is for.
fn bound(slot: &Slot<'_>, before: &str, further: &str) -> f32 {
    let is_most = is_one_of("under below maximum max", before)
        || matches!(
            (further, before),
            ("at", "most") | ("less" | "cheaper", "than") | ("up", "to")
        );
    let is_least = is_one_of("above over minimum min", before)
        || matches!((further, before), ("at", "least") | ("more", "than"));
    let is_first = is_one_of("top first last latest newest", before);
    let fits = (is_most && slot.mentions("max maximum most limit below"))
        || (is_least && slot.mentions("min minimum least above"))
        || (is_first && slot.is_named("max limit count top n"));
    if fits { 2.0 } else { 0.0 }
}

/// What a slot measures, by the words of its name, or else of its description.
fn unit_of(slot: &Slot<'_>) -> Option<Unit> {
    let parts = |text: &str| {
        text.to_lowercase()
            .split(|it: char| !it.is_alphanumeric())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let named = |words: Vec<String>| {
        // `min` in a name is a minimum more often than minutes.
        words
            .into_iter()
            .filter(|it| it.len() > 1 && it != "min" && it != "sec")
            .find_map(|it| facts::unit(&it))
    };
    named(parts(slot.name)).or_else(|| named(parts(slot.description)))
}

pub(in crate::offline) fn json_number(value: f64, whole: bool) -> Option<Value> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and within the range of exact integers"
        )]
        return Some(Value::from(value as i64));
    }
    if whole { None } else { Number::from_f64(value).map(Value::Number) }
}

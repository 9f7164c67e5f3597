//! Names of places and people: what stands after a preposition or in capitals.
use std::ops::Range;

use super::Reader;
use crate::offline::{
    facts,
    schema::{Role, Slot},
    text::Kind,
    words::is_one_of,
};

/// Words that follow `in` and `for` and are no places.
const NO_PLACES: &str = "week month year moment case total detail fahrenheit advance general";

impl Reader<'_> {
    /// Cities and the like: after a preposition, in capitals, or known by name.
    pub(super) fn places(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let has_counterpart = self.has_counterpart(slot);
        let after_preposition =
            prepositions(slot.role, has_counterpart).split(' ').find_map(|word| {
                let mut after = self.free().filter(|at| self.task.text.word(*at) == word);
                after.find_map(|at| self.place_at(at + 1, true))
            });
        // With two places wanted, only a preposition tells which is which.
        let is_alone = slot.role == Role::Any || !has_counterpart;
        let elsewhere = || if is_alone { self.place_anywhere(slot) } else { None };
        match after_preposition.or_else(elsewhere) {
            Some(place) => self.listed(place),
            None => Vec::new(),
        }
    }

    /// Names of people: after `to` or `called`, or in capitals.
    pub(super) fn people(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let leads =
            |at: usize| is_one_of("to for with named called by is an für", self.task.text.word(at));
        let after = self.free().filter(|it| leads(*it)).find_map(|it| self.place_at(it + 1, false));
        let in_capitals = || {
            self.free()
                .filter(|it| !self.begins_sentence(*it))
                .find_map(|it| self.place_at(it, false))
        };
        match after.or_else(in_capitals) {
            Some(name) => self.listed(name),
            None if slot.required => self.rest_as_list(),
            None => Vec::new(),
        }
    }

    /// Whether the tool has a slot of the same meaning with the opposite role.
    pub(super) fn has_counterpart(&self, slot: &Slot<'_>) -> bool {
        let is_counterpart = |it: &Slot<'_>| {
            it.meaning == slot.meaning && it.role != slot.role && it.role != Role::Any
        };
        self.candidate.slots.iter().any(is_counterpart)
    }

    fn place_anywhere(&self, slot: &Slot<'_>) -> Option<Range<usize>> {
        let in_capitals =
            |at: usize| self.place_at(at, false).filter(|_| !self.begins_sentence(at));
        let named = self
            .free()
            .find_map(|it| self.known_place(it))
            .or_else(|| self.free().find_map(in_capitals));
        if named.is_some() || !slot.required || self.is_elsewhere {
            return named;
        }
        // `weather springfield`: what is left over, if that is one short phrase.
        let is_new = |at: usize| self.candidate.likeness(&self.task.text.tokens[at].stem) < 0.3;
        self.rest()
            .filter(|it| it.len() <= 3 && it.start > self.range.start && it.clone().all(is_new))
    }

    fn begins_sentence(&self, at: usize) -> bool {
        let text = &self.task.text;
        let before = at.wrapping_sub(1);
        text.tokens.get(before).is_none_or(|it| it.kind == Kind::Break)
            || text.is_mark(before, ".!?;:")
    }

    /// The place whose name begins here; an unknown one in small letters only after a preposition.
    fn place_at(&self, at: usize, may_be_small: bool) -> Option<Range<usize>> {
        let text = &self.task.text;
        let at = at + usize::from(is_one_of("the der die das", text.word(at)));
        let mut end = at;
        while self.is_name(end) {
            end += 1;
            // `Rio de Janeiro`, `Stratford-upon-Avon`
            let is_link = is_one_of("de da do la of am an upon del den", text.word(end))
                || text.is_mark(end, "-");
            end += usize::from(is_link && self.is_name(end + 1));
        }
        if end > at {
            return Some(at..self.with_country(at, end));
        }
        if let Some(known) = self.known_place(at) {
            return Some(known);
        }
        while may_be_small
            && end < at + 3
            && self.is_free(end)
            && self.is_plain_word(end)
            && self.can_be_place(end)
        {
            end += 1;
        }
        (end > at).then_some(at..end)
    }

    /// `Paris, France` and `Austin, TX` are one place; `Paris, France and Italy` are three.
    fn with_country(&self, at: usize, end: usize) -> usize {
        let country = end + 1;
        let raw = self.task.text.raw(country);
        let is_state = raw.len() == 2 && raw.chars().all(|it| it.is_ascii_uppercase());
        let is_one = self.task.text.is_mark(end, ",")
            && self.is_free(country)
            && (is_state || facts::is_country(&self.bare(country)))
            && !facts::is_country(&self.bare(at))
            && !self.is_listing(country + 1..country + 2);
        if is_one { country + 1 } else { end }
    }

    fn known_place(&self, at: usize) -> Option<Range<usize>> {
        let is_known =
            |length: &usize| self.joined(at, *length).is_some_and(|it| facts::is_place(&it));
        (1..=3).rev().find(is_known).map(|length| at..at + length)
    }

    fn is_name(&self, at: usize) -> bool {
        let text = &self.task.text;
        let is_telling = text.tokens.get(at).is_some_and(|it| it.stem.is_telling());
        text.is_capitalised(at) && self.is_free(at) && is_telling && self.can_be_place(at)
    }

    fn can_be_place(&self, at: usize) -> bool {
        let word = self.bare(at);
        facts::unit(&word).is_none()
            && facts::language_code(&word).is_none()
            && facts::month(&word).is_none()
            && !facts::is_relative_day(&word)
            && !is_one_of(NO_PLACES, &word)
    }

    /// A word that says something and that is not one of the tool's own.
    fn is_plain_word(&self, at: usize) -> bool {
        self.task.text.tokens.get(at).is_some_and(|token| {
            token.kind == Kind::Word
                && token.stem.is_telling()
                && self.candidate.likeness(&token.stem) < 0.5
        })
    }

    /// A name, and those that are listed after it.
    fn listed(&mut self, first: Range<usize>) -> Vec<String> {
        let mut ranges = vec![first];
        while let Some(last) = ranges.last().map(|it| it.end) {
            let joint =
                (last..self.range.end).take_while(|it| self.is_listing(last..*it + 1)).last();
            let next = joint.and_then(|it| self.place_at(it + 1, false));
            let Some(next) = next.filter(|it| it.end <= self.range.end) else { break };
            ranges.push(next);
        }
        let written = |it: &Range<usize>| {
            let raw = self.task.text.written(it.clone());
            raw.strip_suffix("'s").or(raw.strip_suffix("’s")).unwrap_or(raw).to_owned()
        };
        let values = ranges.iter().map(written).collect();
        for range in ranges {
            self.take_with_preposition(range);
        }
        values
    }
}

fn prepositions(role: Role, has_counterpart: bool) -> &'static str {
    match (role, has_counterpart) {
        (Role::Source, _) => "from leaving aus von ab",
        (Role::Target, true) => "to into nach",
        (Role::Target, false) => "to into nach in at for of near",
        (Role::Any, _) => {
            "in at near around for of to from für à au nach visiting von über pour de"
        }
    }
}

//! Values that are known by their form or by a table: addresses, paths, dates, zones, codes.
use std::ops::Range;

use super::Reader;
use crate::offline::{
    facts,
    schema::{Meaning, Role, Slot},
    text::Kind,
    words::is_one_of,
};

/// A value and where it stands.
struct Candidate {
    tokens: Range<usize>,
    value: String,
}

impl Reader<'_> {
    pub(super) fn literals(&mut self, slot: &Slot<'_>, kind: Kind) -> Vec<String> {
        let found = self.each(|reader, at| {
            let token = &reader.task.text.tokens[at];
            (token.kind == kind).then(|| (1, token.value.clone()))
        });
        self.pick(slot, found)
    }

    /// Paths, and the names of folders that only their place in the sentence tells.
    pub(super) fn paths(&mut self, slot: &Slot<'_>) -> Vec<String> {
        // `*.rs` is a pattern where the tool has a slot for one.
        let has_pattern = self.candidate.slots.iter().any(|it| it.meaning == Meaning::Pattern);
        let wants_folder = slot.mentions("folder directory") && !slot.mentions("file");
        let is_file = |raw: &str| {
            raw.rsplit('/').next().is_some_and(|it| it.trim_start_matches('.').contains('.'))
        };
        let mut found = self.each(|reader, at| {
            let token = &reader.task.text.tokens[at];
            let raw = reader.task.text.raw(at);
            let is_ending = raw.starts_with('.') && !raw.contains('/');
            let is_pattern = has_pattern && (raw.contains('*') || is_ending);
            if is_pattern || (wants_folder && is_file(raw)) {
                return None;
            }
            let is_known = is_one_of(
                "makefile dockerfile license readme changelog justfile",
                raw.to_lowercase().as_str(),
            ) && raw.starts_with(char::is_uppercase);
            (token.kind == Kind::Path || is_known).then(|| (1, raw.to_owned()))
        });
        if found.is_empty() && !self.is_elsewhere {
            found = self.each(|reader, at| reader.folder(slot, at));
        }
        if found.is_empty() && slot.required {
            found = self.each(|reader, at| {
                let token = &reader.task.text.tokens[at];
                let is_name = token.kind == Kind::Quoted
                    && !token
                        .value
                        .contains(|it: char| it.is_whitespace() || ":()<>\"'".contains(it));
                is_name.then(|| (1, token.value.clone()))
            });
        }
        self.pick(slot, found)
    }

    /// `in src`, `the crates folder`, `folder docs`.
    fn folder(&self, slot: &Slot<'_>, at: usize) -> Option<(usize, String)> {
        let text = &self.task.text;
        let token = &text.tokens[at];
        let is_name = token.kind == Kind::Word
            && token.stem.is_telling()
            && !text.word(at).contains('\'')
            && !token.stem.is_in("folder")
            && !is_one_of("file files contents", &token.value);
        if !is_name {
            return None;
        }
        let is_folder = |at: usize| {
            text.tokens.get(at).is_some_and(|it| it.stem.is_in("folder") && it.value != "path")
        };
        let named = is_folder(at + 1) || (at > 0 && is_folder(at - 1));
        // What may be a folder is nothing to a tool that wants a file.
        if slot.mentions("file") && !slot.mentions("folder directory") {
            return None;
        }
        let before = text.word(at.wrapping_sub(1));
        let inside = is_one_of("in under inside within into", before)
            && (at + 1 == self.range.end
                || !self.is_free(at + 1)
                || text.word(at + 1).is_empty()
                || !text.tokens[at + 1].stem.is_telling()
                || self.candidate.likeness(&text.tokens[at + 1].stem) >= 0.5);
        let raw = text.raw(at);
        let is_plain = raw.chars().all(|it| it.is_alphanumeric() || it == '_');
        (is_plain && (named || inside)).then(|| (1, raw.to_owned()))
    }

    pub(super) fn dates(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let is_iso = |value: &str| {
            value.len() >= 10
                && value.as_bytes()[..4].iter().all(u8::is_ascii_digit)
                && value.as_bytes()[4] == b'-'
        };
        let found = self.each(|reader, at| {
            let token = &reader.task.text.tokens[at];
            if token.kind == Kind::Date {
                return (!slot.is_iso || is_iso(&token.value)).then(|| (1, token.value.clone()));
            }
            let is_now = token.value == "now" && slot.mentions("now");
            let named =
                || if is_now { Some((1, token.value.clone())) } else { reader.relative_day(at) };
            (!slot.is_iso).then(named).flatten()
        });
        let values = self.pick(slot, found);
        let takes_today = slot.required && !self.is_elsewhere && slot.description.contains("today");
        if values.is_empty() && takes_today && self.says_from_now(slot) {
            vec!["today".to_owned()]
        } else {
            values
        }
    }

    /// `in 3 weeks`, `how many days until …`: what is not told is counted from today.
    fn says_from_now(&self, slot: &Slot<'_>) -> bool {
        let is_span =
            self.task.amounts.iter().any(|it| self.covers(&it.number) && it.unit.is_some());
        let is_until = self
            .range
            .clone()
            .any(|it| is_one_of("until till to before bis", self.task.text.word(it)));
        match slot.role {
            Role::Source => is_until,
            Role::Target => false,
            Role::Any => is_span,
        }
    }

    /// `tomorrow`, `next monday`, `next week`.
    fn relative_day(&self, at: usize) -> Option<(usize, String)> {
        let text = &self.task.text;
        let is_start = is_one_of("next this last", text.word(at));
        let is_span = is_one_of("week month year weekend", text.word(at + 1));
        if is_start && (is_span || facts::is_relative_day(text.word(at + 1))) {
            return Some((2, text.written(at..at + 2).to_owned()));
        }
        facts::is_relative_day(text.word(at)).then(|| (1, text.raw(at).to_owned()))
    }

    pub(super) fn times(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let token = &reader.task.text.tokens[at];
            let named = match token.value.as_str() {
                "noon" => Some("12:00"),
                "midnight" => Some("00:00"),
                _ => (token.kind == Kind::Time).then_some(token.value.as_str()),
            };
            named.map(|it| (1, it.to_owned()))
        });
        self.pick(slot, found)
    }

    /// Zones by their names, and by well-known cities and countries.
    pub(super) fn zones(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let token = &reader.task.text.tokens[at];
            if token.kind == Kind::Zone {
                return Some((1, token.value.clone()));
            }
            let named = |length: usize| {
                facts::zone_of(&reader.joined(at, length)?).map(|it| (length, it.to_owned()))
            };
            (1..=3).rev().find_map(named)
        });
        let takes_cities = slot.mentions("city");
        if found.is_empty() && takes_cities && slot.role == Role::Any {
            return self.places(slot);
        }
        // `3pm in New York … in Tokyo`: of two the first is where it comes from.
        let are_two = found.len() > 1;
        let rank = |it: &Candidate| match slot.role {
            Role::Source if are_two => self.preposition_rank(slot.role, it.tokens.start).max(1),
            role => self.preposition_rank(role, it.tokens.start),
        };
        let ranks: Vec<u8> = found.iter().map(rank).collect();
        self.pick_ranked(slot, found, &ranks)
    }

    /// Units by their names: the one that a number has, and the one that is wanted.
    pub(super) fn units(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let raw = reader.task.text.raw(at);
            facts::unit(&reader.bare(at)).map(|_| (1, raw.to_owned()))
        });
        let rank = |it: &Candidate| match (
            slot.role,
            self.task.text.number(it.tokens.start.wrapping_sub(1)),
        ) {
            (Role::Source, Some(_)) => 4,
            (Role::Target, Some(_)) => 0,
            (role, _) => self.preposition_rank(role, it.tokens.start),
        };
        let ranks: Vec<u8> = found.iter().map(rank).collect();
        self.pick_ranked(slot, found, &ranks)
    }

    pub(super) fn currencies(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let text = &reader.task.text;
            let raw = text.raw(at);
            let is_code = raw.len() == 3 && raw.chars().all(|it| it.is_ascii_uppercase());
            let is_placed = reader.is_by_number(at)
                || is_one_of("to into in from", text.word(at.wrapping_sub(1)));
            let unknown = || (is_code && is_placed).then_some(raw);
            facts::currency_of(&text.tokens[at].value).or_else(unknown).map(|it| (1, it.to_owned()))
        });
        let rank = |it: &Candidate| {
            let at = it.tokens.start;
            let before = self.task.text.word(at.wrapping_sub(1));
            let is_asked = is_one_of("many much viele viel", before);
            match slot.role {
                Role::Target if self.is_by_number(at) => 0,
                Role::Source if self.is_by_number(at) => 4,
                Role::Target if is_asked => 3,
                Role::Source if is_asked => 0,
                role => self.preposition_rank(role, at),
            }
        };
        let ranks: Vec<u8> = found.iter().map(rank).collect();
        self.pick_ranked(slot, found, &ranks)
    }

    fn is_by_number(&self, at: usize) -> bool {
        let text = &self.task.text;
        let is_sign = text.is_mark(at, "$€£¥₹");
        text.number(at.wrapping_sub(1)).is_some() && !is_sign
            || is_sign && text.number(at + 1).is_some()
    }

    pub(super) fn languages(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let wants_code = slot.mentions("code iso 639");
        let found = self.each(|reader, at| {
            let code = facts::language_code(&reader.bare(at))?;
            let value =
                if wants_code { code.to_owned() } else { reader.task.text.raw(at).to_owned() };
            Some((1, value))
        });
        // The language that comes last is the one to translate into, unless a preposition says so.
        let ranks: Vec<u8> =
            found.iter().map(|it| self.preposition_rank(slot.role, it.tokens.start)).collect();
        self.pick_ranked(slot, found, &ranks)
    }

    /// Words in capitals, such as `AAPL`.
    pub(super) fn symbols(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let raw = reader.task.text.raw(at);
            let token = &reader.task.text.tokens[at];
            let is_symbol = token.kind == Kind::Word
                && (1..=5).contains(&raw.len())
                && raw.chars().all(|it| it.is_ascii_uppercase())
                && !is_one_of("I A OK US UK EU CEO", raw)
                && facts::currency_of(raw).is_none();
            is_symbol.then(|| (1, raw.to_owned()))
        });
        self.pick(slot, found)
    }

    /// `A-1042`, `#1042`, `order 1042`, `booking QXKP`.
    pub(super) fn identifiers(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let found = self.each(|reader, at| {
            let text = &reader.task.text;
            let token = &text.tokens[at];
            let raw = text.raw(at);
            let is_listed = is_one_of("and or", text.word(at.wrapping_sub(1)))
                || text.is_mark(at.wrapping_sub(1), ",");
            let label = (at.saturating_sub(if is_listed { 3 } else { 2 })..at).any(|it| {
                let stem = &text.tokens[it].stem;
                let is_named = is_one_of("number no nr id nummer", text.word(it));
                is_named || (stem.weight() > 0.0 && reader.candidate.likeness(stem) > 0.6)
            });
            let is_number = matches!(token.kind, Kind::Number(_)) && label;
            let is_capitals = token.kind == Kind::Word
                && label
                && raw.len() > 2
                && raw.chars().all(|it| it.is_ascii_uppercase());
            let is_quoted = token.kind == Kind::Quoted && !token.value.contains(' ') && label;
            let is_one = token.kind == Kind::Identifier || is_number || is_capitals || is_quoted;
            is_one.then(|| (1, if is_capitals { raw.to_owned() } else { token.value.clone() }))
        });
        self.pick(slot, found)
    }

    /// Whether a word at a place stands for a code: a currency's name, a language's.
    pub(super) fn stands_for(&self, at: usize, code: &str) -> bool {
        let word = self.bare(at);
        let is_language =
            facts::language_code(&word).is_some_and(|it| it.eq_ignore_ascii_case(code));
        is_language
            || facts::currency_of(&word)
                .is_some_and(|it| it == code.to_uppercase() && code.len() == 3)
    }

    /// A word in lower case without `'s`.
    pub(super) fn bare(&self, at: usize) -> String {
        let value = self.task.text.tokens.get(at).map_or("", |it| it.value.as_str());
        value.strip_suffix("'s").unwrap_or(value).to_lowercase()
    }

    /// Some words from a place on, in lower case; `None` if they are not all free words.
    pub(super) fn joined(&self, at: usize, length: usize) -> Option<String> {
        let words: Vec<String> = (at..at + length)
            .map(|it| {
                (self.is_free(it) && !self.task.text.word(it).is_empty()).then(|| self.bare(it))
            })
            .collect::<Option<_>>()?;
        Some(words.join(" "))
    }

    fn each(&self, value_at: impl Fn(&Self, usize) -> Option<(usize, String)>) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut at = self.range.start;
        while at < self.range.end {
            let value = self.is_free(at).then(|| value_at(self, at)).flatten();
            let value = value.filter(|(length, _)| at + length <= self.range.end);
            let length = value.as_ref().map_or(1, |it| it.0);
            found.extend(value.map(|(_, value)| Candidate { tokens: at..at + length, value }));
            at += length;
        }
        found
    }

    fn pick(&mut self, slot: &Slot<'_>, found: Vec<Candidate>) -> Vec<String> {
        let ranks: Vec<u8> =
            found.iter().map(|it| self.preposition_rank(slot.role, it.tokens.start)).collect();
        self.pick_ranked(slot, found, &ranks)
    }

    /// The best of what was found, and what is listed with it.
    fn pick_ranked(&mut self, slot: &Slot<'_>, found: Vec<Candidate>, ranks: &[u8]) -> Vec<String> {
        let best = ranks.iter().copied().max().filter(|it| *it > 0);
        let Some(first) = best.and_then(|best| ranks.iter().position(|it| *it == best)) else {
            return Vec::new();
        };
        // Of two dates or places that are listed, the second is where it goes to.
        let is_single = slot.role == Role::Source && self.has_counterpart(slot);
        let mut values = Vec::new();
        let mut end = None;
        for candidate in found.into_iter().skip(first) {
            if end.is_some_and(|it| is_single || !self.is_listing(it..candidate.tokens.start)) {
                break;
            }
            self.take_with_preposition(candidate.tokens.clone());
            end = Some(candidate.tokens.end);
            values.push(candidate.value);
        }
        values
    }

    /// How well the preposition before a value fits a role; 0 if it says the opposite.
    pub(super) fn preposition_rank(&self, role: Role, at: usize) -> u8 {
        const SOURCE: [&str; 9] =
            ["from", "between", "since", "of", "von", "aus", "de", "ab", "after"];
        const TARGET: [&str; 14] = [
            "to", "into", "in", "until", "till", "through", "and", "nach", "zu", "ins", "auf",
            "en", "à", "as",
        ];
        let text = &self.task.text;
        let mut before = at.wrapping_sub(1);
        while is_one_of("the a an der die das", text.word(before)) {
            before = before.wrapping_sub(1);
        }
        let word = text.word(before);
        match role {
            Role::Source if SOURCE.contains(&word) => 3,
            Role::Target if is_one_of("to into nach ins", word) => 4,
            Role::Target if TARGET.contains(&word) => 3,
            Role::Source if TARGET.contains(&word) => 0,
            Role::Target if SOURCE.contains(&word) => 0,
            _ => 1,
        }
    }

    /// Whether a comma or `and` stands between, and nothing else but articles and prepositions.
    pub(super) fn is_listing(&self, mut between: Range<usize>) -> bool {
        let text = &self.task.text;
        let is_joint =
            |at: usize| text.is_mark(at, ",&") || is_one_of("and or und oder et ou", text.word(at));
        let is_little = |at: usize| is_one_of("the then in at for of to", text.word(at));
        between.clone().any(is_joint) && between.all(|it| is_joint(it) || is_little(it))
    }

    /// Takes a value and the little word that leads to it.
    pub(super) fn take_with_preposition(&mut self, tokens: Range<usize>) {
        let mut start = tokens.start;
        for _ in 0..2 {
            let before = start.wrapping_sub(1);
            let is_little = is_one_of(
                "in at for of to from into on the a an under inside within für von nach à auf",
                self.task.text.word(before),
            );
            if !is_little || !self.is_free(before) {
                break;
            }
            start = before;
        }
        self.take(start..tokens.end);
    }
}

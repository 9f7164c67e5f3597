//! Values that only their place in the sentence tells: places, names, queries, content.
use std::ops::Range;

use super::Reader;
use crate::offline::{
    facts,
    schema::{Meaning, Role, Slot},
    text::Kind,
    words,
};

impl Reader<'_> {
    /// Cities and the like: after a preposition, in capitals, or known by name.
    pub(super) fn places(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let by_preposition = prepositions(slot.role, self.has_counterpart(slot));
        let after_preposition = by_preposition.iter().find_map(|word| {
            let mut after = self.range.clone().filter(|at| self.task.text.word(*at) == *word);
            after.find_map(|at| self.place_at(at + 1, true))
        });
        // With two places wanted, only a preposition tells which is which.
        let elsewhere = || {
            let is_alone = slot.role == Role::Any || !self.has_counterpart(slot);
            if is_alone { self.place_anywhere(slot) } else { None }
        };
        let Some(place) = after_preposition.or_else(elsewhere) else { return Vec::new() };
        self.listed(place, |reader, at| reader.place_at(at, false))
    }

    /// Whether the tool has a slot of the same meaning with the opposite role.
    pub(super) fn has_counterpart(&self, slot: &Slot<'_>) -> bool {
        self.candidate
            .slots
            .iter()
            .any(|it| it.meaning == slot.meaning && it.role != slot.role && it.role != Role::Any)
    }

    fn place_anywhere(&self, slot: &Slot<'_>) -> Option<Range<usize>> {
        let known = |at: usize| {
            let named = |length: usize| {
                self.joined(at, length).filter(|it| facts::is_place(it)).map(|_| at..at + length)
            };
            (1..=3).rev().find_map(named)
        };
        let in_capitals =
            |at: usize| self.place_at(at, false).filter(|_| !self.begins_sentence(at));
        let named = self.free().find_map(known).or_else(|| self.free().find_map(in_capitals));
        if named.is_some() || !slot.required || self.is_elsewhere {
            return named;
        }
        // `weather springfield`: what is left over, if that is one short phrase.
        let rest = self.rest(true);
        let is_short = rest.as_ref().is_some_and(|it| it.len() <= 3 && it.start > self.range.start);
        rest.filter(|_| is_short)
    }

    fn begins_sentence(&self, at: usize) -> bool {
        let before = at.wrapping_sub(1);
        let text = &self.task.text;
        text.tokens.get(before).is_none_or(|it| it.kind == Kind::Break)
            || text.is_mark(before, ".!?;:")
    }

    /// The place whose name begins here; in small letters only where a preposition led to it.
    fn place_at(&self, at: usize, may_be_small: bool) -> Option<Range<usize>> {
        let text = &self.task.text;
        let at = at + usize::from(["the", "der", "die", "das"].contains(&text.word(at)));
        let is_name = |at: usize| {
            let is_telling = text.tokens.get(at).is_some_and(|it| it.stem.is_telling());
            text.is_capitalised(at) && self.is_free(at) && is_telling && self.can_be_place(at)
        };
        let mut end = at;
        while is_name(end) {
            end += 1;
            // `Rio de Janeiro`, `Stratford-upon-Avon`, `St. Louis`
            let link = ["de", "da", "do", "la", "of", "am", "an", "upon", "del"]
                .contains(&text.word(end))
                || text.is_mark(end, "-");
            if link && is_name(end + 1) {
                end += 1;
            }
        }
        if end > at {
            let country = end + 1..end + 2;
            let is_country = text.is_mark(end, ",")
                && self.is_free(country.start)
                && facts::is_country(&self.bare(country.start))
                && !facts::is_country(&self.bare(at))
                && !self.is_listing(country.end..country.end + 1);
            return Some(at..if is_country { country.end } else { end });
        }
        if !may_be_small {
            let known = |length: usize| {
                self.joined(at, length).filter(|it| facts::is_place(it)).map(|_| at..at + length)
            };
            return (1..=3).rev().find_map(known);
        }
        while end < at + 3 && self.is_free(end) && self.is_plain_word(end) && self.can_be_place(end)
        {
            end += 1;
        }
        (end > at).then_some(at..end)
    }

    fn can_be_place(&self, at: usize) -> bool {
        let word = self.bare(at);
        facts::unit(&word).is_none()
            && facts::language_code(&word).is_none()
            && facts::month(&word).is_none()
            && !facts::is_relative_day(&word)
            && ![
                "week",
                "month",
                "year",
                "moment",
                "case",
                "total",
                "detail",
                "fahrenheit",
                "advance",
                "general",
            ]
            .contains(&word.as_str())
    }

    /// A word that says something and that is not one of the tool's own.
    fn is_plain_word(&self, at: usize) -> bool {
        let Some(token) = self.task.text.tokens.get(at) else { return false };
        token.kind == Kind::Word
            && token.stem.is_telling()
            && self.candidate.likeness(&token.stem) < 0.5
    }

    /// A value, and those that are listed after it.
    fn listed(
        &mut self,
        first: Range<usize>,
        next_at: impl Fn(&Self, usize) -> Option<Range<usize>>,
    ) -> Vec<String> {
        let mut ranges = vec![first];
        while let Some(last) = ranges.last().map(|it| it.end) {
            let joint =
                (last..self.range.end).take_while(|it| self.is_listing(last..*it + 1)).last();
            let next =
                joint.and_then(|it| next_at(self, it + 1)).filter(|it| it.end <= self.range.end);
            let Some(next) = next else { break };
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

    /// Queries, content, titles and whatever else is text of any kind.
    pub(super) fn free_texts(&mut self, slot: &Slot<'_>) -> Vec<String> {
        if let Some(value) = self.labelled(slot) {
            return vec![value];
        }
        if slot.meaning == Meaning::Pattern
            && let Some(value) = self.pattern()
        {
            return vec![value];
        }
        let takes_speech = matches!(
            slot.meaning,
            Meaning::Prose | Meaning::Title | Meaning::Code | Meaning::Command
        );
        if takes_speech && let Some(value) = self.speech(slot) {
            return vec![value];
        }
        if !slot.required {
            return self.purpose(slot).into_iter().collect();
        }
        if slot.meaning == Meaning::Person {
            return self.people(slot);
        }
        if let Some(at) = self.quoted() {
            return self.quotes_from(at);
        }
        match slot.meaning {
            // What is sent to somebody is not made up from the words that ask for it.
            Meaning::Prose if slot.mentions("body content message") => Vec::new(),
            Meaning::Query
            | Meaning::Pattern
            | Meaning::Prose
            | Meaning::Title
            | Meaning::Command => self.rest_as_text(false),
            Meaning::Code => Vec::new(),
            _ => self.rest_as_list(),
        }
    }

    /// `*.md`, or the ending `.md`.
    fn pattern(&mut self) -> Option<String> {
        let is_pattern = |at: usize| {
            let token = &self.task.text.tokens[at];
            token.kind == Kind::Path
                && (token.value.contains('*')
                    || (token.value.starts_with('.') && !token.value.contains('/')))
        };
        let at = self.free().find(|it| is_pattern(*it))?;
        let value = self.task.text.tokens[at].value.clone();
        self.take_with_preposition(at..at + 1);
        Some(if value.starts_with('.') { format!("*{value}") } else { value })
    }

    /// Every text in quotes.
    pub(super) fn all_quoted(&mut self) -> Vec<String> {
        self.quoted().map(|it| self.quotes_from(it)).unwrap_or_default()
    }

    /// `milk, eggs and bread`, without quotes.
    pub(super) fn enumerated(&mut self) -> Vec<String> {
        self.rest_as_list()
    }

    fn quoted(&self) -> Option<usize> {
        self.free().find(|it| self.task.text.tokens[*it].kind == Kind::Quoted)
    }

    /// A quoted text and those listed after it.
    fn quotes_from(&mut self, first: usize) -> Vec<String> {
        let mut values = Vec::new();
        let mut end = first;
        for at in first..self.range.end {
            let token = &self.task.text.tokens[at];
            if token.kind != Kind::Quoted
                || self.used[at]
                || (at > first && !self.is_listing(end..at))
            {
                continue;
            }
            values.push(token.value.clone());
            self.take(at..at + 1);
            end = at + 1;
        }
        values
    }

    /// `with the subject "Lunch"`, `priority: high`, `title = Hello`.
    fn labelled(&mut self, slot: &Slot<'_>) -> Option<String> {
        let text = &self.task.text;
        let label = self.free().find_map(|at| {
            let stem = &text.tokens[at].stem;
            let is_label =
                !stem.is_empty() && slot.words.last() == Some(stem) && text.word(at).len() > 2;
            let is_named = ["titled", "named", "called"].contains(&text.word(at))
                && matches!(slot.meaning, Meaning::Title | Meaning::Person);
            if !is_label && !is_named {
                return None;
            }
            let mut next = at + 1;
            let is_set = text.is_mark(next, ":=") || text.word(next) == "is";
            next += usize::from(is_set);
            next += (next..self.range.end)
                .take_while(|it| text.tokens[*it].kind == Kind::Break)
                .count();
            next += usize::from(["of", "as", "is"].contains(&text.word(next)) && !is_set);
            let token = text.tokens.get(next).filter(|_| self.is_free(next))?;
            if token.kind == Kind::Quoted {
                return Some((at..next + 1, token.value.clone()));
            }
            if is_named && !is_set {
                let mut end = next;
                while end < self.range.end && self.is_free(end) && text.is_capitalised(end) {
                    end += 1;
                }
                return (end > next).then(|| (at..end, text.written(next..end).to_owned()));
            }
            let end = self.clause_end(next);
            (is_set && end > next).then(|| (at..end, text.written(next..end).to_owned()))
        });
        let (tokens, value) = label?;
        self.take(tokens);
        Some(value)
    }

    /// Where a value without quotes ends: at the next comma, full stop or taken token.
    fn clause_end(&self, from: usize) -> usize {
        let ends = |at: &usize| {
            !self.is_free(*at)
                || self.task.text.is_mark(*at, ",;.!?")
                || self.task.text.word(*at) == "and"
        };
        (from..self.range.end).find(ends).unwrap_or(self.range.end)
    }

    /// What follows `saying` or a colon.
    fn speech(&mut self, slot: &Slot<'_>) -> Option<String> {
        let text = &self.task.text;
        let is_start = |at: usize| match text.word(at) {
            "saying" | "says" | "telling" => slot.meaning == Meaning::Prose,
            "" => text.is_mark(at, ":"),
            _ => false,
        };
        let start = self.free().find(|it| is_start(*it))? + 1;
        let blank =
            (start..self.range.end).take_while(|it| text.tokens[*it].kind == Kind::Break).count();
        let start = start + blank;
        let start = start + usize::from(["that", "him", "her", "them"].contains(&text.word(start)));
        let value = match text.tokens.get(start) {
            Some(token) if token.kind == Kind::Quoted => token.value.clone(),
            _ => text.written(start..self.range.end).trim_end_matches('.').to_owned(),
        };
        if value.is_empty() || start >= self.range.end {
            return None;
        }
        self.take(start..self.range.end);
        Some(value)
    }

    /// `a timer for the roast`: what an optional label or reason is told by.
    fn purpose(&mut self, slot: &Slot<'_>) -> Option<String> {
        let is_purpose = slot.is_named("label reason purpose note title");
        let start = self.free().find(|it| is_purpose && self.task.text.word(*it) == "for")? + 1;
        let start = start
            + usize::from(["the", "my", "a", "an", "our"].contains(&self.task.text.word(start)));
        let end = (start..self.range.end)
            .find(|it| !self.is_free(*it) || self.task.text.word(*it).is_empty())
            .unwrap_or(self.range.end);
        let says_something = (start..end).any(|it| self.task.text.tokens[it].stem.weight() > 0.0);
        let is_amount = self.task.amounts.iter().any(|it| it.tokens.start == start);
        if start >= end || !says_something || is_amount {
            return None;
        }
        self.take(start..end);
        Some(self.task.text.written(start..end).to_owned())
    }

    fn people(&mut self, slot: &Slot<'_>) -> Vec<String> {
        let leading = ["to", "for", "with", "named", "called", "by", "is", "an", "für"];
        let after = self.range.clone().find(|it| {
            leading.contains(&self.task.text.word(*it)) && self.place_at(it + 1, false).is_some()
        });
        let named = after.and_then(|it| self.place_at(it + 1, false));
        let named = named.or_else(|| {
            self.free()
                .find_map(|it| self.place_at(it, false).filter(|_| !self.begins_sentence(it)))
        });
        match named {
            Some(name) => self.listed(name, |reader, at| reader.place_at(at, false)),
            None if slot.required => self.rest_as_list(),
            None => Vec::new(),
        }
    }

    fn rest_as_text(&mut self, is_strict: bool) -> Vec<String> {
        let Some(rest) = self.rest(is_strict) else { return Vec::new() };
        self.take(rest.clone());
        self.is_loose = true;
        vec![self.task.text.written(rest).to_owned()]
    }

    /// What is left over, cut at commas and `and`.
    fn rest_as_list(&mut self) -> Vec<String> {
        const MOST_WORDS: usize = 8;
        let text = &self.task.text;
        let Some(rest) = self.rest(true) else { return Vec::new() };
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut start = rest.start;
        for at in rest.clone() {
            if self.is_listing(at..at + 1) && text.word(at) != "the" {
                pieces.push(start..at);
                start = at + 1;
            }
        }
        pieces.push(start..rest.end);
        let pieces =
            pieces.into_iter().map(|it| self.without_articles(it)).filter(|it| !it.is_empty());
        let pieces: Vec<_> = pieces.collect();
        if pieces.iter().any(|it| it.len() > MOST_WORDS) {
            return Vec::new();
        }
        self.take(rest);
        self.is_loose = true;
        pieces.into_iter().map(|it| self.task.text.written(it).to_owned()).collect()
    }

    fn without_articles(&self, range: Range<usize>) -> Range<usize> {
        let is_article = |at: usize| {
            ["the", "a", "an", "some", "my", "our", "any", "der", "die", "das", "in"]
                .contains(&self.task.text.word(at))
        };
        let start = range.clone().find(|it| !is_article(*it)).unwrap_or(range.end);
        start..range.end
    }

    /// The words that are left when everything is taken away that only says what to do.
    ///
    /// A strict rest has no word of the tool's own at either end; another keeps what follows `for` or `about`.
    fn rest(&self, is_strict: bool) -> Option<Range<usize>> {
        let mut stretches = Vec::new();
        let mut start = None;
        for at in self.range.start..=self.range.end {
            match (self.is_free(at), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    stretches.push(from..at);
                    start = None;
                }
                _ => {}
            }
        }
        let trimmed =
            stretches.into_iter().map(|it| self.trimmed(it, is_strict)).filter(|it| !it.is_empty());
        let trimmed = trimmed.filter(|it| self.says_something(it.clone()));
        trimmed.max_by_key(|it| {
            (self.task.text.written(it.clone()).len(), std::cmp::Reverse(it.start))
        })
    }

    fn says_something(&self, range: Range<usize>) -> bool {
        let is_reference = |at: usize| {
            ["it", "that", "this", "them", "result", "results", "there"]
                .contains(&self.task.text.word(at))
        };
        range.clone().any(|it| {
            let token = &self.task.text.tokens[it];
            !matches!(token.kind, Kind::Mark | Kind::Break) && !is_reference(it)
        })
    }

    fn trimmed(&self, range: Range<usize>, is_strict: bool) -> Range<usize> {
        let mut start = range.start;
        let mut has_verb = false;
        let mut is_object = false;
        while start < range.end {
            let step = self.leading(start, range.end, &mut has_verb, &mut is_object, is_strict);
            if step == 0 {
                break;
            }
            start += step;
        }
        let mut end = range.end;
        while end > start && self.is_trailing(end - 1, is_strict) {
            end -= 1;
        }
        start..end
    }

    /// How many tokens from a place on only lead to the value.
    fn leading(
        &self,
        at: usize,
        end: usize,
        has_verb: &mut bool,
        is_object: &mut bool,
        is_strict: bool,
    ) -> usize {
        const QUESTIONS: &str = "who what when where why how which whose wer was wann wo warum";
        const FILLERS: &str = "mention occurrence use instance reference information info word phrase sentence text term line \
             string news following place spot file";
        const LINKS: [&str; 10] = [
            "of",
            "about",
            "on",
            "for",
            "regarding",
            "with",
            "containing",
            "that",
            "mentioning",
            "where",
        ];
        let text = &self.task.text;
        let token = &text.tokens[at];
        match token.kind {
            Kind::Mark | Kind::Break if !text.is_mark(at, "$€£#@(") => return 1,
            Kind::Word => {}
            _ => return 0,
        }
        let word = token.value.as_str();
        let is_own = !token.stem.is_empty() && self.candidate.likeness(&token.stem) >= 0.5;
        let is_in = |list: &str, word: &str| list.split_whitespace().any(|it| it == word);
        if [
            "the", "a", "an", "some", "any", "all", "me", "us", "every", "each", "der", "die",
            "das", "my",
        ]
        .contains(&word)
            && (is_strict || word != "my")
        {
            return 1;
        }
        // `mentions of`, `information about`: a word that only says that a thing follows.
        let is_filler = words::any_of(FILLERS, std::slice::from_ref(&token.value));
        let next = text.word(at + 1);
        let next_is_value = text
            .tokens
            .get(at + 1)
            .is_some_and(|it| it.kind != Kind::Mark && it.kind != Kind::Break);
        if *has_verb
            && is_filler
            && next_is_value
            && (LINKS.contains(&next)
                || ["word", "phrase", "sentence", "text", "term", "string"].contains(&word))
        {
            return 1 + usize::from(LINKS.contains(&next));
        }
        if *is_object && !is_strict {
            return 0;
        }
        if *has_verb && LINKS.contains(&word) {
            *is_object = true;
            return 1;
        }
        // A question is part of a query, unless the tool's own words only come after it.
        let own_follows = (at + 1..end).any(|it| {
            let stem = &text.tokens[it].stem;
            !stem.is_empty() && self.candidate.likeness(stem) >= 0.9
        });
        if is_in(QUESTIONS, word) && !is_own {
            return usize::from(is_strict || (!*has_verb && own_follows));
        }
        if is_own {
            *has_verb = true;
            return 1;
        }
        // Words of a phrase stand without a stem behind the first one.
        if token.stem.is_empty() {
            return 1;
        }
        let is_small = token.stem.weight() < if is_strict { 1.0 } else { 0.1 };
        let is_kept = *has_verb
            && !is_strict
            && !is_in("for about on of to up please out in into from whether if", word);
        usize::from(is_small && !is_kept)
    }

    fn is_trailing(&self, at: usize, is_strict: bool) -> bool {
        let text = &self.task.text;
        let token = &text.tokens[at];
        if token.kind != Kind::Word {
            return matches!(token.kind, Kind::Mark | Kind::Break) && !text.is_mark(at, ")%+#*");
        }
        let is_polite = [
            "please", "thanks", "thank", "in", "to", "into", "for", "of", "on", "the", "and", "at",
            "from", "with", "bitte", "a", "an", "then", "ins", "auf",
        ]
        .contains(&token.value.as_str());
        let is_verb = ["appears", "appear", "occurs", "occur", "exist", "exists"]
            .contains(&token.value.as_str());
        let is_own = !token.stem.is_empty() && self.candidate.likeness(&token.stem) >= 0.5;
        let is_place_of_search = token.stem.is_in("web") && is_own;
        let is_here = ["code", "codebase", "project", "repository", "repo", "workspace"]
            .contains(&token.value.as_str())
            && ["the", "this", "my", "our", "in"].contains(&text.word(at.wrapping_sub(1)));
        is_polite
            || is_verb
            || is_here
            || is_place_of_search
            || (is_strict && (is_own || !token.stem.is_telling()))
    }
}

fn prepositions(role: Role, has_counterpart: bool) -> &'static [&'static str] {
    match (role, has_counterpart) {
        (Role::Source, _) => &["from", "leaving", "aus", "von", "ab"],
        (Role::Target, true) => &["to", "into", "nach"],
        (Role::Target, false) => &["to", "into", "nach", "in", "at", "for", "of", "near"],
        (Role::Any, _) => &[
            "in", "at", "near", "around", "for", "of", "to", "from", "für", "à", "au", "nach",
            "visiting", "von", "über", "pour", "de",
        ],
    }
}

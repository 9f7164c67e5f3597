//! Text of any kind: quoted, labelled, after a colon, or what is left over.
use super::Reader;
use crate::offline::{
    schema::{Meaning, Slot},
    text::Kind,
    words::is_one_of,
};

impl Reader<'_> {
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
        // Where there is a body, a colon leads to that, not to its title.
        let has_body = self.candidate.slots.iter().any(|it| it.meaning == Meaning::Prose);
        let takes_speech = takes_speech && !(slot.meaning == Meaning::Title && has_body);
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
            | Meaning::Command => self.rest_as_text(),
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
            let is_named = is_one_of("titled named called", text.word(at))
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
            next += usize::from(is_one_of("of as is", text.word(next)) && !is_set);
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
        let start = start + usize::from(is_one_of("that him her them", text.word(start)));
        let value = match text.tokens.get(start) {
            Some(token) if token.kind == Kind::Quoted => token.value.clone(),
            _ => without_full_stop(text.written(start..self.range.end)).to_owned(),
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
        let start = start + usize::from(is_one_of("the my a an our", self.task.text.word(start)));
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
}

/// One sentence without its full stop; several stay as they are.
fn without_full_stop(text: &str) -> &str {
    if text.contains(". ") { text } else { text.trim_end_matches('.') }
}

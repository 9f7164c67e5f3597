//! A task as tokens: words and the literals among them, each with its place in the text.
mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::scan::Scanner;
use super::{
    facts,
    words::{self, Stem, is_one_of},
};

/// A text that is longer is content for a tool: nobody says so much to ask for something.
const MOST_TOKENS: usize = 1500;

/// A text and its tokens.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) source: &'a str,
    pub(super) tokens: Vec<Token>,
}

/// A piece of a text that belongs together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// Bytes of the source.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// The bare value: a word in lower case, the inside of quotes, an ISO date, the digits of a number.
    pub(super) value: String,
    /// What a word is compared by; empty for everything else.
    pub(super) stem: Stem,
    /// Whether white space comes before it.
    pub(super) spaced: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Word,
    Number(f64),
    Quoted,
    Url,
    Email,
    Path,
    Date,
    Time,
    Zone,
    /// Letters and digits, such as an order number.
    Identifier,
    /// The end of a line.
    Break,
    /// Anything else: one character.
    Mark,
    /// What is left of a text that is too long to be read.
    Rest,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let mut tokens = Vec::new();
        let mut scanner = Scanner::new(source);
        while let Some(token) = scanner.next(tokens.last()) {
            tokens.push(token);
            if tokens.len() == MOST_TOKENS {
                tokens.extend(scanner.rest());
            }
        }
        let mut text = Self { source, tokens };
        text.join_dates();
        text.join_phrases();
        text.join_questions();
        text
    }

    pub(super) fn all(&self) -> Range<usize> {
        0..self.tokens.len()
    }

    /// The source of a range of tokens, as it is written.
    pub(super) fn written(&self, range: Range<usize>) -> &'a str {
        let Some(tokens) = self.tokens.get(range) else { return "" };
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return "" };
        self.source.get(first.span.start..last.span.end).unwrap_or("")
    }

    /// The token as it is written.
    pub(super) fn raw(&self, at: usize) -> &'a str {
        self.written(at..at.saturating_add(1))
    }

    /// The word at a place in lower case; empty where there is none.
    pub(super) fn word(&self, at: usize) -> &str {
        self.tokens.get(at).filter(|it| it.kind == Kind::Word).map_or("", |it| &it.value)
    }

    pub(super) fn is_mark(&self, at: usize, marks: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|it| it.kind == Kind::Mark && marks.contains(it.value.as_str()))
    }

    /// Whether a word begins with a capital letter.
    pub(super) fn is_capitalised(&self, at: usize) -> bool {
        let word = self.tokens.get(at).filter(|it| it.kind == Kind::Word);
        word.is_some_and(|_| self.raw(at).chars().next().is_some_and(char::is_uppercase))
    }

    /// The number at a place, written in digits or as a word.
    pub(super) fn number(&self, at: usize) -> Option<f64> {
        let token = self.tokens.get(at)?;
        match token.kind {
            Kind::Number(value) => Some(value),
            Kind::Word => words::number_word(&token.value),
            _ => None,
        }
    }

    /// `March 5th, 2026`, `5 March 2026` and `5. März` become one token.
    fn join_dates(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            if let Some((length, value)) = self.written_date(at) {
                let span = self.tokens[at].span.start..self.tokens[at + length - 1].span.end;
                let value = value.unwrap_or_else(|| self.source[span.clone()].to_owned());
                let spaced = self.tokens[at].spaced;
                let date = Token { span, kind: Kind::Date, value, stem: Stem::default(), spaced };
                self.tokens.splice(at..at + length, [date]);
            }
            at += 1;
        }
    }

    /// How many tokens make up the date that begins here, and its ISO form if the year is told.
    fn written_date(&self, at: usize) -> Option<(usize, Option<String>)> {
        let is_ordinal =
            |at: usize| is_one_of("st nd rd th", self.word(at)) && !self.tokens[at].spaced;
        let day_at = |at: usize| {
            let whole = |value: f64| (1.0..=31.0).contains(&value) && value.fract() == 0.0;
            self.tokens.get(at).and_then(|token| match token.kind {
                Kind::Number(value) if whole(value) => Some(value),
                _ => None,
            })
        };
        let mut end = at;
        let (day, month) = if let Some(month) = facts::month(self.word(at)) {
            end += 1;
            let day = day_at(end)?;
            end += 1;
            end += usize::from(is_ordinal(end));
            (day, month)
        } else {
            let day = day_at(at)?;
            end += 1;
            end += usize::from(is_ordinal(end) || self.is_mark(end, "."));
            end += usize::from(self.word(end) == "of");
            let month = facts::month(self.word(end))?;
            end += 1;
            (day, month)
        };
        let year_at = end + usize::from(self.is_mark(end, ","));
        let year = self.tokens.get(year_at).and_then(|token| match token.kind {
            Kind::Number(value) if (1000.0..=2999.0).contains(&value) && value.fract() == 0.0 => {
                Some(value)
            }
            _ => None,
        });
        let Some(year) = year else { return Some((end - at, None)) };
        Some((year_at + 1 - at, Some(format!("{year:04}-{month:02}-{day:02}"))))
    }

    /// `Where is it used?` wants a search, `what does it contain?` wants to read.
    fn join_questions(&mut self) {
        const NEAR: usize = 8;
        for at in 0..self.tokens.len() {
            let (closings, meaning) = match (self.word(at), self.word(at + 1)) {
                ("where", "is" | "are" | "do" | "does") => {
                    ("used defined mentioned called referenced", "search")
                }
                ("what", "does" | "do") => ("contain say hold", "contents"),
                _ => continue,
            };
            let near = at..self.tokens.len().min(at + NEAR);
            let closing = near.into_iter().find(|it| is_one_of(closings, self.word(*it)));
            if let Some(closing) = closing {
                self.tokens[closing].stem = Stem::new(meaning);
            }
        }
    }

    /// The first word of a phrase gets the stem of what the phrase stands for, the others get none.
    fn join_phrases(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let following: Vec<&str> = (at..self.tokens.len())
                .take(6)
                .map(|it| self.word(it))
                .take_while(|it| !it.is_empty())
                .collect();
            let Some((length, meaning)) = words::phrase(&following) else {
                at += 1;
                continue;
            };
            for token in &mut self.tokens[at..at + length] {
                token.stem = Stem::default();
            }
            self.tokens[at].stem = Stem::new(meaning);
            at += length;
        }
    }
}

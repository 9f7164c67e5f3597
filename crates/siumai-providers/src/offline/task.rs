//! What the last user message asks for, cut where one wish may end and another begin.
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::{
    amounts::{self, Amount},
    expression::{self, Expression},
    text::{Kind, Text},
    words::is_one_of,
};

/// A task, read.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) text: Text<'a>,
    pub(super) expressions: Vec<Expression>,
    pub(super) amounts: Vec<Amount>,
}

/// A stretch of a task that may be a wish of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) tokens: Range<usize>,
    pub(super) joint: Joint,
}

/// How a clause follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// It begins a sentence or a line.
    Sentence,
    /// After `and` or a comma.
    And,
    /// After `then`: it waits for what comes before.
    Then,
}

impl<'a> Task<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let text = Text::new(source);
        let expressions = expression::find(&text);
        let amounts = amounts::find(&text);
        Self { text, expressions, amounts }
    }

    /// The clauses, in order. Quotes, expressions, amounts and quoted speech are never cut.
    pub(super) fn clauses(&self) -> Vec<Clause> {
        // A long text pasted into a task is content, not hundreds of wishes.
        const MAX_CLAUSES: usize = 48;
        let mut clauses = Vec::new();
        let (mut start, mut joint) = (0, Joint::Sentence);
        let mut at = 0;
        let end = self.text.tokens.len();
        while at < end {
            if let Some(after) = self.uncut(at).filter(|_| at != start || !self.is_list_marker(at))
            {
                at = after;
                continue;
            }
            let Some((length, next)) = self.cut(start, at).filter(|_| clauses.len() < MAX_CLAUSES)
            else {
                at += 1;
                continue;
            };
            if start < at {
                clauses.push(Clause { tokens: start..at, joint });
                joint = next;
            } else {
                joint = stronger(joint, next);
            }
            at += length;
            start = at;
        }
        if start < end {
            clauses.push(Clause { tokens: start..end, joint });
        }
        clauses
    }

    /// Where a stretch ends that begins here and must stay whole.
    fn uncut(&self, at: usize) -> Option<usize> {
        let expressions = self.expressions.iter().map(|it| &it.tokens);
        let whole =
            expressions.chain(self.amounts.iter().map(|it| &it.tokens)).find(|it| it.start == at);
        if let Some(whole) = whole {
            return Some(whole.end);
        }
        let is_speech = ["saying", "says", "telling"].contains(&self.text.word(at))
            || self.is_colon_of_speech(at);
        if is_speech {
            let is_all = self.text.is_mark(at, ":") && self.announces_text(at);
            return Some(if is_all { self.text.tokens.len() } else { self.end_of_speech(at + 1) });
        }
        if self.text.is_mark(at, ":") {
            return self.end_of_block(at + 1);
        }
        (self.text.word(at) == "between").then(|| self.end_of_pair(at + 1))
    }

    /// Past a quoted block that follows a colon on a line of its own.
    fn end_of_block(&self, at: usize) -> Option<usize> {
        let kind = |at: usize| self.text.tokens.get(at).map(|it| it.kind);
        let blank =
            (at..self.text.tokens.len()).take_while(|it| kind(*it) == Some(Kind::Break)).count();
        (blank > 0 && kind(at + blank) == Some(Kind::Quoted)).then_some(at + blank + 1)
    }

    /// A colon after `email`, `message`, `translate` and the like: what follows is content.
    fn is_colon_of_speech(&self, at: usize) -> bool {
        const BEFORE: &str = "email message mail text translate say note remind post tweet ticket body content titled \
             write summarize summarise subject";
        self.text.is_mark(at, ":")
            && (at.saturating_sub(8)..at).any(|it| is_one_of(BEFORE, self.text.word(it)))
    }

    /// `Summarize this text in two sentences:` leads to all that follows.
    fn announces_text(&self, at: usize) -> bool {
        (at.saturating_sub(8)..at)
            .any(|it| is_one_of("text following article paragraph", self.text.word(it)))
    }

    fn end_of_speech(&self, at: usize) -> usize {
        if let Some(end) = self.end_of_block(at) {
            return end;
        }
        let ends = |at: usize| self.is_sentence_end(at) || self.text.tokens[at].kind == Kind::Break;
        let is_then = |at: usize| {
            self.text.word(at) == "then"
                || (self.text.word(at) == "and" && self.text.word(at + 1) == "then")
        };
        (at..self.text.tokens.len())
            .find(|it| ends(*it) || is_then(*it))
            .unwrap_or(self.text.tokens.len())
    }

    /// Past the `and` of `between … and …`, if it is near.
    fn end_of_pair(&self, at: usize) -> usize {
        let near = at..self.text.tokens.len().min(at + 8);
        near.clone().find(|it| self.text.word(*it) == "and").map_or(at, |it| it + 1)
    }

    /// Whether one clause ends before this token: how many tokens part it from the next, and how.
    fn cut(&self, start: usize, at: usize) -> Option<(usize, Joint)> {
        let token = &self.text.tokens[at];
        if token.kind == Kind::Break || self.is_sentence_end(at) {
            return Some((1, Joint::Sentence));
        }
        if at == start && self.is_list_marker(at) {
            let length = if self.text.is_mark(at, "-*•") { 1 } else { 2 };
            return Some((length, Joint::Sentence));
        }
        if self.text.is_mark(at, ",&") {
            return Some((1, Joint::And));
        }
        match self.text.word(at) {
            "then" | "afterwards" | "dann" | "danach" | "puis" | "ensuite" | "finally"
                if at == start =>
            {
                Some((1, Joint::Then))
            }
            "then" | "afterwards" | "dann" | "danach" | "puis" | "ensuite" => {
                Some((1, Joint::Then))
            }
            "after" if self.text.word(at + 1) == "that" => Some((2, Joint::Then)),
            "and" | "und" | "et" | "also" | "plus" => Some((1, Joint::And)),
            _ => None,
        }
    }

    fn is_sentence_end(&self, at: usize) -> bool {
        self.text.is_mark(at, ".!?;。？！")
            && self.text.tokens.get(at + 1).is_none_or(|it| it.spaced || it.kind == Kind::Break)
    }

    /// `1.`, `2)`, `-` and `*` at the start of a line.
    fn is_list_marker(&self, at: usize) -> bool {
        let begins_line = at == 0 || self.text.tokens[at - 1].kind == Kind::Break;
        let is_number =
            matches!(self.text.tokens[at].kind, Kind::Number(_)) && self.text.is_mark(at + 1, ".)");
        begins_line && (is_number || self.text.is_mark(at, "-*•"))
    }
}

/// `and then` is `then`, `. And` begins a sentence.
fn stronger(first: Joint, second: Joint) -> Joint {
    match (first, second) {
        (Joint::Then, _) | (_, Joint::Then) => Joint::Then,
        (Joint::Sentence, _) | (_, Joint::Sentence) => Joint::Sentence,
        _ => Joint::And,
    }
}

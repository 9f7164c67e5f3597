//! Arithmetic in a task: `(3+4)*12`, `12% of 250`, `the square root of 2`, `multiply it by 3`.
//!
//! What is found is written with the signs that every calculator knows: `+ - * / ^ ( )`,
//! and functions by their names.
mod parser;
mod term;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::parser::Parser;
use super::{
    facts,
    text::{Kind, Text},
    words::is_one_of,
};

/// An arithmetic expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    pub(super) tokens: Range<usize>,
    /// Whether it is one beyond doubt; `24/7` and `1939-1945` may be something else.
    pub(super) is_firm: bool,
    /// Whether it changes units, as in `5 miles to km`: not every calculator can.
    pub(super) is_conversion: bool,
    written: String,
}

impl Expression {
    /// Whether it needs the result of something earlier, as `multiply it by 3` does.
    pub(super) fn refers(&self) -> bool {
        self.written.contains(REFERENCE)
    }

    /// What it does, in words that tools use.
    pub(super) fn operations(&self) -> impl Iterator<Item = &'static str> {
        let named = [('+', "add"), ('-', "subtract"), ('*', "multiply"), ('/', "divide")];
        named.into_iter().filter(|(sign, _)| self.written.contains(*sign)).map(|(_, name)| name)
    }

    /// The expression with `earlier` in the place of `it`; `None` if it needs that and there is none.
    pub(super) fn with(&self, earlier: Option<f64>) -> Option<String> {
        if !self.refers() {
            return Some(self.written.clone());
        }
        let earlier = earlier?;
        let shown = if earlier < 0.0 { format!("({earlier})") } else { earlier.to_string() };
        Some(self.written.replace(REFERENCE, &shown))
    }
}

/// All expressions of a text, in order.
pub(super) fn find(text: &Text<'_>) -> Vec<Expression> {
    let mut found: Vec<Expression> = Vec::new();
    let mut start = 0;
    while start < text.tokens.len() {
        if let Some(conversion) = conversion(text, start) {
            start = conversion.tokens.end;
            found.push(conversion);
            continue;
        }
        let mut parser = Parser::new(text, start);
        let term = parser.command().or_else(|| {
            (parser.at, parser.words) = (start, false);
            parser.sum()
        });
        let term =
            term.filter(|it| it.operations > 0 && it.text.contains(|it: char| it.is_ascii_digit()));
        let Some(term) = term else {
            start += 1;
            continue;
        };
        let tokens = start..parser.at.max(start + 1);
        start = tokens.end;
        let is_firm = parser.words || !may_be_range(&term.text);
        found.push(Expression { tokens, is_firm, is_conversion: false, written: term.text });
    }
    found
}

/// `5 miles to km`, `how many hours are in 3 weeks`.
fn conversion(text: &Text<'_>, at: usize) -> Option<Expression> {
    if text.word(at) == "how" && text.word(at + 1) == "many" {
        return how_many(text, at);
    }
    let Kind::Number(_) = text.tokens.get(at)?.kind else { return None };
    let unit = |at: usize| facts::unit(text.word(at));
    let (from, to) = (unit(at + 1)?, unit(at + 3)?);
    let is_conversion =
        is_one_of("to in into as", text.word(at + 2)) && from.quantity == to.quantity;
    let written =
        format!("{} {} to {}", text.tokens[at].value, text.word(at + 1), text.word(at + 3));
    is_conversion.then_some(Expression {
        tokens: at..at + 4,
        is_firm: true,
        is_conversion,
        written,
    })
}

fn how_many(text: &Text<'_>, at: usize) -> Option<Expression> {
    let to = facts::unit(text.word(at + 2))?;
    let skipped = (at + 3..at + 7).take_while(|it| is_one_of("are is there in", text.word(*it)));
    let number = at + 3 + skipped.count();
    let Kind::Number(_) = text.tokens.get(number)?.kind else { return None };
    let from = facts::unit(text.word(number + 1))?;
    let written =
        format!("{} {} to {}", text.tokens[number].value, text.word(number + 1), text.word(at + 2));
    let tokens = at..number + 2;
    (from.quantity == to.quantity).then_some(Expression {
        tokens,
        is_firm: true,
        is_conversion: true,
        written,
    })
}

/// Two whole numbers, or three, with nothing but a dash or a slash between.
fn may_be_range(written: &str) -> bool {
    written.chars().all(|it| it.is_ascii_digit() || it == '-' || it == '/')
}

/// Stands where the result of something earlier belongs. Nothing a user writes gets here as it is.
const REFERENCE: char = '\u{fffc}';

/// `twenty five`, `two hundred`: how many words and the number.
pub(super) fn number_words(text: &Text<'_>, at: usize) -> Option<(usize, f64)> {
    let value_at = |at: usize| text.number(at).filter(|_| !text.word(at).is_empty());
    let (mut length, mut value) = (1, value_at(at)?);
    loop {
        let dash = usize::from(text.is_mark(at + length, "-"));
        let Some(next) = value_at(at + length + dash) else { return Some((length, value)) };
        let is_tens = (20.0..100.0).contains(&value) && value % 10.0 == 0.0;
        value = match next {
            _ if next >= 100.0 && value < next => value * next,
            _ if is_tens && (1.0..10.0).contains(&next) => value + next,
            _ if value >= 100.0 && next < 100.0 => value + next,
            _ => return Some((length, value)),
        };
        length += 1 + dash;
    }
}

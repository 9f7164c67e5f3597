//! Numbers of a task with what they measure: `5 minutes`, `half an hour`, `30%`, `$20`.
use std::ops::Range;

use super::{
    expression,
    facts::{self, Quantity, Unit},
    text::{Kind, Text},
};

/// A number and where it stands, with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Amount {
    pub(super) tokens: Range<usize>,
    /// The number itself, without its unit.
    pub(super) number: Range<usize>,
    pub(super) value: f64,
    pub(super) unit: Option<Unit>,
    pub(super) is_money: bool,
}

/// All amounts of a text, in order.
pub(super) fn find(text: &Text<'_>) -> Vec<Amount> {
    let mut found: Vec<Amount> = Vec::new();
    let mut at = 0;
    while at < text.tokens.len() {
        let Some(amount) = amount(text, at) else {
            at += 1;
            continue;
        };
        at = amount.tokens.end;
        match found.last_mut() {
            Some(last) if continues(text, last, &amount) => {
                let (unit, next) =
                    (last.unit.map_or(1.0, |it| it.size), amount.unit.map_or(0.0, |it| it.size));
                last.value += amount.value * next / unit;
                last.tokens.end = amount.tokens.end;
            }
            _ => found.push(amount),
        }
    }
    found
}

/// `2 hours and 30 minutes` is one amount.
fn continues(text: &Text<'_>, last: &Amount, next: &Amount) -> bool {
    let (Some(first), Some(second)) = (last.unit, next.unit) else { return false };
    let between = last.tokens.end..next.tokens.start;
    let is_joined = between.len() <= 1
        && between.clone().all(|it| text.word(it) == "and" || text.is_mark(it, ","));
    is_joined
        && first.quantity == Quantity::Time
        && second.quantity == Quantity::Time
        && second.size < first.size
}

fn amount(text: &Text<'_>, at: usize) -> Option<Amount> {
    if let Some(amount) = amount_in_words(text, at) {
        return Some(amount);
    }
    let mut end = at;
    let mut is_money = text.is_mark(end, "$€£¥₹");
    end += usize::from(is_money);
    let start = end;
    let is_minus = text.is_mark(end, "-−")
        && text.tokens.get(end).is_some_and(|it| it.spaced)
        && text.tokens.get(end + 1).is_some_and(|it| !it.spaced);
    end += usize::from(is_minus);
    let (length, value) = match text.tokens.get(end)?.kind {
        Kind::Number(value) => (1, value),
        _ if is_minus => return None,
        _ => expression::number_words(text, end)?,
    };
    is_money &= text.word(end).is_empty();
    end += length;
    let number = start..end;
    let value = if is_minus { -value } else { value };
    let unit = if is_money { None } else { unit(text, end) };
    end += unit.as_ref().map_or(0, |(length, _)| *length);
    let is_currency =
        text.tokens.get(end).is_some_and(|it| facts::currency_of(&it.value).is_some());
    end += usize::from(is_currency);
    let is_money = is_money || is_currency;
    Some(Amount { tokens: start..end, number, value, unit: unit.map(|(_, it)| it), is_money })
}

/// `half an hour`, `an hour`, `a quarter of an hour`.
fn amount_in_words(text: &Text<'_>, at: usize) -> Option<Amount> {
    let words: Vec<&str> = (at..at + 5).map(|it| text.word(it)).collect();
    let (length, value) = match words.as_slice() {
        ["half", "a" | "an", ..] => (2, 0.5),
        ["a" | "one", "quarter", "of", "an", ..] => (4, 0.25),
        ["a" | "an" | "one", "and", "a", "half", ..] => (4, 1.5),
        ["a" | "an" | "eine" | "einer" | "une", ..] => (1, 1.0),
        _ => return None,
    };
    let (unit_length, unit) = unit(text, at + length)?;
    // `a day` and `a degree` are rarely amounts.
    let is_amount = unit.quantity == Quantity::Time && (unit.size < 86_400.0 || value < 1.0);
    let tokens = at..at + length + unit_length;
    let number = at..at + length;
    is_amount.then_some(Amount { tokens, number, value, unit: Some(unit), is_money: false })
}

fn unit(text: &Text<'_>, at: usize) -> Option<(usize, Unit)> {
    let token = text.tokens.get(at)?;
    // A lone letter is a unit only if it sticks to its number, as in `5m`.
    if token.kind == Kind::Word && token.value.chars().count() == 1 && token.spaced {
        return None;
    }
    let unit = facts::unit(&token.value)?;
    let with_scale = token.value == "°" && ["c", "f"].contains(&text.word(at + 1));
    Some((1 + usize::from(with_scale), unit))
}

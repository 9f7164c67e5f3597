//! What the library found, shown no more exactly than it is.
use std::fmt;

/// More digits than this are shown as a power of ten.
const MAX_DIGITS: usize = 200;
/// How many digits of an approximate number are shown: what double precision keeps through some operations.
const SIGNIFICANT: usize = 12;

/// A number with its unit, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    /// Decimal digits, perhaps with a point.
    digits: String,
    unit: String,
    is_exact: bool,
}

impl Number {
    /// Reads what the library writes: `30`, `approx. -1.5`, `8.04672 km`.
    ///
    /// # Errors
    ///
    /// If that is no real number.
    pub(super) fn read(written: &str) -> Result<Self, String> {
        let (is_exact, rest) = match written.strip_prefix("approx. ") {
            Some(rest) => (false, rest),
            None => (true, written),
        };
        let (is_negative, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
        let (digits, unit) = rest.split_at(end);
        if unit == "i" || unit.starts_with(" + ") || unit.starts_with(" - ") {
            return Err("its result is no real number".to_owned());
        }
        let is_unit = unit.is_empty() || unit.starts_with([' ', '°', '%', '\'', '"']);
        if digits.is_empty() || !is_unit {
            return Err("its result is no number".to_owned());
        }
        let is_negative = is_negative && digits.contains(|it: char| matches!(it, '1'..='9'));
        Ok(Self { is_negative, digits: digits.to_owned(), unit: unit.to_owned(), is_exact })
    }

    pub(super) fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Whether every digit is right and shown.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact && self.digits.len() <= MAX_DIGITS
    }

    /// The digits from the first that is not zero, and the power of ten of that one.
    fn normalised(&self) -> (String, i64) {
        let (whole, fraction) = self.digits.split_once('.').unwrap_or((&self.digits, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading = all.len() - significant.len();
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        (significant.to_owned(), count(whole.len()) - 1 - count(leading))
    }

    /// Rounded to [`SIGNIFICANT`] digits: those digits without zeros at their end, and the power of ten.
    fn rounded(&self) -> (String, i64) {
        let (digits, exponent) = self.normalised();
        let mut kept: Vec<u8> = digits.bytes().take(SIGNIFICANT).collect();
        let mut exponent = exponent;
        if digits.as_bytes().get(SIGNIFICANT).is_some_and(|next| *next >= b'5') {
            while kept.last() == Some(&b'9') {
                kept.pop();
            }
            if let Some(last) = kept.last_mut() {
                *last += 1;
            } else {
                kept.push(b'1');
                exponent += 1;
            }
        }
        let kept: String = kept.into_iter().map(char::from).collect();
        (kept.trim_end_matches('0').to_owned(), exponent)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative {
            f.write_str("-")?;
        }
        if self.is_exact() {
            return write!(f, "{}{}", self.digits, self.unit);
        }
        let (digits, exponent) = self.rounded();
        write!(f, "{}{}", decimal(&digits, exponent), self.unit)
    }
}

/// `digits` with the point behind the first, times ten to the `exponent`.
fn decimal(digits: &str, exponent: i64) -> String {
    if digits.is_empty() {
        return "0".to_owned();
    }
    let (first, rest) = digits.split_at(1);
    match exponent {
        -6..=-1 => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or_default();
            format!("0.{}{digits}", "0".repeat(zeros))
        }
        0..=14 => {
            let whole = usize::try_from(exponent).unwrap_or_default() + 1;
            match digits.split_at_checked(whole) {
                Some((whole, "")) => whole.to_owned(),
                Some((whole, fraction)) => format!("{whole}.{fraction}"),
                None => format!("{digits:0<whole$}"),
            }
        }
        _ if rest.is_empty() => format!("{first}e{exponent}"),
        _ => format!("{first}.{rest}e{exponent}"),
    }
}

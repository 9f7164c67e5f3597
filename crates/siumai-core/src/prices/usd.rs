//! Amounts of money that add up exactly.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::LlmError;

/// How many digits behind the point are kept.
const DIGITS: usize = 12;
const UNITS: u128 = 1_000_000_000_000;

/// An amount in US dollars, never negative, counted in whole units of 10⁻¹² dollars.
///
/// A price of a million tokens with up to six digits behind the point makes a whole number of
/// units for a token, so that costs are exact and sums of them do not drift, whatever their order.
/// In JSON it is a number of dollars. It prints with two digits behind the point, or as many as it takes.
///
/// ```
/// use siumai_core::prices::Usd;
///
/// let tenth: Usd = "0.1".parse()?;
/// assert_eq!([tenth; 3].into_iter().sum::<Usd>(), Usd::from(0.3));
/// assert_eq!([tenth.to_string(), Usd::from(0.00052).to_string()], ["$0.10", "$0.00052"]);
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u128);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// What `tokens` cost where a million of them cost this much.
    pub(super) fn per_million(self, tokens: u64) -> Self {
        Self((self.0 / 1_000_000).saturating_mul(tokens.into()))
    }

    /// Whether a token has a price in whole units where a million of them cost this much.
    pub(super) fn is_price_of_million(self) -> bool {
        self.0.is_multiple_of(1_000_000)
    }

    fn decimal(self) -> String {
        format!("{}.{:0DIGITS$}", self.0 / UNITS, self.0 % UNITS)
    }
}

/// Rounds to the nearest unit. A negative number and one that is none are 0.
impl From<f64> for Usd {
    fn from(dollars: f64) -> Self {
        // By way of decimal digits, since `dollars * UNITS` would add an error of its own.
        let is_amount = dollars.is_finite() && dollars > 0.0;
        let amount = if is_amount { format!("{dollars:.DIGITS$}").parse() } else { Ok(Self::ZERO) };
        // Too large for an amount.
        amount.unwrap_or(Self(u128::MAX))
    }
}

/// The nearest number of dollars, for reports and charts.
impl From<Usd> for f64 {
    fn from(amount: Usd) -> Self {
        // Digits and a point are always a number.
        amount.decimal().parse().unwrap_or(Self::INFINITY)
    }
}

impl FromStr for Usd {
    type Err = LlmError;

    fn from_str(text: &str) -> Result<Self, LlmError> {
        let wrong = || {
            LlmError::invalid_input(format!(
                "`{text}` is no amount of dollars; write it as `2` or `0.25`, with up to {DIGITS} digits behind the point"
            ))
        };
        let digits = text.strip_prefix('$').unwrap_or(text);
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        if !are_digits(whole) || !are_digits(rest) || rest.len() > DIGITS {
            return Err(wrong());
        }
        let units = format!("{whole}{rest:0<DIGITS$}").parse().map_err(|_| wrong())?;
        Ok(Self(units))
    }
}

impl std::ops::Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, std::ops::Add::add)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = self.decimal();
        let (whole, rest) = decimal.split_once('.').unwrap_or((&decimal, "00"));
        let rest = rest.trim_end_matches('0');
        write!(f, "${whole}.{rest:0<2}")
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((*self).into())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Amount)
    }
}

struct Amount;

impl de::Visitor<'_> for Amount {
    type Value = Usd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of dollars, not negative")
    }

    fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Usd, E> {
        Ok(Usd(u128::from(dollars).saturating_mul(UNITS)))
    }

    fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Usd, E> {
        match u64::try_from(dollars) {
            Ok(dollars) => self.visit_u64(dollars),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(dollars), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<Usd, E> {
        if dollars.is_finite() && dollars >= 0.0 {
            return Ok(dollars.into());
        }
        Err(E::invalid_value(de::Unexpected::Float(dollars), &self))
    }

    fn visit_str<E: de::Error>(self, dollars: &str) -> Result<Usd, E> {
        dollars.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(dollars), &self))
    }
}

#[cfg(test)]
mod tests;

//! What a call cost, in tokens.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of tokens, or that nobody knows it.
///
/// Unknown is never shown as 0: it prints as `unknown` and serialises as `null`.
///
/// ```
/// use siumai_core::types::TokenCount;
///
/// assert_eq!(TokenCount::from(12).get(), Some(12));
/// assert_eq!(TokenCount::from(12), 12);
/// assert_eq!(TokenCount::UNKNOWN.to_string(), "unknown");
/// assert_eq!(TokenCount::from(1) + TokenCount::UNKNOWN, TokenCount::UNKNOWN);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenCount(Option<u64>);

impl TokenCount {
    /// Nobody knows.
    pub const UNKNOWN: Self = Self(None);

    /// The number, if it is known.
    pub const fn get(self) -> Option<u64> {
        self.0
    }

    /// Whether nobody knows it.
    fn is_unknown(&self) -> bool {
        self.0.is_none()
    }
}

impl From<u64> for TokenCount {
    fn from(tokens: u64) -> Self {
        Self(Some(tokens))
    }
}

impl From<Option<u64>> for TokenCount {
    fn from(tokens: Option<u64>) -> Self {
        Self(tokens)
    }
}

impl PartialEq<u64> for TokenCount {
    fn eq(&self, other: &u64) -> bool {
        self.0 == Some(*other)
    }
}

impl PartialEq<Option<u64>> for TokenCount {
    fn eq(&self, other: &Option<u64>) -> bool {
        self.0 == *other
    }
}

/// Adds two counts; it saturates, and anything plus unknown is unknown.
impl std::ops::Add for TokenCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a.saturating_add(b)))
    }
}

impl fmt::Display for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(tokens) => tokens.fmt(f),
            None => f.pad("unknown"),
        }
    }
}

impl fmt::Debug for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a call to a model, or several, cost.
///
/// ```
/// use siumai_core::types::Usage;
///
/// let usage = Usage::new(100, 20) + Usage::new(150, 30);
/// assert_eq!((usage.input_tokens, usage.total_tokens), (250.into(), 300.into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens the model read, those from a cache included.
    pub input_tokens: TokenCount,
    /// Tokens the model wrote, its reasoning included.
    pub output_tokens: TokenCount,
    /// Both together.
    pub total_tokens: TokenCount,
    /// How many of the input came from the provider's cache.
    pub cached_input_tokens: TokenCount,
    /// How many of the input the provider put into its cache, where it bills that apart.
    #[serde(default, skip_serializing_if = "TokenCount::is_unknown")]
    pub cache_write_tokens: TokenCount,
    /// How many of the output were reasoning.
    pub reasoning_tokens: TokenCount,
    /// Whether the figures are an estimate and nobody's bill.
    #[serde(default)]
    pub estimated: bool,
}

impl Usage {
    /// Nothing was used: where a sum begins.
    pub fn zero() -> Self {
        let none = TokenCount::from(0);
        Self {
            input_tokens: none,
            output_tokens: none,
            total_tokens: none,
            cached_input_tokens: none,
            cache_write_tokens: none,
            reasoning_tokens: none,
            estimated: false,
        }
    }

    /// Whether nothing was used, and that is known.
    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::zero()
    }

    /// Input and output are known, and their total; what was cached or reasoning is not.
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens: input_tokens.into(),
            output_tokens: output_tokens.into(),
            total_tokens: input_tokens.saturating_add(output_tokens).into(),
            ..Self::default()
        }
    }
}

/// What a model cost, where several were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelUsage {
    /// Who served the model, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model, as its provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

impl ModelUsage {
    /// What `model` of `provider` cost.
    pub fn new(provider: Option<String>, model: Option<String>, usage: Usage) -> Self {
        Self { provider, model, usage }
    }

    /// Adds it to `bill`, which has each model once.
    pub(crate) fn add_to(self, bill: &mut Vec<Self>) {
        let is_same = |it: &&mut Self| it.provider == self.provider && it.model == self.model;
        match bill.iter_mut().find(is_same) {
            Some(known) => known.usage = std::mem::take(&mut known.usage) + self.usage,
            None => bill.push(self),
        }
    }
}

/// Adds two usages, field by field; an estimate makes the sum an estimate.
impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            total_tokens: self.total_tokens + other.total_tokens,
            cached_input_tokens: self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens: self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens: self.reasoning_tokens + other.reasoning_tokens,
            estimated: self.estimated || other.estimated,
        }
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::zero(), std::ops::Add::add)
    }
}

#[cfg(test)]
mod tests;

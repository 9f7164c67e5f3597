//! What tokens cost: a table of prices, and the cost of a reply or a run.
//!
//! There is no table built in, since prices change: write one, say since when it holds and where
//! it is from, and read it with [`PriceTable::from_json`] or any other format of serde.
//!
//! ```
//! use siumai_core::{prices::{PriceTable, Usd}, types::Usage};
//!
//! let prices = PriceTable::from_json(r#"{
//!     "date": "2026-01-31",
//!     "source": "the provider's price list",
//!     "models": [
//!         { "provider": "openai", "model": "small", "input": 0.40, "cached_input": 0.10, "output": 1.60 }
//!     ]
//! }"#)?;
//!
//! let usage = Usage::new(1_000_000, 500_000);
//! assert_eq!(prices.cost("openai", "small-2025-04-14", &usage), Some(Usd::from(1.2)));
//! assert_eq!(prices.cost("openai", "large", &usage), None, "unknown, and not nothing");
//! # Ok::<(), siumai_core::LlmError>(())
//! ```
mod usd;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::usd::Usd;
use crate::{LlmError, types::Usage};

/// What models cost, since when, and who says so. Cloning it copies a pointer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct PriceTable {
    date: String,
    source: String,
    models: Arc<[ModelPrice]>,
}

/// What a model costs: each price is of a million tokens, in US dollars, with up to six digits
/// behind the point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelPrice {
    /// Who serves it, as a client says: `openai`, `anthropic`, `groq`, …
    pub provider: String,
    /// Its name, as the provider knows it.
    pub model: String,
    /// Other names of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it reads.
    pub input: Usd,
    /// What it reads from the provider's cache; as much as any input, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Usd>,
    /// What it reads and the provider puts into its cache; as much as any input, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
    /// What it writes, its reasoning included.
    pub output: Usd,
}

/// A table as somebody wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    date: String,
    source: String,
    models: Vec<ModelPrice>,
}

impl PriceTable {
    /// The prices of `models` since `date`, as `source` says. Both are for people to read.
    ///
    /// # Errors
    ///
    /// If two entries have the same name, or a price has more than six digits behind the point.
    pub fn new(
        date: impl Into<String>,
        source: impl Into<String>,
        models: Vec<ModelPrice>,
    ) -> Result<Self, LlmError> {
        let (date, source) = (date.into(), source.into());
        for (place, entry) in models.iter().enumerate() {
            entry.check()?;
            let is_named = |name: &str| {
                let mut others = models[..place].iter();
                others.any(|it| it.provider == entry.provider && it.is_named(name))
            };
            if let Some(name) = entry.names().find(|it| is_named(it)) {
                let provider = &entry.provider;
                return Err(LlmError::invalid_input(format!(
                    "the price table has two prices for `{provider}:{name}`; delete one"
                )));
            }
        }
        Ok(Self { date, source, models: models.into() })
    }

    /// Reads a table: an object with `date`, `source` and `models`, a list of [`ModelPrice`]s.
    ///
    /// # Errors
    ///
    /// If it is not that, with the line, or as [`new`](Self::new).
    pub fn from_json(text: &str) -> Result<Self, LlmError> {
        serde_json::from_str(text)
            .map_err(|error| LlmError::invalid_input(format!("this is no price table: {error}")))
    }

    /// Since when the prices hold.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Where they are from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prices, in order.
    pub fn models(&self) -> &[ModelPrice] {
        &self.models
    }

    /// The price of a model, if the table has it.
    ///
    /// The name is looked for as it is, among names and aliases. Only if it is not there, a
    /// leading `models/`, and at its end a date (`-2025-04-14`, `-20250414`, `@20250414`) or
    /// `-latest` are left out: providers tell which version of a model answered, and price them
    /// alike. Where they don't, give the version an entry of its own.
    pub fn find(&self, provider: &str, model: &str) -> Option<&ModelPrice> {
        let named =
            |name: &str| self.models.iter().find(|it| it.provider == provider && it.is_named(name));
        named(model).or_else(|| named(without_version(model)))
    }

    /// What a reply of a model cost; `None` if the table has no price for it, or the usage does
    /// not say how many tokens it read and wrote.
    ///
    /// Input that is not said to have come from a cache, or to have been put into one, costs as
    /// much as any other.
    ///
    /// ```
    /// # use siumai_core::{prices::{PriceTable, Usd}, types::Usage};
    /// # let prices = PriceTable::from_json(r#"{ "date": "", "source": "", "models": [
    /// #     { "provider": "openai", "model": "small", "input": 0.40, "cached_input": 0.10, "output": 1.60 }
    /// # ] }"#)?;
    /// let mut usage = Usage::new(1_000_000, 0);
    /// usage.cached_input_tokens = 600_000.into();
    /// assert_eq!(prices.cost("openai", "small", &usage), Some(Usd::from(0.22)));
    /// assert_eq!(prices.cost("openai", "small", &Usage::default()), None);
    /// # Ok::<(), siumai_core::LlmError>(())
    /// ```
    pub fn cost(&self, provider: &str, model: &str, usage: &Usage) -> Option<Usd> {
        self.find(provider, model)?.cost(usage)
    }
}

impl ModelPrice {
    /// A model that costs this much for a million tokens of input and of output.
    ///
    /// ```
    /// use siumai_core::prices::{ModelPrice, PriceTable};
    ///
    /// let mut price = ModelPrice::new("anthropic", "large", 3.0, 15.0);
    /// (price.cached_input, price.cache_write) = (Some(0.3.into()), Some(3.75.into()));
    /// let prices = PriceTable::new("2026-01-31", "the price list", vec![price])?;
    /// assert!(prices.find("anthropic", "large-20260101").is_some());
    /// # Ok::<(), siumai_core::LlmError>(())
    /// ```
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        input: impl Into<Usd>,
        output: impl Into<Usd>,
    ) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            aliases: Vec::new(),
            input: input.into(),
            cached_input: None,
            cache_write: None,
            output: output.into(),
        }
    }

    fn cost(&self, usage: &Usage) -> Option<Usd> {
        let (input, output) = (usage.input_tokens.get()?, usage.output_tokens.get()?);
        let cached = usage.cached_input_tokens.get().unwrap_or(0);
        let written = usage.cache_write_tokens.get().unwrap_or(0);
        let plain = input.saturating_sub(cached).saturating_sub(written);
        let parts = [
            self.input.per_million(plain),
            self.cached_input.unwrap_or(self.input).per_million(cached),
            self.cache_write.unwrap_or(self.input).per_million(written),
            self.output.per_million(output),
        ];
        Some(parts.into_iter().sum())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.model).chain(&self.aliases).map(String::as_str)
    }

    fn is_named(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }

    fn check(&self) -> Result<(), LlmError> {
        let prices = [Some(self.input), self.cached_input, self.cache_write, Some(self.output)];
        match prices.into_iter().flatten().find(|it| !it.is_price_of_million()) {
            None => Ok(()),
            Some(price) => {
                let Self { provider, model, .. } = self;
                Err(LlmError::invalid_input(format!(
                    "`{provider}:{model}` has the price {price} for a million tokens; give it six digits behind the point at most"
                )))
            }
        }
    }
}

impl TryFrom<Written> for PriceTable {
    type Error = LlmError;

    fn try_from(written: Written) -> Result<Self, LlmError> {
        Self::new(written.date, written.source, written.models)
    }
}

/// The name of a model without its version.
fn without_version(model: &str) -> &str {
    let name = model.strip_prefix("models/").unwrap_or(model);
    if let Some(name) = name.strip_suffix("-latest") {
        return name;
    }
    let dated = ["-####-##-##", "-########", "@########"];
    dated.into_iter().find_map(|date| without(name, date)).unwrap_or(name)
}

/// `name` without what is at its end as `pattern` says, where `#` is a digit.
fn without<'a>(name: &'a str, pattern: &str) -> Option<&'a str> {
    let (stem, end) = name.split_at_checked(name.len().checked_sub(pattern.len())?)?;
    let fits =
        |(it, wanted): (u8, u8)| if wanted == b'#' { it.is_ascii_digit() } else { it == wanted };
    (!stem.is_empty() && end.bytes().zip(pattern.bytes()).all(fits)).then_some(stem)
}

#[cfg(test)]
mod tests;

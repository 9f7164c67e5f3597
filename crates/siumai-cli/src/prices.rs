//! What the run costs, by the price table that was given.
use std::{fmt, fs, path::Path};

use serde::{Serialize, Serializer};
use siumai::{
    model::LanguageModel,
    orchestrator::StepResult,
    prices::{PriceTable, Usd},
};

use crate::{failure::Failure, run::Ended};

/// What a run cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Known(Usd),
    Unknown,
}

impl Cost {
    /// What `ended` cost. A reply that broke off is billed, and no step has it.
    pub(crate) fn of(ended: &Ended, prices: &PriceTable) -> Self {
        let is_whole = ended.usage == StepResult::merge_usage(&ended.steps);
        let known = || StepResult::merge_costs(&ended.steps, prices);
        is_whole.then(known).flatten().map_or(Self::Unknown, Self::Known)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(amount) => amount.fmt(f),
            Self::Unknown => f.write_str("cost unknown"),
        }
    }
}

/// As a number of dollars, or `null`.
impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(amount) => amount.serialize(serializer),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}

/// Reads the table at `path`: TOML by its name, and otherwise JSON.
///
/// # Errors
///
/// If it can't be read, or is no table.
pub(crate) fn read(path: &Path) -> Result<PriceTable, Failure> {
    let wrong = |error: &dyn fmt::Display| {
        let path = path.display();
        let error = error.to_string();
        Failure::usage(format!("--prices: {path}: {}", error.trim_end()))
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    if path.extension().is_some_and(|it| it.eq_ignore_ascii_case("toml")) {
        return toml::from_str(&text).map_err(|error| wrong(&error));
    }
    PriceTable::from_json(&text).map_err(|error| wrong(&error))
}

/// What is to be said if `prices` don't have `model`.
///
/// # Errors
///
/// If the run may cost no more than `limit`: nothing would hold it to that.
pub(crate) fn check(
    prices: &PriceTable,
    model: &dyn LanguageModel,
    limit: Option<Usd>,
) -> Result<Option<String>, Failure> {
    let (provider, name) = (model.provider(), model.model());
    if prices.find(provider, name).is_some() {
        return Ok(None);
    }
    let lacks = format!("the price table has no price for `{provider}:{name}`");
    match limit {
        Some(_) => Err(Failure::usage(format!("{lacks}, so --max-cost can't hold; add it"))),
        None => Ok(Some(lacks)),
    }
}

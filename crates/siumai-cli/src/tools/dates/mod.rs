//! Dates and times: now, elsewhere, later, and how long between.
//!
//! [`zone`] finds time zones by the names people use, [`moment`] reads dates
//! and times as they write them.
mod arithmetic;
mod moment;
mod now;
mod zone;

pub(super) use self::{
    arithmetic::{DateAdd, DateDifference},
    now::{ConvertTime, CurrentTime},
};

/// What all tools say of the dates they take.
const DATE: &str = "a date such as `2026-03-29` or `29 March 2026`, a date and time such as \
                    `2026-03-29T15:30`, or `now`, `today`, `tomorrow`, `yesterday`";

#[cfg(test)]
mod tests;

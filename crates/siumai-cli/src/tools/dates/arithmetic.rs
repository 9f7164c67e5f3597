//! `date_add` and `date_difference`: calendar arithmetic.
use jiff::{
    SignedDuration, Span, Unit, Zoned,
    civil::DateTime,
    fmt::friendly::{Designator, Direction, Spacing, SpanPrinter},
    tz::TimeZone,
};
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use super::{
    DATE,
    moment::{Moment, Note, out_of_range},
    zone,
};
use crate::{
    clock::Clock,
    tools::{BuiltIn, read_arguments},
};

/// Says which date is so much later or earlier.
#[derive(Debug)]
pub(in crate::tools) struct DateAdd(pub(in crate::tools) Clock);

/// Says how long it is between two dates.
#[derive(Debug)]
pub(in crate::tools) struct DateDifference(pub(in crate::tools) Clock);

#[derive(Deserialize)]
struct Addition {
    date: String,
    amount: i64,
    unit: Step,
    time_zone: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

#[derive(Deserialize)]
struct Difference {
    from: String,
    to: String,
    time_zone: Option<String>,
}

#[async_trait]
impl BuiltIn for DateAdd {
    fn definition(&self) -> Tool {
        Tool::function_with_schema(
            "date_add",
            "Add days, weeks, months, years or hours to a date, or subtract them: what date is it \
             so much later or earlier",
            json!({
                "type": "object",
                "properties": {
                    "date": { "type": "string", "description": format!("The date to start from: {DATE}") },
                    "amount": {
                        "type": "integer",
                        "description": "How many units to add; a negative number goes back in time",
                    },
                    "unit": {
                        "type": "string",
                        "enum": ["years", "months", "weeks", "days", "hours", "minutes", "seconds"],
                        "description": "The unit of the amount",
                    },
                    "time_zone": {
                        "type": "string",
                        "description": "City or time zone whose calendar and clock count; not needed for dates",
                    },
                },
                "required": ["date", "amount", "unit"],
                "additionalProperties": false,
            }),
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Addition { date, amount, unit, time_zone } = read_arguments(arguments)?;
        let now = self.0.now();
        let here = zone::find_or_here(time_zone.as_deref(), &now)?;
        let start = Moment::read(&date, &now.with_time_zone(here.clone()))?;
        let span = unit.span(amount)?;
        match start {
            Moment::Day(day) if unit.is_calendar() => {
                let end = day.checked_add(span).map_err(out_of_range)?;
                let clamped = unit.is_uneven() && end.day() != day.day();
                let note = clamped.then(|| no_such_day(day.day()));
                Ok(sum(&day.to_string(), &end.to_string(), &end.strftime("%A").to_string(), note))
            }
            Moment::Day(day) if time_zone.is_none() => {
                add_on_the_clock(day.at(0, 0, 0, 0), span, unit)
            }
            Moment::OnTheClock(shown) if time_zone.is_none() => add_on_the_clock(shown, span, unit),
            start => {
                let (start, note) = start.at(&here)?;
                add_in_a_place(&start, span, unit, note)
            }
        }
    }
}

#[async_trait]
impl BuiltIn for DateDifference {
    fn definition(&self) -> Tool {
        Tool::function(
            "date_difference",
            "Count the days between two dates, or how long it is from one date or time until \
             another",
        )
        .parameter("from", "string", &format!("The first: {DATE}"), true)
        .parameter("to", "string", &format!("The second: {DATE}"), true)
        .parameter(
            "time_zone",
            "string",
            "City or time zone of times that don't name theirs; not needed for dates",
            false,
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Difference { from, to, time_zone } = read_arguments(arguments)?;
        let now = self.0.now();
        let here = zone::find_or_here(time_zone.as_deref(), &now)?;
        let there = now.with_time_zone(here.clone());
        let from = Moment::read(&from, &there)?;
        let to = Moment::read(&to, &there)?;
        match (&from, &to) {
            (Moment::Day(from), Moment::Day(to)) => {
                let days = to.since((Unit::Day, *from)).map_err(out_of_range)?.get_days();
                let calendar = to.since((Unit::Year, *from)).map_err(out_of_range)?;
                Ok(json!({
                    "from": from.to_string(),
                    "to": to.to_string(),
                    "days": days,
                    "calendar": in_words(calendar),
                }))
            }
            _ => between(&from, &to, &here),
        }
    }
}

impl Step {
    fn span(self, amount: i64) -> Result<Span, LlmError> {
        let span = Span::new();
        let span = match self {
            Self::Years => span.try_years(amount),
            Self::Months => span.try_months(amount),
            Self::Weeks => span.try_weeks(amount),
            Self::Days => span.try_days(amount),
            Self::Hours => span.try_hours(amount),
            Self::Minutes => span.try_minutes(amount),
            Self::Seconds => span.try_seconds(amount),
        };
        span.map_err(out_of_range)
    }

    /// Whether whole days are added.
    fn is_calendar(self) -> bool {
        matches!(self, Self::Years | Self::Months | Self::Weeks | Self::Days)
    }

    /// Whether it may lead to a day that its month does not have.
    fn is_uneven(self) -> bool {
        matches!(self, Self::Years | Self::Months)
    }
}

fn add_on_the_clock(start: DateTime, span: Span, unit: Step) -> Result<Value, LlmError> {
    let end = start.checked_add(span).map_err(out_of_range)?;
    let clamped = unit.is_uneven() && end.day() != start.day();
    let note = clamped.then(|| no_such_day(start.day()));
    Ok(sum(&start.to_string(), &end.to_string(), &end.strftime("%A").to_string(), note))
}

fn add_in_a_place(start: &Zoned, span: Span, unit: Step, note: Note) -> Result<Value, LlmError> {
    let end = start.checked_add(span).map_err(out_of_range)?;
    let note = note.or_else(|| match unit {
        _ if unit.is_uneven() && end.day() != start.day() => Some(no_such_day(start.day())),
        _ if unit.is_calendar() && end.time() != start.time() => Some(format!(
            "The clocks of {} skip {} on {}; {} was taken instead.",
            zone::name(&end),
            start.time(),
            end.date(),
            end.time()
        )),
        _ => None,
    });
    Ok(sum(&start.to_string(), &end.to_string(), &end.strftime("%A").to_string(), note))
}

fn sum(start: &str, end: &str, weekday: &str, note: Note) -> Value {
    let mut answer = json!({ "start": start, "result": end, "weekday": weekday });
    if let Some(note) = note {
        answer["note"] = note.into();
    }
    answer
}

fn no_such_day(day: i8) -> String {
    format!("That month has no day {day}; its last day was taken.")
}

/// The time between two moments, at least one of which has a time of day.
fn between(from: &Moment, to: &Moment, here: &TimeZone) -> Result<Value, LlmError> {
    let (from, from_note) = from.at(here)?;
    let (to, to_note) = to.at(here)?;
    let to_there = to.with_time_zone(from.time_zone().clone());
    let calendar = to_there.since((Unit::Year, &from)).map_err(out_of_range)?;
    let elapsed = to.duration_since(&from);
    let mut answer = json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "days": elapsed.as_hours() / 24,
        "elapsed": hours_in_words(elapsed),
        "calendar": in_words(calendar),
        "seconds": elapsed.as_secs(),
    });
    if let Some(note) = from_note.or(to_note) {
        answer["note"] = note.into();
    }
    Ok(answer)
}

fn words() -> SpanPrinter {
    SpanPrinter::new()
        .designator(Designator::Verbose)
        .spacing(Spacing::BetweenUnitsAndDesignators)
        .direction(Direction::Sign)
}

/// `1 month 28 days`; earlier moments give `-1 month 28 days`.
fn in_words(span: Span) -> String {
    words().span_to_string(&span)
}

fn hours_in_words(elapsed: SignedDuration) -> String {
    words().duration_to_string(&elapsed)
}

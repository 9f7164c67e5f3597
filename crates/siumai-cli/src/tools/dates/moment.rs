//! Reads dates and times as people write them.
use jiff::{
    Zoned,
    civil::{Date, DateTime, Time},
    fmt::{strtime, temporal::Pieces},
    tz::{AmbiguousOffset, TimeZone},
};
use siumai::LlmError;

use super::zone;
use crate::tools::told;

/// A date or time as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moment {
    /// A day, without a time.
    Day(Date),
    /// A day and what a clock shows; where the clock hangs is not said.
    OnTheClock(DateTime),
    /// A moment in a place.
    Exact(Zoned),
}

/// How a moment was taken that a clock shows twice or never.
pub(super) type Note = Option<String>;

/// Days written in words. What can be read in two ways, as 03/04/2026, is left out.
const DAYS: [&str; 7] =
    ["%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y"];
const TIMES: [&str; 6] = ["%I:%M %p", "%I:%M%p", "%I %p", "%I%p", "%H:%M", "%H:%M:%S"];

impl Moment {
    /// Reads `text`; words such as `today`, and times without a day, count from `now`.
    pub(super) fn read(text: &str, now: &Zoned) -> Result<Self, LlmError> {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "now" => return Ok(Self::Exact(now.clone())),
            "today" => return Ok(Self::Day(now.date())),
            "tomorrow" => return now.date().tomorrow().map(Self::Day).map_err(out_of_range),
            "yesterday" => return now.date().yesterday().map(Self::Day).map_err(out_of_range),
            _ => {}
        }
        let read = iso(text)
            .or_else(|| time(text).map(|time| Self::OnTheClock(now.date().to_datetime(time))))
            .or_else(|| DAYS.iter().find_map(|it| Date::strptime(it, text).ok()).map(Self::Day))
            .or_else(|| day_and_time(text));
        read.ok_or_else(|| {
            told(format!(
                "`{text}` can't be read as a date or time. Call the tool again with one written \
                 like `2026-03-29`, `2026-03-29T15:30`, `2026-03-29T15:30+02:00` or `15:30`."
            ))
        })
    }

    /// The moment itself, its clock hanging in `zone` if nothing else was said.
    pub(super) fn at(&self, zone: &TimeZone) -> Result<(Zoned, Note), LlmError> {
        match self {
            Self::Exact(at) => Ok((at.clone(), None)),
            Self::OnTheClock(shown) => on_a_clock(*shown, zone),
            Self::Day(day) => {
                let midnight = zone.to_ambiguous_zoned(day.to_datetime(Time::midnight()));
                Ok((midnight.compatible().map_err(out_of_range)?, None))
            }
        }
    }
}

/// The answer to a date that no calendar here reaches.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn out_of_range(error: jiff::Error) -> LlmError {
    told(format!(
        "The date lies outside the years that can be calculated, -9999 to 9999 ({error}). Call \
         the tool again with one inside."
    ))
}

/// What ISO 8601 and RFC 9557 write: `2026-03-29T15:30:00+02:00[Europe/Berlin]` or less of it.
fn iso(text: &str) -> Option<Moment> {
    if let Ok(at) = text.parse::<Zoned>() {
        return Some(Moment::Exact(at));
    }
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        // Its zone is unknown, or not the one of its offset.
        return None;
    }
    let Some(time) = pieces.time() else { return Some(Moment::Day(pieces.date())) };
    let shown = pieces.date().to_datetime(time);
    match pieces.to_numeric_offset() {
        None => Some(Moment::OnTheClock(shown)),
        Some(offset) => shown.to_zoned(TimeZone::fixed(offset)).ok().map(Moment::Exact),
    }
}

/// `29 March 2026 15:30`, `March 29, 2026 3:30 pm`.
fn day_and_time(text: &str) -> Option<Moment> {
    let mut both =
        DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day} {time}")));
    let read = |format: String| strtime::parse(&format, text).ok()?.to_datetime().ok();
    both.find_map(read).map(Moment::OnTheClock)
}

fn time(text: &str) -> Option<Time> {
    let read = |format: &str| strtime::parse(format, text).ok()?.to_time().ok();
    TIMES.iter().find_map(|format| read(format))
}

fn on_a_clock(shown: DateTime, zone: &TimeZone) -> Result<(Zoned, Note), LlmError> {
    let ambiguous = zone.to_ambiguous_zoned(shown);
    let offset = ambiguous.offset();
    let at = ambiguous.compatible().map_err(out_of_range)?;
    let (name, time, day) = (zone::name(&at), shown.time(), shown.date());
    let note = match offset {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(format!(
            "The clocks of {name} skip {time} on {day}; {} was taken instead.",
            at.time()
        )),
        AmbiguousOffset::Fold { .. } => Some(format!(
            "The clocks of {name} show {time} twice on {day}; the first, {}, was taken.",
            at.strftime("%:z")
        )),
    };
    Ok((at, note))
}

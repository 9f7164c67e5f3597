//! `current_time` and `convert_time`: what clocks show here and elsewhere.
use jiff::Zoned;
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use super::{moment::Moment, zone};
use crate::{
    clock::Clock,
    tools::{BuiltIn, read_arguments},
};

/// Says what time it is.
#[derive(Debug)]
pub(in crate::tools) struct CurrentTime(pub(in crate::tools) Clock);

/// Says what a clock elsewhere shows.
#[derive(Debug)]
pub(in crate::tools) struct ConvertTime(pub(in crate::tools) Clock);

#[derive(Deserialize)]
struct Where {
    time_zone: Option<String>,
}

#[derive(Deserialize)]
struct Conversion {
    time: String,
    from_time_zone: Option<String>,
    to_time_zone: String,
}

#[async_trait]
impl BuiltIn for CurrentTime {
    fn definition(&self) -> Tool {
        Tool::function(
            "current_time",
            "Get the current date and time: which day it is today, what time it is now, here or in \
             a city or time zone",
        )
        .parameter(
            "time_zone",
            "string",
            "City or time zone, for example `Tokyo`, `America/New_York`, `UTC`, `+02:00`; the \
             local one if left out",
            false,
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Where { time_zone } = read_arguments(arguments)?;
        let now = self.0.now();
        let zone = zone::find_or_here(time_zone.as_deref(), &now)?;
        Ok(clock_face(&now.with_time_zone(zone)))
    }
}

#[async_trait]
impl BuiltIn for ConvertTime {
    fn definition(&self) -> Tool {
        Tool::function(
            "convert_time",
            "Convert a time from one city or time zone to another, summer time included",
        )
        .parameter(
            "time",
            "string",
            "The time to convert, for example `15:30`, `3pm` or `2026-03-29T15:30`",
            true,
        )
        .parameter(
            "from_time_zone",
            "string",
            "City or time zone of the time, for example `Berlin`; the local one if left out",
            false,
        )
        .parameter(
            "to_time_zone",
            "string",
            "City or time zone to convert to, for example `Asia/Tokyo`",
            true,
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Conversion { time, from_time_zone, to_time_zone } = read_arguments(arguments)?;
        let now = self.0.now();
        let from = zone::find_or_here(from_time_zone.as_deref(), &now)?;
        let to = zone::find(&to_time_zone, &now)?;
        // `15:30` in Tokyo is of the day it is there.
        let there = now.with_time_zone(from.clone());
        let (at, note) = Moment::read(&time, &there)?.at(&from)?;
        let converted = clock_face(&at.with_time_zone(to));
        let mut answer = json!({ "from": clock_face(&at), "to": converted });
        if let Some(note) = note {
            answer["note"] = note.into();
        }
        Ok(answer)
    }
}

/// What a calendar and a clock on the wall show.
fn clock_face(at: &Zoned) -> Value {
    json!({
        "date": at.date().to_string(),
        "time": at.strftime("%H:%M:%S").to_string(),
        "weekday": at.strftime("%A").to_string(),
        "time_zone": zone::name(at),
        "utc_offset": at.strftime("%:z").to_string(),
    })
}

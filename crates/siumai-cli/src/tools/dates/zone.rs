//! Time zones by the names people use: IANA names, cities, offsets.
use jiff::{Zoned, fmt::temporal::DateTimeParser, tz::TimeZone};
use siumai::LlmError;

use crate::tools::{nearest, told};

/// The time zone called `name`: `Asia/Tokyo`, `tokyo`, `New York`, `UTC`, `+02:00`, `local`.
pub(super) fn find(name: &str, now: &Zoned) -> Result<TimeZone, LlmError> {
    let name = name.trim();
    match name.to_ascii_lowercase().as_str() {
        "" | "local" | "here" => return Ok(now.time_zone().clone()),
        "utc" | "gmt" | "z" => return Ok(TimeZone::UTC),
        _ => {}
    }
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(zone);
    }
    if let Some(zone) = offset(name) {
        return Ok(zone);
    }
    city(name)
}

/// The zone of `name`, or that of here if there is none.
pub(super) fn find_or_here(name: Option<&str>, now: &Zoned) -> Result<TimeZone, LlmError> {
    find(name.unwrap_or_default(), now)
}

/// What a zone is called in answers.
pub(super) fn name(at: &Zoned) -> String {
    match at.time_zone().iana_name() {
        Some(name) => name.to_owned(),
        None => at.strftime("%:z").to_string(),
    }
}

/// `+02:00`, `-0530`, `UTC+2`, `GMT-5`.
fn offset(name: &str) -> Option<TimeZone> {
    let upper = name.to_ascii_uppercase();
    let signed = ["UTC", "GMT"].iter().find_map(|it| upper.strip_prefix(it)).unwrap_or(&upper);
    let signed = signed.trim().replace('−', "-");
    let digits = signed.strip_prefix(['+', '-'])?;
    let padded =
        if digits.len() == 1 { signed.replace(digits, &format!("0{digits}")) } else { signed };
    DateTimeParser::new().parse_time_zone(&padded).ok()
}

/// The zone whose last part is the city: `new york` is `America/New_York`.
fn city(name: &str) -> Result<TimeZone, LlmError> {
    let wanted = name.replace(' ', "_");
    let names: Vec<String> = jiff::tz::db().available().map(|it| it.to_string()).collect();
    let city_of = |zone: &str| zone.rsplit('/').next().unwrap_or_default().to_owned();
    let found: Vec<&String> =
        names.iter().filter(|zone| city_of(zone).eq_ignore_ascii_case(&wanted)).collect();
    match *found {
        [zone] => TimeZone::get(zone).map_err(|_| unknown(name, None)),
        [] => {
            let cities: Vec<String> = names.iter().map(|zone| city_of(zone)).collect();
            let near = nearest(&wanted, cities.iter().map(String::as_str));
            let near = near.and_then(|near| names.iter().find(|zone| city_of(zone) == near));
            Err(unknown(name, near.map(String::as_str)))
        }
        _ => {
            let list = found.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
            Err(told(format!(
                "Several time zones are called `{name}`: {list}. Call the tool again with one of them."
            )))
        }
    }
}

fn unknown(name: &str, near: Option<&str>) -> LlmError {
    let hint = near.map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
    told(format!(
        "There is no time zone called `{name}`.{hint} Call the tool again with the IANA name of \
         the zone, such as `America/New_York`, or an offset, such as `+02:00`."
    ))
}

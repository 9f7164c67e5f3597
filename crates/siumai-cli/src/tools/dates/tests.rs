use serde_json::{Value, json};

use super::*;
use crate::{clock::Clock, tools::BuiltIn};

fn clock() -> Clock {
    Clock::stopped("2026-03-28T22:15:30+01:00[Europe/Berlin]")
}

async fn now(arguments: Value) -> Value {
    CurrentTime(clock()).call(arguments).await.unwrap()
}

async fn convert(arguments: Value) -> Value {
    ConvertTime(clock()).call(arguments).await.unwrap()
}

async fn add(date: &str, amount: i64, unit: &str) -> Value {
    let arguments = json!({ "date": date, "amount": amount, "unit": unit });
    DateAdd(clock()).call(arguments).await.unwrap()
}

async fn difference(from: &str, to: &str) -> Value {
    DateDifference(clock()).call(json!({ "from": from, "to": to })).await.unwrap()
}

#[tokio::test]
async fn the_current_time_is_that_of_here() {
    let expected = json!({
        "date": "2026-03-28", "time": "22:15:30", "weekday": "Saturday",
        "time_zone": "Europe/Berlin", "utc_offset": "+01:00",
    });
    assert_eq!(now(json!({})).await, expected);
}

#[tokio::test]
async fn the_current_time_elsewhere_may_be_of_another_day() {
    let expected = json!({
        "date": "2026-03-29", "time": "06:15:30", "weekday": "Sunday",
        "time_zone": "Asia/Tokyo", "utc_offset": "+09:00",
    });
    assert_eq!(now(json!({ "time_zone": "Asia/Tokyo" })).await, expected);
}

#[tokio::test]
async fn a_zone_may_be_named_by_city_country_or_offset() {
    for (name, zone, offset) in [
        ("tokyo", "Asia/Tokyo", "+09:00"),
        ("New York", "America/New_York", "-04:00"),
        ("Japan", "Japan", "+09:00"),
        ("utc", "UTC", "+00:00"),
        ("+05:30", "+05:30", "+05:30"),
        ("UTC-3", "-03:00", "-03:00"),
        ("local", "Europe/Berlin", "+01:00"),
        ("asia/kathmandu", "Asia/Kathmandu", "+05:45"),
    ] {
        let found = now(json!({ "time_zone": name })).await;
        assert_eq!(
            (&found["time_zone"], &found["utc_offset"]),
            (&json!(zone), &json!(offset)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_unknown_zone_is_named_with_the_nearest() {
    let told = CurrentTime(clock()).call(json!({ "time_zone": "Tokio" })).await.unwrap_err();
    assert_eq!(
        told.message(),
        "There is no time zone called `Tokio`. Did you mean `Asia/Tokyo`? Call the tool again with \
         the IANA name of the zone, such as `America/New_York`, or an offset, such as `+02:00`."
    );
}

#[tokio::test]
async fn an_unknown_zone_without_a_likeness_is_only_named() {
    let told = CurrentTime(clock()).call(json!({ "time_zone": "Xq/Zw" })).await.unwrap_err();
    assert_eq!(
        told.message(),
        "There is no time zone called `Xq/Zw`. Call the tool again with the IANA name of the zone, \
         such as `America/New_York`, or an offset, such as `+02:00`."
    );
}

#[tokio::test]
async fn a_city_that_several_zones_have_is_asked_about() {
    let told = CurrentTime(clock()).call(json!({ "time_zone": "Louisville" })).await.unwrap_err();
    assert_eq!(
        told.message(),
        "Several time zones are called `Louisville`: `America/Kentucky/Louisville`, \
         `America/Louisville`. Call the tool again with one of them."
    );
}

#[tokio::test]
async fn a_time_is_converted_on_the_day_it_is_there() {
    let arguments =
        json!({ "time": "3:30 pm", "from_time_zone": "Tokyo", "to_time_zone": "New York" });
    let expected = json!({
        "from": {
            "date": "2026-03-29", "time": "15:30:00", "weekday": "Sunday",
            "time_zone": "Asia/Tokyo", "utc_offset": "+09:00",
        },
        "to": {
            "date": "2026-03-29", "time": "02:30:00", "weekday": "Sunday",
            "time_zone": "America/New_York", "utc_offset": "-04:00",
        },
    });
    assert_eq!(convert(arguments).await, expected);
}

#[tokio::test]
async fn a_time_with_its_own_offset_needs_no_zone() {
    let converted =
        convert(json!({ "time": "2026-07-01T12:00:00Z", "to_time_zone": "Europe/Berlin" })).await;
    assert_eq!(
        (&converted["to"]["time"], &converted["to"]["utc_offset"]),
        (&json!("14:00:00"), &json!("+02:00"))
    );
}

#[tokio::test]
async fn a_time_that_clocks_skip_is_said_so() {
    let converted = convert(json!({ "time": "2026-03-29T02:30", "to_time_zone": "UTC" })).await;
    assert_eq!(converted["to"]["time"], "01:30:00");
    assert_eq!(
        converted["note"],
        "The clocks of Europe/Berlin skip 02:30:00 on 2026-03-29; 03:30:00 was taken instead."
    );
}

#[tokio::test]
async fn a_time_that_clocks_show_twice_is_said_so() {
    let converted = convert(json!({ "time": "2026-10-25T02:30", "to_time_zone": "UTC" })).await;
    assert_eq!(converted["to"]["time"], "00:30:00");
    assert_eq!(
        converted["note"],
        "The clocks of Europe/Berlin show 02:30:00 twice on 2026-10-25; the first, +02:00, was taken."
    );
}

#[tokio::test]
async fn days_and_months_are_added_to_a_date() {
    let expected = json!({ "start": "2026-03-01", "result": "2026-04-15", "weekday": "Wednesday" });
    assert_eq!(add("2026-03-01", 45, "days").await, expected);
    assert_eq!(add("2026-03-01", -1, "weeks").await["result"], "2026-02-22");
    assert_eq!(add("29 March 2026", 2, "years").await["result"], "2028-03-29");
    assert_eq!(add("tomorrow", 1, "days").await["result"], "2026-03-30");
}

#[tokio::test]
async fn a_month_without_that_day_gives_its_last() {
    let expected = json!({
        "start": "2026-01-31", "result": "2026-02-28", "weekday": "Saturday",
        "note": "That month has no day 31; its last day was taken.",
    });
    assert_eq!(add("2026-01-31", 1, "months").await, expected);
    assert_eq!(add("2024-02-29", 1, "years").await["result"], "2025-02-28");
}

#[tokio::test]
async fn hours_are_added_to_a_date_from_its_midnight() {
    let expected = json!({ "start": "2026-03-01T00:00:00", "result": "2026-03-02T06:00:00", "weekday": "Monday" });
    assert_eq!(add("2026-03-01", 30, "hours").await, expected);
}

#[tokio::test]
async fn hours_pass_and_days_are_counted_where_clocks_change() {
    assert_eq!(add("now", 24, "hours").await["result"], "2026-03-29T23:15:30+02:00[Europe/Berlin]");
    assert_eq!(add("now", 1, "days").await["result"], "2026-03-29T22:15:30+02:00[Europe/Berlin]");
}

#[tokio::test]
async fn a_day_added_into_a_gap_of_the_clock_is_said_so() {
    let arguments = json!({
        "date": "2026-03-28T02:30", "amount": 1, "unit": "days", "time_zone": "Europe/Berlin",
    });
    let expected = json!({
        "start": "2026-03-28T02:30:00+01:00[Europe/Berlin]",
        "result": "2026-03-29T03:30:00+02:00[Europe/Berlin]",
        "weekday": "Sunday",
        "note": "The clocks of Europe/Berlin skip 02:30:00 on 2026-03-29; 03:30:00 was taken instead.",
    });
    assert_eq!(DateAdd(clock()).call(arguments).await.unwrap(), expected);
}

#[tokio::test]
async fn a_date_out_of_range_is_an_error() {
    let arguments = json!({ "date": "2026-03-01", "amount": 9_000, "unit": "years" });
    let told = DateAdd(clock()).call(arguments).await.unwrap_err();
    assert!(told.message().starts_with("The date lies outside the years"), "{told}");
}

#[tokio::test]
async fn the_days_between_two_dates_are_counted() {
    let expected =
        json!({ "from": "2026-01-01", "to": "2026-03-01", "days": 59, "calendar": "2 months" });
    assert_eq!(difference("2026-01-01", "2026-03-01").await, expected);
    assert_eq!(difference("2024-02-28", "2024-03-01").await["days"], 2);
    assert_eq!(difference("today", "December 25, 2026").await["days"], 272);
}

#[tokio::test]
async fn an_earlier_date_gives_a_negative_difference() {
    let expected = json!({
        "from": "2026-03-01", "to": "2025-12-25", "days": -66, "calendar": "-2 months 4 days",
    });
    assert_eq!(difference("2026-03-01", "2025-12-25").await, expected);
}

#[tokio::test]
async fn the_time_between_two_moments_counts_real_hours() {
    let expected = json!({
        "from": "2026-03-28T12:00:00+01:00[Europe/Berlin]",
        "to": "2026-03-29T12:00:00+02:00[Europe/Berlin]",
        "days": 0,
        "elapsed": "23 hours",
        "calendar": "1 day",
        "seconds": 82_800,
    });
    assert_eq!(difference("2026-03-28T12:00", "2026-03-29T12:00").await, expected);
}

#[tokio::test]
async fn dates_are_read_as_people_write_them() {
    for written in [
        "2026-03-05",
        "20260305",
        "5 March 2026",
        "5 mar 2026",
        "March 5, 2026",
        "mar 5 2026",
        "5.3.2026",
    ] {
        assert_eq!(add(written, 0, "days").await["result"], "2026-03-05", "{written}");
    }
    for written in
        ["2026-03-05T15:30", "2026-03-05 15:30", "5 March 2026 15:30", "March 5, 2026 3:30 pm"]
    {
        assert_eq!(add(written, 0, "days").await["result"], "2026-03-05T15:30:00", "{written}");
    }
}

#[tokio::test]
async fn a_date_that_can_be_read_in_two_ways_is_refused() {
    for written in ["03/04/2026", "2026-02-30", "soon", "", "2026-03-05T15:30[Mars/Base]"] {
        let arguments = json!({ "date": written, "amount": 1, "unit": "days" });
        let told = DateAdd(clock()).call(arguments).await.unwrap_err();
        assert_eq!(
            told.message(),
            format!(
                "`{written}` can't be read as a date or time. Call the tool again with one written \
                 like `2026-03-29`, `2026-03-29T15:30`, `2026-03-29T15:30+02:00` or `15:30`."
            )
        );
    }
}

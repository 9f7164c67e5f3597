use siumai_core::ErrorKind;

use super::*;
use crate::http::{Body, HeaderName, HeaderValue};

/// Half past seven, 21 October 2015, in London without its summer time.
fn half_past_seven() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_600)
}

fn advice(headers: &[(&'static str, &'static str)]) -> Advice {
    let response = HttpResponse::new(429, Body::whole(""));
    let response = headers.iter().fold(response, |response, (name, value)| {
        response.with_header(HeaderName::from_static(name), HeaderValue::from_static(value))
    });
    Advice::of(&response, Clock::telling(half_past_seven))
}

fn wait(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
    advice(headers).wait
}

#[test]
fn seconds_and_milliseconds_are_understood() {
    assert_eq!(wait(&[("retry-after", "2")]), Some(Duration::from_secs(2)));
    assert_eq!(wait(&[("retry-after", " 0.5 ")]), Some(Duration::from_millis(500)));
    assert_eq!(wait(&[("retry-after", "0")]), Some(Duration::ZERO));
    assert_eq!(wait(&[("retry-after-ms", "1500")]), Some(Duration::from_millis(1500)));
}

#[test]
fn milliseconds_are_finer_than_seconds_and_go_before_them() {
    let both = [("retry-after", "2"), ("retry-after-ms", "1250")];
    assert_eq!(wait(&both), Some(Duration::from_millis(1250)));
}

#[test]
fn a_date_is_as_far_away_as_the_clock_says() {
    let minute = Some(Duration::from_secs(60));
    assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:31:00 GMT")]), minute);
    // The two forms that servers may no longer write, and clients must still read.
    assert_eq!(wait(&[("retry-after", "Wednesday, 21-Oct-15 07:31:00 GMT")]), minute);
    assert_eq!(wait(&[("retry-after", "Wed Oct 21 07:31:00 2015")]), minute);
}

#[test]
fn a_date_is_as_far_away_as_the_server_says_whose_clock_is_another() {
    let headers = [
        ("date", "Wed, 21 Oct 2015 09:00:00 GMT"),
        ("retry-after", "Wed, 21 Oct 2015 09:00:05 GMT"),
    ];
    assert_eq!(wait(&headers), Some(Duration::from_secs(5)));
}

#[test]
fn a_date_in_the_past_means_now() {
    assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:29:59 GMT")]), Some(Duration::ZERO));
}

#[test]
fn what_is_no_wait_is_none() {
    for said in ["soon", "-1", "NaN", "inf", "1e300", "", "Wed, 99 Oct 2015 07:31:00 GMT"] {
        assert_eq!(wait(&[("retry-after", said)]), None, "{said}");
    }
    assert_eq!(wait(&[("retry-after-ms", "-1")]), None);
    assert_eq!(wait(&[]), None);
}

#[test]
fn whether_to_ask_again_is_the_providers_word() {
    let overloaded = || LlmError::new(ErrorKind::Overloaded, "overloaded");
    let refused = || LlmError::new(ErrorKind::InvalidRequest, "refused");
    assert!(!advice(&[("x-should-retry", "false")]).on(overloaded()).is_retryable());
    assert!(advice(&[("x-should-retry", "true")]).on(refused()).is_retryable());
    for other in ["", "maybe", "TRUE?"] {
        let advice = advice(&[("x-should-retry", other)]);
        assert!(advice.on(overloaded()).is_retryable() && !advice.on(refused()).is_retryable());
    }
}

#[test]
fn the_clock_of_a_program_goes() {
    assert!(Clock::default().now() > half_past_seven());
}

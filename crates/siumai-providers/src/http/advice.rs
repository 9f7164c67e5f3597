//! What an answer says about asking again: whether, and when.
use std::time::{Duration, SystemTime};

use siumai_core::LlmError;

use super::{HttpResponse, clock::Clock};

/// What a provider advises.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Advice {
    wait: Option<Duration>,
    may_retry: Option<bool>,
}

impl Advice {
    /// `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, section 10.2.3), and
    /// `x-should-retry`.
    pub(super) fn of(response: &HttpResponse, clock: Clock) -> Self {
        let milliseconds = response.header("retry-after-ms").and_then(number);
        let wait = match milliseconds {
            Some(milliseconds) => duration(milliseconds / 1000.0),
            None => response.header("retry-after").and_then(|it| wait(it, response, clock)),
        };
        let may_retry = match response.header("x-should-retry").map(str::trim) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        Self { wait, may_retry }
    }

    /// `error` with what is advised.
    pub(super) fn on(self, mut error: LlmError) -> LlmError {
        if let Some(wait) = self.wait {
            error = error.with_retry_after(wait);
        }
        if let Some(may_retry) = self.may_retry {
            error = error.with_retryable(may_retry);
        }
        error
    }
}

fn wait(said: &str, response: &HttpResponse, clock: Clock) -> Option<Duration> {
    if let Some(seconds) = number(said) {
        return duration(seconds);
    }
    let date = |text: &str| httpdate::parse_http_date(text.trim()).ok();
    let until: SystemTime = date(said)?;
    // The server says what time it is with itself: its clock and ours need not agree.
    let now = response.header("date").and_then(date).unwrap_or_else(|| clock.now());
    // What lies in the past has been waited for.
    Some(until.duration_since(now).unwrap_or_default())
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;

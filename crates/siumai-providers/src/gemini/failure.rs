//! Reads what Gemini says went wrong.
use std::time::Duration;

use serde_json::Value;
use siumai_core::ErrorKind;

use crate::http::Reported;

/// What the body of a refusal, or an event that is an error, says: `{"error": {…}}`, or a list
/// of one such.
pub(super) fn error(body: &Value) -> Option<Reported> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").filter(|it| !it.is_null()).unwrap_or(body);
    let message = error["message"].as_str().or(error.as_str());
    let name = error["status"].as_str();
    let reported = Reported {
        status: error["code"].as_u64().and_then(|it| it.try_into().ok()),
        code: name.map(str::to_owned).or_else(|| error["code"].as_u64().map(|it| it.to_string())),
        message: message.map(str::to_owned),
        kind: kind(name.unwrap_or_default(), message.unwrap_or_default(), &error["details"]),
        retry_after: detail(&error["details"], "retryDelay").and_then(seconds),
        ..Reported::default()
    };
    (reported != Reported::default()).then_some(reported)
}

/// The sort of an error with one of the names of google.rpc.Code.
fn kind(name: &str, message: &str, details: &Value) -> Option<ErrorKind> {
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    let is_about_key = || {
        let reason = detail(details, "reason").unwrap_or_default();
        matches!(reason, "API_KEY_INVALID" | "API_KEY_EXPIRED")
            || says("api key not valid")
            || says("api key expired")
            // Said where there is no key at all.
            || says("unregistered callers")
    };
    match name {
        "UNAUTHENTICATED" => Some(ErrorKind::Authentication),
        "INVALID_ARGUMENT" | "PERMISSION_DENIED" if is_about_key() => {
            Some(ErrorKind::Authentication)
        }
        "INVALID_ARGUMENT" if says("exceeds the maximum number of tokens") => {
            Some(ErrorKind::ContextTooLong)
        }
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => Some(ErrorKind::InvalidRequest),
        // A country or a plan for which there is no such model.
        "PERMISSION_DENIED" | "FAILED_PRECONDITION" => Some(ErrorKind::PermissionDenied),
        "NOT_FOUND" => Some(ErrorKind::NotFound),
        "RESOURCE_EXHAUSTED" => Some(ErrorKind::RateLimited),
        "UNAVAILABLE" => Some(ErrorKind::Overloaded),
        "DEADLINE_EXCEEDED" => Some(ErrorKind::Timeout),
        "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED" | "DATA_LOSS" => Some(ErrorKind::Server),
        _ => None,
    }
}

/// The first `field` of the details.
fn detail<'a>(details: &'a Value, field: &str) -> Option<&'a str> {
    details.as_array()?.iter().find_map(|it| it[field].as_str())
}

/// A google.protobuf.Duration, such as `34.4s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

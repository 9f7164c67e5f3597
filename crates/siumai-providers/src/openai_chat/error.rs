//! What a server says that went wrong, in whatever frame it says so.
use serde_json::Value;

use crate::http::Reported;

/// Where errors are put.
const FRAMES: [&str; 3] = ["error", "errors", "fault"];

/// What their words are called.
const WORDS: [&str; 7] =
    ["message", "detail", "msg", "error_message", "error", "faultstring", "title"];

/// What the body of a refusal, or an event that is an error, says.
///
/// It is `{"error": {…}}`, and with some servers `{"error": "…"}`, the error without
/// anything around it, a list of one, or `{"detail": …}`.
pub(crate) fn read(body: &Value) -> Option<Reported> {
    let body = first(body);
    let framed = FRAMES.iter().map(|name| first(&body[*name])).find(|it| says_something(it));
    let error = framed.filter(|it| !it.is_boolean()).unwrap_or(body);
    // Some servers pass on what another said as it came.
    let error = Some(&error["error"]).filter(|it| it.is_object()).unwrap_or(error);
    let statuses = ["status_code", "status"].map(|name| error[name].as_u64());
    let reported = Reported {
        status: statuses.into_iter().flatten().find_map(status),
        code: word(&error["code"]),
        category: word(&error["type"]),
        message: words(error, body),
        ..Reported::default()
    };
    (reported != Reported::default()).then_some(reported)
}

/// Whether `error`, the value of such a field, is an error: some servers send the field always.
pub(super) fn says_something(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => fields.values().any(|it| !it.is_null()),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn first(value: &Value) -> &Value {
    value.get(0).unwrap_or(value)
}

fn status(number: u64) -> Option<u16> {
    number.try_into().ok().filter(|it| (400..600).contains(it))
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The words of `error`, and of `body` around it where that is no more than a name.
fn words(error: &Value, body: &Value) -> Option<String> {
    let Value::String(name) = error else {
        let said = told(error)?;
        // What the server behind a router said is often all that helps.
        let behind = error["metadata"]["raw"].as_str().filter(|it| !it.is_empty());
        return Some(behind.map_or(said.clone(), |raw| format!("{said}: {raw}")));
    };
    let more = ["message", "detail"].into_iter().find_map(|it| body[it].as_str());
    Some(more.filter(|it| it != name).map_or(name.clone(), |more| format!("{name}: {more}")))
}

fn told(error: &Value) -> Option<String> {
    WORDS.iter().map(|name| &error[*name]).find_map(|value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(_) => told(value).or_else(|| Some(value.to_string())),
        Value::Array(list) if !list.is_empty() => Some(value.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

//! What each provider calls the end of a reply and the sort of an error, in siumai's words.
use serde_json::{Value, json};
use siumai_core::ErrorKind;

/// Chat Completions has our words.
pub(super) fn end_of_chat(expected: &Value) -> Value {
    expected["finish_reason"].clone()
}

/// The status of a response says less than a finish reason, which also tells whether the
/// reply waits for tools.
pub(super) fn end_of_response(expected: &Value) -> Value {
    match (expected["status"].as_str(), expected["incomplete_reason"].as_str()) {
        (Some("completed"), _) if has_calls(expected) => json!("tool_calls"),
        (Some("completed"), _) => json!("stop"),
        (Some("incomplete"), Some("max_output_tokens")) => json!("length"),
        (Some("incomplete"), reason) => json!(reason),
        _ => Value::Null,
    }
}

pub(super) fn end_of_messages(expected: &Value) -> Value {
    let word = expected["finish_reason"].as_str().map(|word| match word {
        "end_turn" | "stop_sequence" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        "pause_turn" | "compaction" => "paused",
        other => other,
    });
    json!(word)
}

/// Gemini has no word for a reply that calls tools.
pub(super) fn end_of_gemini(expected: &Value) -> Value {
    let word = expected["finish_reason"].as_str().map(|word| match word {
        "STOP" if has_calls(expected) => "tool_calls",
        "STOP" => "stop",
        "MAX_TOKENS" => "length",
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" => {
            "content_filter"
        }
        other => other,
    });
    json!(word)
}

fn has_calls(expected: &Value) -> bool {
    expected["tool_calls"].as_array().is_some_and(|it| !it.is_empty())
}

/// Whether an error of `kind` is what the clients of OpenAI and Anthropic call `class`.
pub(super) fn is_of_class(kind: ErrorKind, class: &str) -> bool {
    use ErrorKind::{
        Authentication, ContentFilter, ContextTooLong, InvalidRequest, NotFound, Overloaded,
        PermissionDenied, RateLimited, Server, Timeout,
    };
    match class {
        "BadRequestError" => {
            matches!(kind, InvalidRequest | ContextTooLong | ContentFilter | PermissionDenied)
        }
        "UnprocessableEntityError" | "RequestTooLargeError" => kind == InvalidRequest,
        "AuthenticationError" => kind == Authentication,
        "PermissionDeniedError" => kind == PermissionDenied,
        "NotFoundError" => kind == NotFound,
        "RateLimitError" => kind == RateLimited,
        "OverloadedError" => kind == Overloaded,
        "ServiceUnavailableError" => matches!(kind, Server | Overloaded),
        "DeadlineExceededError" => matches!(kind, Server | Timeout),
        "InternalServerError" => matches!(kind, Server | Overloaded),
        // Those clients have no finer word for an error in the midst of a stream.
        "APIError" | "APIStatusError" | "ConflictError" => true,
        _ => false,
    }
}

/// Whether an error of `kind` is what Gemini's status says. A wrong key is a 400 there.
pub(super) fn is_of_status(kind: ErrorKind, failure: &Value) -> bool {
    use ErrorKind::{
        Authentication, ContextTooLong, InvalidRequest, NotFound, Overloaded, PermissionDenied,
        RateLimited, Server, Timeout,
    };
    let is_about_key = failure["message"].as_str().is_some_and(|it| it.contains("API key"));
    match failure["status"].as_u64() {
        Some(400 | 403) if is_about_key => kind == Authentication,
        Some(400) => matches!(kind, InvalidRequest | ContextTooLong | PermissionDenied),
        Some(401) => kind == Authentication,
        Some(403) => kind == PermissionDenied,
        Some(404) => kind == NotFound,
        Some(429) => kind == RateLimited,
        Some(503) => kind == Overloaded,
        Some(504) => kind == Timeout,
        _ => kind == Server,
    }
}

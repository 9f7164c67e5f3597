//! What can go wrong with an answer, and which sort of error that is.
use std::time::Duration;

use siumai_core::ErrorKind;

/// Why a reply could not be read to its end.
#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// The provider says so itself.
    Reported(Reported),
    /// What came is not what the format says.
    Malformed {
        /// What was wrong with it.
        why: String,
        /// How it began.
        excerpt: String,
    },
    /// It ended before its end.
    Incomplete,
    /// It is more than anybody should have to hold.
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much is allowed, in bytes.
        limit: usize,
    },
}

/// What a provider says went wrong.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reported {
    /// The status of the answer, or the one that the error itself tells.
    pub(crate) status: Option<u16>,
    /// Its name for the error.
    pub(crate) code: Option<String>,
    /// Its name for the sort of error.
    pub(crate) category: Option<String>,
    /// Its words.
    pub(crate) message: Option<String>,
    /// The sort of error, where the wire knows better than status and names tell.
    pub(crate) kind: Option<ErrorKind>,
    /// How long it asks to wait, where the error itself says so.
    pub(crate) retry_after: Option<Duration>,
}

/// How much of what can't be read is kept, in bytes: more than is shown, so that a secret in
/// it is found whole.
const EXCERPT: usize = 1024;

impl Fault {
    /// `bytes` could not be read, because of `why`.
    pub(crate) fn malformed(why: &impl ToString, bytes: &[u8]) -> Self {
        let excerpt = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT)]).into_owned();
        Self::Malformed { why: why.to_string(), excerpt }
    }
}

impl Reported {
    /// What `name` means is told by the code or the sort of the error.
    fn is_named(&self, name: &str) -> bool {
        [&self.code, &self.category].into_iter().flatten().any(|it| it == name)
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        if let Some(kind) = self.kind {
            return kind;
        }
        if self.is_context_too_long() {
            return ErrorKind::ContextTooLong;
        }
        // Azure says 400 when its filter refuses a request.
        if self.is_named("content_filter") || self.is_named("content_policy_violation") {
            return ErrorKind::ContentFilter;
        }
        // Anthropic has one name for every request it refuses, and tells them apart in words.
        if self.is_named("invalid_request_error") {
            if self.says("blocked by content filtering policy") {
                return ErrorKind::ContentFilter;
            }
            if self.says("credit balance is too low") {
                return ErrorKind::PermissionDenied;
            }
        }
        // One provider says 413 when it means too many tokens a minute.
        if self.is_named("rate_limit_exceeded") {
            return ErrorKind::RateLimited;
        }
        match self.status.or_else(|| self.status_in_code()) {
            Some(status) => kind_of_status(status),
            None => self.kind_of_name(),
        }
    }

    fn is_context_too_long(&self) -> bool {
        const NAMES: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
        const WORDS: [&str; 3] =
            ["maximum context length", "prompt is too long", "exceed context limit"];
        let may_say_so = matches!(self.status, Some(400 | 413))
            || (self.status.is_none() && self.is_named("invalid_request_error"));
        NAMES.iter().any(|name| self.is_named(name))
            || (may_say_so && WORDS.iter().any(|words| self.says(words)))
    }

    /// Whether these lower-case words are in the message.
    fn says(&self, words: &str) -> bool {
        self.message.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains(words))
    }

    fn status_in_code(&self) -> Option<u16> {
        self.code.as_ref()?.parse().ok().filter(|code| (400..600).contains(code))
    }

    /// For an error in the midst of a reply, which has no status of its own.
    fn kind_of_name(&self) -> ErrorKind {
        const NAMES: [(&str, ErrorKind); 12] = [
            ("invalid_request_error", ErrorKind::InvalidRequest),
            ("invalid_api_key", ErrorKind::Authentication),
            ("authentication_error", ErrorKind::Authentication),
            ("permission_error", ErrorKind::PermissionDenied),
            ("billing_error", ErrorKind::PermissionDenied),
            ("insufficient_quota", ErrorKind::PermissionDenied),
            ("model_not_found", ErrorKind::NotFound),
            ("not_found_error", ErrorKind::NotFound),
            ("request_too_large", ErrorKind::InvalidRequest),
            ("timeout_error", ErrorKind::Timeout),
            ("rate_limit_error", ErrorKind::RateLimited),
            ("overloaded_error", ErrorKind::Overloaded),
        ];
        let found = NAMES.iter().find(|(name, _)| self.is_named(name));
        found.map_or(ErrorKind::Server, |(_, kind)| *kind)
    }
}

pub(crate) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Authentication,
        402 | 403 => ErrorKind::PermissionDenied,
        300..=399 | 404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        529 => ErrorKind::Overloaded,
        // 409 and 425 say that the same request may succeed in a moment.
        409 | 425 | 500..=599 => ErrorKind::Server,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::MalformedReply,
    }
}

//! What a call can fail with.
//!
//! [`LlmError`] is the failure of one call: to a model, to a tool, or of the
//! arguments somebody passed. What a failed *run* gives back is a
//! [`RunError`](crate::orchestrator::RunError), which carries an `LlmError` and
//! everything that was finished before it.
use std::{error::Error, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What went wrong in a call to a model or a tool.
///
/// Branch on [`kind`](Self::kind), show it with `Display`. It is cheap to clone, and goes through
/// JSON with everything but its [source](Error::source).
///
/// ```
/// use siumai_core::{ErrorKind, LlmError};
///
/// let error = LlmError::new(ErrorKind::RateLimited, "too many requests")
///     .with_status(429)
///     .with_request_id("req_7");
/// assert_eq!(error.kind(), ErrorKind::RateLimited);
/// assert!(error.is_retryable());
/// assert_eq!(error.to_string(), "too many requests (status 429, request req_7)");
///
/// let kept: LlmError = serde_json::from_str(&serde_json::to_string(&error)?)?;
/// assert_eq!(kept.to_string(), error.to_string());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LlmError {
    /// A tool could not do what it was asked. The model is told and the run goes on.
    ToolExecutionError(String),
    /// Anything else; [`kind`](LlmError::kind) says what.
    Failed(Failure),
}

/// The details of an [`LlmError`]; read them through the error's methods.
#[derive(Clone)]
pub struct Failure(Arc<Details>);

#[derive(Clone, Serialize, Deserialize)]
struct Details {
    kind: ErrorKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempts: Option<usize>,
    #[serde(skip)]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The sort of a failure: what a program branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A tool failed; the model may try something else.
    Tool,
    /// A tool failed in a way that ends the run.
    FatalTool,
    /// The caller passed something that cannot work.
    InvalidInput,
    /// The provider refused the request as malformed or unsupported.
    InvalidRequest,
    /// The key is missing, wrong or expired.
    Authentication,
    /// The key is right, but what was asked is not allowed or not paid for.
    PermissionDenied,
    /// The model or the address does not exist.
    NotFound,
    /// Too many requests or tokens in a stretch of time.
    RateLimited,
    /// The provider is overloaded.
    Overloaded,
    /// The provider failed.
    Server,
    /// The conversation is longer than the model's context.
    ContextTooLong,
    /// A filter of the provider refused the request or the whole reply.
    ContentFilter,
    /// No connection, or it was lost before an answer began.
    Connection,
    /// Something took longer than it was allowed to.
    Timeout,
    /// The answer is not what the provider's format says.
    MalformedReply,
    /// The answer broke off before its end.
    IncompleteReply,
    /// The run was cancelled or its stream dropped.
    Cancelled,
    /// What happened to a run is not something that can happen to it then.
    OutOfOrder,
    /// A run's journal can't be read or written, or another process drives the run.
    Journal,
    /// A decision on a call is not one on a call that waits for it: of another run, another call,
    /// other arguments, or used before.
    DecisionRefused,
    /// The model gave no answer of the shape that was wanted.
    InvalidAnswer,
    /// A run's state was changed since it was signed, or signed with another key.
    BadSignature,
    /// Something that the caller gave to a run panicked: its model, a stop condition, `prepare_step`.
    Panicked,
}

impl LlmError {
    /// An error of `kind` whose text is `message`: lower case, naming the thing and the way out.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Details::new(kind, message.into()).into()
    }

    /// A tool's error that ends the run; any other error of a tool is told to the model.
    ///
    /// ```
    /// use siumai_core::{ErrorKind, LlmError};
    ///
    /// assert_eq!(LlmError::fatal("the database is gone").kind(), ErrorKind::FatalTool);
    /// ```
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::FatalTool, message)
    }

    /// The caller passed something that cannot work.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// The sort of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.details().map_or(ErrorKind::Tool, |it| it.kind)
    }

    /// Whether the same call may succeed when it is made again: its kind decides, unless
    /// [`with_retryable`](Self::with_retryable) said otherwise.
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::{Connection, Overloaded, RateLimited, Server, Timeout};
        let by_kind =
            matches!(self.kind(), Connection | Overloaded | RateLimited | Server | Timeout);
        self.details().and_then(|it| it.retryable).unwrap_or(by_kind)
    }

    /// How long the provider asks to wait before the next attempt, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.details()?.retry_after
    }

    /// How many times the model was asked, if whoever asked it counted.
    pub fn attempts(&self) -> Option<usize> {
        self.details()?.attempts
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.details()?.status
    }

    /// The provider's own name for the error, such as `invalid_api_key`; of a timeout of a
    /// run, which one it was, such as `step_timeout`.
    pub fn code(&self) -> Option<&str> {
        self.details()?.code.as_deref()
    }

    /// The provider's id of the request: what its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.details()?.request_id.as_deref()
    }

    /// The text alone, without status and request id.
    pub fn message(&self) -> &str {
        match self {
            Self::ToolExecutionError(message) => message,
            Self::Failed(Failure(details)) => &details.message,
        }
    }

    /// Adds the HTTP status of the answer.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|it| it.status = Some(status))
    }

    /// Adds the name of the error that programs know it by.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        self.with(|it| it.code = Some(code.into()))
    }

    /// Adds the provider's id of the request.
    #[must_use]
    pub fn with_request_id(self, id: impl Into<String>) -> Self {
        self.with(|it| it.request_id = Some(id.into()))
    }

    /// Adds how long the provider asks to wait.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with(|it| it.retry_after = Some(wait))
    }

    /// Says whether the same call may succeed when it is made again, whatever the kind.
    ///
    /// ```
    /// use siumai_core::{ErrorKind, LlmError};
    ///
    /// let error = LlmError::new(ErrorKind::Server, "the provider failed for good");
    /// assert!(error.is_retryable());
    /// assert!(!error.with_retryable(false).is_retryable());
    /// ```
    #[must_use]
    pub fn with_retryable(self, retryable: bool) -> Self {
        self.with(|it| it.retryable = Some(retryable))
    }

    /// Adds how many times the model was asked. Whoever retries does not retry such an error again.
    ///
    /// ```
    /// use siumai_core::{ErrorKind, LlmError};
    ///
    /// let error = LlmError::new(ErrorKind::Overloaded, "overloaded").with_attempts(3);
    /// assert_eq!(error.attempts(), Some(3));
    /// assert_eq!(error.to_string(), "overloaded (3 attempts)");
    /// ```
    #[must_use]
    pub fn with_attempts(self, attempts: usize) -> Self {
        self.with(|it| it.attempts = Some(attempts))
    }

    /// Adds what lies beneath. It must hold no secret: it is shown by `Debug` and `source()`.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        self.with(|it| it.source = Some(Arc::new(source)))
    }

    /// Adds to the text.
    pub(crate) fn noting(self, note: &str) -> Self {
        self.with(|it| it.message = format!("{}; {note}", it.message))
    }

    fn details(&self) -> Option<&Details> {
        match self {
            Self::ToolExecutionError(_) => None,
            Self::Failed(Failure(details)) => Some(details),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Details)) -> Self {
        if let Self::Failed(Failure(details)) = &mut self {
            change(Arc::make_mut(details));
        }
        self
    }
}

impl Details {
    fn new(kind: ErrorKind, message: String) -> Self {
        Self {
            kind,
            message,
            status: None,
            code: None,
            request_id: None,
            retryable: None,
            retry_after: None,
            attempts: None,
            source: None,
        }
    }
}

impl From<Details> for LlmError {
    fn from(details: Details) -> Self {
        match details.kind {
            ErrorKind::Tool => Self::ToolExecutionError(details.message),
            _ => Self::Failed(Failure(Arc::new(details))),
        }
    }
}

impl Serialize for LlmError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ToolExecutionError(message) => {
                Details::new(ErrorKind::Tool, message.clone()).serialize(serializer)
            }
            Self::Failed(Failure(details)) => details.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LlmError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Details::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Display for LlmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        let status = self.status().map(|it| format!("status {it}"));
        let request = self.request_id().map(|it| format!("request {it}"));
        let attempts = self.attempts().filter(|it| *it > 1).map(|it| format!("{it} attempts"));
        let facts: Vec<_> = [status, request, attempts].into_iter().flatten().collect();
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

impl Error for LlmError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.details()?.source.as_deref()?;
        Some(source)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            kind,
            message,
            status,
            code,
            request_id,
            retryable,
            retry_after,
            attempts,
            source,
        } = &*self.0;
        let mut shown = f.debug_struct("Failure");
        shown.field("kind", kind).field("message", message);
        if let Some(status) = status {
            shown.field("status", status);
        }
        if let Some(code) = code {
            shown.field("code", code);
        }
        if let Some(id) = request_id {
            shown.field("request_id", id);
        }
        if let Some(retryable) = retryable {
            shown.field("retryable", retryable);
        }
        if let Some(wait) = retry_after {
            shown.field("retry_after", wait);
        }
        if let Some(attempts) = attempts {
            shown.field("attempts", attempts);
        }
        if let Some(source) = source {
            shown.field("source", source);
        }
        shown.finish_non_exhaustive()
    }
}

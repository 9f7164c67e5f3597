//! A model that is asked again when it fails in a way that may pass.
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use super::{LanguageModel, ModelStream, attempt, time_left};
use crate::{
    LlmError,
    types::{ChatRequest, Tool, Warning},
};

/// Asks a model again when it fails in a way that may pass ([`LlmError::is_retryable`]).
///
/// Only a call of which nothing has reached anybody is repeated; what fails later is an item of
/// the stream. Before the next attempt it waits: as long as the provider asks
/// ([`LlmError::retry_after`]), else a random part of half a second, then of one, of two, and so
/// on up to the longest wait. If the provider asks for more than that, or for more time than the
/// request's [deadline](ChatRequest::deadline) leaves, the call fails at once.
///
/// A reply that came at a later attempt carries a [`Warning::Retried`] for each that failed, and
/// an error says how many [attempts](LlmError::attempts) were made. Such an error is not retried
/// by a second layer, so attempts do not multiply.
///
/// ```
/// use siumai_core::{
///     ErrorKind, LlmError,
///     model::{LanguageModel, collect, layers::Retry},
///     testing::ScriptedModel,
///     types::ChatRequest,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), LlmError> {
/// let busy = LlmError::new(ErrorKind::RateLimited, "too many requests").with_status(429);
/// let model = Retry::new(ScriptedModel::new().fails(busy).reply("Hello."));
///
/// let reply = collect(model.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// assert_eq!(reply.content_text(), Some("Hello."));
/// assert_eq!(
///     reply.warnings[0].to_string(),
///     "attempt 1 at the model failed, and it was asked again: too many requests (status 429)",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Retry<M> {
    model: M,
    max_retries: usize,
    first_wait: Duration,
    longest_wait: Duration,
    random: Mutex<fastrand::Rng>,
}

impl<M: LanguageModel> Retry<M> {
    /// Asks `model` up to three times, and waits 30 seconds at most before the next.
    pub fn new(model: M) -> Self {
        Self {
            model,
            max_retries: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            random: Mutex::default(),
        }
    }

    /// How often it is asked again: attempts are one more. 2 by default.
    #[must_use]
    pub fn max_retries(mut self, retries: usize) -> Self {
        self.max_retries = retries;
        self
    }

    /// The most it waits after the first attempt; the most doubles with each. 0.5 s by default.
    #[must_use]
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The most it ever waits, also when the provider asks for more: that is an error then. 30 s by default.
    #[must_use]
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Makes the random waits the same every time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use siumai_core::{
    ///     ErrorKind, LlmError,
    ///     model::{LanguageModel, layers::Retry},
    ///     testing::ScriptedModel,
    ///     types::ChatRequest,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let busy = || LlmError::new(ErrorKind::Overloaded, "overloaded");
    /// let model = Retry::new(ScriptedModel::new().fails(busy()).fails(busy()))
    ///     .max_retries(1)
    ///     .first_wait(Duration::from_millis(100))
    ///     .longest_wait(Duration::from_secs(5))
    ///     .seed(7);
    /// let error = model.stream(ChatRequest::new(vec![user!("Hi")])).await.err().unwrap();
    /// assert_eq!(error.attempts(), Some(2));
    /// # }
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Mutex::new(fastrand::Rng::with_seed(seed));
        self
    }

    /// How long to wait after a failed attempt.
    ///
    /// # Errors
    ///
    /// What the call ends with, if it is not to be repeated.
    fn wait_after(
        &self,
        error: LlmError,
        attempt: usize,
        time_left: Option<Duration>,
    ) -> Result<Duration, LlmError> {
        let was_retried = error.attempts().is_some();
        let attempts = attempt - 1 + error.attempts().unwrap_or(1);
        if attempt > self.max_retries || was_retried || !error.is_retryable() {
            return Err(error.with_attempts(attempts));
        }
        let wait = error.retry_after().unwrap_or_else(|| self.random_wait(attempt));
        if wait > self.longest_wait {
            let longest = self.longest_wait;
            let note = format!(
                "it asks to wait {wait:?}, and a retry waits {longest:?} at most; try again later"
            );
            return Err(error.with_attempts(attempts).noting(&note));
        }
        if let Some(left) = time_left.filter(|left| wait > *left) {
            let note = format!("the next attempt is due in {wait:?}, and only {left:?} are left");
            return Err(error.with_attempts(attempts).noting(&note));
        }
        Ok(wait)
    }

    /// Anything up to the most that may be waited after `attempt`: many who fail together don't come back together.
    fn random_wait(&self, attempt: usize) -> Duration {
        let doublings = u32::try_from(attempt - 1).unwrap_or(u32::MAX);
        let most = self.first_wait.saturating_mul(2_u32.saturating_pow(doublings));
        let part = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        most.min(self.longest_wait).mul_f64(part)
    }
}

#[async_trait]
impl<M: LanguageModel> LanguageModel for Retry<M> {
    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn model(&self) -> &str {
        self.model.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let (provider, model) = (self.provider(), self.model());
        let mut failed = Vec::new();
        loop {
            let number = failed.len() + 1;
            let error = match attempt(&self.model, request.clone(), &failed).await {
                Ok(reply) => {
                    tracing::debug!(provider, model, attempt = number, "the model answers");
                    return Ok(reply);
                }
                Err(error) => error,
            };
            let (kind, text) = (error.kind(), error.to_string());
            let (status, request_id) = (error.status(), error.request_id().map(str::to_owned));
            let wait = self.wait_after(error, number, time_left(&request));
            tracing::warn!(
                provider,
                model,
                attempt = number,
                ?kind,
                status,
                request_id,
                wait = wait.as_ref().ok().map(tracing::field::debug),
                "an attempt at the model failed",
            );
            let wait = wait?;
            failed.push(Warning::Retried { attempt: number, error: text });
            tokio::time::sleep(wait).await;
        }
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        self.model.check_tools(tools)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        self.model.takes_answer_schema(schema, tools)
    }
}

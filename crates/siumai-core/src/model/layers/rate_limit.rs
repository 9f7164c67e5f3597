//! A model that is asked only so often, and only so many at once.
use std::{collections::VecDeque, sync::PoisonError, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use super::{LanguageModel, ModelStream, time_left};
use crate::{
    ErrorKind, LlmError,
    sync::{Mutex, MutexGuard},
    types::{ChatRequest, Tool, Warning},
};

/// Asks a model only so often, and only so many at once; the others wait in the order they came.
///
/// Whoever stops waiting frees its place. Share one limit among tasks with an
/// [`Arc`](std::sync::Arc): two layers count apart.
///
/// ```
/// use std::time::Duration;
/// use siumai_core::{
///     LlmError,
///     model::{LanguageModel, collect, layers::RateLimit},
///     testing::ScriptedModel,
///     types::ChatRequest,
///     user,
/// };
/// use tokio::time::Instant;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), LlmError> {
/// let model = RateLimit::new(ScriptedModel::new().reply("One.").reply("Two."))
///     .requests_per(1, Duration::from_secs(10))
///     .at_once(4);
///
/// let begun = Instant::now();
/// for _ in 0..2 {
///     collect(model.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// }
/// assert_eq!(begun.elapsed().as_secs(), 10);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RateLimit<M> {
    model: M,
    pace: Option<Pace>,
    places: Option<Places>,
}

impl<M: LanguageModel> RateLimit<M> {
    /// `model` without a limit yet.
    pub fn new(model: M) -> Self {
        Self { model, pace: None, places: None }
    }

    /// At most `requests` begin in any stretch of time of this length. Not zero: no request
    /// could ever begin, which each is told with an error.
    #[must_use]
    pub fn requests_per(mut self, requests: usize, stretch: Duration) -> Self {
        self.pace = Some(Pace::new(requests, stretch));
        self
    }

    /// At most `requests` are under way at once. Not zero, as above. A request is under way
    /// until its reply has been read to the end or dropped.
    #[must_use]
    pub fn at_once(mut self, requests: usize) -> Self {
        self.places = Some(Places::new(requests));
        self
    }
}

#[async_trait]
impl<M: LanguageModel> LanguageModel for RateLimit<M> {
    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn model(&self) -> &str {
        self.model.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        // The place first: whoever waits for one has not begun, and does not count for the pace.
        let place = match &self.places {
            Some(places) => Some(places.take().await?),
            None => None,
        };
        if let Some(pace) = &self.pace {
            pace.keep(time_left(&request)).await?;
        }
        let reply = self.model.stream(request).await?;
        let held = stream::unfold((reply, place), |(mut reply, place)| async move {
            // At the end the state is dropped, and the place with it.
            reply.next().await.map(|event| (event, (reply, place)))
        });
        Ok(held.fuse().boxed())
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        self.model.check_tools(tools)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        self.model.takes_answer_schema(schema, tools)
    }
}

/// How many may be under way.
#[derive(Debug)]
struct Places {
    count: usize,
    free: Semaphore,
}

impl Places {
    fn new(count: usize) -> Self {
        Self { count, free: Semaphore::new(count.min(Semaphore::MAX_PERMITS)) }
    }

    async fn take(&self) -> Result<Option<SemaphorePermit<'_>>, LlmError> {
        check(self.count)?;
        // It is never closed, so there is a place, sooner or later.
        Ok(self.free.acquire().await.ok())
    }
}

/// How many may begin in a stretch of time.
#[derive(Debug)]
struct Pace {
    requests: usize,
    stretch: Duration,
    /// One waits for the time to come, the others wait for their turn.
    turn: Semaphore,
    /// When the last ones began, as many as count.
    begun: Mutex<VecDeque<Instant>>,
}

impl Pace {
    fn new(requests: usize, stretch: Duration) -> Self {
        Self { requests, stretch, turn: Semaphore::new(1), begun: Mutex::default() }
    }

    /// Waits until one more may begin, and notes that it did.
    async fn keep(&self, time_left: Option<Duration>) -> Result<(), LlmError> {
        check(self.requests)?;
        let deadline = time_left.and_then(|it| Instant::now().checked_add(it));
        // Never closed, as above. Whoever goes away while it waits hands the turn on.
        let turn = self.turn.acquire().await;
        if let Some(earliest) = self.earliest() {
            if deadline.is_some_and(|it| it < earliest) {
                return Err(too_late(earliest));
            }
            sleep_until(earliest).await;
        }
        let mut begun = self.begun();
        if begun.len() >= self.requests {
            begun.pop_front();
        }
        begun.push_back(Instant::now());
        drop(turn);
        Ok(())
    }

    /// When the next may begin, unless it may at once.
    fn earliest(&self) -> Option<Instant> {
        let begun = self.begun();
        let oldest = begun.front().filter(|_| begun.len() >= self.requests)?;
        oldest.checked_add(self.stretch)
    }

    fn begun(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_late(earliest: Instant) -> LlmError {
    let wait = earliest.saturating_duration_since(Instant::now());
    let message = format!(
        "the limit on requests lets the next begin in {wait:?}, and nobody waits that long; \
         try again later, or raise the limit"
    );
    LlmError::new(ErrorKind::RateLimited, message).with_retry_after(wait)
}

fn check(limit: usize) -> Result<(), LlmError> {
    if limit > 0 {
        return Ok(());
    }
    Err(LlmError::invalid_input(
        "the limit is 0 requests, so none could ever begin; give it at least 1",
    ))
}

#[cfg(test)]
#[cfg(shuttle)]
mod schedules;

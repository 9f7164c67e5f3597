//! What may cut a run short while it waits: its timeouts and its cancellation.
use std::{
    future::{Future, pending, ready},
    pin::pin,
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep_until};

use super::{OrchestratorOptions, Timeouts};
use crate::{CancellationToken, ErrorKind, LlmError};

/// Watches over whatever a run waits for.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    timeouts: Timeouts,
    cancellation: Option<&'a CancellationToken>,
    began: Instant,
    /// How long the run had been at work before.
    before: Duration,
    run: Option<Limit>,
    step: Option<Limit>,
}

/// A moment until which something must have happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    at: Instant,
    length: Duration,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Run,
    Step,
    FirstEvent,
    Silence,
}

impl<'a> Watch<'a> {
    /// A watch whose time begins with [`start_run`](Self::start_run).
    pub(super) fn new(options: &'a OrchestratorOptions) -> Self {
        Self::over_times(options.timeouts, options.cancellation.as_ref())
    }

    /// A watch over nothing.
    pub(super) fn unlimited() -> Self {
        Self::over_times(Timeouts::default(), None)
    }

    fn over_times(timeouts: Timeouts, cancellation: Option<&'a CancellationToken>) -> Self {
        let (began, before) = (Instant::now(), Duration::ZERO);
        Self { timeouts, cancellation, began, before, run: None, step: None }
    }

    pub(super) fn start_run(&mut self) {
        self.began = Instant::now();
        self.run = Limit::from_now(Part::Run, self.timeouts.run);
    }

    /// Counts the time of a run that has been at work for `before`.
    pub(super) fn go_on_from(&mut self, before: Duration) {
        self.before = before;
    }

    /// How long the run has been at work.
    pub(super) fn run_time(&self) -> Duration {
        self.before.saturating_add(self.began.elapsed())
    }

    /// Starts the time of a step, unless the run is cut short already.
    pub(super) async fn start_step(&mut self) -> Result<(), LlmError> {
        self.step = Limit::from_now(Part::Step, self.timeouts.step);
        self.over(None, ready(())).await
    }

    /// Until when a reply that is asked for now must begin.
    pub(super) fn first_event(&self) -> Option<Limit> {
        Limit::from_now(Part::FirstEvent, self.timeouts.first_event)
    }

    /// Until when the next event of a reply must come.
    pub(super) fn next_event(&self) -> Option<Limit> {
        Limit::from_now(Part::Silence, self.timeouts.idle)
    }

    /// When nobody waits any more for what has `limit`.
    pub(super) fn deadline(&self, limit: Option<Limit>) -> Option<std::time::Instant> {
        self.soonest(limit).map(|it| it.at.into_std())
    }

    /// Whether the run is to end.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancellation.is_some_and(CancellationToken::is_cancelled)
    }

    /// What comes of `work`, unless the run is cut short before.
    pub(super) async fn over<T>(
        &self,
        limit: Option<Limit>,
        work: impl Future<Output = T>,
    ) -> Result<T, LlmError> {
        let work = pin!(work);
        if self.cancellation.is_none() && self.soonest(limit).is_none() {
            return Ok(work.await);
        }
        // Asked first, since work that is always ready would never let it have its say.
        match select(pin!(self.cut(limit)), work).await {
            Either::Left((error, _)) => Err(error),
            Either::Right((done, _)) => Ok(done),
        }
    }

    async fn cut(&self, limit: Option<Limit>) -> LlmError {
        let cancelled = async {
            match self.cancellation {
                Some(token) => token.cancelled().await,
                None => pending().await,
            }
            LlmError::new(ErrorKind::Cancelled, "the run was cancelled")
        };
        let late = async {
            match self.soonest(limit) {
                Some(limit) => limit.wait().await,
                None => pending().await,
            }
        };
        select(pin!(cancelled), pin!(late)).await.factor_first().0
    }

    fn soonest(&self, limit: Option<Limit>) -> Option<Limit> {
        [self.run, self.step, limit].into_iter().flatten().min_by_key(|it| it.at)
    }
}

impl Limit {
    fn from_now(part: Part, length: Option<Duration>) -> Option<Self> {
        let length = length?;
        // A limit beyond the end of time is none.
        let at = Instant::now().checked_add(length)?;
        Some(Self { at, length, part })
    }

    async fn wait(self) -> LlmError {
        // A timer learns of the time only when the runtime gets to it, and a busy run may not let it.
        if Instant::now() < self.at {
            sleep_until(self.at).await;
        }
        self.error()
    }

    fn error(self) -> LlmError {
        let (what, code, option) = match self.part {
            Part::Run => ("the run took", "run_timeout", "run"),
            Part::Step => ("the step took", "step_timeout", "step"),
            Part::FirstEvent => {
                ("the model did not begin to answer for", "first_event_timeout", "first_event")
            }
            Part::Silence => ("the model fell silent for", "idle_timeout", "idle"),
        };
        let length = self.length;
        let message = format!(
            "{what} longer than {length:?}; raise `timeouts.{option}` if that is too short"
        );
        let is_models = matches!(self.part, Part::FirstEvent | Part::Silence);
        // Time that is up for the run or the step is up for another attempt too.
        LlmError::new(ErrorKind::Timeout, message).with_code(code).with_retryable(is_models)
    }
}

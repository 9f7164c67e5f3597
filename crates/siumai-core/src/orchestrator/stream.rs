//! The streamed surfaces of a run. What they poll is the one loop, in `driver.rs`.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use futures_core::{Stream, future::BoxFuture};
use futures_util::StreamExt;

pub(super) use super::driver::Delivery;
use super::{
    OrchestratorOptions, RunError, RunOutput, StepResult, StopCondition, StreamEvent,
    driver::{Driver, Observers, drive},
    emitter::Emitter,
    ending::Guard,
    outcome::{Outcome, Waiter, Waiters},
    setup::{Prepared, prepare, rules},
    turns::Turns,
    watch::Watch,
};
use crate::{
    ErrorKind, LlmError,
    model::LanguageModel,
    sync::{Mutex, MutexGuard},
    tool::ToolResolver,
    types::{ChatMessage, Tool},
};

/// Runs as a stream that borrows what it works with.
///
/// ```
/// use futures_util::StreamExt;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, StreamEvent, generate_stream},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().reply("Hello there.");
/// let mut stream =
///     generate_stream(&model, vec![user!("Hi")], None, None, &[], OrchestratorOptions::default())?;
/// let mut text = String::new();
/// while let Some(event) = stream.next().await {
///     if let StreamEvent::Delta { delta, .. } = event? {
///         text.extend(delta.content);
///     }
/// }
/// assert_eq!(text, "Hello there.");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the run can't begin: no messages, a tool that can't be offered, a limit of zero.
pub fn generate_stream<'a>(
    model: &'a dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&'a dyn ToolResolver>,
    stop_conditions: &'a [&'a dyn StopCondition],
    options: OrchestratorOptions,
) -> Result<RunStream<'a>, RunError> {
    start(model, messages, tools, resolver, stop_conditions, options, Delivery::Streamed)
}

/// Runs as a stream that owns what it works with, and may outlive its maker.
///
/// Beside the stream stand its [`steps`](StreamOrchestration::steps), to be awaited.
///
/// # Errors
///
/// If the run can't begin: no messages, a tool that can't be offered, a limit of zero.
///
/// # Cancel safety
///
/// Nothing happens before the stream, or its steps, are polled.
pub async fn generate_stream_owned(
    model: impl LanguageModel + 'static,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: impl ToolResolver + 'static,
    stop_conditions: Vec<Box<dyn StopCondition>>,
    options: OrchestratorOptions,
) -> Result<StreamOrchestration, RunError> {
    let Prepared { run, news, toolbox, settings } =
        prepare(&model, messages, tools, Some(&resolver), &options)?;
    let stream = RunStream::new(Delivery::Streamed, move |events, outcome| {
        // Made before the first poll: a run that is dropped unpolled has been cancelled, too.
        let mut guard = Guard::new(run, outcome);
        Box::pin(async move {
            let stop: Vec<&dyn StopCondition> = stop_conditions.iter().map(|it| &**it).collect();
            let mut driver = Driver {
                model: &model,
                resolver: Some(&resolver),
                rules: rules(&options, &settings, &stop, &toolbox),
                options: &options,
                delivery: Delivery::Streamed,
                events,
                observers: Observers::default(),
                watch: Watch::new(&options),
                journal: None,
                news,
            };
            drive(&mut driver, &mut guard).await;
        })
    });
    let steps = Steps(Arc::clone(&stream.shared));
    Ok(StreamOrchestration { stream, steps })
}

/// Starts a run whose events may be read; all surfaces that borrow begin here.
pub(super) fn start<'a>(
    model: &'a dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&'a dyn ToolResolver>,
    stop_conditions: &'a [&'a dyn StopCondition],
    options: OrchestratorOptions,
    delivery: Delivery,
) -> Result<RunStream<'a>, RunError> {
    let Prepared { run, news, toolbox, settings } =
        prepare(model, messages, tools, resolver, &options)?;
    Ok(RunStream::new(delivery, move |events, outcome| {
        let mut guard = Guard::new(run, outcome);
        Box::pin(async move {
            let mut driver = Driver {
                model,
                resolver,
                rules: rules(&options, &settings, stop_conditions, &toolbox),
                options: &options,
                delivery,
                events,
                observers: Observers::default(),
                watch: Watch::new(&options),
                journal: None,
                news,
            };
            drive(&mut driver, &mut guard).await;
        })
    }))
}

/// A run as a stream of events.
///
/// It moves only while it is polled, and dropping it stops the model call and
/// the tools. After an `Err`, which carries all that was finished, it ends.
pub struct RunStream<'a> {
    shared: Arc<Shared<'a>>,
    turns: Turns,
    has_ended: bool,
}

/// A streamed run: its events, and its steps to be awaited.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamOrchestration {
    /// The events, as they happen.
    pub stream: RunStream<'static>,
    /// The finished steps, once the run has ended.
    pub steps: Steps,
}

/// A future of a run's finished steps.
///
/// Awaiting it drives the run, whether somebody reads the stream or not; what
/// it drives past is kept for the reader. If the stream is dropped first, the
/// answer is an error of kind [`Cancelled`](ErrorKind::Cancelled) that carries the finished steps.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Steps(Arc<Shared<'static>>);

/// What the two ends of a streamed run share.
struct Shared<'a> {
    driver: Mutex<Seat<'a>>,
    events: Emitter<StreamEvent>,
    outcome: Arc<Outcome>,
    waiters: Arc<Waiters>,
    /// Wakes both waiters; the driver is polled with it.
    waker: Waker,
}

/// Where the driver is.
enum Seat<'a> {
    /// Here, to be polled.
    Free(BoxFuture<'a, ()>),
    /// With somebody who polls it just now.
    Taken {
        /// The stream is gone, and nobody wants it back.
        dropped: bool,
        /// The other came for it meanwhile.
        sought: bool,
    },
    /// At its end.
    Gone,
}

impl<'a> Seat<'a> {
    /// The driver, if it is here; it is marked as taken then, and as sought otherwise.
    fn take(&mut self) -> Option<BoxFuture<'a, ()>> {
        let (next, driver) = match std::mem::replace(self, Self::Gone) {
            Self::Free(driver) => (Self::Taken { dropped: false, sought: false }, Some(driver)),
            Self::Taken { dropped, .. } => (Self::Taken { dropped, sought: true }, None),
            Self::Gone => (Self::Gone, None),
        };
        *self = next;
        driver
    }
}

impl<'a> RunStream<'a> {
    fn new(
        delivery: Delivery,
        driver: impl FnOnce(Emitter<StreamEvent>, Arc<Outcome>) -> BoxFuture<'a, ()>,
    ) -> Self {
        let waiters = Arc::new(Waiters::default());
        let waker = Waker::from(Arc::clone(&waiters));
        let events = Emitter::new(waker.clone(), delivery == Delivery::Streamed);
        let outcome = Arc::new(Outcome::default());
        let driver = driver(events.handle(), Arc::clone(&outcome));
        let driver = Mutex::new(Seat::Free(driver));
        let shared = Shared { driver, events, outcome, waiters, waker };
        Self { shared: Arc::new(shared), turns: Turns::default(), has_ended: false }
    }

    /// Where what comes of the run will be found, also once the stream is dropped.
    pub(super) fn outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.shared.outcome)
    }

    /// What came of the run, once the stream has ended.
    pub(super) fn ended(&self) -> Result<RunOutput, RunError> {
        let ended = self.shared.outcome.read(Clone::clone);
        ended.unwrap_or_else(|| Err(RunError::unbegun(never_ended(), Vec::new())))
    }

    /// Reads the stream to its end and returns all that came of the run.
    ///
    /// # Errors
    ///
    /// What the run failed with, and everything it had finished.
    pub async fn finish(mut self) -> Result<RunOutput, RunError> {
        while self.next().await.is_some() {}
        let outcome = &self.shared.outcome;
        let is_awaited_elsewhere = Arc::strong_count(&self.shared) > 1;
        let ended = if is_awaited_elsewhere { outcome.read(Clone::clone) } else { outcome.take() };
        ended.unwrap_or_else(|| Err(RunError::unbegun(never_ended(), Vec::new())))
    }
}

impl Stream for RunStream<'_> {
    type Item = Result<StreamEvent, RunError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(self.turns.take(cx));
        if let Some(event) = self.shared.events.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        self.shared.waiters.register(Waiter::Reader, cx.waker());
        self.shared.poll_driver(Waiter::Reader);
        // Asked before the queue: steps that drive on another thread may put in more and end between the two.
        let last = self.shared.outcome.read(last_event);
        if let Some(event) = self.shared.events.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        let Some(last) = last else {
            self.shared.events.make_small();
            self.turns = Turns::default();
            return Poll::Pending;
        };
        self.has_ended = true;
        Poll::Ready(Some(last))
    }
}

impl Drop for RunStream<'_> {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Future for Steps {
    type Output = Result<Vec<StepResult>, RunError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let steps = |ended: &Result<RunOutput, RunError>| match ended {
            Ok(output) => Ok(output.steps.clone()),
            Err(failed) => Err(failed.clone()),
        };
        self.0.waiters.register(Waiter::Steps, cx.waker());
        let mut turns = Turns::of_several();
        loop {
            ready!(turns.take(cx));
            if let Some(ended) = self.0.outcome.read(steps) {
                return Poll::Ready(ended);
            }
            let has_moved = self.0.poll_driver(Waiter::Steps);
            if !has_moved && self.0.outcome.read(|_| ()).is_none() {
                return Poll::Pending;
            }
        }
    }
}

impl<'a> Shared<'a> {
    /// Polls the driver once, unless somebody else does just now; says whether it is to be polled again.
    fn poll_driver(&self, waiter: Waiter) -> bool {
        let Some(mut driver) = self.seat().take() else { return false };
        self.events.release();
        let polled = driver.as_mut().poll(&mut Context::from_waker(&self.waker));
        let is_awaited = self.put_back(driver, polled);
        let has_moved = self.events.has_parked();
        if has_moved || is_awaited {
            // Which may be waiting, and this one may never come back.
            self.waiters.wake(waiter.other());
        }
        has_moved
    }

    /// Puts the driver back where it was taken from, or drops it if it is done or not wanted any more.
    /// Says whether the other has to come: at the end, and if it sought the driver meanwhile, which may
    /// have looked at the queue before the other emptied it.
    fn put_back(&self, driver: BoxFuture<'a, ()>, polled: Poll<()>) -> bool {
        let mut seat = self.seat();
        if let (Poll::Pending, Seat::Taken { dropped: false, sought }) = (polled, &*seat) {
            let is_sought = *sought;
            *seat = Seat::Free(driver);
            return is_sought;
        }
        *seat = Seat::Gone;
        // Dropped outside the lock: a driver's destructor leaves the outcome and may run those of tools.
        drop(seat);
        drop(driver);
        true
    }

    /// Drops the driver, and with it whatever it waits for.
    fn stop(&self) {
        let mut seat = self.seat();
        let next = match &*seat {
            Seat::Taken { .. } => Seat::Taken { dropped: true, sought: false },
            Seat::Free(_) | Seat::Gone => Seat::Gone,
        };
        let stopped = std::mem::replace(&mut *seat, next);
        // Outside the lock, as in `put_back`.
        drop(seat);
        drop(stopped);
        self.waiters.wake(Waiter::Steps);
    }

    fn seat(&self) -> MutexGuard<'_, Seat<'a>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RunStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").finish_non_exhaustive()
    }
}

/// What a stream ends with.
fn last_event(ended: &Result<RunOutput, RunError>) -> Result<StreamEvent, RunError> {
    let output = ended.as_ref().map_err(Clone::clone)?;
    Ok(StreamEvent::End {
        stopped_by: output.stopped_by.clone(),
        response: Box::new(output.response.clone()),
        usage: output.usage.clone(),
        agents_usage: output.agents_usage.clone(),
    })
}

fn never_ended() -> LlmError {
    LlmError::new(ErrorKind::Cancelled, "the stream had already ended")
}

#[cfg(test)]
#[cfg(shuttle)]
mod schedules;

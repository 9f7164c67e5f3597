//! What tools report while they run: from whatever thread, to whoever reads the stream.
//!
//! A report waits until the stream is read, beside at most 63 others of its call: then the oldest
//! gives way. So a tool that reports far more than anybody reads fills no memory, and a reader who
//! keeps up misses nothing that came between two of the tool's awaits.
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, PoisonError, Weak},
    task::{Poll, Waker},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::Value;

use super::{StreamEvent, driver::Delivery, emitter::Emitter};
use crate::{
    LlmError,
    journal::Outcome,
    sync::{Mutex, MutexGuard},
    tool::ToolContext,
    types::ToolCall,
};

/// How many reports of a call wait to be read.
const MOST_WAITING: usize = 64;

/// The reports of a batch of calls.
pub(super) struct Reports(Option<Arc<Inbox>>);

/// Something of a batch that the driver has to tell of.
pub(super) enum Heard {
    Reports(Vec<Report>),
    /// A call is finished, or all are.
    Finished(Option<Result<Outcome, LlmError>>),
}

pub(super) struct Report {
    call: Arc<ToolCall>,
    value: Value,
}

#[derive(Default)]
struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    /// The calls that may still report.
    open: Vec<Arc<ToolCall>>,
    waiting: VecDeque<Report>,
    driver: Option<Waker>,
}

impl Reports {
    /// Keeps reports if anybody can hear of them.
    pub(super) fn new(delivery: Delivery) -> Self {
        Self((delivery == Delivery::Streamed).then(Arc::default))
    }

    /// The context of `call`, which may report from here on.
    pub(super) fn of(&self, call: &Arc<ToolCall>, context: ToolContext) -> ToolContext {
        let Some(inbox) = &self.0 else { return context };
        inbox.lock().open.push(Arc::clone(call));
        // Whoever holds the context longer than the run lasts holds nothing of it.
        let (inbox, call) = (Arc::downgrade(inbox), Arc::clone(call));
        context.reporting_to(move |value| {
            if let Some(inbox) = Weak::upgrade(&inbox) {
                inbox.put(&call, value);
            }
        })
    }

    /// What happens next: one of `running` is finished, or there are reports and the stream is read.
    pub(super) async fn or_finished<F: Future<Output = Result<Outcome, LlmError>>>(
        &self,
        running: &mut FuturesUnordered<F>,
        events: &Emitter<StreamEvent>,
    ) -> Heard {
        let Some(inbox) = &self.0 else { return Heard::Finished(running.next().await) };
        poll_fn(|cx| {
            // What is reported while the tools are polled is seen right after.
            inbox.lock().driver = None;
            // The tools come first: one that never stops reporting holds up no other.
            if let Poll::Ready(finished) = running.poll_next_unpin(cx) {
                return Poll::Ready(Heard::Finished(finished));
            }
            let mut state = inbox.lock();
            if !state.waiting.is_empty() && events.is_empty() {
                return Poll::Ready(Heard::Reports(state.waiting.drain(..).collect()));
            }
            state.driver = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Hears no more of a call that is finished; returns what it had reported until then.
    pub(super) fn close(&self, call_id: &str, events: &Emitter<StreamEvent>) -> Vec<Report> {
        let Some(inbox) = &self.0 else { return Vec::new() };
        let mut state = inbox.lock();
        state.open.retain(|call| call.id != call_id);
        let is_due = |it: &Report| events.is_empty() || it.call.id == call_id;
        let (due, waiting) = state.waiting.drain(..).partition(is_due);
        state.waiting = waiting;
        Vec::from(due)
    }
}

impl Report {
    pub(super) fn event(self, step_number: usize) -> StreamEvent {
        let (call_id, name) = (self.call.id.clone(), self.call.name.clone());
        StreamEvent::ToolProgress { step_number, call_id, name, value: self.value }
    }
}

impl Inbox {
    fn put(&self, call: &Arc<ToolCall>, value: Value) {
        let mut state = self.lock();
        if !state.open.iter().any(|it| Arc::ptr_eq(it, call)) {
            return;
        }
        let mut own =
            (0..state.waiting.len()).filter(|at| Arc::ptr_eq(&state.waiting[*at].call, call));
        if let (Some(oldest), Some(_)) = (own.next(), own.nth(MOST_WAITING - 2)) {
            state.waiting.remove(oldest);
        }
        state.waiting.push_back(Report { call: Arc::clone(call), value });
        let driver = state.driver.take();
        // Woken outside the lock: a waker may run anything.
        drop(state);
        driver.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[cfg(shuttle)]
mod schedules;

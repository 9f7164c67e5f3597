//! How long a server may say nothing.
use std::{
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

/// How long a server may say nothing, before its answer or in the midst of it. A model that
/// thinks before it says anything is silent for minutes; a run has timeouts of its own.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// The silence of a server. What it says costs no timer: the one there is goes off too early
/// and is then set anew.
#[derive(Default)]
pub(super) struct Silence {
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// The server has said something.
    pub(super) fn broken(&mut self) {
        self.since = None;
    }

    /// Ready once the server has said nothing for too long.
    pub(super) fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.since.get_or_insert_with(Instant::now) + IDLE_TIMEOUT;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            // It takes nothing of what tokio lets a task do in a row: thousands may wait in one task.
            ready!(pin!(unconstrained(alarm.as_mut())).poll(cx));
            if alarm.deadline() >= until {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests;

//! Where the driver leaves what came of a run, and who waits for it is told.
use std::{
    sync::{Arc, PoisonError},
    task::{Wake, Waker},
};

use super::{RunError, RunOutput};
use crate::sync::{Mutex, MutexGuard};

/// What came of a run, once it has ended. Until then it has no room for it.
#[derive(Debug, Default)]
pub(super) struct Outcome(Mutex<Option<Box<Result<RunOutput, RunError>>>>);

impl Outcome {
    pub(super) fn set(&self, ended: Result<RunOutput, RunError>) {
        *lock(&self.0) = Some(Box::new(ended));
    }

    /// What `read` makes of the outcome, if there is one.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Result<RunOutput, RunError>) -> T,
    ) -> Option<T> {
        lock(&self.0).as_deref().map(read)
    }

    pub(super) fn take(&self) -> Option<Result<RunOutput, RunError>> {
        lock(&self.0).take().map(|ended| *ended)
    }
}

/// The wakers of the two who may wait for a run: its reader, and the one that waits for its steps.
///
/// The driver is polled with a waker that wakes both, since either may poll it next.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<[Option<Waker>; 2]>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Waiter {
    Reader,
    Steps,
}

impl Waiter {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Reader => Self::Steps,
            Self::Steps => Self::Reader,
        }
    }
}

impl Waiters {
    pub(super) fn register(&self, waiter: Waiter, waker: &Waker) {
        let slot = &mut lock(&self.0)[waiter as usize];
        match slot {
            Some(known) => known.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    pub(super) fn wake(&self, waiter: Waiter) {
        // Woken outside the lock: a waker may run anything.
        let waker = lock(&self.0)[waiter as usize].clone();
        waker.into_iter().for_each(Waker::wake);
    }

    fn wake_both(&self) {
        self.wake(Waiter::Reader);
        self.wake(Waiter::Steps);
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_both();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

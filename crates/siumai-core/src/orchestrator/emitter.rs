//! Lets a plain `async fn` feed a `Stream`, without a task, a channel or a macro.
//!
//! The driver and its reader share one queue. [`Emitter::give_way`] parks the
//! driver until it is polled again, and a reader polls it only when the queue
//! is empty: so a run gets no further ahead of whoever reads it than it wants.
//! Where nobody reads, nothing is kept, and the driver gives way now and then.
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::{Poll, Waker},
};

use super::turns::Turns;
use crate::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Emitter<T> {
    queue: Arc<Mutex<Queue<T>>>,
    is_heard: bool,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// Until the driver gives way though nobody reads.
    turns: Turns,
    /// Whether anything has given way and waits for the driver to be polled again.
    has_parked: bool,
    /// What the driver is polled with: whoever polls it next needs no waking by it.
    driver: Waker,
    parked: Vec<Waker>,
}

impl<T> Emitter<T> {
    /// An empty queue of a driver that is polled with `driver`; somebody reads it, or nobody.
    pub(super) fn new(driver: Waker, is_heard: bool) -> Self {
        // A reader who keeps up leaves room for the next.
        let (items, parked, turns) = (VecDeque::with_capacity(1), Vec::new(), Turns::default());
        let queue = Queue { items, turns, has_parked: false, driver, parked };
        Self { queue: Arc::new(Mutex::new(queue)), is_heard }
    }

    /// A second handle on the same queue, for the other end.
    pub(super) fn handle(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), is_heard: self.is_heard }
    }

    /// Whether somebody reads.
    pub(super) fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// Puts `item` into the queue, if somebody reads it.
    pub(super) fn push(&self, item: T) {
        if self.is_heard {
            self.lock().items.push_back(item);
        }
    }

    /// Puts `item` into the queue and gives way.
    pub(super) fn emit(&self, item: T) -> impl Future<Output = ()> + use<'_, T> {
        self.push(item);
        self.give_way()
    }

    /// Gives way once, so that a reader can take what is in the queue; where nobody reads, if it is
    /// time to.
    pub(super) fn give_way(&self) -> impl Future<Output = ()> + use<'_, T> {
        let mut is_parked = false;
        poll_fn(move |cx| {
            let mut queue = self.lock();
            if !self.is_heard {
                return queue.turns.take(cx);
            }
            if is_parked {
                return Poll::Ready(());
            }
            is_parked = true;
            queue.has_parked = true;
            // Inside a `FuturesUnordered` a child is polled again only if its own waker fires.
            if !cx.waker().will_wake(&queue.driver) {
                queue.parked.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Takes the oldest item.
    pub(super) fn take(&self) -> Option<T> {
        self.lock().items.pop_front()
    }

    /// Keeps no more room than is needed: there may be long to wait, and many who do.
    pub(super) fn make_small(&self) {
        self.lock().items.shrink_to(1);
    }

    /// Whether all that was put in is taken: whoever reads has come after.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Wakes whatever has [given way](Self::give_way): the driver is about to be polled.
    pub(super) fn release(&self) {
        let parked = {
            let mut queue = self.lock();
            queue.has_parked = false;
            // Whoever polls it has given way since.
            queue.turns = Turns::default();
            std::mem::take(&mut queue.parked)
        };
        parked.into_iter().for_each(Waker::wake);
    }

    /// Whether something has [given way](Self::give_way).
    pub(super) fn has_parked(&self) -> bool {
        self.lock().has_parked
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

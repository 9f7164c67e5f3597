//! A tool at work, whose destructor harms nobody.
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::future::BoxFuture;

/// A future whose panics are caught: when it is polled, and when it is dropped, before its end or after.
pub(super) struct Contained<'a, T>(Option<BoxFuture<'a, T>>);

impl<'a, T> Contained<'a, T> {
    /// What `start` begins; it may panic in that, too.
    pub(super) fn new(start: impl FnOnce() -> BoxFuture<'a, T>) -> Result<Self, Panic> {
        catch_unwind(AssertUnwindSafe(start)).map(|future| Self(Some(future)))
    }

    fn discard(&mut self) {
        let Some(future) = self.0.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            tracing::error!("a tool panicked when it was dropped; the run goes on");
        }
    }
}

/// What a panic brings along.
pub(super) type Panic = Box<dyn Any + Send>;

impl<T> Future for Contained<'_, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        self.discard();
        Poll::Ready(ended)
    }
}

impl<T> Drop for Contained<'_, T> {
    fn drop(&mut self) {
        self.discard();
    }
}

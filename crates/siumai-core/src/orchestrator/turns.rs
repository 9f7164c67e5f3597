//! Fairness: a run whose model and tools never wait would hold up everything else on its thread to
//! its end, so it gives way now and then.
use std::task::{Context, Poll};

/// As many events may come in a row before others get their turn: what tokio allows its own parts.
const IN_A_ROW: u32 = 128;

/// As many pieces of a reply are handed over at once, if they have arrived: that is cheaper than to
/// change places with the reader for each.
pub(super) const AT_ONCE: u32 = 8;

/// Turns that are left until the next time to give way.
#[derive(Debug)]
pub(super) struct Turns(u32);

impl Turns {
    /// For whoever has up to [`AT_ONCE`] events in each turn.
    pub(super) fn of_several() -> Self {
        Self(IN_A_ROW / AT_ONCE)
    }

    /// Takes a turn; pending if it is time to give way, and ready again at once.
    pub(super) fn take(&mut self, cx: &Context<'_>) -> Poll<()> {
        if let Some(left) = self.0.checked_sub(1) {
            self.0 = left;
            return Poll::Ready(());
        }
        *self = Self::default();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(IN_A_ROW)
    }
}

//! What time it is: the one place of this crate that asks.
use std::time::SystemTime;

/// Tells the time. Only how far away a date is hangs on it; waits go by the runtime's timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(fn() -> SystemTime);

impl Clock {
    /// One that tells what `now` gives.
    #[cfg(test)]
    pub(super) fn telling(now: fn() -> SystemTime) -> Self {
        Self(now)
    }

    pub(super) fn now(self) -> SystemTime {
        (self.0)()
    }
}

impl Default for Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn default() -> Self {
        Self(SystemTime::now)
    }
}

//! The one place that reads the time.
use std::{
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use jiff::{Zoned, tz::TimeZone};

/// The wall clock with the time zone of whoever runs the program; tests stop it.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> Zoned + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            let now = Zoned::now();
            // A machine that doesn't say where it is counts in UTC.
            if now.time_zone().is_unknown() { now.with_time_zone(TimeZone::UTC) } else { now }
        }))
    }

    /// A clock that stands still.
    #[cfg(test)]
    pub(crate) fn stopped(at: &str) -> Self {
        let at: Zoned = at.parse().unwrap();
        Self(Arc::new(move || at.clone()))
    }

    /// The date and time here.
    pub(crate) fn now(&self) -> Zoned {
        (self.0)()
    }

    /// The same, as the system counts.
    pub(crate) fn moment(&self) -> SystemTime {
        self.now().timestamp().into()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A moment to measure from.
#[expect(clippy::disallowed_methods, reason = "this is the one clock that measures")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

//! How long a run has been at work, as it is told by whoever measures; no IO.
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time of a run: what passed while it was driven, from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    now: Duration,
    step_began: Duration,
}

impl Clock {
    pub(super) fn now(self) -> Duration {
        self.now
    }

    /// It is `at`. Time never goes back.
    pub(super) fn tell(&mut self, at: Duration) {
        self.now = self.now.max(at);
    }

    pub(super) fn begin_step(&mut self) {
        self.step_began = self.now;
    }

    /// How long the step under way has taken.
    pub(super) fn step(self) -> Duration {
        self.now.saturating_sub(self.step_began)
    }
}

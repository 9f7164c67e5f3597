//! Runs a test under thousands of schedules, the same ones every time.
//!
//! Two threads seldom meet in the one way that loses a wake-up. Here they are no threads at all but
//! stacks that shuttle switches between at every lock, at random and by priorities that change a few
//! times. It finds waits for ever, too: nobody is left to run.
//!
//! The tests lie beside what they test, in files called `schedules.rs`, and are compiled under
//! `cfg(shuttle)` alone, since these locks work nowhere else: `cargo xtask schedules` runs them.
//! What other crates share between threads (the wakers of tokio, say) is not explored.
//!
//! Schedules come from a fixed seed, so what failed once fails every time. The one that failed is
//! printed, and is played alone if `ReplayScheduler::new_from_encoded("…")` takes the place of the
//! schedulers below.
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

/// How many schedules are tried in either way.
const SCHEDULES: usize = 1_000;

/// How often priorities change in a schedule: most bugs need two threads to meet once or twice.
const CHANGES: usize = 3;

const SEED: u64 = 0x5105_4A1E;

/// Runs `test` under many schedules.
pub(crate) fn explore(test: fn()) {
    let mut config = Config::new();
    // As much as a thread of tests has.
    config.stack_size = 2 * 1024 * 1024;
    Runner::new(RandomScheduler::new_from_seed(SEED, SCHEDULES), config.clone()).run(test);
    Runner::new(PctScheduler::new_from_seed(SEED, CHANGES, SCHEDULES), config).run(test);
}

//! Work that blocks, beside the loop: it is asked to stop when its call is dropped.
use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use siumai::LlmError;

use super::told;

/// Tells work on another thread that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether the call was dropped.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if the call was dropped: for `?` in the middle of the work. Nobody reads it.
    pub(super) fn check(&self) -> Result<(), LlmError> {
        if self.is_asked() { Err(told("The call was cancelled.")) } else { Ok(()) }
    }
}

/// Asks to stop when it goes.
struct AskOnDrop(Stop);

impl Drop for AskOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` on a thread for such work, so that the loop goes on hearing of everything else.
///
/// # Cancel safety
///
/// Dropping the future asks the work to stop; what it has done by then stays done.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, LlmError> + Send + 'static,
) -> Result<T, LlmError> {
    let asker = AskOnDrop(Stop::default());
    let stop = asker.0.clone();
    match tokio::task::spawn_blocking(move || work(&stop)).await {
        Ok(done) => done,
        // The loop catches panics of tools; it is to see this one as if it had happened here.
        Err(failed) if failed.is_panic() => resume_unwind(failed.into_panic()),
        Err(_) => Err(told("The program is shutting down.")),
    }
}

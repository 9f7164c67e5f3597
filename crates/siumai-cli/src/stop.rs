//! What ends a run from outside: Ctrl-C, the system, or the person who is asked.
use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::failure::{Exit, Failure};

/// Why a run is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Ctrl-C.
    Interrupted,
    /// The system, or the terminal that was closed.
    Terminated,
    /// The person said so when asked for approval.
    Quit,
}

impl Cause {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupted => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
            Self::Quit => Exit::Denied,
        }
    }
}

/// Ends the run.
#[derive(Clone)]
pub(crate) struct Stopper(Arc<watch::Sender<Option<Cause>>>);

/// Hears that the run is to end.
pub(crate) struct Stopped(watch::Receiver<Option<Cause>>);

/// The two ends of it.
pub(crate) fn stopper() -> (Stopper, Stopped) {
    let (stop, stopped) = watch::channel(None);
    (Stopper(Arc::new(stop)), Stopped(stopped))
}

impl Stopper {
    /// Ends the run; the first cause counts.
    pub(crate) fn stop(&self, cause: Cause) {
        self.0.send_if_modified(|told| {
            let is_first = told.is_none();
            *told = told.or(Some(cause));
            is_first
        });
    }
}

impl Stopped {
    /// Waits until the run is to end.
    pub(crate) async fn wait(&mut self) -> Cause {
        loop {
            if let Some(cause) = *self.0.borrow_and_update() {
                return cause;
            }
            if self.0.changed().await.is_err() {
                // Nobody is left who could say so.
                return std::future::pending().await;
            }
        }
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}

/// What comes of `work`, unless a signal ends it before.
///
/// # Errors
///
/// If a signal came, or can't be listened to.
pub(crate) async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let signals = signals()
        .map_err(|error| Failure::failed(format!("Ctrl-C can't be listened to: {error}")))?;
    tokio::select! {
        biased;
        done = work => Ok(done),
        cause = signals => Err(Failure { exit: cause.exit(), message: "interrupted".to_owned() }),
    }
}

/// Waits for a signal that ends programs.
///
/// # Errors
///
/// If the system does not let it listen.
#[cfg(unix)]
pub(crate) fn signals() -> std::io::Result<impl Future<Output = Cause>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Cause::Interrupted,
            _ = terminate.recv() => Cause::Terminated,
            _ = hangup.recv() => Cause::Terminated,
        }
    })
}

/// Waits for Ctrl-C.
///
/// # Errors
///
/// If the system does not let it listen.
#[cfg(not(unix))]
pub(crate) fn signals() -> std::io::Result<impl Future<Output = Cause>> {
    Ok(async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Cause::Interrupted,
            Err(_) => std::future::pending().await,
        }
    })
}

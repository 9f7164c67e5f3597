//! The way to a server: connected when it is first needed, and again when the connection was lost.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::time::{Instant, sleep};

use crate::{
    connection::Connection,
    fault::{Fault, Report},
    server::McpServer,
};

/// How often a server may fail in a row before it is left alone.
const MOST_FAILURES: u32 = 5;

/// For how long it is left alone then.
const REST: Duration = Duration::from_secs(60);

/// Whoever needs the server waits for the same attempt to reach it. The attempt moves while one of
/// them polls it.
type Attempt = Shared<BoxFuture<'static, Result<Arc<Connection>, Report>>>;

/// The way to a server.
pub(crate) struct Link {
    pub(crate) server: McpServer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attempt: Option<Attempt>,
    failures: u32,
    rests_until: Option<Instant>,
}

impl Link {
    pub(crate) fn new(server: McpServer) -> Self {
        Self { server, state: Mutex::default() }
    }

    /// The connection, made if there is none.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Report> {
        let attempt = self.attempt()?;
        let outcome = attempt.clone().await;
        if outcome.is_err() {
            let mut state = self.state();
            // Only the first of those who waited for it counts it.
            if state.attempt.as_ref().is_some_and(|it| it.ptr_eq(&attempt)) {
                state.failed();
            }
        }
        outcome
    }

    /// Ends the connection, if there is one. The next who needs the server starts it again.
    pub(crate) async fn close(&self) {
        let attempt = self.state().attempt.take();
        let connection = attempt.as_ref().and_then(|it| it.peek()?.as_ref().ok().cloned());
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    fn attempt(&self) -> Result<Attempt, Report> {
        let mut state = self.state();
        if let Some(attempt) = state.usable() {
            return Ok(attempt);
        }
        if state.rests_until.take_if(|until| *until <= Instant::now()).is_some() {
            state.failures = MOST_FAILURES - 1;
        }
        if state.rests_until.is_some() {
            let fault = Fault::GivenUp(state.failures);
            let (server, address) = (self.server.name.clone(), self.server.address());
            return Err(Report { server, address, fault, last_words: None });
        }
        let (pause, server) = (pause(state.failures), self.server.clone());
        let attempt = async move {
            sleep(pause).await;
            Connection::open(&server).await.map(Arc::new)
        };
        let attempt = attempt.boxed().shared();
        state.attempt = Some(attempt.clone());
        Ok(attempt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The attempt that is made or has succeeded, if anything can still come of it.
    fn usable(&mut self) -> Option<Attempt> {
        let attempt = self.attempt.as_ref()?;
        let is_usable = match attempt.peek() {
            Some(Ok(connection)) => !connection.is_over(),
            Some(Err(_)) => false,
            // One that nobody polls any more stands still, and its time may have run out.
            None => attempt.strong_count().is_some_and(|it| it > 1),
        };
        if is_usable {
            return Some(attempt.clone());
        }
        match self.attempt.take()?.peek() {
            Some(Ok(connection)) if connection.has_served() => self.failures = 0,
            Some(Ok(_)) => self.failed(),
            _ => {}
        }
        None
    }

    fn failed(&mut self) {
        self.attempt = None;
        self.failures += 1;
        if self.failures >= MOST_FAILURES {
            self.rests_until = Some(Instant::now() + REST);
        }
    }
}

/// How long to wait after so many failures in a row: nothing after none, then half a second, and
/// each time twice as long.
fn pause(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_millis(500) * 2_u32.saturating_pow(doublings.min(4)),
    }
}

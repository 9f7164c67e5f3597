//! Connections that are used again.
//!
//! A connection is here again before its reader hears that an answer has ended, so that who asks at
//! once finds it. A pool that has it back a little later makes each of many runs open a second one,
//! and connections are most of what a run weighs.
use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{Payload, connection::Connection, connector::Connector, destination::Destination};

/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The connections of a client. Cloning it shares them.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Mutex<Idle>>,
}

/// Connections that nobody uses.
#[derive(Default)]
struct Idle {
    /// By origin, the one that was used last at the end.
    by_origin: HashMap<Arc<str>, VecDeque<(Connection, Instant)>>,
    /// Leaves those that are kept for too long, as long as there are any.
    keeper: Option<JoinHandle<()>>,
}

/// A connection whose answer is being read. Dropped before the end of that, it is closed.
pub(super) struct Lease {
    connection: Option<Connection>,
    origin: Arc<str>,
    pool: Pool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection was made.
    Connect(Box<dyn Error + Send + Sync>),
    /// The connection was lost.
    Lost(hyper::Error),
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Arc::default() }
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Sends `request` to `destination`; what says where it goes is added to it.
    #[expect(
        clippy::manual_async_fn,
        reason = "a block holds the request once, an `async fn` twice"
    )]
    pub(super) fn send<'a>(
        &'a self,
        destination: &'a Destination,
        mut request: Request<Payload>,
    ) -> impl Future<Output = Result<(Response<Incoming>, Lease), Failure>> + use<'a> {
        async move {
            loop {
                let idle = self.take(&destination.origin);
                let is_used = idle.is_some();
                let mut connection = match idle {
                    Some(connection) => connection,
                    // Boxed, or every request has room for what only the first one does.
                    None => Box::pin(self.open(destination)).await?,
                };
                let uri = if connection.is_to_proxy { &destination.uri } else { &destination.path };
                request.uri_mut().clone_from(uri);
                match connection.send(request).await {
                    Ok(response) => {
                        let (origin, pool) = (Arc::clone(&destination.origin), self.clone());
                        let connection = Some(connection);
                        return Ok((response, Lease { connection, origin, pool }));
                    }
                    Err(mut error) => match error.take_message() {
                        // Closed by the server just now: nothing of it was sent.
                        Some(unsent) if is_used => request = unsent,
                        _ => return Err(Failure::Lost(error.into_error())),
                    },
                }
            }
        }
    }

    async fn open(&self, destination: &Destination) -> Result<Connection, Failure> {
        let socket = self.connector.connect(&destination.uri).await.map_err(Failure::Connect)?;
        Connection::over(socket).await.map_err(Failure::Lost)
    }

    /// The one that was used last. Whether the server has closed it shows when it is asked.
    fn take(&self, origin: &str) -> Option<Connection> {
        let (connection, since) = lock(&self.idle).by_origin.get_mut(origin)?.pop_back()?;
        (since.elapsed() < IDLE_TIMEOUT).then_some(connection)
    }

    fn put(&self, origin: Arc<str>, connection: Connection) {
        let mut idle = lock(&self.idle);
        idle.by_origin.entry(origin).or_default().push_back((connection, Instant::now()));
        // One whose runtime is no more has ended before its time.
        if idle.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            idle.keeper = aside(keep(Arc::downgrade(&self.idle)));
        }
    }
}

/// Leaves what nobody uses for too long, until there is nothing left.
async fn keep(idle: Weak<Mutex<Idle>>) {
    let mut oldest = Instant::now();
    loop {
        sleep_until(oldest + IDLE_TIMEOUT).await;
        let Some(idle) = idle.upgrade() else { return };
        match lock(&idle).leave_old() {
            Some(since) => oldest = since,
            None => return,
        }
    }
}

impl Idle {
    /// Since when the oldest is here of those that stay.
    fn leave_old(&mut self) -> Option<Instant> {
        for connections in self.by_origin.values_mut() {
            connections.retain(|(_, since)| since.elapsed() < IDLE_TIMEOUT);
        }
        self.by_origin.retain(|_, connections| !connections.is_empty());
        let oldest = self.by_origin.values().filter_map(|it| Some(it.front()?.1)).min();
        if oldest.is_none() {
            self.keeper = None;
        }
        oldest
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    /// Polls `what`, which is part of the answer.
    pub(super) fn poll_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match &mut self.connection {
            Some(connection) => connection.poll_for(cx, what),
            None => what(cx),
        }
    }

    /// Gives the connection back: its answer has been read to the end.
    pub(super) fn give_back(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let (pool, origin) = (self.pool.clone(), Arc::clone(&self.origin));
        match connection.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => pool.put(origin, connection),
            Poll::Ready(Err(_)) => {}
            // The server has not read all of the request.
            Poll::Pending => drop(aside(async move {
                if poll_fn(|cx| connection.poll_ready(cx)).await.is_ok() {
                    pool.put(origin, connection);
                }
            })),
        }
    }
}

/// Does `work` beside everything else, in the program's runtime.
#[expect(clippy::disallowed_methods, reason = "it is about connections that no run uses")]
fn aside(work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
    Some(Handle::try_current().ok()?.spawn(work))
}

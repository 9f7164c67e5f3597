//! Connections that are used again.
//!
//! A connection is here again before its reader hears that an answer has ended, so that who asks at
//! once finds it. A pool that has it back a little later makes each of many runs open a second one,
//! and connections are most of what a run weighs.
use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    rt::Executor,
};
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use super::{Payload, connection::Connection, connector::Connector, destination::Destination};

/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The connections of a client. Cloning it shares them.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    /// By origin, the one that was used last at the end.
    idle: Arc<Mutex<HashMap<Arc<str>, VecDeque<Idle>>>>,
}

/// A connection to one origin, straight or through a proxy.
struct Open {
    sender: SendRequest<Payload>,
    is_to_proxy: bool,
}

struct Idle {
    open: Open,
    since: Instant,
}

/// A connection whose answer is being read. Dropped before the end of that, it is closed.
pub(super) struct Lease {
    open: Option<Open>,
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
                let mut open = match idle {
                    Some(open) => open,
                    // Boxed, or every request has room for what only the first one does.
                    None => Box::pin(self.open(destination)).await?,
                };
                let uri = if open.is_to_proxy { &destination.uri } else { &destination.path };
                request.uri_mut().clone_from(uri);
                match open.sender.try_send_request(request).await {
                    Ok(response) => {
                        let (origin, pool) = (Arc::clone(&destination.origin), self.clone());
                        return Ok((response, Lease { open: Some(open), origin, pool }));
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

    async fn open(&self, destination: &Destination) -> Result<Open, Failure> {
        let Connection { stream, is_to_proxy } =
            self.connector.connect(&destination.uri).await.map_err(Failure::Connect)?;
        let (mut sender, work) = handshake(stream).await.map_err(Failure::Lost)?;
        // Its errors reach whoever waits for an answer.
        TokioExecutor::new().execute(work.map(drop));
        sender.ready().await.map_err(Failure::Lost)?;
        Ok(Open { sender, is_to_proxy })
    }

    fn take(&self, origin: &str) -> Option<Open> {
        let mut idle = self.idle();
        let idle = idle.get_mut(origin)?;
        while let Some(Idle { open, since }) = idle.pop_back() {
            if open.sender.is_ready() && since.elapsed() < IDLE_TIMEOUT {
                return Some(open);
            }
        }
        None
    }

    fn put(&self, origin: Arc<str>, open: Open) {
        let mut idle = self.idle();
        let idle = idle.entry(origin).or_default();
        while idle.front().is_some_and(|it| it.since.elapsed() >= IDLE_TIMEOUT) {
            idle.pop_front();
        }
        idle.push_back(Idle { open, since: Instant::now() });
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Gives the connection back: its answer has been read to the end.
    pub(super) fn give_back(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let (pool, origin) = (self.pool.clone(), Arc::clone(&self.origin));
        match open.sender.poll_ready(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(Ok(())) => pool.put(origin, open),
            Poll::Ready(Err(_)) => {}
            // The end has been read on another thread, or the server has not read all of the request.
            Poll::Pending => TokioExecutor::new().execute(async move {
                if poll_fn(|cx| open.sender.poll_ready(cx)).await.is_ok() {
                    pool.put(origin, open);
                }
            }),
        }
    }
}

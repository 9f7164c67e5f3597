//! One connection, worked by whoever waits for what comes over it.
//!
//! It has no task of its own. Such a task would have to be woken for each request, and to wake its
//! reader for each piece of the answer, and between the two a runtime asks the system whether
//! something else has happened.
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest, handshake},
    },
};
use tokio::task::unconstrained;

use super::{
    Payload,
    socket::{Socket, Stream},
};

/// How often it works in a row before others have their turn, without an outcome and with one.
const TURNS: usize = 8;
const OUTCOMES: usize = 32;

/// A connection to a host, or to a proxy. Dropped, it is closed.
pub(super) struct Connection {
    sender: SendRequest<Payload>,
    work: Work,
    pub(super) is_to_proxy: bool,
}

impl Connection {
    pub(super) async fn over(socket: Socket) -> hyper::Result<Self> {
        let Socket { stream, is_to_proxy } = socket;
        let (sender, work) = handshake(stream).await?;
        Ok(Self { sender, work: Work::new(work), is_to_proxy })
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// If the connection is lost; with the request, if nothing of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<Payload>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Payload>>>> {
        let Self { sender, work, .. } = self;
        let answer = sender.try_send_request(request);
        async move {
            let mut answer = pin!(answer);
            poll_fn(|cx| work.poll_for(cx, |cx| answer.as_mut().poll(cx))).await
        }
    }

    /// Polls `what`, which waits for what comes over the connection.
    pub(super) fn poll_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.work.poll_for(cx, what)
    }

    /// Whether it can be asked the next thing; pending as long as the server has not read all
    /// of the last request, or its answer has not come to the end.
    ///
    /// # Errors
    ///
    /// If it is closed.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let Self { sender, work, .. } = self;
        work.outcomes = 0;
        work.poll_for(cx, |cx| sender.poll_ready(cx))
    }
}

type Worked = http1::Connection<Box<dyn Stream>, Payload>;

/// What a connection has to do, and who waits for it.
struct Work {
    /// Nothing once it is closed.
    connection: Option<Box<Worked>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    /// How many outcomes there were in a row.
    outcomes: usize,
}

/// Rings when there is something to do. What rings it while the connection works, mostly the
/// connection itself, is seen to there and wakes nobody.
#[derive(Default)]
struct Bell {
    has_rung: AtomicBool,
    /// Who waits, but not while the connection works.
    waiting: AtomicWaker,
}

impl Work {
    fn new(connection: Worked) -> Self {
        let bell = Arc::<Bell>::default();
        let waker = Arc::clone(&bell).into();
        Self { connection: Some(Box::new(connection)), bell, waker, outcomes: 0 }
    }

    fn poll_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self { connection, bell, waker, outcomes } = self;
        if *outcomes == OUTCOMES {
            *outcomes = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A task that waits for thousands of connections may work each of them: what tokio lets it
        // do in a row is for a hundred, and it would poll all the others in vain.
        let mut worked = pin!(unconstrained(poll_fn(|cx| {
            let polled = what(cx);
            if polled.is_pending()
                && connection.as_mut().is_some_and(|it| Pin::new(it).poll(cx).is_ready())
            {
                // Its errors have reached whoever waits for an answer.
                *connection = None;
                cx.waker().wake_by_ref();
            }
            polled
        })));
        let mut inner = Context::from_waker(waker);
        for _ in 0..TURNS {
            bell.hush();
            if let Poll::Ready(it) = worked.as_mut().poll(&mut inner) {
                *outcomes += 1;
                return Poll::Ready(it);
            }
            bell.waiting.register(cx.waker());
            // Whatever rings from here on is heard.
            if !bell.has_rung() {
                *outcomes = 0;
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Bell {
    /// Wakes nobody from here on, and forgets that it has rung.
    fn hush(&self) {
        self.waiting.take();
        // Not a mere store: what is looked at next may not have been read before it.
        self.has_rung.swap(false, Ordering::AcqRel);
    }

    fn has_rung(&self) -> bool {
        self.has_rung.load(Ordering::Acquire)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.waiting.wake();
    }
}

#[cfg(test)]
mod tests;

//! Who is woken by a connection, and when it stops of itself.
use std::{
    io,
    sync::atomic::AtomicUsize,
    task::Poll::{Pending, Ready},
};

use futures_util::FutureExt;
use http_body::Body as _;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::task::consume_budget;

use super::*;

/// Takes everything, and once it may speak says `head` and then `more` again and again.
struct Server {
    head: &'static [u8],
    more: &'static [u8],
    mouth: Arc<Mouth>,
}

#[derive(Default)]
struct Mouth {
    is_open: AtomicBool,
    /// Who wants to hear.
    reader: AtomicWaker,
}

impl Read for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.mouth.reader.register(cx.waker());
        if !self.mouth.is_open.load(Ordering::Relaxed) || self.head.is_empty() {
            return Pending;
        }
        let more = self.more;
        room.put_slice(std::mem::replace(&mut self.head, more));
        Ready(Ok(()))
    }
}

impl Write for Server {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to a server that says this once its mouth is open.
fn connection(head: &'static str, more: &'static str, mouth: &Arc<Mouth>) -> Connection {
    let (head, more) = (head.as_bytes(), more.as_bytes());
    let socket = Socket::to_host(Server { head, more, mouth: Arc::clone(mouth) });
    Connection::over(socket).now_or_never().unwrap().unwrap()
}

/// Asks it, lets the server speak while nobody looks, and looks.
fn asked(connection: &mut Connection, mouth: &Mouth, cx: &mut Context<'_>) -> Incoming {
    let request = Request::post("/").body(Payload::default()).unwrap();
    let mut answer = pin!(connection.send(request));
    assert!(answer.as_mut().poll(cx).is_pending());
    mouth.is_open.store(true, Ordering::Relaxed);
    let Ready(answer) = answer.poll(cx) else { panic!("there is no answer") };
    answer.unwrap().into_body()
}

#[test]
fn who_waits_is_woken_by_the_server_and_by_nothing_that_the_connection_does_itself() {
    let (woken, mouth) = (Arc::<Woken>::default(), Arc::<Mouth>::default());
    let waker = Arc::clone(&woken).into();
    let mut cx = Context::from_waker(&waker);
    let mut connection = connection("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "", &mouth);
    let mut body = asked(&mut connection, &mouth, &mut cx);
    let mut piece = || {
        let piece = connection.poll_for(&mut cx, |cx| Pin::new(&mut body).poll_frame(cx));
        piece.map(|it| it.map(|it| it.unwrap().into_data().unwrap()))
    };
    assert_eq!(piece(), Ready(Some("hi".into())));
    assert_eq!(piece(), Ready(None));
    assert!(matches!(connection.poll_ready(&mut cx), Ready(Ok(()))));
    assert_eq!(woken.times(), 0);

    let nothing = connection.poll_for(&mut cx, |_| Poll::<()>::Pending);
    assert_eq!((nothing, woken.times()), (Pending, 0));
    mouth.reader.wake();
    assert_eq!(woken.times(), 1);
}

#[tokio::test]
async fn who_has_done_much_in_a_turn_hears_the_answer_in_it_all_the_same() {
    while consume_budget().now_or_never().is_some() {}
    let mouth = Arc::<Mouth>::default();
    let mut connection = connection("HTTP/1.1 204 No Content\r\n\r\n", "", &mouth);
    let body = asked(&mut connection, &mouth, &mut Context::from_waker(Waker::noop()));
    assert!(body.is_end_stream());
}

#[test]
fn a_server_that_never_pauses_is_left_to_wait_now_and_then() {
    let (woken, mouth) = (Arc::<Woken>::default(), Arc::<Mouth>::default());
    let waker = Arc::clone(&woken).into();
    let mut cx = Context::from_waker(&waker);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut connection = connection(head, "2\r\nhi\r\n", &mouth);
    let mut body = asked(&mut connection, &mouth, &mut cx);
    for turn in 0..5 {
        assert_eq!(woken.times(), turn);
        let next = || connection.poll_for(&mut cx, |cx| Pin::new(&mut body).poll_frame(cx));
        let read = std::iter::repeat_with(next).take_while(Poll::is_ready).count();
        // The head was the first outcome.
        assert_eq!(read, if turn == 0 { OUTCOMES - 1 } else { OUTCOMES });
    }
}

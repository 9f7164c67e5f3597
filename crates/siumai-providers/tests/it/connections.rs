//! How many connections there are, and which of them are used again.
use std::{cell::Cell, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::{Either, join_all, select},
    stream::FuturesUnordered,
};
use siumai_core::{
    model::{LanguageModel, collect},
    types::ChatRequest,
    user,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    runtime::{self, Handle},
    sync::Barrier,
    time::timeout,
};

use crate::loopback::{answer, hear, listen, say};

const HELLO: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;

async fn ask(model: &impl LanguageModel) {
    asked(model, ChatRequest::new(vec![user!("hello")])).await;
}

async fn asked(model: &impl LanguageModel, request: ChatRequest) {
    let stream = model.stream(request).await.unwrap();
    assert_eq!(collect(stream).await.unwrap().content_text(), Some("Hello"));
}

/// Answers `times` requests.
async fn serve(socket: &mut TcpStream, times: usize) {
    for _ in 0..times {
        hear(socket).await;
        say(socket, &answer("200 OK", "content-type: application/json", HELLO)).await;
    }
}

/// Answers `times` requests on the next connection, which stays open.
async fn served(listener: &TcpListener, times: usize) -> TcpStream {
    let (mut socket, _) = listener.accept().await.unwrap();
    serve(&mut socket, times).await;
    socket
}

/// Lets the client's connections see what has happened to them.
async fn settle(listener: &TcpListener) {
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    drop((ours.unwrap(), theirs.unwrap()));
}

#[tokio::test]
async fn many_who_ask_again_and_again_need_a_connection_each() {
    const RUNS: usize = 100;
    let (listener, model) = listen().await;
    let (connections, all_are_here) = (Cell::new(0), Barrier::new(RUNS));
    let server = async {
        let mut open = FuturesUnordered::new();
        let serve = async |mut socket: TcpStream| {
            hear(&mut socket).await;
            // Nobody is answered before everybody has asked, or one connection would do for some.
            all_are_here.wait().await;
            say(&mut socket, &answer("200 OK", "content-type: application/json", HELLO)).await;
            serve(&mut socket, usize::MAX).await;
        };
        open.push(serve(listener.accept().await.unwrap().0));
        loop {
            connections.set(connections.get() + 1);
            let served = open.by_ref().collect::<Vec<()>>();
            match select(pin!(listener.accept()), served).await {
                Either::Left((accepted, _)) => open.push(serve(accepted.unwrap().0)),
                Either::Right(_) => unreachable!(),
            }
        }
    };
    let run = async || {
        for _ in 0..5 {
            ask(&model).await;
        }
    };
    let runs = join_all((0..RUNS).map(|_| run()));
    select(pin!(server), pin!(runs)).await;
    assert_eq!(connections.get(), RUNS);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_replaced_by_another() {
    let (listener, model) = listen().await;
    for _ in 0..3 {
        let server = async { serve(&mut listener.accept().await.unwrap().0, 1).await };
        tokio::join!(server, ask(&model));
        settle(&listener).await;
    }
}

#[tokio::test]
async fn a_connection_that_nobody_used_for_90_seconds_is_left() {
    let (listener, model) = listen().await;
    let (mut first, ()) = tokio::join!(served(&listener, 1), ask(&model));
    let wait = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    wait(89).await;
    tokio::join!(serve(&mut first, 1), ask(&model));
    wait(90).await;
    let second = async { serve(&mut listener.accept().await.unwrap().0, 1).await };
    tokio::join!(second, ask(&model));
}

#[tokio::test]
async fn a_connection_is_left_after_90_seconds_though_nobody_asks_again() {
    let (listener, model) = listen().await;
    let twice = async {
        ask(&model).await;
        ask(&model).await;
    };
    let (mut first, ()) = tokio::join!(served(&listener, 2), twice);
    let asked = tokio::time::Instant::now();
    tokio::time::pause();
    let end = timeout(Duration::from_secs(600), first.read(&mut [0; 1])).await.expect("it is left");
    assert_eq!(end.unwrap(), 0);
    // It was given back a little before.
    let kept = asked.elapsed();
    assert!((Duration::from_secs(89)..Duration::from_secs(91)).contains(&kept), "{kept:?}");
}

#[tokio::test]
async fn a_connection_has_no_task_of_its_own() {
    let (listener, model) = listen().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket).await;
        let asked = tasks();
        say(&mut socket, &answer("200 OK", "content-type: application/json", HELLO)).await;
        (asked, socket)
    };
    let ((asked, _socket), ()) = tokio::join!(server, ask(&model));
    assert_eq!(asked, 0);
    // What leaves an idle connection ends with the client.
    assert_eq!(tasks(), 1);
    drop(model);
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::disallowed_methods, reason = "what is on one thread is of one task")]
async fn nothing_that_arrives_is_missed_on_many_threads() {
    const RUNS: usize = 16;
    let (listener, model) = listen().await;
    let model = Arc::new(model);
    let server = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move { serve(&mut socket, usize::MAX).await });
        }
    });
    let run = |model: Arc<_>| async move {
        for _ in 0..50 {
            ask(&*model).await;
        }
    };
    let runs = (0..RUNS).map(|_| tokio::spawn(run(Arc::clone(&model))));
    for run in timeout(Duration::from_secs(60), join_all(runs)).await.expect("all are answered") {
        run.unwrap();
    }
    server.abort();
}

#[test]
fn a_client_outlives_the_runtime_it_was_used_in() {
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (listener, model) = first.block_on(listen());
    let listener = listener.into_std().unwrap();
    let mut open = Vec::new();
    for runtime in [first, runtime()] {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener.try_clone().unwrap()).unwrap();
            let (socket, ()) = tokio::join!(served(&listener, 1), ask(&model));
            open.push(socket.into_std().unwrap());
        });
    }
    assert_eq!(open.len(), 2, "each runtime has a connection of its own");
}

#[tokio::test]
async fn a_connection_whose_answer_is_not_read_to_its_end_is_closed() {
    let (listener, model) = listen().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n";
    let first = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket).await;
        say(
            &mut socket,
            &[head, "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n"].concat(),
        )
        .await;
        socket
    };
    let client = async {
        let mut stream = model.stream(ChatRequest::new(vec![user!("hello")])).await.unwrap();
        stream.next().await.unwrap().unwrap();
    };
    let (mut first, ()) = tokio::join!(first, client);
    assert_eq!(first.read(&mut [0; 1]).await.unwrap(), 0);
    let second = async { serve(&mut listener.accept().await.unwrap().0, 1).await };
    tokio::join!(second, ask(&model));
}

#[tokio::test]
async fn an_answer_before_all_of_the_request_was_read_is_one_and_its_connection_serves_again() {
    let (listener, model) = listen().await;
    let long = ChatRequest::new(vec![user!("x".repeat(16 << 20))]);
    let (mut first, ()) = {
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            // Its first byte is here; the rest does not fit in what lies between.
            socket.peek(&mut [0]).await.unwrap();
            say(&mut socket, &answer("200 OK", "content-type: application/json", HELLO)).await;
            socket
        };
        tokio::join!(server, asked(&model, long))
    };
    let second = async { serve(&mut listener.accept().await.unwrap().0, 1).await };
    tokio::join!(second, ask(&model));
    hear(&mut first).await;
    settle(&listener).await;
    tokio::join!(serve(&mut first, 1), ask(&model));
}

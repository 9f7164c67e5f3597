//! The scripted server: plays a model on loopback, as fast as it can.
//!
//! The path says which script is played (`/STEPS-CALLS-RESULT-DELTAS-sse/GATE-RUNS/v1/…`), and how
//! many tool results lie in the body says which step it is, so that the server keeps no state of a
//! run and any client gets on that sends all results in full. Replies are prepared bytes. It prints
//! the port it listens at, and ends with its standard input.
//!
//! - `connection`: HTTP/1.1, kept alive
//! - `replies`: what is prepared
//! - `gate`: makes runs wait for each other
mod connection;
mod gate;
mod replies;

use std::{
    io::{self, Read, Write},
    rc::Rc,
    thread,
};

use harness::Error;
use tokio::{net::TcpSocket, task::LocalSet};

use self::{connection::serve, gate::Gates, replies::Replies};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 8192;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    harness::measure::raise_file_limit()?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    thread::spawn(end_with_input);
    let (replies, gates) = (Rc::new(Replies::default()), Rc::new(Gates::default()));
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (replies, gates) = (Rc::clone(&replies), Rc::clone(&gates));
            tokio::task::spawn_local(async move {
                if let Err(error) = serve(stream, &replies, &gates).await {
                    // A client that goes away is no news.
                    let _closed = writeln!(io::stderr(), "server: {error}");
                }
            });
        }
    };
    LocalSet::new().run_until(accept).await
}

/// Whoever started the server holds the other end of its input.
fn end_with_input() {
    let mut nothing = Vec::new();
    let _either_way = io::stdin().read_to_end(&mut nothing);
    std::process::exit(0);
}

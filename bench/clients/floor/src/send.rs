//! Sends a body that is there already, and reads the reply without looking at it.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use harness::{Error, script};
use http::{HeaderMap, Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};

pub trait Sender: Sized {
    fn new(url: &str) -> Result<Self, Error>;

    /// The bytes of the reply's body, and whether the server says that it is the last.
    async fn send(&self, body: [Bytes; 2]) -> Result<(usize, bool), Error>;
}

pub struct WithHyper {
    client: HyperClient<HttpConnector, Pieces>,
    uri: Uri,
}

impl Sender for WithHyper {
    fn new(url: &str) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, uri: url.parse()? })
    }

    async fn send(&self, body: [Bytes; 2]) -> Result<(usize, bool), Error> {
        let request = Request::post(self.uri.clone())
            .header(header::AUTHORIZATION, bearer())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream, application/json")
            .body(Pieces::of(body))?;
        let response = self.client.request(request).await?;
        let is_last = is_last(response.headers());
        let mut body = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok((bytes, is_last))
    }
}

pub struct WithReqwest {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Sender for WithReqwest {
    fn new(url: &str) -> Result<Self, Error> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client, url: url.parse()? })
    }

    async fn send(&self, body: [Bytes; 2]) -> Result<(usize, bool), Error> {
        let request = self
            .client
            .post(self.url.clone())
            .header(header::AUTHORIZATION, bearer())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream, application/json")
            .body(reqwest::Body::wrap(Pieces::of(body)));
        let mut response = request.send().await?;
        let is_last = is_last(response.headers());
        let mut bytes = 0;
        while let Some(piece) = response.chunk().await? {
            bytes += piece.len();
        }
        Ok((bytes, is_last))
    }
}

fn bearer() -> String {
    format!("Bearer {}", script::API_KEY)
}

fn is_last(headers: &HeaderMap) -> bool {
    headers.get("x-last-reply").is_some_and(|it| it == "true")
}

/// A body of pieces, whose length is known.
struct Pieces {
    pieces: [Bytes; 2],
    next: usize,
    left: u64,
}

impl Pieces {
    fn of(pieces: [Bytes; 2]) -> Self {
        let left = pieces.iter().map(|it| it.len() as u64).sum();
        Self { pieces, next: 0, left }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.next;
        let Some(piece) = self.pieces.get_mut(next) else { return Poll::Ready(None) };
        let piece = std::mem::take(piece);
        self.next += 1;
        self.left -= piece.remaining() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.next == self.pieces.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

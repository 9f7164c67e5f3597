//! The transport with a socket: hyper's client and its pool.
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{
    HeaderMap, Method, Request,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION,
    },
};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::proxy::matcher::Matcher;
use siumai_core::{ErrorKind, LlmError};

use super::{
    Body, HeaderValue, HttpRequest, HttpResponse, Payload, Transport, Url,
    connector::Connector,
    destination::Destination,
    gzip::Gunzip,
    lost::{broken_off, no_answer, silent},
    pool::{Lease, Pool},
    silence::Silence,
};

/// How long the end of a body may take to arrive once the reply in it has ended. A server
/// that leaves its stream open costs this once a reply, and the connection.
const DRAIN_PATIENCE: Duration = Duration::from_millis(200);

/// A pooled HTTP client: connections are used again, answers may be gzipped, a proxy is
/// taken from the system's settings, but for a host on this machine. Cloning it shares the pool.
///
/// A connection may take 10 seconds to be made, and a server may be silent for ten minutes. A
/// connection that nobody uses is closed after 90 seconds.
///
/// It follows no redirect, since a POST may arrive at its end as a GET, and makes no
/// second attempt.
#[derive(Clone)]
pub struct HttpClient {
    pool: Pool,
}

impl HttpClient {
    /// A client for any host.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up.
    pub fn new() -> Result<Self, LlmError> {
        let client = Self::over(Connector::new(Matcher::from_system()));
        client.pool.connector().tls().map_err(|error| no_https(&error))?;
        Ok(client)
    }

    /// A client for the host of `url`. TLS is set up at once only if `url` wants it.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up.
    pub fn for_host(url: &Url) -> Result<Self, LlmError> {
        if url.scheme() == "https" {
            return Self::new();
        }
        Ok(Self::over(Connector::new(Matcher::from_system())))
    }

    pub(super) fn over(connector: Connector) -> Self {
        Self { pool: Pool::new(connector) }
    }

    /// The request as it is sent, and where.
    fn prepare(
        &self,
        request: HttpRequest,
    ) -> Result<(Request<Payload>, Arc<Destination>), LlmError> {
        let HttpRequest { url, mut headers, body, destination } = request;
        // Who passes a request on may have changed where it goes.
        let destination =
            if url == destination.url { destination } else { Arc::new(Destination::new(url)?) };
        self.complete(&mut headers, &destination);
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Ok((request, destination))
    }

    fn complete(&self, headers: &mut HeaderMap, destination: &Destination) {
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        headers.entry(HOST).or_insert_with(|| destination.host.clone());
        if let Some(authorization) = &destination.authorization {
            headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        if let Some(authorization) = self.pool.connector().proxy_authorization(destination) {
            headers.entry(PROXY_AUTHORIZATION).or_insert(authorization);
        }
    }
}

fn no_https(error: &rustls::Error) -> LlmError {
    LlmError::new(ErrorKind::Connection, format!("could not set up HTTPS: {error}"))
}

#[async_trait]
impl Transport for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        let (request, destination) = self.prepare(request)?;
        let mut silence = Silence::default();
        let (answer, lease) = {
            let mut answer = pin!(self.pool.send(&destination, request));
            let answered = poll_fn(|cx| {
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(
                        answer.map_err(|failure| no_answer(&failure, &destination)),
                    );
                }
                silence.poll_too_long(cx).map(|()| Err(silent(&destination)))
            });
            answered.await?
        };
        silence.broken();
        let (head, body) = answer.into_parts();

        let mut headers = head.headers;
        let pieces = Pieces { body, lease, silence, destination };
        let body = if is_gzip(&headers) {
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            Body::new(Gunzip::new(pieces, |pieces, error| broken_off(error, &pieces.destination)))
        } else {
            Body::new(pieces)
        };
        let status = head.status.as_u16();
        Ok(HttpResponse { status, headers, body: body.with_patience(DRAIN_PATIENCE) })
    }
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// An answer's body as it comes from the connection.
struct Pieces {
    body: Incoming,
    lease: Lease,
    silence: Silence,
    destination: Arc<Destination>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let frame = this.lease.poll_for(cx, |cx| Pin::new(&mut this.body).poll_frame(cx));
            let Poll::Ready(frame) = frame else {
                ready!(this.silence.poll_too_long(cx));
                return Poll::Ready(Some(Err(silent(&this.destination))));
            };
            this.silence.broken();
            match frame {
                None => {
                    this.lease.give_back();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(broken_off(&error, &this.destination))));
                }
                // What is no data are trailers, which no provider sends.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

//! The transport with a socket: a pooled reqwest client.
use std::{
    error::Error,
    io::{self, ErrorKind::ConnectionRefused},
    net::IpAddr,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use reqwest::{Client, redirect::Policy};
use siumai_core::{ErrorKind, LlmError};

use super::{Body, HttpRequest, HttpResponse, Transport, Url, shown};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may say nothing, before its answer or in the midst of it. A model that
/// thinks before it says anything is silent for minutes; a run has timeouts of its own.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long the end of a body may take to arrive once the reply in it has ended. A server
/// that leaves its stream open costs this once a reply, and the connection.
const DRAIN_PATIENCE: Duration = Duration::from_millis(200);

/// A pooled HTTP client: connections are used again, answers may be gzipped, a proxy is
/// taken from the system's settings. Cloning it shares the pool.
///
/// A connection may take 10 seconds to be made, and a server may be silent for ten minutes.
///
/// It follows no redirect, since a POST may arrive at its end as a GET, and makes no
/// second attempt.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
}

impl HttpClient {
    /// A client for any host.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up.
    pub fn new() -> Result<Self, LlmError> {
        Self::build(Client::builder())
    }

    /// A client for the host of `url`: one on this machine is never asked through a proxy.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up.
    pub fn for_host(url: &Url) -> Result<Self, LlmError> {
        let builder = Client::builder();
        Self::build(if is_loopback(url) { builder.no_proxy() } else { builder })
    }

    fn build(builder: reqwest::ClientBuilder) -> Result<Self, LlmError> {
        let built = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT)
            .redirect(Policy::none())
            .referer(false)
            .build();
        let client = built.map_err(|error| {
            let cause = root_cause(&error).to_string();
            LlmError::new(ErrorKind::Connection, format!("could not set up HTTPS: {cause}"))
        })?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        let HttpRequest { url, headers, body } = request;
        let sending =
            self.client.post(url.clone()).headers(headers).body(reqwest::Body::wrap(body)).send();
        let response = sending.await.map_err(|error| no_answer(&error, &url))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let pieces = response.bytes_stream().map_err(move |error| broken_off(&error, &url));
        Ok(HttpResponse { status, headers, body: Body::new(pieces).with_patience(DRAIN_PATIENCE) })
    }
}

fn no_answer(error: &reqwest::Error, url: &Url) -> LlmError {
    let address = address(url);
    let cause = root_cause(error);
    let is_refused =
        cause.downcast_ref::<io::Error>().map(io::Error::kind) == Some(ConnectionRefused);
    let (kind, message) = if is_refused {
        let message = format!(
            "nothing listens at {address}; start the server, or check the base URL ({})",
            shown(url)
        );
        (ErrorKind::Connection, message)
    } else if error.is_timeout() && !error.is_connect() {
        (ErrorKind::Timeout, silent(&address))
    } else if error.is_timeout() {
        let seconds = CONNECT_TIMEOUT.as_secs();
        let message = format!(
            "no connection to {address} within {seconds} s; check the network and the base URL"
        );
        (ErrorKind::Timeout, message)
    } else if is_unknown_host(error) {
        let message = format!("no host is named `{address}`; check the base URL and the network");
        (ErrorKind::Connection, message)
    } else if error.is_connect() {
        let message =
            format!("no connection to {address}: {cause}; check the network and the base URL");
        (ErrorKind::Connection, message)
    } else {
        let message = format!("the connection to {address} was lost before an answer: {cause}");
        (ErrorKind::Connection, message)
    };
    LlmError::new(kind, message)
}

fn broken_off(error: &reqwest::Error, url: &Url) -> LlmError {
    let (address, cause) = (address(url), root_cause(error));
    if error.is_timeout() {
        return LlmError::new(ErrorKind::Timeout, silent(&address));
    }
    LlmError::new(
        ErrorKind::IncompleteReply,
        format!("the answer of {address} broke off before its end: {cause}"),
    )
}

fn silent(address: &str) -> String {
    let seconds = IDLE_TIMEOUT.as_secs();
    format!("{address} said nothing for {seconds} s; try again, or ask for less at a time")
}

/// The error beneath all others. It is the one that says what happened, and it knows no URL.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

fn is_unknown_host(error: &reqwest::Error) -> bool {
    // The resolver's error has no type of its own, only this text.
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().starts_with("dns error") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

//! Where a request goes, made ready for the wire once and not once a request.
use std::{net::IpAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Uri;
use percent_encoding::percent_decode_str;
use siumai_core::LlmError;
use url::Position;

use super::{HeaderValue, Url};

/// A URL, and what a request to it says of it.
pub(super) struct Destination {
    pub(super) url: Url,
    /// The URL without user, password and fragment, which are not sent in it.
    pub(super) uri: Uri,
    /// The path and the query, which is all that a host is told.
    pub(super) path: Uri,
    /// Scheme, host and port: whatever has the same may be reached over the same connection.
    pub(super) origin: Arc<str>,
    /// The header `Host`.
    pub(super) host: HeaderValue,
    /// The header that user and password are sent in (RFC 7617).
    pub(super) authorization: Option<HeaderValue>,
    /// Whether this machine is asked, which no proxy is needed for.
    pub(super) is_loopback: bool,
}

impl Destination {
    pub(super) fn new(url: Url) -> Result<Self, LlmError> {
        let unfit = |error: http::Error| {
            LlmError::invalid_input(format!("the URL can't be sent over HTTP: {error}"))
        };
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let uri = Uri::builder()
            .scheme(url.scheme())
            .authority(host)
            .path_and_query(&url[Position::BeforePath..Position::AfterQuery])
            .build()
            .map_err(unfit)?;
        let path = url[Position::BeforePath..Position::AfterQuery].parse();
        let path = path.map_err(|error: http::uri::InvalidUri| unfit(error.into()))?;
        let origin = format!("{}://{host}", url.scheme()).into();
        let host = HeaderValue::try_from(host).map_err(|error| unfit(error.into()))?;
        let (authorization, is_loopback) = (authorization(&url), is_loopback(&uri));
        Ok(Self { url, uri, path, origin, host, authorization, is_loopback })
    }

    /// The host and its port.
    pub(super) fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// Whether the host of `uri` is this machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let pair =
        format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests;

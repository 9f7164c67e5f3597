//! HTTP as the wires use it: one POST, and an answer that arrives piece by piece.
//!
//! [`Transport`] is the seam: [`HttpClient`] is the one with a socket, a test or a
//! recorder brings its own.
mod advice;
mod body;
mod call;
mod client;
mod clock;
mod connection;
mod connector;
mod destination;
mod endpoint;
mod failure;
mod gzip;
mod lost;
mod payload;
mod pool;
mod secrets;
mod silence;
mod socket;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use http::header::{AsHeaderName, CONTENT_TYPE};
use siumai_core::LlmError;

pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use url::Url;

use self::destination::Destination;
pub use self::{body::Body, client::HttpClient, payload::Payload};
pub(crate) use self::{
    body::Whole,
    call::{Call, looks_like_html},
    endpoint::{Endpoint, EndpointBuilder, KeyHeader},
    failure::{Fault, Reported},
};

/// Takes a request to a provider and brings its answer.
///
/// ```
/// use siumai_core::{
///     LlmError, async_trait, user,
///     model::{LanguageModel, collect},
///     types::ChatRequest,
/// };
/// use siumai_providers::{
///     OpenAiChat,
///     http::{Body, HttpRequest, HttpResponse, Transport},
/// };
///
/// struct Canned;
///
/// #[async_trait]
/// impl Transport for Canned {
///     async fn send(&self, _: HttpRequest) -> Result<HttpResponse, LlmError> {
///         let reply = r#"{"choices": [{"message": {"content": "Hi!"}, "finish_reason": "stop"}]}"#;
///         Ok(HttpResponse::new(200, Body::whole(reply)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let model = OpenAiChat::ollama().model("llama3.2").transport(Canned).build()?;
/// let reply = collect(model.stream(ChatRequest::new(vec![user!("hello")])).await?).await?;
/// assert_eq!(reply.content_text(), Some("Hi!"));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request`; any answer is a success, whatever its status.
    ///
    /// # Errors
    ///
    /// If no answer began. What fails later is an item of the answer's body. No error may
    /// hold a header or the body of the request.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the run is cancelled, and the exchange with it.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        impl<T: Transport + ?Sized> Transport for $pointer {
            async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
                (**self).send(request).await
            }
        }
    )+};
}

forward!(Box<T>, Arc<T>);

/// A POST of JSON to a provider.
#[non_exhaustive]
pub struct HttpRequest {
    /// Where it goes. It may hold a password or a key in its query: show [`shown`] of it.
    pub url: Url,
    /// Its headers; those that hold secrets are marked as sensitive.
    pub headers: HeaderMap,
    /// The JSON.
    pub body: Payload,
    /// What `url` came from, ready for the wire.
    destination: Arc<Destination>,
}

/// A provider's answer: status and headers, and the body as it arrives.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status, such as 200.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The body, still to be read.
    pub body: Body,
}

/// What a body says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A stream of events.
    Events,
    /// A page for people.
    WebPage,
    /// JSON, or whatever else.
    Other,
}

impl HttpResponse {
    /// An answer without headers.
    pub fn new(status: u16, body: Body) -> Self {
        Self { status, headers: HeaderMap::new(), body }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the body is, as its headers say.
    pub(crate) fn content(&self) -> Content {
        let content_type = self.header(CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim_ascii();
        if media_type.eq_ignore_ascii_case("text/event-stream") {
            Content::Events
        } else if media_type.eq_ignore_ascii_case("text/html") {
            Content::WebPage
        } else {
            Content::Other
        }
    }

    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("url", &shown(&self.url))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// A URL as it may be shown: without user, password, query and fragment.
///
/// ```
/// use siumai_providers::http::{Url, shown};
///
/// let url = Url::parse("https://me:secret@example.com:8080/v1?key=secret").unwrap();
/// assert_eq!(shown(&url), "https://example.com:8080/v1");
/// ```
pub fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

//! Where a provider is, how it knows us, and what of that must not be shown.
use std::{fmt, sync::Arc};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use secrecy::{ExposeSecret, SecretString};
use siumai_core::LlmError;

use super::{
    Call, HeaderMap, HeaderName, HeaderValue, HttpClient, HttpRequest, HttpResponse, Payload,
    Reported, Transport, Url, clock::Clock, destination::Destination, secrets::Secrets, shown,
};

/// How much of a provider's own words an error repeats, in characters.
const ERROR_TEXT: usize = 1000;

/// How many headers most requests have at most, those of the client counted.
const HEADERS: usize = 12;

/// One address of one provider.
pub(crate) struct Endpoint {
    provider: String,
    destination: Arc<Destination>,
    headers: HeaderMap,
    has_key: bool,
    secrets: Secrets,
    transport: Arc<dyn Transport>,
    clock: Clock,
}

/// What an [`Endpoint`] is made of, unchecked.
#[derive(Default)]
pub(crate) struct EndpointBuilder {
    pub(crate) provider: String,
    pub(crate) base_url: String,
    pub(crate) api_key: Option<SecretString>,
    pub(crate) key_header: KeyHeader,
    /// Headers that may be shown; those of the caller replace them.
    pub(crate) open_headers: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(String, SecretString)>,
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

/// How a key travels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum KeyHeader {
    /// As a bearer token (RFC 6750).
    #[default]
    Bearer,
    /// Alone, in the header of this name.
    Named(&'static str),
}

impl EndpointBuilder {
    /// The address of `path` below the base URL.
    pub(crate) fn build(self, path: &str) -> Result<Endpoint, LlmError> {
        let url = join(&self.base_url, path)?;
        // With room for those of the client: every request copies them, room and all.
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        let user_agent = concat!("siumai/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        let mut secrets = Secrets::of_url(&url);
        for (name, value) in self.open_headers {
            let (name, mut value) = header(name, &value.into())?;
            value.set_sensitive(false);
            headers.insert(name, value);
        }
        let mut has_key = false;
        if let Some(key) = self.api_key {
            let (name, value) = key_header(self.key_header, &self.provider, &key)?;
            headers.insert(name, value);
            has_key = true;
            secrets.add(key.expose_secret());
        }
        for (name, value) in self.headers {
            let (name, held) = header(&name, &value)?;
            has_key |= name == AUTHORIZATION;
            headers.insert(name, held);
            secrets.add(value.expose_secret());
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpClient::for_host(&url)?),
        };
        let (provider, clock) = (self.provider, Clock::default());
        let destination = Arc::new(Destination::new(url)?);
        Ok(Endpoint { provider, destination, headers, has_key, secrets, transport, clock })
    }
}

impl Endpoint {
    /// The same provider at another address: `last` instead of the last piece of the path,
    /// and `query` added. They share their connections.
    ///
    /// # Errors
    ///
    /// If no request can be sent there.
    pub(crate) fn beside(&self, last: &str, query: (&str, &str)) -> Result<Self, LlmError> {
        let mut url = self.url().clone();
        // A URL of http or https always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().push(last);
        }
        url.query_pairs_mut().append_pair(query.0, query.1);
        Ok(Self {
            provider: self.provider.clone(),
            destination: Arc::new(Destination::new(url)?),
            headers: self.headers.clone(),
            has_key: self.has_key,
            secrets: self.secrets.clone(),
            transport: Arc::clone(&self.transport),
            clock: self.clock,
        })
    }

    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    /// The URL as it may be shown.
    pub(crate) fn address(&self) -> String {
        shown(self.url())
    }

    pub(super) fn url(&self) -> &Url {
        &self.destination.url
    }

    pub(super) fn has_key(&self) -> bool {
        self.has_key
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Posts `body` and brings the answer, if it is one of success. `read_error` reads a
    /// refusal's body.
    pub(crate) async fn post<'a>(
        &'a self,
        model: &'a str,
        body: Payload,
        read_error: fn(&[u8]) -> Option<Reported>,
    ) -> Result<(Call<'a>, HttpResponse), LlmError> {
        let (url, headers) = (self.url().clone(), self.headers.clone());
        let destination = Arc::clone(&self.destination);
        let request = HttpRequest { url, headers, body, destination };
        // Not by the pointer, which would box a future of its own.
        let sent = (*self.transport).send(request).await;
        let response = sent.map_err(|error| self.scrubbed(error))?;
        let call = Call::answered(self, model, &response);
        if response.is_success() {
            return Ok((call, response));
        }
        // Boxed, or every request has room for what only a refused one needs.
        Err(Box::pin(call.refused(response, read_error)).await)
    }

    /// `text` of somebody else without any secret of ours, and not too long.
    pub(super) fn quote(&self, text: &str) -> String {
        let mut text = self.secrets.taken_out_of(text.trim());
        if let Some((end, _)) = text.char_indices().nth(ERROR_TEXT) {
            text.truncate(end);
            text.push('…');
        }
        text.truncate(text.trim_end_matches('.').len());
        text
    }

    /// `error` as it is, unless whoever made it put a secret of ours into it.
    pub(super) fn scrubbed(&self, error: LlmError) -> LlmError {
        let source = std::error::Error::source(&error);
        if !self.secrets.is_in(&format!("{error} {source:?}")) {
            return error;
        }
        let clean = LlmError::new(error.kind(), self.quote(error.message()));
        let clean = clean.with_retryable(error.is_retryable());
        match error.retry_after() {
            Some(wait) => clean.with_retry_after(wait),
            None => clean,
        }
    }
}

fn join(base: &str, path: &str) -> Result<Url, LlmError> {
    let base = base.trim();
    if base.is_empty() {
        return Err(LlmError::invalid_input("the base URL is empty"));
    }
    // What may be a password or a key is not shown.
    let named = base.rsplit('@').next().and_then(|it| it.split('?').next()).unwrap_or_default();
    let mut url = match Url::parse(base) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // `localhost:11434` parses, with `localhost` as its scheme.
        Ok(_) | Err(_) if !base.contains("://") => {
            return Err(LlmError::invalid_input(format!(
                "the base URL `{named}` has no scheme; write `https://{named}` or `http://{named}`"
            )));
        }
        Ok(url) => {
            let message =
                format!("the base URL begins with `{}`; it must be http or https", url.scheme());
            return Err(LlmError::invalid_input(message));
        }
        Err(error) => {
            return Err(LlmError::invalid_input(format!(
                "the base URL `{named}` is no URL: {error}"
            )));
        }
    };
    let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    url.set_fragment(None);
    Ok(url)
}

fn key_header(
    kind: KeyHeader,
    provider: &str,
    key: &SecretString,
) -> Result<(HeaderName, HeaderValue), LlmError> {
    // Keys are read from files and pasted: white space around them is never meant.
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Err(LlmError::invalid_input(format!("the API key of {provider} is empty")));
    }
    let (name, value) = match kind {
        KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
        KeyHeader::Named(name) => (HeaderName::from_static(name), key.to_owned()),
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        LlmError::invalid_input(format!(
            "the API key of {provider} has a character that no header can hold; is it only the key?"
        ))
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn header(name: &str, value: &SecretString) -> Result<(HeaderName, HeaderValue), LlmError> {
    let held = HeaderName::try_from(name)
        .map_err(|_| LlmError::invalid_input(format!("`{name}` is no name of a header")))?;
    let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| {
        let message = format!("the header `{name}` has a character that no header can hold");
        LlmError::invalid_input(message)
    })?;
    value.set_sensitive(true);
    Ok((held, value))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("provider", &self.provider)
            .field("url", &self.address())
            .finish_non_exhaustive()
    }
}

//! A server behind an address: streamable HTTP.
use std::collections::HashMap;

use reqwest::{
    Client,
    header::{HeaderName, HeaderValue},
};
use rmcp::transport::{
    StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
};

use crate::secrets;

/// Where a server is, and what is sent with every request.
#[derive(Clone)]
pub(crate) struct Address {
    url: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Address {
    pub(crate) fn new(url: String) -> Self {
        Self { url, headers: Vec::new() }
    }

    /// The way to it, on which a message has at most `longest` bytes. Nothing is sent yet.
    pub(crate) fn transport(
        &self,
        longest: usize,
    ) -> Result<StreamableHttpClientTransport<Client>, String> {
        let url = reqwest::Url::parse(&self.url).map_err(|error| format!("no address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is no scheme for it; use http or https", url.scheme()));
        }
        let headers = self.headers.iter().map(header).collect::<Result<HashMap<_, _>, _>>()?;
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
            .custom_headers(headers)
            .max_sse_event_size(longest)
            .max_json_response_size(longest);
        Ok(StreamableHttpClientTransport::from_config(config))
    }

    pub(crate) fn shown(&self) -> String {
        secrets::address(&self.url).into_owned()
    }

    /// What must not be shown of it. Others' errors may quote the address, or a part of it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<_> =
            self.url.split(['?', '&', '#', '=']).skip(1).map(str::to_owned).collect();
        let user = self.url.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        if let Some((user, _)) = user {
            secrets.extend(user.split(':').chain([user]).map(str::to_owned));
        }
        for (_, value) in &self.headers {
            // As in `Bearer TOKEN`.
            secrets.extend(value.split(' ').chain([value.as_str()]).map(str::to_owned));
        }
        secrets
    }
}

fn header((name, value): &(String, String)) -> Result<(HeaderName, HeaderValue), String> {
    let parsed_name = HeaderName::try_from(name.as_str());
    let parsed_name = parsed_name.map_err(|_| format!("`{name}` can't be the name of a header"))?;
    let mut parsed = HeaderValue::try_from(value.as_str()).map_err(|_| {
        format!("the value of the header `{name}` has characters that it can't have")
    })?;
    parsed.set_sensitive(true);
    Ok((parsed_name, parsed))
}

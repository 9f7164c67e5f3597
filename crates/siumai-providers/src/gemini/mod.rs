//! Gemini: `generateContent` and `streamGenerateContent` of Google's Generative Language API.
mod failure;
mod origin;
mod reply;
mod request;
mod wire;

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use serde_json::Value;
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelStream},
    types::{ChatRequest, Tool, Warning},
};

use crate::{
    http::{Endpoint, EndpointBuilder, KeyHeader, Transport},
    reply::ask,
    schema,
};

const GOOGLE: &str = "https://generativelanguage.googleapis.com/v1beta";

/// The name of this wire, under which a message keeps what it was on it.
const WIRE: &str = "gemini";

/// A Gemini model.
///
/// ```
/// use siumai_core::model::LanguageModel;
/// use siumai_providers::Gemini;
///
/// let model = Gemini::builder().api_key("AIza…").model("gemini-2.5-flash").build()?;
/// assert_eq!((model.provider(), model.model()), ("gemini", "gemini-2.5-flash"));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Debug)]
pub struct Gemini {
    whole: Endpoint,
    streamed: Endpoint,
    model: String,
}

/// Makes a [`Gemini`]. What is wrong with what it was given is told by [`build`](Self::build).
#[must_use]
pub struct GeminiBuilder {
    endpoint: EndpointBuilder,
    model: String,
    wants_key: bool,
}

impl Gemini {
    /// Google's own API. It wants a key, unless it is given another base URL.
    pub fn builder() -> GeminiBuilder {
        let endpoint = EndpointBuilder {
            provider: WIRE.to_owned(),
            base_url: GOOGLE.to_owned(),
            // Never in the URL, which logs and proxies keep.
            key_header: KeyHeader::Named("x-goog-api-key"),
            ..EndpointBuilder::default()
        };
        GeminiBuilder { endpoint, model: String::new(), wants_key: true }
    }
}

impl GeminiBuilder {
    /// The key. It never shows in an error or in `Debug`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.endpoint.api_key = Some(SecretString::from(key.into()));
        self
    }

    /// The model's name, with or without `models/` before it.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Where the API is, with its version, such as `http://localhost:8080/v1beta`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint.base_url = url.into();
        self.wants_key = false;
        self
    }

    /// A header that goes with every request. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.endpoint.headers.push((name.into(), SecretString::from(value.into())));
        self
    }

    /// What carries the requests, instead of an HTTP client of its own.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.endpoint.transport = Some(Arc::new(transport));
        self
    }

    /// The model.
    ///
    /// # Errors
    ///
    /// If there is no model, no key where one is wanted, or a key, header or base URL that
    /// can't be one.
    pub fn build(self) -> Result<Gemini, LlmError> {
        let provider = &self.endpoint.provider;
        let model = self.model.trim();
        let name = model.strip_prefix("models/").unwrap_or(model);
        if name.is_empty() {
            return Err(LlmError::invalid_input(format!("no model of {provider} is named")));
        }
        if self.wants_key && self.endpoint.api_key.is_none() {
            let message = format!("{provider} wants an API key; pass one with `api_key`");
            return Err(LlmError::new(ErrorKind::Authentication, message));
        }
        // A tuned model is named with its collection.
        let path = if name.contains('/') { name.to_owned() } else { format!("models/{name}") };
        let whole = self.endpoint.build(&format!("{path}:generateContent"))?;
        let last = path.rsplit('/').next().unwrap_or_default();
        let streamed = whole.beside(&format!("{last}:streamGenerateContent"), ("alt", "sse"))?;
        Ok(Gemini { whole, streamed, model: name.to_owned() })
    }
}

#[async_trait]
impl LanguageModel for Gemini {
    fn provider(&self) -> &str {
        self.whole.provider()
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        // Held no longer than it takes to write it down.
        let (question, is_whole) = {
            let request = request;
            (request::question(&self.model, &request)?, request.is_whole())
        };
        let endpoint = if is_whole { &self.whole } else { &self.streamed };
        ask(endpoint, &self.model, question, reply::Reader::default()).await
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        let begins_well =
            |name: &str| !name.starts_with(|it: char| it.is_ascii_digit() || it == '-');
        let rule = "begin its name with a letter or `_`";
        schema::check_names(tools, "Gemini", begins_well, rule)?;
        Ok(schema::check(tools, schema::gemini::offer))
    }

    fn takes_answer_schema(&self, _: &Value, tools: &[Tool]) -> bool {
        // Models of other generations are refused a schema beside tools.
        tools.is_empty() || request::joins_tools_and_schemas(&self.model)
    }
}

impl fmt::Debug for GeminiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiBuilder").field("model", &self.model).finish_non_exhaustive()
    }
}

//! OpenAI Chat Completions, and the servers that speak it.
mod reply;
mod request;
pub(crate) mod wire;

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelStream},
    types::ChatRequest,
};

use self::request::LimitName;
use crate::{
    http::{Endpoint, EndpointBuilder, Transport},
    reply::ask,
};

const OPENAI: &str = "https://api.openai.com/v1";
const OLLAMA: &str = "http://localhost:11434/v1";

/// A model behind Chat Completions.
///
/// ```
/// use siumai_core::model::LanguageModel;
/// use siumai_providers::OpenAiChat;
///
/// let model = OpenAiChat::openai().api_key("sk-…").model("gpt-4o-mini").build()?;
/// assert_eq!((model.provider(), model.model()), ("openai", "gpt-4o-mini"));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Debug)]
pub struct OpenAiChat {
    endpoint: Endpoint,
    model: String,
    limit_name: LimitName,
}

/// Makes an [`OpenAiChat`]. What is wrong with what it was given is told by [`build`](Self::build).
#[must_use]
pub struct OpenAiChatBuilder {
    endpoint: EndpointBuilder,
    model: String,
    limit_name: LimitName,
    wants_key: bool,
}

impl OpenAiChat {
    /// OpenAI itself. It wants a key, unless it is given another base URL.
    pub fn openai() -> OpenAiChatBuilder {
        OpenAiChatBuilder {
            limit_name: LimitName::MaxCompletionTokens,
            wants_key: true,
            ..Self::compatible("openai", OPENAI)
        }
    }

    /// Ollama on this machine, at the port it usually has. It wants no key.
    pub fn ollama() -> OpenAiChatBuilder {
        Self::compatible("ollama", OLLAMA)
    }

    /// Any other server that speaks Chat Completions; errors call it `provider`.
    pub fn compatible(
        provider: impl Into<String>,
        base_url: impl Into<String>,
    ) -> OpenAiChatBuilder {
        let endpoint = EndpointBuilder {
            provider: provider.into(),
            base_url: base_url.into(),
            ..EndpointBuilder::default()
        };
        let limit_name = LimitName::default();
        OpenAiChatBuilder { endpoint, model: String::new(), limit_name, wants_key: false }
    }
}

impl OpenAiChatBuilder {
    /// The key. It never shows in an error or in `Debug`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.endpoint.api_key = Some(SecretString::from(key.into()));
        self
    }

    /// The model's name, as the server knows it.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Where the API is, such as `http://localhost:8080/v1`.
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
    pub fn build(self) -> Result<OpenAiChat, LlmError> {
        let provider = &self.endpoint.provider;
        if self.model.trim().is_empty() {
            return Err(LlmError::invalid_input(format!("no model of {provider} is named")));
        }
        if self.wants_key && self.endpoint.api_key.is_none() {
            let message = format!("{provider} wants an API key; pass one with `api_key`");
            return Err(LlmError::new(ErrorKind::Authentication, message));
        }
        let endpoint = self.endpoint.build("chat/completions")?;
        Ok(OpenAiChat { endpoint, model: self.model, limit_name: self.limit_name })
    }
}

#[async_trait]
impl LanguageModel for OpenAiChat {
    fn provider(&self) -> &str {
        self.endpoint.provider()
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let question = request::question(&self.model, self.limit_name, &request)?;
        ask::<reply::Reader>(&self.endpoint, &self.model, question).await
    }
}

impl fmt::Debug for OpenAiChatBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiChatBuilder")
            .field("provider", &self.endpoint.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

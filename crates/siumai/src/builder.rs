//! Which model a client talks to.
use std::fmt;

use secrecy::SecretString;
use siumai_core::{
    LlmError,
    model::{LanguageModel, layers::Retry},
};
use siumai_providers::{
    Anthropic, Gemini, OfflineModel, OpenAiChat, OpenAiChatBuilder, OpenAiResponses,
    compatible::{SERVERS, Server},
    http::Url,
};

use crate::Siumai;

/// The wires that are providers by themselves, and the model that needs nothing.
const OWN: [&str; 5] = ["openai", "openai-responses", "anthropic", "gemini", "offline"];

/// The names of the providers that a client can talk to.
///
/// ```
/// let names: Vec<_> = siumai::provider_names().collect();
/// assert!(names.contains(&"anthropic") && names.contains(&"groq"));
/// ```
pub fn provider_names() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(SERVERS.iter().map(Server::name))
}

/// Says which model a client talks to. Mistakes show once, when it is built.
///
/// ```
/// use siumai::prelude::*;
///
/// let client = Siumai::builder()
///     .openai()
///     .api_key("sk-example")
///     .model("gpt-4.1-mini")
///     .base_url("http://localhost:8080/v1")
///     .build()?;
/// assert_eq!(format!("{client:?}"), r#"Siumai { provider: "openai", model: "gpt-4.1-mini", .. }"#);
///
/// let mistake = Siumai::builder().openai().model("gpt-4.1-mini").build().unwrap_err();
/// assert_eq!(mistake.kind(), ErrorKind::Authentication);
/// # Ok::<(), LlmError>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct SiumaiBuilder {
    provider: Option<String>,
    api_key: Option<String>,
    model: Option<String>,
    base_url: Option<String>,
    max_retries: Option<usize>,
}

/// Gives a provider's own builder what was said, and builds it. The builders are types of their
/// own, with the same setters.
macro_rules! configured {
    ($said:ident, $builder:expr) => {{
        let mut builder = $builder;
        if let Some(key) = &$said.api_key {
            builder = builder.api_key(key);
        }
        if let Some(model) = &$said.model {
            builder = builder.model(model);
        }
        if let Some(url) = &$said.base_url {
            builder = builder.base_url(url);
        }
        let model = builder.build()?;
        Ok($said.with_retries(model))
    }};
}

impl SiumaiBuilder {
    /// OpenAI's Chat Completions, or any server that speaks them, at its own [`base_url`](Self::base_url).
    pub fn openai(self) -> Self {
        self.provider("openai")
    }

    /// OpenAI's Responses, or any server that speaks them, at its own [`base_url`](Self::base_url).
    pub fn openai_responses(self) -> Self {
        self.provider("openai-responses")
    }

    /// Anthropic's Messages.
    pub fn anthropic(self) -> Self {
        self.provider("anthropic")
    }

    /// Google's Gemini.
    pub fn gemini(self) -> Self {
        self.provider("gemini")
    }

    /// A known server that speaks Chat Completions, such as `groq` or `vllm`: one of
    /// [`SERVERS`](crate::providers::compatible::SERVERS).
    pub fn compatible(self, name: impl Into<String>) -> Self {
        self.provider(name)
    }

    /// An Ollama server, by default on this machine. It needs no key.
    pub fn ollama(self) -> Self {
        self.provider("ollama")
    }

    /// A model of rules that needs no key, no network and no download. It is no language model, and says so.
    pub fn offline(self) -> Self {
        self.provider("offline")
    }

    /// A provider by its name, for programs that read it from somewhere: one of [`provider_names`].
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// The provider's key. It never appears in an error, a log or a `Debug`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// The model, as the provider names it.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Where the provider is, such as `http://localhost:8080/v1`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// How often a call that failed is made again: 2 times, if nothing is said. See [`Retry`].
    pub fn max_retries(mut self, retries: usize) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// If the provider is missing or unknown, its model or its key is missing, or the base URL is none.
    pub fn build(self) -> Result<Siumai, LlmError> {
        match self.provider.as_deref() {
            Some("openai") => configured!(self, OpenAiChat::openai()),
            Some("openai-responses") => configured!(self, OpenAiResponses::openai()),
            Some("anthropic") => configured!(self, Anthropic::builder()),
            Some("gemini") => configured!(self, Gemini::builder()),
            Some("offline") => Ok(Siumai::new(OfflineModel::new())),
            Some(name) => configured!(self, known(name)?),
            None => Err(LlmError::invalid_input(
                "no provider was chosen; call one of `.openai()`, `.anthropic()`, `.offline()` … before `.build()`",
            )),
        }
    }

    fn with_retries(self, model: impl LanguageModel + 'static) -> Siumai {
        let retry = Retry::new(model);
        let client = Siumai::new(match self.max_retries {
            Some(retries) => retry.max_retries(retries),
            None => retry,
        });
        client.keeping(self.secrets())
    }

    /// The key, and what may be one in the base URL.
    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets: Vec<_> = self.api_key.iter().map(|it| it.as_str().into()).collect();
        let url = self.base_url.as_ref().and_then(|it| Url::parse(it.trim()).ok());
        if let Some(url) = url {
            // A user alone is a token.
            secrets.push(url.password().unwrap_or(url.username()).into());
            let query = url.query_pairs().filter(|(name, _)| is_secret(name));
            secrets.extend(query.map(|(_, value)| SecretString::from(&*value)));
        }
        secrets
    }
}

/// Whether what goes by this name in a query is for nobody to see, unlike a version.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["key", "pass", "secret", "sig", "token"].iter().any(|it| name.contains(it))
}

fn known(name: &str) -> Result<OpenAiChatBuilder, LlmError> {
    OpenAiChat::server(name).map_err(|unknown| {
        let own = OWN.map(|it| format!("`{it}`")).join(", ");
        LlmError::invalid_input(format!(
            "no provider named `{name}`; there are {own}, and {unknown}"
        ))
    })
}

impl fmt::Debug for SiumaiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiumaiBuilder")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

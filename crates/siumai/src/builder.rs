//! Which model a client talks to.
use std::fmt;

use secrecy::SecretString;
use siumai_core::{
    LlmError,
    model::{LanguageModel, layers::Retry},
};
use siumai_providers::{
    Anthropic, Gemini, OfflineModel, OpenAiChat, OpenAiResponses,
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
    provider: Option<Provider>,
    api_key: Option<String>,
    model: Option<String>,
    base_url: Option<String>,
    max_retries: Option<usize>,
}

/// A provider, and what makes a client of it: a program that names its provider has no code of the
/// others in it.
#[derive(Clone)]
struct Provider {
    name: String,
    make: Make,
}

type Make = fn(&SiumaiBuilder, &str) -> Result<Siumai, LlmError>;

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
        self.made_by("openai", |said, _| configured!(said, OpenAiChat::openai()))
    }

    /// OpenAI's Responses, or any server that speaks them, at its own [`base_url`](Self::base_url).
    pub fn openai_responses(self) -> Self {
        self.made_by("openai-responses", |said, _| configured!(said, OpenAiResponses::openai()))
    }

    /// Anthropic's Messages.
    pub fn anthropic(self) -> Self {
        self.made_by("anthropic", |said, _| configured!(said, Anthropic::builder()))
    }

    /// Google's Gemini.
    pub fn gemini(self) -> Self {
        self.made_by("gemini", |said, _| configured!(said, Gemini::builder()))
    }

    /// A known server that speaks Chat Completions, such as `groq` or `vllm`: one of
    /// [`SERVERS`](crate::providers::compatible::SERVERS).
    pub fn compatible(self, name: impl Into<String>) -> Self {
        self.provider(name)
    }

    /// An Ollama server, by default on this machine. It needs no key.
    pub fn ollama(self) -> Self {
        self.made_by("ollama", known)
    }

    /// A model of rules that needs no key, no network and no download. It is no language model, and says so.
    pub fn offline(self) -> Self {
        self.made_by("offline", |_, _| Ok(Siumai::new(OfflineModel::new())))
    }

    /// A provider by its name, for programs that read it from somewhere: one of [`provider_names`].
    pub fn provider(self, name: impl Into<String>) -> Self {
        let name = name.into();
        match &*name {
            "openai" => self.openai(),
            "openai-responses" => self.openai_responses(),
            "anthropic" => self.anthropic(),
            "gemini" => self.gemini(),
            "offline" => self.offline(),
            _ => self.made_by(name, known),
        }
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
        match &self.provider {
            Some(provider) => (provider.make)(&self, &provider.name),
            None => Err(LlmError::invalid_input(
                "no provider was chosen; call one of `.openai()`, `.anthropic()`, `.offline()` … before `.build()`",
            )),
        }
    }

    fn made_by(mut self, name: impl Into<String>, make: Make) -> Self {
        self.provider = Some(Provider { name: name.into(), make });
        self
    }

    fn with_retries(&self, model: impl LanguageModel + 'static) -> Siumai {
        let client = match self.max_retries {
            Some(0) => Siumai::new(model),
            Some(retries) => Siumai::new(Retry::new(model).max_retries(retries)),
            None => Siumai::new(Retry::new(model)),
        };
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

/// A client of one of the known servers, by its name.
fn known(said: &SiumaiBuilder, name: &str) -> Result<Siumai, LlmError> {
    let server = OpenAiChat::server(name).map_err(|unknown| {
        let own = OWN.map(|it| format!("`{it}`")).join(", ");
        LlmError::invalid_input(format!(
            "no provider named `{name}`; there are {own}, and {unknown}"
        ))
    });
    configured!(said, server?)
}

impl fmt::Debug for SiumaiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiumaiBuilder")
            .field("provider", &self.provider.as_ref().map(|it| &it.name))
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

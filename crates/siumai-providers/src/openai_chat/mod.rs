//! OpenAI Chat Completions, and the servers that speak it.
pub(crate) mod dialect;
pub(crate) mod error;
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

use self::dialect::{Address, Dialect, End, Schemas, is_before_schemas};
use crate::{
    compatible::{self, Server},
    http::{Endpoint, EndpointBuilder, KeyHeader, Transport},
    reply::ask,
    schema,
};

const OPENAI: &str = "https://api.openai.com/v1";

/// What the origin of a message is called that came from OpenAI.
const WIRE: &str = "openai-chat";

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
    dialect: Dialect,
    /// What the origins of its messages are called: what one server sent no other may get.
    wire: Arc<str>,
}

/// Makes an [`OpenAiChat`]. What is wrong with what it was given is told by [`build`](Self::build).
#[must_use]
pub struct OpenAiChatBuilder {
    endpoint: EndpointBuilder,
    model: String,
    dialect: Dialect,
    wants_key: bool,
    /// The version of Azure's API.
    api_version: Option<String>,
}

impl OpenAiChat {
    /// OpenAI itself. It wants a key, unless it is given another base URL.
    pub fn openai() -> OpenAiChatBuilder {
        OpenAiChatBuilder {
            dialect: Dialect::OPENAI,
            wants_key: true,
            ..Self::compatible("openai", OPENAI)
        }
    }

    /// Ollama on this machine, at the port it usually has. It wants no key.
    pub fn ollama() -> OpenAiChatBuilder {
        OpenAiChatBuilder::from(&compatible::OLLAMA)
    }

    /// A server of the [table](compatible::SERVERS) by its name.
    ///
    /// ```
    /// use siumai_core::model::LanguageModel;
    /// use siumai_providers::OpenAiChat;
    ///
    /// let model = OpenAiChat::server("groq")?.api_key("gsk-…").model("openai/gpt-oss-20b").build()?;
    /// assert_eq!(model.provider(), "groq");
    ///
    /// let unknown = OpenAiChat::server("grok").unwrap_err();
    /// assert!(unknown.to_string().starts_with("no server named `grok`; did you mean `groq`?"));
    /// # Ok::<(), siumai_core::LlmError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none of that name; the nearest is named.
    pub fn server(name: &str) -> Result<OpenAiChatBuilder, LlmError> {
        compatible::find(name).map(OpenAiChatBuilder::from)
    }

    /// Any other server that speaks Chat Completions; errors call it `provider`. If that is
    /// the name of a server of the [table](compatible::SERVERS), it is spoken to as that one.
    pub fn compatible(
        provider: impl Into<String>,
        base_url: impl Into<String>,
    ) -> OpenAiChatBuilder {
        let endpoint = EndpointBuilder {
            provider: provider.into(),
            base_url: base_url.into(),
            ..EndpointBuilder::default()
        };
        let known = compatible::find(&endpoint.provider);
        OpenAiChatBuilder {
            dialect: known.map_or(Dialect::PLAIN, Server::dialect),
            endpoint,
            model: String::new(),
            wants_key: false,
            api_version: None,
        }
    }
}

impl From<&Server> for OpenAiChatBuilder {
    fn from(server: &Server) -> Self {
        let base_url = server.base_url().unwrap_or_default();
        let wants_key = server.wants_key();
        Self { wants_key, ..OpenAiChat::compatible(server.name(), base_url) }
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
    ///
    /// For Azure that is the resource, such as `https://me.openai.azure.com`, whose deployment
    /// is named by the model; or its `/openai/v1`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint.base_url = url.into();
        // Azure has no other.
        self.wants_key &= self.dialect.address == Address::Azure;
        self
    }

    /// The version of the API that Azure is asked for, such as `2024-10-21`. Others have none.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Holds the model to the schemas of the tools, in the words of the provider's strict mode: a
    /// parameter that may be left out is null instead. A tool whose parameters those words can't say
    /// is offered without, and the run is [warned](Warning).
    pub fn strict_tools(mut self) -> Self {
        self.dialect.strict_tools = true;
        self
    }

    /// Takes the end of the connection for the end of a reply that has said why it ended: some
    /// servers send no `[DONE]`. What would have come behind the reason is not missed then.
    pub fn without_end_marker(mut self) -> Self {
        self.dialect.end = End::Connection;
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
    pub fn build(mut self) -> Result<OpenAiChat, LlmError> {
        let provider = &self.endpoint.provider;
        if self.model.trim().is_empty() {
            return Err(LlmError::invalid_input(format!("no model of {provider} is named")));
        }
        if self.wants_key && self.endpoint.api_key.is_none() {
            let message = format!("{provider} wants an API key; pass one with `api_key`");
            return Err(LlmError::new(ErrorKind::Authentication, message));
        }
        let wire =
            if provider == "openai" { WIRE.to_owned() } else { format!("{WIRE}:{provider}") };
        if self.dialect.address == Address::Azure {
            self.endpoint.key_header = KeyHeader::Named("api-key");
            let version = self.api_version.as_deref();
            self.endpoint.base_url =
                compatible::azure_address(&self.endpoint.base_url, &self.model, version)?;
        }
        let endpoint = self.endpoint.build("chat/completions")?;
        Ok(OpenAiChat { endpoint, model: self.model, dialect: self.dialect, wire: wire.into() })
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
        // Held no longer than it takes to write it down.
        let question = {
            let request = request;
            request::question(&self.model, &self.wire, self.dialect, &request)?
        };
        let reader = reply::Reader::new(Arc::clone(&self.wire), self.dialect.end);
        ask(&self.endpoint, &self.model, question, reader).await
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        let (provider, strict) = (self.provider(), self.dialect.strict_tools);
        Ok(schema::check(tools, |it| schema::openai::offer(it, provider, strict)))
    }

    fn takes_answer_schema(&self, _: &Value, tools: &[Tool]) -> bool {
        match self.dialect.schemas {
            Schemas::Never => false,
            Schemas::WithoutTools => tools.is_empty(),
            Schemas::Always => !is_before_schemas(&self.model),
        }
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

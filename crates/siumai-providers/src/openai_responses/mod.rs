//! OpenAI Responses, and the servers that speak it.
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

use self::request::{Manner, SystemPlace};
use crate::{
    http::{Endpoint, EndpointBuilder, Transport},
    openai_chat::dialect::is_before_schemas,
    reply::ask,
    schema,
};

const OPENAI: &str = "https://api.openai.com/v1";

/// What the origin of a message is called that came from OpenAI.
const WIRE: &str = "openai-responses";

/// A model behind Responses.
///
/// Nothing is kept by the provider unless that is [asked for](OpenAiResponsesBuilder::stored): the
/// model's reasoning comes back encrypted, and a message that goes back takes it along.
///
/// ```
/// use siumai_core::model::LanguageModel;
/// use siumai_providers::OpenAiResponses;
///
/// let model = OpenAiResponses::openai().api_key("sk-…").model("gpt-5-mini").build()?;
/// assert_eq!((model.provider(), model.model()), ("openai", "gpt-5-mini"));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Debug)]
pub struct OpenAiResponses {
    endpoint: Endpoint,
    model: String,
    manner: Arc<Manner>,
}

/// Makes an [`OpenAiResponses`]. What is wrong with what it was given is told by
/// [`build`](Self::build).
#[must_use]
pub struct OpenAiResponsesBuilder {
    endpoint: EndpointBuilder,
    model: String,
    manner: Manner,
    wants_key: bool,
}

impl OpenAiResponses {
    /// OpenAI itself. It wants a key, unless it is given another base URL.
    pub fn openai() -> OpenAiResponsesBuilder {
        let builder = Self::compatible("openai", OPENAI).system_as_instructions();
        OpenAiResponsesBuilder { wants_key: true, ..builder }
    }

    /// Any other server that speaks Responses; errors call it `provider`.
    ///
    /// What only the server that made it can read, such as encrypted reasoning, is sent back to
    /// models of the same `provider` alone.
    pub fn compatible(
        provider: impl Into<String>,
        base_url: impl Into<String>,
    ) -> OpenAiResponsesBuilder {
        let provider = provider.into();
        let wire =
            if provider == "openai" { WIRE.to_owned() } else { format!("{WIRE}:{provider}") };
        let manner = Manner {
            wire,
            system: SystemPlace::Input,
            stores: false,
            strict_tools: false,
            reasoning_summary: None,
            hosted_tools: Vec::new(),
        };
        let endpoint =
            EndpointBuilder { provider, base_url: base_url.into(), ..EndpointBuilder::default() };
        OpenAiResponsesBuilder { endpoint, model: String::new(), manner, wants_key: false }
    }
}

impl OpenAiResponsesBuilder {
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

    /// Where the API is, such as `http://localhost:1234/v1`.
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

    /// Lets the provider keep the replies. The history is sent whole all the same.
    pub fn stored(mut self) -> Self {
        self.manner.stores = true;
        self
    }

    /// Holds the model to the schemas of the tools, in the words of the provider's strict mode: a
    /// parameter that may be left out is null instead. A tool whose parameters those words can't say
    /// is offered without, and the run is [warned](Warning).
    pub fn strict_tools(mut self) -> Self {
        self.manner.strict_tools = true;
        self
    }

    /// Asks for a summary of the model's reasoning: `auto`, `concise` or `detailed`.
    pub fn reasoning_summary(mut self, detail: impl Into<String>) -> Self {
        self.manner.reasoning_summary = Some(detail.into());
        self
    }

    /// Offers a tool that the provider executes, in its own words.
    ///
    /// Its calls are no tool calls of a reply. They go back to the provider with the message.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_providers::OpenAiResponses;
    ///
    /// let builder = OpenAiResponses::openai().hosted_tool(json!({ "type": "web_search" }));
    /// # drop(builder);
    /// ```
    pub fn hosted_tool(mut self, tool: Value) -> Self {
        self.manner.hosted_tools.push(tool);
        self
    }

    /// Sends the leading system messages as `instructions`: what OpenAI is sent.
    pub fn system_as_instructions(mut self) -> Self {
        self.manner.system = SystemPlace::Instructions;
        self
    }

    /// Sends the leading system messages with the others: what other servers are sent, of which
    /// some take no `instructions`.
    pub fn system_as_messages(mut self) -> Self {
        self.manner.system = SystemPlace::Input;
        self
    }

    /// The model.
    ///
    /// # Errors
    ///
    /// If there is no model, no key where one is wanted, or a key, header or base URL that
    /// can't be one.
    pub fn build(self) -> Result<OpenAiResponses, LlmError> {
        let provider = &self.endpoint.provider;
        if self.model.trim().is_empty() {
            return Err(LlmError::invalid_input(format!("no model of {provider} is named")));
        }
        if self.wants_key && self.endpoint.api_key.is_none() {
            let message = format!("{provider} wants an API key; pass one with `api_key`");
            return Err(LlmError::new(ErrorKind::Authentication, message));
        }
        let endpoint = self.endpoint.build("responses")?;
        Ok(OpenAiResponses { endpoint, model: self.model, manner: Arc::new(self.manner) })
    }
}

#[async_trait]
impl LanguageModel for OpenAiResponses {
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
            request::question(&self.model, &self.manner, &request)?
        };
        let reader = reply::Reader::new(&self.manner.wire);
        ask(&self.endpoint, &self.model, question, reader).await
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        let (provider, strict) = (self.provider(), self.manner.strict_tools);
        Ok(schema::check(tools, |it| schema::openai::offer(it, provider, strict)))
    }

    fn takes_answer_schema(&self, _: &Value, _: &[Tool]) -> bool {
        // Of another server nobody knows what it does about a schema.
        self.provider() == "openai" && !is_before_schemas(&self.model)
    }
}

impl fmt::Debug for OpenAiResponsesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiResponsesBuilder")
            .field("provider", &self.endpoint.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

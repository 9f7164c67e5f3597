//! Anthropic Messages, and the servers that speak it.
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

use self::request::Manner;
use crate::{
    http::{Endpoint, EndpointBuilder, KeyHeader, Transport},
    reply::ask,
    schema,
};

const ANTHROPIC: &str = "https://api.anthropic.com/v1";

/// The version of the format that is spoken here.
const VERSION: &str = "2023-06-01";

/// What the origin of a message is called that came from Anthropic.
const WIRE: &str = "anthropic";

/// A model behind Anthropic Messages.
///
/// Where no limit of output tokens is set, the reply may have 64,000 tokens from Claude 4.6
/// on, 32,000 from Claude 3.7 on, 8,192 with Claude 3.5 and models of others, and 4,096 with
/// those before: what each of them accepts.
///
/// A reasoning effort of `low`, `medium`, `high` or another word of the provider goes to Claude
/// 4.6 and later as it is, with adaptive thinking; 4.6 has no `xhigh` and is told `max`. Earlier
/// models get a share of the output limit to think in: 10 % for `minimal`, 20 % for `low`, 50 %
/// for `medium`, 80 % for `high`, 95 % for `xhigh` and `max`. `none` switches thinking off.
///
/// ```
/// use siumai_core::model::LanguageModel;
/// use siumai_providers::Anthropic;
///
/// let model = Anthropic::builder().api_key("sk-ant-…").model("claude-sonnet-4-5").build()?;
/// assert_eq!((model.provider(), model.model()), ("anthropic", "claude-sonnet-4-5"));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Debug)]
pub struct Anthropic {
    endpoint: Endpoint,
    model: String,
    manner: Arc<Manner>,
}

/// Makes an [`Anthropic`]. What is wrong with what it was given is told by [`build`](Self::build).
#[must_use]
pub struct AnthropicBuilder {
    endpoint: EndpointBuilder,
    model: String,
    manner: Manner,
    betas: Vec<String>,
    wants_key: bool,
}

impl Anthropic {
    /// Anthropic itself. It wants a key, unless it is given another base URL.
    pub fn builder() -> AnthropicBuilder {
        AnthropicBuilder { wants_key: true, ..Self::compatible("anthropic", ANTHROPIC) }
    }

    /// Any other server that speaks Messages; errors call it `provider`.
    ///
    /// What only the server that made it can read, such as signed thinking, is sent back to
    /// models of the same `provider` alone.
    pub fn compatible(
        provider: impl Into<String>,
        base_url: impl Into<String>,
    ) -> AnthropicBuilder {
        let provider = provider.into();
        let wire = if provider == WIRE { WIRE.to_owned() } else { format!("{WIRE}:{provider}") };
        let endpoint = EndpointBuilder {
            provider,
            base_url: base_url.into(),
            key_header: KeyHeader::Named("x-api-key"),
            open_headers: vec![("anthropic-version", VERSION.to_owned())],
            ..EndpointBuilder::default()
        };
        AnthropicBuilder {
            endpoint,
            model: String::new(),
            manner: Manner::of(wire),
            betas: Vec::new(),
            wants_key: false,
        }
    }
}

impl AnthropicBuilder {
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

    /// Where the API is, with or without `/v1` at its end.
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

    /// Asks for a feature that is still a beta, such as `context-1m-2025-08-07`.
    pub fn beta(mut self, name: impl Into<String>) -> Self {
        self.betas.push(name.into());
        self
    }

    /// Offers a tool that the provider executes, in its own words.
    ///
    /// Its calls are no tool calls of a reply. They go back to the provider with the message, and
    /// code that it runs goes on in the container in which it ran for the reply before.
    ///
    /// A tool that the provider describes and that is executed here, such as its memory, is told
    /// in these words where the run has a tool of the same name.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_providers::Anthropic;
    ///
    /// let search = json!({ "type": "web_search_20250305", "name": "web_search", "max_uses": 3 });
    /// let builder = Anthropic::builder().hosted_tool(search);
    /// # drop(builder);
    /// ```
    pub fn hosted_tool(mut self, tool: Value) -> Self {
        self.manner.hosted_tools.push(tool);
        self
    }

    /// Holds the model to the schemas of the tools, in the words of the provider's strict mode: a
    /// parameter that may be left out is null instead. A tool whose parameters those words can't say
    /// is offered without, and the run is [warned](Warning).
    pub fn strict_tools(mut self) -> Self {
        self.manner.strict_tools = true;
        self
    }

    /// Lets the provider keep what it has read, so that the next request with the same
    /// beginning is cheaper and faster: tools, system and the conversation so far.
    pub fn prompt_caching(mut self, is_on: bool) -> Self {
        self.manner.prompt_caching = is_on;
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
    pub fn build(self) -> Result<Anthropic, LlmError> {
        let Self { mut endpoint, model, manner, betas, wants_key } = self;
        let provider = &endpoint.provider;
        if model.trim().is_empty() {
            return Err(LlmError::invalid_input(format!("no model of {provider} is named")));
        }
        if wants_key && endpoint.api_key.is_none() {
            let message = format!("{provider} wants an API key; pass one with `api_key`");
            return Err(LlmError::new(ErrorKind::Authentication, message));
        }
        if !betas.is_empty() {
            endpoint.open_headers.push(("anthropic-beta", betas.join(",")));
        }
        let path = if has_version(&endpoint.base_url) { "messages" } else { "v1/messages" };
        Ok(Anthropic { endpoint: endpoint.build(path)?, model, manner: Arc::new(manner) })
    }
}

/// Whether a base URL names the version of the API, which servers are told with and without.
fn has_version(base_url: &str) -> bool {
    let path = base_url.split(['?', '#']).next().unwrap_or_default();
    path.trim().trim_end_matches('/').ends_with("/v1")
}

#[async_trait]
impl LanguageModel for Anthropic {
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
        Ok(schema::check(tools, |it| schema::anthropic::offer(it, provider, strict)))
    }

    fn takes_answer_schema(&self, _: &Value, _: &[Tool]) -> bool {
        request::takes_schemas(&self.model)
    }
}

impl fmt::Debug for AnthropicBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicBuilder")
            .field("provider", &self.endpoint.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

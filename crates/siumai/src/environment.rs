//! Clients by what the environment says: the one place of the library that reads it.
use siumai_core::{ErrorKind, LlmError};
use siumai_providers::compatible;

use crate::{Siumai, SiumaiBuilder};

/// The model that is asked when the environment names a key and no model.
const OPENAI_MODEL: &str = "gpt-4.1-mini";

impl Siumai {
    /// A client of what the environment is configured for.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `SIUMAI_MODEL` | `provider:model`, such as `openai:gpt-4.1-mini`, `ollama:llama3.2` or `offline` |
    /// | `OPENAI_API_KEY` | the key for `openai` and `openai-responses` |
    /// | `OPENAI_BASE_URL` | another place for these two |
    /// | `ANTHROPIC_API_KEY`, `GEMINI_API_KEY` | the keys for `anthropic` and `gemini` |
    /// | `GROQ_API_KEY` and so on | the keys of [other servers](crate::providers::compatible) |
    ///
    /// Without `SIUMAI_MODEL`, a key of OpenAI, or a base URL, is enough.
    ///
    /// # Errors
    ///
    /// If nothing is configured, or what is can't be used.
    pub fn from_env() -> Result<Self, LlmError> {
        match configured() {
            Some(name) => Self::from_model(&name),
            None => Err(LlmError::new(
                ErrorKind::Authentication,
                "no provider is configured; set `OPENAI_API_KEY`, or `SIUMAI_MODEL=offline` to go without one",
            )),
        }
    }

    /// As [`from_env`](Self::from_env); where nothing is configured, a client of the offline model.
    ///
    /// # Errors
    ///
    /// If what is configured can't be used.
    pub fn from_env_or_offline() -> Result<Self, LlmError> {
        match configured() {
            Some(name) => Self::from_model(&name),
            None => Self::builder().offline().build(),
        }
    }

    /// A client by name: `provider:model`. The key is taken from the provider's usual variable.
    ///
    /// ```
    /// use siumai::prelude::*;
    ///
    /// let client = Siumai::from_model("ollama:llama3.2")?;
    /// assert_eq!(format!("{client:?}"), r#"Siumai { provider: "ollama", model: "llama3.2", .. }"#);
    /// # Ok::<(), LlmError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the provider is unknown, the model is missing, or the key is.
    pub fn from_model(name: &str) -> Result<Self, LlmError> {
        Self::named(name).build()
    }

    /// As [`from_model`](Self::from_model), still to be built: for programs that say more.
    ///
    /// ```
    /// use siumai::prelude::*;
    ///
    /// let client = Siumai::named("vllm:qwen3").base_url("http://localhost:9000/v1").build()?;
    /// assert_eq!(format!("{client:?}"), r#"Siumai { provider: "vllm", model: "qwen3", .. }"#);
    /// # Ok::<(), LlmError>(())
    /// ```
    pub fn named(name: &str) -> SiumaiBuilder {
        let (provider, model) = name.split_once(':').unwrap_or((name, ""));
        let mut builder = Self::builder().provider(provider).model(model);
        if let Some(key) = key_variable(provider).and_then(variable) {
            builder = builder.api_key(key);
        }
        if let Some(url) = base_url_variable(provider).and_then(variable) {
            builder = builder.base_url(url);
        }
        builder
    }
}

/// An export of telemetry as the environment is configured for it; nothing, if it is not.
///
/// | variable | meaning |
/// |---|---|
/// | `OTEL_EXPORTER_OTLP_ENDPOINT` | where the collector is; without it nothing is exported |
/// | `OTEL_EXPORTER_OTLP_HEADERS` | headers of each request: `name=value,name=value` |
/// | `OTEL_SERVICE_NAME` | the name of what is observed |
/// | `OTEL_SEMCONV_STABILITY_OPT_IN` | with `gen_ai_latest_experimental`, the newest names |
/// | `OTEL_SDK_DISABLED` | with `true`, nothing is exported |
///
/// The other variables of OpenTelemetry hold as well.
///
/// ```no_run
/// # fn main() -> Result<(), siumai::otel::ExportError> {
/// let export = siumai::otel::from_env().map(|otlp| otlp.install()).transpose()?;
/// // … runs …
/// export.map_or(Ok(()), |it| it.finish())
/// # }
/// ```
#[cfg(feature = "otel")]
pub fn otlp_from_env() -> Option<siumai_otel::Otlp> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|it| it.trim().eq_ignore_ascii_case("true")) {
        return None;
    }
    let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let opt_in = variable("OTEL_SEMCONV_STABILITY_OPT_IN").unwrap_or_default();
    let conventions = siumai_otel::Conventions::opted_in(&opt_in);
    Some(siumai_otel::Otlp::new().endpoint(endpoint.trim()).conventions(conventions))
}

/// The variable of the environment that usually holds the provider's key.
///
/// ```
/// assert_eq!(siumai::key_variable("anthropic"), Some("ANTHROPIC_API_KEY"));
/// assert_eq!(siumai::key_variable("offline"), None);
/// ```
pub fn key_variable(provider: &str) -> Option<&'static str> {
    match provider {
        "openai" | "openai-responses" => Some("OPENAI_API_KEY"),
        "anthropic" => Some("ANTHROPIC_API_KEY"),
        "gemini" => Some("GEMINI_API_KEY"),
        name => compatible::find(name).ok()?.key_variable(),
    }
}

fn base_url_variable(provider: &str) -> Option<&'static str> {
    matches!(provider, "openai" | "openai-responses").then_some("OPENAI_BASE_URL")
}

/// The name of the model that the environment is configured for.
fn configured() -> Option<String> {
    let has_openai =
        || variable("OPENAI_API_KEY").is_some() || variable("OPENAI_BASE_URL").is_some();
    variable("SIUMAI_MODEL").or_else(|| has_openai().then(|| format!("openai:{OPENAI_MODEL}")))
}

/// What `name` is set to; nothing is the same as not set.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

//! Let a language model work in steps: it calls tools, reads their results and goes on until it is done.
//!
//! ```
//! use siumai::prelude::*;
//!
//! /// Gets the weather of a city.
//! #[tool]
//! async fn get_weather(
//!     /// City name.
//!     city: String,
//! ) -> Value {
//!     json!({ "city": city, "temperature": 22, "condition": "sunny" })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), LlmError> {
//! // `.offline()` needs no key; `.openai().api_key(key).model("gpt-4o")` is the same with a provider.
//! let client = Siumai::builder().offline().build()?;
//! let agent = ToolLoopAgent::with_tools(client, ToolSet::new().add(get_weather));
//! let (response, steps) = agent.generate(vec![user!("What is the weather in Tokyo?")]).await?;
//! assert_eq!(steps.len(), 2);
//! assert_eq!(steps[0].tool_calls[0].arguments, json!({ "city": "Tokyo" }));
//! assert!(response.content_text().unwrap().contains("sunny"));
//! # Ok(())
//! # }
//! ```
//!
//! Read on in the [guide].
mod builder;
mod client;
mod environment;
pub mod guide;
pub mod prelude;

#[doc(inline)]
pub use siumai_core::{
    CancellationToken, ErrorKind, LlmError, assistant, async_trait, history, journal, model,
    orchestrator, prices, system, telemetry, testing, tool, types, user,
};

#[doc = include_str!("tool.md")]
pub use siumai_macros::tool;

pub use self::{
    builder::{SiumaiBuilder, provider_names},
    client::Siumai,
    environment::key_variable,
};

/// What a run tells whoever watches it, and the streams that carry it.
pub mod stream {
    pub use siumai_core::{
        model::{Delta, ModelEvent, ModelStream, ToolCallDelta},
        orchestrator::{RunStream, Steps, StreamEvent, StreamOrchestration},
    };
}

/// Runs that outlive their process, kept in a file. With the feature `sqlite`.
#[cfg(feature = "sqlite")]
pub mod durable {
    pub use siumai_durable::*;
}

/// Tools of MCP servers, and an agent as an MCP server. With the feature `mcp`.
#[cfg(feature = "mcp")]
pub mod mcp {
    pub use siumai_mcp::*;
}

/// Telemetry, exported over OTLP. With the feature `otel`.
#[cfg(feature = "otel")]
pub mod otel {
    pub use siumai_otel::*;

    pub use crate::environment::otlp_from_env as from_env;
}

/// The language models themselves; [`Siumai::builder`] makes them.
pub mod providers {
    pub use siumai_providers::*;
}

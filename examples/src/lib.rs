//! What the examples share: a model to talk to.
#![expect(
    clippy::print_stderr,
    reason = "whoever runs an example wants to know which model answers"
)]

use siumai::{LlmError, Siumai, model::LanguageModel};

/// A client of what the environment is configured for, as `OPENAI_API_KEY`; else of the offline model.
///
/// It tells on stderr which one that is.
///
/// # Errors
///
/// If a provider is configured, but not so that it can work.
pub fn client() -> Result<Siumai, LlmError> {
    let client = Siumai::from_env_or_offline()?;
    eprintln!("model: {}:{}", client.provider(), client.model());
    Ok(client)
}

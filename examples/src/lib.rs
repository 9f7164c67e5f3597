//! What the examples share: a model to talk to.
#![expect(
    clippy::print_stderr,
    reason = "whoever runs an example wants to know which model answers"
)]

use siumai::{LlmError, Siumai, model::LanguageModel};

/// A client of the provider whose key is in the environment; without a key, of the offline model.
///
/// # Errors
///
/// If a provider is configured, but not so that it can work.
pub fn client() -> Result<Siumai, LlmError> {
    let client = Siumai::builder().offline().build()?;
    eprintln!("model: {}:{}", client.provider(), client.model());
    Ok(client)
}

//! Which model a client talks to.
use siumai_core::{LlmError, testing::ScriptedModel};

use crate::Siumai;

/// Says which model a client talks to.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct SiumaiBuilder {}

impl SiumaiBuilder {
    /// A model that needs nothing.
    pub fn offline(self) -> Self {
        self
    }

    /// OpenAI.
    pub fn openai(self) -> Self {
        self
    }

    /// The key.
    pub fn api_key(self, _: impl Into<String>) -> Self {
        self
    }

    /// The model.
    pub fn model(self, _: impl Into<String>) -> Self {
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// None.
    pub fn build(self) -> Result<Siumai, LlmError> {
        Ok(Siumai::new(ScriptedModel::new()))
    }
}

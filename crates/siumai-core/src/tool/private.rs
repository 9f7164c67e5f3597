//! What `#[tool]` writes code with. Nobody else may rely on it.
use std::error::Error;

pub use futures_core::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::crates::{schemars, serde};
use super::{Answer, answer::written, parameters::parameters_of};
pub use super::{IntoToolSet, ToolContext, ToolGroup, ToolSet};
use crate::{LlmError, types::Tool};

/// A tool with the fields of `A` as its parameters.
pub fn definition<A: JsonSchema>(name: &str, description: &str) -> Tool {
    Tool::function_with_schema(name, description, parameters_of::<A>())
}

/// Adds a function that executes `definition`.
pub fn with_function<A, F, R>(set: ToolSet, definition: Tool, function: F) -> ToolSet
where
    A: DeserializeOwned,
    F: Fn(A, ToolContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, LlmError>> + Send + 'static,
{
    set.typed(definition, function)
}

/// The answer of a function that can't fail.
pub fn answer<T: Serialize>(answer: T) -> Result<Value, LlmError> {
    written(&answer)
}

/// The answer of a function that can.
pub fn outcome<T, E>(outcome: Result<T, E>) -> Result<Value, LlmError>
where
    T: Serialize,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    outcome.into_answer()
}

mod crates {
    pub use {schemars, serde};
}

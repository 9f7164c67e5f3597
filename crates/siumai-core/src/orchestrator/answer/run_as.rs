//! A run whose answer is a value of a type.
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::AnswerSchema;
use crate::{
    LlmError,
    model::LanguageModel,
    orchestrator::{OrchestratorOptions, RunError, RunOutput, StopCondition, generate::run},
    tool::ToolResolver,
    types::{ChatMessage, Tool},
};

/// A run's answer as a value, and all else that came of the run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Structured<T> {
    /// The answer.
    pub value: T,
    /// The run: its steps, usage, history.
    pub output: RunOutput,
}

/// Runs to the end; returns the answer as a value of `T`, and all else that came of the run.
///
/// Tools may be called on the way, as in any run. [`AnswerSchema`] says how the model is held to
/// the type. How often it may try again, and the schema itself, can be set by
/// [`answer`](OrchestratorOptions::answer).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, generate_as},
///     testing::ScriptedModel,
///     user,
/// };
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Bird {
///     species: String,
///     /// How many there are.
///     count: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("final_answer", json!({ "species": "heron", "count": 3 }));
/// let messages = vec![user!("What stands in the pond?")];
/// let options = OrchestratorOptions::default();
/// let answer = generate_as::<Bird>(&model, messages, None, None, &[], options).await?;
/// assert_eq!((&*answer.value.species, answer.value.count), ("heron", 3));
/// assert_eq!(answer.output.steps.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// What the run failed with, and everything it had finished. Of kind
/// [`InvalidAnswer`](crate::ErrorKind::InvalidAnswer), if the model gave no answer that fits as
/// often as it may try, or if something else ended the run before it gave one;
/// [`RunError::output`] is the run then.
///
/// # Cancel safety
///
/// Dropping the future stops the model call and the tools at their next await.
pub async fn generate_as<T: DeserializeOwned + JsonSchema>(
    model: &dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&dyn ToolResolver>,
    stop_conditions: &[&dyn StopCondition],
    options: OrchestratorOptions,
) -> Result<Structured<T>, RunError> {
    let (schema, options) = asking_for::<T>(options, &messages)?;
    let output = run(model, messages, tools, resolver, stop_conditions, options).await?;
    structured(&schema, output)
}

/// `options` that ask for a `T`, and its schema.
pub(in crate::orchestrator) fn asking_for<T: DeserializeOwned + JsonSchema>(
    mut options: OrchestratorOptions,
    messages: &[ChatMessage],
) -> Result<(AnswerSchema, OrchestratorOptions), RunError> {
    let schema = options.answer.take().map_or_else(AnswerSchema::of::<T>, Ok);
    let schema = schema.map_err(|error| RunError::unbegun(error, messages.to_vec()))?;
    options.answer = Some(schema.clone());
    Ok((schema, options))
}

/// The value that a run has come to.
pub(super) fn structured<T: DeserializeOwned>(
    schema: &AnswerSchema,
    output: RunOutput,
) -> Result<Structured<T>, RunError> {
    let read = schema.read(&output.steps).and_then(|value| {
        serde_json::from_value(value).map_err(|error| unreadable(&error.to_string()))
    });
    match read {
        Ok(value) => Ok(Structured { value, output }),
        Err(error) => Err(RunError::unanswered(error, output)),
    }
}

fn unreadable(why: &str) -> LlmError {
    let message = format!("the answer fits its schema, but can't be read: {why}");
    LlmError::new(crate::ErrorKind::InvalidAnswer, message)
}

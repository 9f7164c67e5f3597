//! A run as one future: the stream, drained.
use super::{
    OrchestratorOptions, RunError, RunOutput, StepResult, StopCondition,
    stream::{Delivery, start},
};
use crate::{
    model::LanguageModel,
    tool::ToolResolver,
    types::{ChatMessage, ChatResponse, Tool},
};

/// Runs to the end; returns the model's last reply and the steps.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, generate, step_count_is},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new()
///     .calls("get_weather", json!({ "city": "Tokyo" }))
///     .reply("It is sunny in Tokyo.");
/// let tools = vec![Tool::function("get_weather", "Weather of a city").parameter("city", "string", "City", true)];
/// let resolver = RecordingResolver::new().returning("get_weather", json!("sunny"));
///
/// let (response, steps) = generate(
///     &model,
///     vec![user!("What is the weather in Tokyo?")],
///     Some(tools),
///     Some(&resolver),
///     &[&*step_count_is(10)],
///     OrchestratorOptions::default(),
/// )
/// .await?;
/// assert_eq!(response.content_text(), Some("It is sunny in Tokyo."));
/// assert_eq!(steps.len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// What the run failed with, and everything it had finished.
///
/// # Cancel safety
///
/// Dropping the future stops the model call and the tools at their next await.
pub async fn generate(
    model: &dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&dyn ToolResolver>,
    stop_conditions: &[&dyn StopCondition],
    options: OrchestratorOptions,
) -> Result<(ChatResponse, Vec<StepResult>), RunError> {
    // Not by `run`, whose future would hold all of these a second time.
    let run = start(model, messages, tools, resolver, stop_conditions, options, Delivery::Whole)?;
    let output = run.finish().await?;
    Ok((output.response, output.steps))
}

/// Runs to the end; returns all that came of it.
///
/// ```
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, StoppedBy, run},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().reply("Hello.");
/// let output = run(&model, vec![user!("Hi")], None, None, &[], OrchestratorOptions::default()).await?;
/// assert_eq!(output.stopped_by, StoppedBy::Answer);
/// assert_eq!(output.messages.len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`generate`].
///
/// # Cancel safety
///
/// As [`generate`].
pub async fn run(
    model: &dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&dyn ToolResolver>,
    stop_conditions: &[&dyn StopCondition],
    options: OrchestratorOptions,
) -> Result<RunOutput, RunError> {
    start(model, messages, tools, resolver, stop_conditions, options, Delivery::Whole)?
        .finish()
        .await
}

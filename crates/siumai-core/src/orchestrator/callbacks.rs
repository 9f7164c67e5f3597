//! What a run asks of its user, or tells, while it goes on.
use std::sync::Arc;

use serde_json::Value;

use super::{PrepareStepContext, PrepareStepResult, StepResult, ToolApproval};
use crate::{model::LanguageModel, types::ChatMessage};

/// Called with each finished step.
pub type OnStepFinish = Arc<dyn Fn(&StepResult) + Send + Sync>;
/// Called with all steps when the run has ended.
pub type OnFinish = Arc<dyn Fn(&[StepResult]) + Send + Sync>;
/// Called with each piece of text as it arrives.
pub type OnChunk = Arc<dyn Fn(&str) + Send + Sync>;
/// Decides on a call, given the tool's name and the arguments.
pub type OnToolApproval = Arc<dyn Fn(&str, &Value) -> ToolApproval + Send + Sync>;
/// Says how the next step differs from the run.
pub type PrepareStep = Arc<dyn Fn(PrepareStepContext<'_>) -> PrepareStepResult + Send + Sync>;
/// Says which model answers the next step, if it is another than the run's.
///
/// Asked again for the same step, be it in another process, it must say the same: only what came of
/// a step is recorded. Where a journal has effects [performed elsewhere](super::perform), it is not
/// asked; a model that is many, such as [`Fallback`](crate::model::layers::Fallback), serves there.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use siumai_core::{
///     model::LanguageModel,
///     orchestrator::{OrchestratorOptions, ToolLoopAgent},
///     testing::ScriptedModel,
///     tool::ToolSet,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let (thorough, quick) = (ScriptedModel::new().calls("look", json!({})), ScriptedModel::new().reply("Fog."));
/// let quick: Arc<dyn LanguageModel> = Arc::new(quick);
/// let options = OrchestratorOptions {
///     choose_model: Some(Arc::new(move |it| (it.step_number > 0).then(|| Arc::clone(&quick)))),
///     ..Default::default()
/// };
/// let tools = ToolSet::new().function("look", "Looks out", |(): ()| async { "fog" });
/// let agent = ToolLoopAgent::with_tools(thorough, tools).with_options(options);
/// let (response, _) = agent.generate(vec![user!("How is the weather?")]).await?;
/// assert_eq!(response.content_text(), Some("Fog."));
/// # Ok(())
/// # }
/// ```
pub type ChooseModel =
    Arc<dyn Fn(PrepareStepContext<'_>) -> Option<Arc<dyn LanguageModel>> + Send + Sync>;
/// Shortens a history that is too long for the model, or says that it can't.
///
/// ```
/// use std::sync::Arc;
/// use siumai_core::{
///     ErrorKind, LlmError,
///     orchestrator::{OrchestratorOptions, run},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let too_long = LlmError::new(ErrorKind::ContextTooLong, "too many tokens");
/// let model = ScriptedModel::new().fails(too_long).reply("Hello.");
/// let options = OrchestratorOptions {
///     on_context_too_long: Some(Arc::new(|messages| Some(messages[messages.len() / 2..].to_vec()))),
///     ..Default::default()
/// };
/// let messages = vec![user!("A long story"), user!("Hi")];
/// let output = run(&model, messages, None, None, &[], options).await?;
/// assert_eq!(model.requests()[1].messages(), [user!("Hi")]);
/// assert_eq!(output.messages.len(), 3);
/// # Ok(())
/// # }
/// ```
pub type OnContextTooLong = Arc<dyn Fn(&[ChatMessage]) -> Option<Vec<ChatMessage>> + Send + Sync>;

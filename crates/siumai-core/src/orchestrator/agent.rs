//! A model, its tools and its rules, to be run again and again.
use std::{fmt, sync::Arc};

use super::{
    OnFinish, OnStepFinish, OrchestratorOptions, RunError, RunOutput, StepResult, StopCondition,
    generate::run,
    stream::{StreamOrchestration, generate_stream_owned},
};
use crate::{
    model::LanguageModel,
    tool::ToolResolver,
    types::{ChatMessage, ChatResponse, Role, Tool},
};

/// A model with tools, stop conditions and options, ready for any number of runs.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{ToolLoopAgent, step_count_is},
///     testing::{RecordingResolver, ScriptedModel},
///     types::Tool,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("get_time", json!({})).reply("It is noon.");
/// let resolver = RecordingResolver::new().returning("get_time", json!("12:00"));
/// let agent =
///     ToolLoopAgent::new(model, vec![Tool::function("get_time", "The time")], vec![step_count_is(10)])
///         .with_system("You are a clock.")
///         .with_id("clock");
///
/// let (response, steps) = agent.generate(vec![user!("What time is it?")], &resolver).await?;
/// assert_eq!(response.content_text(), Some("It is noon."));
/// assert_eq!(steps.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct ToolLoopAgent<M> {
    model: Arc<M>,
    tools: Vec<Tool>,
    stop_conditions: Vec<Arc<dyn StopCondition>>,
    system: Option<ChatMessage>,
    options: OrchestratorOptions,
}

impl<M: LanguageModel> ToolLoopAgent<M> {
    /// An agent that runs `model` with `tools` until one of `stop_conditions` holds or it answers.
    pub fn new(model: M, tools: Vec<Tool>, stop_conditions: Vec<Box<dyn StopCondition>>) -> Self {
        Self {
            model: Arc::new(model),
            tools,
            stop_conditions: stop_conditions.into_iter().map(Arc::from).collect(),
            system: None,
            options: OrchestratorOptions::default(),
        }
    }

    /// Gives the agent a system message. It takes the place of those that a run's messages begin with.
    #[must_use]
    pub fn with_system(mut self, system: impl Into<String>) -> Self {
        self.system = Some(ChatMessage::system(system));
        self
    }

    /// Names the agent, for logs and telemetry.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.options.agent_id = Some(id.into());
        self
    }

    /// Replaces all options. What was set on the agent before and is not set in `options` stays:
    /// its id and its callbacks.
    #[must_use]
    pub fn with_options(mut self, options: OrchestratorOptions) -> Self {
        let before = std::mem::replace(&mut self.options, options);
        let options = &mut self.options;
        options.agent_id = options.agent_id.take().or(before.agent_id);
        options.on_step_finish = options.on_step_finish.take().or(before.on_step_finish);
        options.on_finish = options.on_finish.take().or(before.on_finish);
        self
    }

    /// Tells `observer` of each finished step.
    #[must_use]
    pub fn on_step_finish(mut self, observer: OnStepFinish) -> Self {
        self.options.on_step_finish = Some(observer);
        self
    }

    /// Tells `observer` of all steps when a run has ended without an error.
    #[must_use]
    pub fn on_finish(mut self, observer: OnFinish) -> Self {
        self.options.on_finish = Some(observer);
        self
    }

    /// The agent's name.
    pub fn id(&self) -> Option<&str> {
        self.options.agent_id.as_deref()
    }

    /// Runs to the end; returns the model's last reply and the steps.
    ///
    /// # Errors
    ///
    /// What the run failed with, and everything it had finished.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the model call and the tools at their next await.
    pub async fn generate(
        &self,
        messages: Vec<ChatMessage>,
        resolver: &dyn ToolResolver,
    ) -> Result<(ChatResponse, Vec<StepResult>), RunError> {
        let output = self.run(messages, resolver).await?;
        Ok((output.response, output.steps))
    }

    /// Runs to the end; returns all that came of it.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate).
    ///
    /// # Cancel safety
    ///
    /// As [`generate`](Self::generate).
    pub async fn run(
        &self,
        messages: Vec<ChatMessage>,
        resolver: &dyn ToolResolver,
    ) -> Result<RunOutput, RunError> {
        let stop: Vec<&dyn StopCondition> = self.stop_conditions.iter().map(|it| &**it).collect();
        run(
            &*self.model,
            self.introduced(messages),
            Some(self.tools.clone()),
            Some(resolver),
            &stop,
            self.options.clone(),
        )
        .await
    }

    fn introduced(&self, messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
        let Some(system) = &self.system else { return messages };
        let rest = messages.into_iter().skip_while(|it| it.role() == Role::System);
        std::iter::once(system.clone()).chain(rest).collect()
    }
}

impl<M: LanguageModel + 'static> ToolLoopAgent<M> {
    /// Runs as a stream, which may outlive the agent.
    ///
    /// # Errors
    ///
    /// If the run can't begin: no messages, a tool that can't be offered, a limit of zero.
    pub async fn stream(
        &self,
        messages: Vec<ChatMessage>,
        resolver: impl ToolResolver + 'static,
    ) -> Result<StreamOrchestration, RunError> {
        let stop = self.stop_conditions.iter().map(|it| Box::new(Arc::clone(it)) as Box<_>);
        generate_stream_owned(
            Arc::clone(&self.model),
            self.introduced(messages),
            Some(self.tools.clone()),
            resolver,
            stop.collect(),
            self.options.clone(),
        )
        .await
    }
}

impl<M> Clone for ToolLoopAgent<M> {
    fn clone(&self) -> Self {
        Self {
            model: Arc::clone(&self.model),
            tools: self.tools.clone(),
            stop_conditions: self.stop_conditions.clone(),
            system: self.system.clone(),
            options: self.options.clone(),
        }
    }
}

impl<M> fmt::Debug for ToolLoopAgent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolLoopAgent")
            .field("tools", &self.tools.iter().map(Tool::name).collect::<Vec<_>>())
            .field("stop_conditions", &self.stop_conditions.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

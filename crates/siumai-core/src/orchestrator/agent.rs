//! A model, its tools and its rules, to be run again and again.
use std::{fmt, sync::Arc};

use super::{
    OnFinish, OnStepFinish, OrchestratorOptions, RunError, RunOutput, StepResult, StopCondition,
    generate::run,
    stream::{Delivery, RunStream, StreamOrchestration, generate_stream_owned, start},
};
use crate::{
    model::LanguageModel,
    tool::{ToolResolver, ToolSet},
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
///
/// Made [with a set of tools](Self::with_tools), it needs no resolver:
///
/// ```
/// use serde_json::json;
/// use siumai_core::{orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolSet, user};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().calls("get_time", json!({})).reply("It is noon.");
/// let tools = ToolSet::new().function("get_time", "The time", |(): ()| async { "12:00" });
/// let agent = ToolLoopAgent::with_tools(model, tools).with_system("You are a clock.");
///
/// let (response, _) = agent.generate(vec![user!("What time is it?")]).await?;
/// assert_eq!(response.content_text(), Some("It is noon."));
/// # Ok(())
/// # }
/// ```
pub struct ToolLoopAgent<M, T = Vec<Tool>> {
    model: Arc<M>,
    tools: T,
    stop_conditions: Vec<Arc<dyn StopCondition>>,
    system: Option<ChatMessage>,
    options: OrchestratorOptions,
    /// What is done to the options of each run, where the agent is a team.
    rule: Option<Rule>,
}

/// Changes the options of a run.
pub(super) type Rule = Arc<dyn Fn(OrchestratorOptions) -> OrchestratorOptions + Send + Sync>;

impl<M: LanguageModel> ToolLoopAgent<M> {
    /// An agent that runs `model` with `tools` until one of `stop_conditions` holds or it answers.
    /// Each run is given a resolver that executes them.
    pub fn new(model: M, tools: Vec<Tool>, stop_conditions: Vec<Box<dyn StopCondition>>) -> Self {
        Self {
            model: Arc::new(model),
            tools,
            stop_conditions: stop_conditions.into_iter().map(Arc::from).collect(),
            system: None,
            options: OrchestratorOptions::default(),
            rule: None,
        }
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
        self.run_with(messages, Some(self.tools.clone()), resolver).await
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
        self.stream_with(messages, Some(self.tools.clone()), resolver).await
    }
}

impl<M: LanguageModel> ToolLoopAgent<M, ToolSet> {
    /// An agent that runs `model` with the tools of `tools`, which executes them too, until it
    /// answers; [`stop_when`](Self::stop_when) ends it earlier.
    ///
    /// Mistakes in the set are told when a run begins; [`ToolSet::build`] tells them at once.
    pub fn with_tools(model: M, tools: ToolSet) -> Self {
        Self {
            model: Arc::new(model),
            tools,
            stop_conditions: Vec::new(),
            system: None,
            options: OrchestratorOptions::default(),
            rule: None,
        }
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
    ) -> Result<(ChatResponse, Vec<StepResult>), RunError> {
        let output = self.run(messages).await?;
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
    pub async fn run(&self, messages: Vec<ChatMessage>) -> Result<RunOutput, RunError> {
        self.run_with(messages, None, &self.tools).await
    }

    /// The tools.
    pub fn tools(&self) -> &ToolSet {
        &self.tools
    }
}

/// What an agent below another is asked.
impl ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet> {
    /// Begins a run with `options` in the place of the agent's own.
    pub(super) fn start<'a>(
        &'a self,
        messages: Vec<ChatMessage>,
        stop: &'a [&'a dyn StopCondition],
        options: OrchestratorOptions,
        delivery: Delivery,
    ) -> Result<RunStream<'a>, RunError> {
        let messages = self.introduced(messages);
        let options = self.ruled(options);
        start(&*self.model, messages, None, Some(&self.tools), stop, options, delivery)
    }

    pub(super) fn model(&self) -> &Arc<dyn LanguageModel> {
        &self.model
    }
}

impl<M: LanguageModel + 'static> ToolLoopAgent<M, ToolSet> {
    /// The same agent, whatever its model is.
    pub(super) fn erased(&self) -> ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet> {
        let model: Arc<dyn LanguageModel> = Arc::<M>::clone(&self.model);
        ToolLoopAgent {
            model: Arc::new(model),
            tools: self.tools.clone(),
            stop_conditions: self.stop_conditions.clone(),
            system: self.system.clone(),
            options: self.options.clone(),
            rule: self.rule.clone(),
        }
    }

    /// Runs as a stream, which may outlive the agent.
    ///
    /// # Errors
    ///
    /// If the run can't begin: no messages, a tool that can't be offered, a limit of zero.
    pub async fn stream(
        &self,
        messages: Vec<ChatMessage>,
    ) -> Result<StreamOrchestration, RunError> {
        self.stream_with(messages, None, self.tools.clone()).await
    }
}

impl<M, T> ToolLoopAgent<M, T> {
    /// Ends a run when `condition` holds after a step, beside the conditions that there are.
    ///
    /// ```
    /// use siumai_core::{
    ///     orchestrator::{StoppedBy, ToolLoopAgent, step_count_is},
    ///     testing::ScriptedModel,
    ///     tool::ToolSet,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let model = ScriptedModel::new().calls("toss", serde_json::json!({})).reply("Heads.");
    /// let tools = ToolSet::new().function("toss", "Tosses a coin", |(): ()| async { "heads" });
    /// let agent = ToolLoopAgent::with_tools(model, tools).stop_when(step_count_is(1));
    /// let output = agent.run(vec![user!("Toss")]).await?;
    /// assert!(matches!(output.stopped_by, StoppedBy::Condition { index: 0, .. }));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stop_when(mut self, condition: Box<dyn StopCondition>) -> Self {
        self.stop_conditions.push(condition.into());
        self
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

    /// Adds a value that tools may [get](crate::tool::ToolContext::get) by its type.
    #[must_use]
    pub fn with_context<C: Send + Sync + 'static>(mut self, value: C) -> Self {
        self.options = self.options.with_context(value);
        self
    }

    /// Replaces all options. What was set on the agent before and is not set in `options` stays:
    /// its id, its callbacks and what tools may get.
    #[must_use]
    pub fn with_options(mut self, options: OrchestratorOptions) -> Self {
        let before = std::mem::replace(&mut self.options, options);
        let options = &mut self.options;
        options.agent_id = options.agent_id.take().or(before.agent_id);
        options.context = std::mem::take(&mut options.context).or(&before.context);
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

    pub(super) fn options(&self) -> &OrchestratorOptions {
        &self.options
    }

    pub(super) fn stop_conditions(&self) -> impl Iterator<Item = &dyn StopCondition> {
        self.stop_conditions.iter().map(|it| &**it)
    }

    pub(super) fn system(&self) -> Option<&ChatMessage> {
        self.system.as_ref()
    }

    /// The same agent, with `rule` over the options of each run.
    pub(super) fn with_rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    fn ruled(&self, options: OrchestratorOptions) -> OrchestratorOptions {
        match &self.rule {
            Some(rule) => rule(options),
            None => options,
        }
    }

    fn introduced(&self, messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
        let Some(system) = &self.system else { return messages };
        let rest = messages.into_iter().skip_while(|it| it.role() == Role::System);
        std::iter::once(system.clone()).chain(rest).collect()
    }
}

/// What both kinds of agent do.
impl<M: LanguageModel, T> ToolLoopAgent<M, T> {
    async fn run_with(
        &self,
        messages: Vec<ChatMessage>,
        tools: Option<Vec<Tool>>,
        resolver: &dyn ToolResolver,
    ) -> Result<RunOutput, RunError> {
        let stop: Vec<_> = self.stop_conditions().collect();
        let (model, messages) = (&*self.model, self.introduced(messages));
        run(model, messages, tools, Some(resolver), &stop, self.ruled(self.options.clone())).await
    }

    async fn stream_with(
        &self,
        messages: Vec<ChatMessage>,
        tools: Option<Vec<Tool>>,
        resolver: impl ToolResolver + 'static,
    ) -> Result<StreamOrchestration, RunError>
    where
        M: 'static,
    {
        self.stream_by(messages, tools, resolver, self.ruled(self.options.clone())).await
    }

    async fn stream_by(
        &self,
        messages: Vec<ChatMessage>,
        tools: Option<Vec<Tool>>,
        resolver: impl ToolResolver + 'static,
        options: OrchestratorOptions,
    ) -> Result<StreamOrchestration, RunError>
    where
        M: 'static,
    {
        let stop = self.stop_conditions.iter().map(|it| Box::new(Arc::clone(it)) as Box<_>);
        let (model, messages) = (Arc::clone(&self.model), self.introduced(messages));
        generate_stream_owned(model, messages, tools, resolver, stop.collect(), options).await
    }
}

impl<M, T: Clone> Clone for ToolLoopAgent<M, T> {
    fn clone(&self) -> Self {
        Self {
            model: Arc::clone(&self.model),
            tools: self.tools.clone(),
            stop_conditions: self.stop_conditions.clone(),
            system: self.system.clone(),
            options: self.options.clone(),
            rule: self.rule.clone(),
        }
    }
}

impl<M> fmt::Debug for ToolLoopAgent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f, &self.tools)
    }
}

impl<M> fmt::Debug for ToolLoopAgent<M, ToolSet> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f, self.tools.definitions())
    }
}

impl<M, T> ToolLoopAgent<M, T> {
    fn debug(&self, f: &mut fmt::Formatter<'_>, tools: &[Tool]) -> fmt::Result {
        f.debug_struct("ToolLoopAgent")
            .field("tools", &tools.iter().map(Tool::name).collect::<Vec<_>>())
            .field("stop_conditions", &self.stop_conditions.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

mod structured;

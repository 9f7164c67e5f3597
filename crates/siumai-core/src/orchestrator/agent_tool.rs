//! An agent as a tool of another: what it is asked, and what the run that calls it gets back.
use std::{fmt, sync::Arc};

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    OrchestratorOptions, RunError, RunOutput, RunStream, StopCondition, StoppedBy, StreamEvent,
    ToolLoopAgent,
    below::{Above, Below, Lineage, Suspension, bill},
    outcome::Outcome,
    stream::Delivery,
};
use crate::{
    ErrorKind, LlmError,
    model::LanguageModel,
    tool::{IntoToolSet, ToolContext, ToolSet, arguments_of, parameters_of},
    types::{ChatMessage, ModelUsage, Tool, ToolStatus, Usage},
};

/// An agent that another may call: [`ToolLoopAgent::as_tool`] makes it, [`ToolSet::add`] takes it.
///
/// Each call is a run of its own, below the one that makes it. It begins with nothing but the task
/// and answers with the text of its last reply, or where that has none, with what its last tool
/// returned.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::ToolLoopAgent,
///     testing::{Reply, ScriptedModel},
///     tool::ToolSet,
///     types::Usage,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let librarian = ScriptedModel::new().then(Reply::text("By Mary Shelley.").usage(Usage::new(70, 5)));
/// let librarian = ToolLoopAgent::with_tools(librarian, ToolSet::new()).with_system("You know books.");
///
/// let model = ScriptedModel::new()
///     .then(Reply::empty().call("librarian", json!({ "task": "Who wrote Frankenstein?" })).usage(Usage::new(20, 4)))
///     .then(Reply::text("Mary Shelley did.").usage(Usage::new(30, 6)));
/// let tools = ToolSet::new().add(librarian.as_tool("librarian", "Answers questions about books"));
/// let agent = ToolLoopAgent::with_tools(model, tools);
///
/// let output = agent.run(vec![user!("Who wrote Frankenstein?")]).await?;
/// assert_eq!(output.steps[0].tool_results[0].output, "By Mary Shelley.");
/// assert_eq!((output.usage.total_tokens, output.agents_usage.total_tokens), (60.into(), 75.into()));
/// # Ok(())
/// # }
/// ```
///
/// # What it shares with the run above
///
/// - **Usage.** What the agent cost stands in the [result](crate::types::ToolResult::agents_usage)
///   of the call and is summed up as `agents_usage`, apart from the run's own. Limits on tokens and
///   conditions on tokens and cost count it; limits on requests and tool calls don't.
/// - **Cancellation.** Whatever ends the run above, or the call, stops the agent at its next await.
///   The agent's own timeouts hold beside those of the run.
/// - **Approval.** An agent without an approver of its own asks that of the run above; the
///   [request](super::ApprovalRequest::agents) says which agents are in between, while
///   `on_tool_approval` is given no more than the name of the tool. Where somebody has
///   to decide later, the run above is suspended with the agent's run in its state. Decided and
///   resumed, the agent goes on where it was, and then the run above.
/// - **Values for tools.** The agent's tools get what those of the run get, unless the agent has
///   a value of that type.
/// - **Journal.** The agent's run is kept in the journal of the run above, as a run whose id is that
///   run's id and the names of the call and the agent: `run-1/step-0/tool/call_1/librarian`. So a run
///   that is resumed repeats nothing that its agents had finished.
/// - **Progress.** A run that is read as a stream tells of the agent by
///   [`ToolProgress`](StreamEvent::ToolProgress), as below.
///
/// An error of the agent's run is told to the model that called it. What ends the run above is
/// [`LlmError::fatal`] from one of the agent's tools, and a journal that can't be written.
///
/// # Progress
///
/// | the agent | `value` |
/// |---|---|
/// | writes | `{ "type": "text", "text": "By Mary" }` |
/// | begins its reply anew | `{ "type": "step_reset" }` |
/// | calls a tool | `{ "type": "tool_call", "name": "look_up" }` |
/// | gets its result | `{ "type": "tool_result", "name": "look_up", "status": "executed" }` |
/// | hears of its progress, be it another agent's | `{ "type": "tool_progress", "name": "look_up", "value": … }` |
///
/// As with any tool, the oldest reports give way where nobody reads them in time.
#[derive(Clone)]
pub struct AgentTool {
    definition: Tool,
    agent: Make,
    ask: Ask,
    max_depth: usize,
}

/// An agent of whatever model.
pub(super) type AnyAgent = ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet>;
type Make = Arc<dyn Fn() -> AnyAgent + Send + Sync>;
type Ask = Arc<dyn Fn(Value) -> Result<Vec<ChatMessage>, LlmError> + Send + Sync>;

/// How deep agents may call agents, unless something else is said.
const MAX_DEPTH: usize = 5;
/// How deep they may at most: a suspended run holds those below it, and deeper JSON is not read back.
const DEEPEST: usize = 10;

impl<M: LanguageModel + 'static> ToolLoopAgent<M, ToolSet> {
    /// The agent as a tool of another, which gives it one argument, `task`: see [`AgentTool`].
    pub fn as_tool(&self, name: impl Into<String>, description: impl Into<String>) -> AgentTool {
        let agent = self.erased();
        AgentTool::new(name, description, move || agent.clone())
    }
}

impl AgentTool {
    /// An agent that is made when it is called, so that it may have tools which call it again.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use siumai_core::{
    ///     model::LanguageModel,
    ///     orchestrator::{AgentTool, ToolLoopAgent},
    ///     testing::ScriptedModel,
    ///     tool::ToolSet,
    ///     user,
    /// };
    ///
    /// fn divider(model: Arc<dyn LanguageModel>) -> ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet> {
    ///     let below = Arc::clone(&model);
    ///     let again = AgentTool::new("divide", "Does a part of the task", move || divider(below.clone()));
    ///     ToolLoopAgent::with_tools(model, ToolSet::new().add(again.max_depth(1)))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let part = json!({ "task": "a part" });
    /// let script = ScriptedModel::new().calls("divide", part.clone()).calls("divide", part);
    /// let script = script.reply("My part is done.").reply("All is done.");
    /// let output = divider(Arc::new(script)).run(vec![user!("Do it all")]).await?;
    /// assert_eq!(output.steps[0].tool_results[0].output, "My part is done.");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        agent: impl Fn() -> ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet> + Send + Sync + 'static,
    ) -> Self {
        let task = "The task, with all that is needed to do it: nothing else of this conversation is known.";
        let definition =
            Tool::function(name, description).parameter("task", "string", task, true).idempotent();
        let ask = |arguments: Value| {
            let task = arguments["task"].as_str().unwrap_or_default();
            Ok(vec![ChatMessage::user(task)])
        };
        Self { definition, agent: Arc::new(agent), ask: Arc::new(ask), max_depth: MAX_DEPTH }
    }

    /// Gives the agent arguments other than a task, and says what they are to it.
    ///
    /// ```
    /// use siumai_core::{orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolSet, user};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Translation {
    ///     text: String,
    ///     language: String,
    /// }
    ///
    /// let translator = ToolLoopAgent::with_tools(ScriptedModel::new(), ToolSet::new())
    ///     .as_tool("translate", "Translates a text")
    ///     .taking(|it: Translation| vec![user!(format!("Into {}: {}", it.language, it.text))]);
    /// let set = ToolSet::new().add(translator);
    /// assert!(set.definitions()[0].parameters()["properties"]["language"].is_object());
    /// ```
    #[must_use]
    pub fn taking<A, F>(mut self, messages: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: Fn(A) -> Vec<ChatMessage> + Send + Sync + 'static,
    {
        let (name, told) = (self.definition.name(), self.definition.description());
        self.definition = Tool::function_with_schema(name, told, parameters_of::<A>()).idempotent();
        self.ask = Arc::new(move |arguments| arguments_of(arguments).map(&messages));
        self
    }

    /// How many agents may be below one another, this one included; 5 by default, and 10 at most.
    /// A call of one that is deeper is an error that its model is told. It is what ends an agent
    /// that calls itself.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth.min(DEEPEST);
        self
    }

    async fn execute(&self, arguments: Value, context: ToolContext) -> Result<Value, LlmError> {
        let lineage = context.get::<Lineage>();
        let mut agents = lineage.map(|it| it.agents.clone()).unwrap_or_default();
        agents.push(self.definition.name().to_owned());
        if agents.len() > self.max_depth {
            return Err(self.too_deep());
        }
        let messages = (self.ask)(arguments)?;
        let name = self.definition.name();
        let run_id = format!("{}/{name}", context.idempotency_key());
        let above = context.above::<Above>();
        // A second agent of the same call is nobody's to resume, and none goes on with what another began.
        let is_kept = above.as_ref().is_some_and(|it| {
            let resumed = it.resumed(&context.call_id);
            resumed.is_none_or(|it| it.run.run_id() == run_id) && it.notes.claim(&context.call_id)
        });
        let kept_as = is_kept.then_some(run_id);
        let call = Call { name, context: &context, above, kept_as };
        call.run(&(self.agent)(), messages, agents).await
    }

    fn too_deep(&self) -> LlmError {
        let (name, most) = (self.definition.name(), self.max_depth);
        LlmError::ToolExecutionError(format!(
            "The agent `{name}` was not called: agents may call agents only {most} deep, and this would be \
             deeper. Do the task yourself, or answer with what you have."
        ))
    }
}

impl IntoToolSet for AgentTool {
    fn into_tool_set(self) -> ToolSet {
        let agent = Arc::new(self);
        ToolSet::new().tool(agent.definition.clone(), move |arguments, context| {
            let agent = Arc::clone(&agent);
            async move { agent.execute(arguments, context).await }
        })
    }
}

impl fmt::Debug for AgentTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentTool")
            .field("name", &self.definition.name())
            .field("max_depth", &self.max_depth)
            .finish_non_exhaustive()
    }
}

/// One call of an agent.
struct Call<'a> {
    name: &'a str,
    context: &'a ToolContext,
    /// What the run above hands down; nothing if there is none.
    above: Option<Arc<Above>>,
    /// The id of the agent's run, if the run above keeps it: then it may be suspended and resumed.
    kept_as: Option<String>,
}

impl Call<'_> {
    async fn run(
        &self,
        agent: &AnyAgent,
        messages: Vec<ChatMessage>,
        agents: Vec<String>,
    ) -> Result<Value, LlmError> {
        let options = self.options(agent.options(), agents);
        let messages = if options.resume.is_some() { Vec::new() } else { messages };
        let stop: Vec<&dyn StopCondition> = agent.stop_conditions().collect();
        let delivery = if self.context.is_heard() { Delivery::Streamed } else { Delivery::Whole };
        let begun = agent.start(messages, &stop, options, delivery);
        let stream = begun.map_err(|failed| self.failed(&failed))?;
        let mut child =
            Child { outcome: stream.outcome(), stream: Some(stream), call: self, agent };
        while let Some(event) = child.next().await {
            match event {
                Ok(event) => self.report(event),
                Err(failed) => return Err(self.failed(&failed)),
            }
        }
        match child.outcome.read(Clone::clone) {
            Some(Ok(output)) => self.answer(output),
            Some(Err(failed)) => Err(self.failed(&failed)),
            None => Err(self.told("ended without a reason")),
        }
    }

    /// The agent's own options, and what the run above rules.
    fn options(&self, own: &OrchestratorOptions, agents: Vec<String>) -> OrchestratorOptions {
        let kept = self.kept();
        let resumed = self.resumed();
        let run_id = self.kept_as.clone();
        // A run above drops the agent's when it is cancelled, and is the one to say so.
        let outside = self.above.is_none().then(|| self.context.cancellation.clone());
        let lineage = Lineage { run_id: run_id.clone(), agents };
        let mut options = OrchestratorOptions {
            agent_id: own.agent_id.clone().or_else(|| Some(self.name.to_owned())),
            context: own.context.clone().or(self.context.user()).with(lineage),
            cancellation: own.cancellation.clone().or(outside),
            journal: kept.and_then(|it| it.journal.clone().or_else(|| own.journal.clone())),
            resume: resumed.map(|it| it.run.clone()),
            decisions: resumed.map(|it| it.decisions.clone()).unwrap_or_default(),
            deny_pending: false,
            run_id,
            ..own.clone()
        };
        if let (Some(above), None, None) = (&self.above, &own.on_tool_approval, &own.approver) {
            options.on_tool_approval.clone_from(&above.on_tool_approval);
            options.approver.clone_from(&above.approver);
        }
        options
    }

    /// What the agent goes on with, if it was suspended.
    fn resumed(&self) -> Option<&Below> {
        self.kept()?.resumed(&self.context.call_id)
    }

    /// The run above, if it keeps the agent's.
    fn kept(&self) -> Option<&Above> {
        self.above.as_deref().filter(|_| self.kept_as.is_some())
    }

    /// What the model is told that called the agent.
    fn answer(&self, output: RunOutput) -> Result<Value, LlmError> {
        match output.stopped_by {
            StoppedBy::ApprovalPending => return Err(self.suspended(output)),
            StoppedBy::ToolCallsPending => {
                return Err(self.told("called a tool that nobody executes"));
            }
            _ => {}
        }
        if let Some(text) = output.response.content_text().filter(|it| !it.is_empty()) {
            return Ok(Value::from(text));
        }
        let results = output.steps.last().map_or(&[][..], |it| &it.tool_results);
        let executed = results.iter().rfind(|it| it.status == ToolStatus::Executed);
        executed.map(|it| it.output.clone()).ok_or_else(|| self.told("ended without an answer"))
    }

    /// Leaves the agent's run to the run above, which waits with it.
    fn suspended(&self, output: RunOutput) -> LlmError {
        let (Some(above), Some(run)) = (self.kept(), output.suspended) else {
            return self.told("wants to do what needs approval, which nobody can give it here");
        };
        let suspension = Suspension { run: Box::new(run), error: None };
        above.notes.suspend(&self.context.call_id, suspension);
        self.told("waits for approval")
    }

    fn failed(&self, failed: &RunError) -> LlmError {
        let error = failed.error();
        match (error.kind(), self.kept(), self.resumed()) {
            (ErrorKind::FatalTool, ..) => error.clone(),
            (ErrorKind::Journal, Some(above), _) => {
                above.notes.break_off(error.clone());
                error.clone()
            }
            // Nothing has happened: it waits as before, and whoever decided hears of it.
            (ErrorKind::DecisionRefused, Some(above), Some(below)) => {
                let run = Box::new(below.run.clone());
                let suspension = Suspension { run, error: Some(error.clone()) };
                above.notes.suspend(&self.context.call_id, suspension);
                error.clone()
            }
            _ => self.told(&format!("failed: {error}")),
        }
    }

    fn told(&self, what: &str) -> LlmError {
        let name = self.name;
        LlmError::ToolExecutionError(format!(
            "The agent `{name}` {what}. Give it another task, or go on without it."
        ))
    }

    fn report(&self, event: StreamEvent) {
        let value = match event {
            StreamEvent::Delta { delta, .. } => match delta.content {
                Some(text) => json!({ "type": "text", "text": text }),
                None => return,
            },
            StreamEvent::StepReset { .. } => json!({ "type": "step_reset" }),
            StreamEvent::ToolCall { call, .. } => json!({ "type": "tool_call", "name": call.name }),
            StreamEvent::ToolResult { result, .. } => {
                json!({ "type": "tool_result", "name": result.name, "status": result.status })
            }
            StreamEvent::ToolProgress { name, value, .. } => {
                json!({ "type": "tool_progress", "name": name, "value": value })
            }
            _ => return,
        };
        self.context.progress(value);
    }
}

/// The run of an agent, which leaves what it cost however it ends.
struct Child<'a> {
    stream: Option<RunStream<'a>>,
    outcome: Arc<Outcome>,
    call: &'a Call<'a>,
    agent: &'a AnyAgent,
}

impl Child<'_> {
    async fn next(&mut self) -> Option<Result<StreamEvent, RunError>> {
        self.stream.as_mut()?.next().await
    }

    /// What the agent's models cost, and those of agents below it.
    fn bill(&self, ended: &Result<RunOutput, RunError>) -> Vec<ModelUsage> {
        match ended {
            Ok(output) => bill(&output.steps),
            Err(failed) => {
                let mut bill = bill(failed.steps());
                let broken = failed.broken_usage().clone();
                if broken != Usage::zero() {
                    let model = self.agent.model();
                    let (provider, model) = (model.provider().into(), model.model().into());
                    ModelUsage::new(Some(provider), Some(model), broken).add_to(&mut bill);
                }
                bill
            }
        }
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        // A run that is stopped says what it had done.
        drop(self.stream.take());
        let bill = self.outcome.read(|ended| self.bill(ended)).unwrap_or_default();
        if let Some(above) = &self.call.above {
            above.notes.pay(&self.call.context.call_id, bill);
        }
    }
}

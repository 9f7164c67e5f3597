//! What goes into a run and what comes out of it.
use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AnswerSchema, ApprovalDecision, Approver, AtLimit, ChooseModel, Compaction, LoopGuard, OnChunk,
    OnContextTooLong, OnFinish, OnStepFinish, OnToolApproval, PrepareStep, RepairToolCall,
    SuspendedRun, UsageLimit, UsageLimits,
};
use crate::{
    CancellationToken,
    journal::Journal,
    telemetry::Telemetry,
    tool::UserContext,
    types::{
        ChatMessage, ChatResponse, FinishReason, ModelUsage, Settings, ToolCall, ToolChoice,
        ToolResult, ToolStatus, Usage, Warning,
    },
};

/// One finished step: a reply of the model and what came of the tools it called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepResult {
    /// The number of the step, from 0.
    pub step_number: usize,
    /// What the step added to the history: the reply, then the results in call order.
    pub messages: Vec<ChatMessage>,
    /// Why the model's reply ended.
    pub finish_reason: FinishReason,
    /// Who served the model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that answered, as its provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the step cost, if the provider says so. Replies that broke off and were asked for
    /// again count too: if one of them did not say what it cost, the sum is unknown.
    pub usage: Option<Usage>,
    /// What [summaries](super::Compaction) of the history cost that the step asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub summaries: Vec<ModelUsage>,
    /// The tools the model called, in order.
    pub tool_calls: Vec<Arc<ToolCall>>,
    /// What came of the calls, in call order.
    pub tool_results: Vec<Arc<ToolResult>>,
    /// How long the step took: the model, its tools, and whoever was asked or read along. Time in
    /// which the run was not driven does not count.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub duration: Duration,
}

impl StepResult {
    /// The text of the model's reply; `None` if it has none.
    pub fn text(&self) -> Option<&str> {
        self.messages.first()?.text()
    }

    /// The calls that could be executed: of a tool on offer, with arguments that fit.
    pub fn valid_calls(&self) -> impl Iterator<Item = &ToolCall> {
        let is_invalid = |call: &ToolCall| {
            let mut results = self.tool_results.iter();
            results.any(|it| it.call_id == call.id && it.status == ToolStatus::Invalid)
        };
        self.tool_calls.iter().map(AsRef::as_ref).filter(move |call| !is_invalid(call))
    }

    /// Whether it called the tool `name` with arguments that fit, be it after a repair.
    pub(super) fn has_called(&self, name: &str) -> bool {
        self.valid_calls().any(|call| {
            let result = self.tool_results.iter().find(|it| it.call_id == call.id);
            result.map_or(&*call.name, |it| it.executed_name()) == name
        })
    }
}

/// The decision on one tool call, given before it executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolApproval {
    /// Execute it with these arguments.
    Approve(Value),
    /// Execute it with these arguments instead of the model's; they are checked against the schema again.
    Modify(Value),
    /// Don't execute it. The model is told, with the reason, and the run goes on.
    Deny {
        /// Why not, for the model.
        reason: String,
    },
    /// Nobody can decide now. Calls that need no decision execute, then the run ends with
    /// [`StoppedBy::ApprovalPending`] and waits to be [resumed](OrchestratorOptions::resume).
    Pause,
}

/// Why a run ended, when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoppedBy {
    /// The model answered without calling a tool.
    Answer,
    /// A stop condition held.
    #[non_exhaustive]
    Condition {
        /// Its place among the conditions of the run, from 0.
        index: usize,
    },
    /// The run had as many steps as [`max_steps`](OrchestratorOptions::max_steps) allows.
    MaxSteps,
    /// The run used up what one of its [`limits`](OrchestratorOptions::limits) allows.
    #[non_exhaustive]
    UsageLimit {
        /// Which one.
        limit: UsageLimit,
    },
    /// The model called tools wrongly more often in a row than
    /// [`max_invalid_calls`](OrchestratorOptions::max_invalid_calls) allows.
    InvalidToolCalls,
    /// The model went round in a circle, which [`LoopGuard::Stop`] ends.
    RepeatedToolCalls,
    /// The model called tools that nobody here executes; [`RunOutput::pending`] lists the calls.
    ToolCallsPending,
    /// Calls wait for somebody to approve them: [`RunOutput::suspended`] is the run to be resumed.
    ApprovalPending,
}

/// All that came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunOutput {
    /// The id of the run.
    pub run_id: String,
    /// The model's last reply.
    pub response: ChatResponse,
    /// The steps, in order.
    pub steps: Vec<StepResult>,
    /// The whole history: what the run began with and what it added. Push a message and run again to go on.
    pub messages: Vec<ChatMessage>,
    /// What the run cost, without the agents it called.
    pub usage: Usage,
    /// What the agents cost that the run called, and those below them; zero if it called none.
    /// What each model of them cost stands in the [results](ToolResult::agents_usage).
    #[serde(default = "Usage::zero", skip_serializing_if = "Usage::is_zero")]
    pub agents_usage: Usage,
    /// Why it ended.
    pub stopped_by: StoppedBy,
    /// Calls that are left to the caller: answer each with [`ChatMessage::tool`] and run again.
    pub pending: Vec<Arc<ToolCall>>,
    /// The run itself, if it waits for decisions. In `steps` and `messages`, the calls that wait
    /// have a result that says so.
    pub suspended: Option<SuspendedRun>,
    /// What was not as it should be, and did not stop the run.
    pub warnings: Vec<Warning>,
}

/// How long the parts of a run may take; what is `None` may take for ever.
///
/// A tool that takes too long is stopped, the model is told, and the run goes on. The others end
/// the run with an error of kind [`Timeout`](crate::ErrorKind::Timeout), whose
/// [`code`](crate::LlmError::code) says which it was.
///
/// ```
/// use std::time::Duration;
/// use siumai_core::{
///     orchestrator::{OrchestratorOptions, Timeouts, run},
///     testing::{Reply, ScriptedModel},
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let silent = Reply::text("Let me").wait(Duration::from_secs(60));
/// let timeouts = Timeouts { idle: Some(Duration::from_secs(20)), ..Default::default() };
/// let options = OrchestratorOptions { timeouts, ..Default::default() };
///
/// let model = ScriptedModel::new().then(silent);
/// let failed = run(&model, vec![user!("Hi")], None, None, &[], options).await.unwrap_err();
/// assert_eq!(failed.error().code(), Some("idle_timeout"));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// The whole run. Code `run_timeout`.
    pub run: Option<Duration>,
    /// A step: the model's reply, asked for again or not, and the tools. Code `step_timeout`.
    pub step: Option<Duration>,
    /// From a request to the first event of its reply, with whatever layers around the model
    /// wait for. Code `first_event_timeout`.
    pub first_event: Option<Duration>,
    /// The silence between two events of a reply. Code `idle_timeout`.
    pub idle: Option<Duration>,
    /// A tool, unless it has a [limit of its own](crate::types::Tool::timeout).
    pub tool: Option<Duration>,
}

/// How a run is carried out. Write what differs and end with `..Default::default()`.
///
/// ```
/// use siumai_core::orchestrator::OrchestratorOptions;
///
/// let options = OrchestratorOptions { max_steps: 10, ..Default::default() };
/// assert_eq!((options.max_steps, options.max_parallel_tools), (10, 8));
/// ```
#[derive(Clone)]
pub struct OrchestratorOptions {
    /// The most steps a run may have, whatever the stop conditions say. Not zero; 100 by default.
    pub max_steps: usize,
    /// The most tools of one step that run at a time. Not zero; 8 by default.
    pub max_parallel_tools: usize,
    /// The most bytes of a tool result that the model is shown, in UTF-8; 1 MiB by default, and a
    /// tool may have a [limit of its own](crate::types::Tool::max_result_bytes). What a tool
    /// returns beyond that is cut off and not kept, and the model is told. `usize::MAX` is no limit.
    pub max_result_bytes: usize,
    /// Which tools the model may or must call. A choice that forces a call
    /// holds until it was obeyed once, or the run would never end.
    pub tool_choice: Option<ToolChoice>,
    /// The shape that the answer is to have; by default it is text.
    /// [`generate_as`](super::generate_as) sets it.
    pub answer: Option<AnswerSchema>,
    /// How the model is to write.
    pub settings: Settings,
    /// What the run may use up: tokens, requests, tool calls. Nothing is limited by default.
    pub limits: UsageLimits,
    /// What happens at a limit. By default the run just ends.
    pub at_limit: AtLimit,
    /// How often in a row the model may call tools wrongly: unknown, not on offer, or with
    /// arguments that don't fit. 3 by default; the next time ends the run as
    /// [`StoppedBy::InvalidToolCalls`]. A step counts once if all its calls are invalid, and one
    /// with a valid call begins the count anew.
    pub max_invalid_calls: usize,
    /// What happens when the model makes the same calls again and again, to the same results. By
    /// default it is told so.
    pub loop_guard: LoopGuard,
    /// How long the parts of the run may take.
    pub timeouts: Timeouts,
    /// How often a step begins again when its reply breaks off; 0 by default. Those who watch are
    /// told by [`StepReset`](super::StreamEvent::StepReset) to forget what they saw of it. A call
    /// that fails before its reply begins is for [`Retry`](crate::model::layers::Retry).
    ///
    /// ```
    /// use siumai_core::{
    ///     orchestrator::{OrchestratorOptions, run},
    ///     testing::{Reply, ScriptedModel},
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let model = ScriptedModel::new().then(Reply::text("It is su").cut()).reply("It is sunny.");
    /// let options = OrchestratorOptions { step_retries: 1, ..Default::default() };
    /// let output = run(&model, vec![user!("Hi")], None, None, &[], options).await?;
    /// assert_eq!(output.response.content_text(), Some("It is sunny."));
    /// # Ok(())
    /// # }
    /// ```
    pub step_retries: usize,
    /// Ends the run when it is cancelled: the model call and the tools stop at their next await.
    ///
    /// ```
    /// use siumai_core::{
    ///     CancellationToken, ErrorKind,
    ///     orchestrator::{OrchestratorOptions, run},
    ///     testing::ScriptedModel,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let token = CancellationToken::new();
    /// let options = OrchestratorOptions { cancellation: Some(token.clone()), ..Default::default() };
    /// token.cancel();
    ///
    /// let model = ScriptedModel::new().reply("Hello.");
    /// let failed = run(&model, vec![user!("Hi")], None, None, &[], options).await.unwrap_err();
    /// assert_eq!(failed.kind(), ErrorKind::Cancelled);
    /// assert_eq!(model.remaining(), 1);
    /// # }
    /// ```
    pub cancellation: Option<CancellationToken>,
    /// The name of the agent that runs, for logs and telemetry.
    pub agent_id: Option<String>,
    /// What the run tells [telemetry](crate::telemetry) beside names, numbers and times.
    pub telemetry: Telemetry,
    /// Asked before each step how it differs from the run.
    pub prepare_step: Option<PrepareStep>,
    /// Asked before each request which model is to answer it, if it is not the run's.
    pub choose_model: Option<ChooseModel>,
    /// Mends a call that is invalid, if it can, before the model is told that it is.
    pub repair_tool_call: Option<RepairToolCall>,
    /// Asked before each tool executes. A panic in it is a denial.
    pub on_tool_approval: Option<OnToolApproval>,
    /// Asked instead of `on_tool_approval`, where the answer takes its time.
    pub approver: Option<Arc<dyn Approver>>,
    /// What tools may [get](crate::tool::ToolContext::get) beside their arguments; the model sees
    /// nothing of it.
    pub context: UserContext,
    /// The name of the run; without one it gets a random name. What a [journal](crate::journal)
    /// knows by that name is resumed.
    pub run_id: Option<String>,
    /// Where the run is kept, so that it can be resumed after its process has died.
    ///
    /// The same call again resumes it, and so does one without messages. Other messages are said
    /// to it when its step is finished; system messages stay those it began with.
    pub journal: Option<Arc<dyn Journal>>,
    /// The run to go on with, in place of a new one. Messages are then said to it as news.
    pub resume: Option<SuspendedRun>,
    /// What was decided on the calls that a resumed run waits for: any of them, in any order. The
    /// others go on waiting. If one of them is refused, nothing happens.
    pub decisions: Vec<ApprovalDecision>,
    /// Denies what a resumed run waits for if it is given messages. Otherwise those are refused.
    pub deny_pending: bool,
    /// Asked for a shorter history when the model finds it too long, once a step at most. It is
    /// given the messages without the leading system messages, and what it returns is sent in
    /// their place for this step alone; `None`, or nothing, lets the run fail.
    pub on_context_too_long: Option<OnContextTooLong>,
    /// Has a model sum up the old part of a history that has grown too long, before a step that
    /// would send it. A step whose messages `prepare_step` gives is left alone.
    pub compaction: Option<Compaction>,
    /// Told of each piece of text.
    pub on_chunk: Option<OnChunk>,
    /// Told of each finished step.
    pub on_step_finish: Option<OnStepFinish>,
    /// Told of all steps when the run has ended without an error.
    pub on_finish: Option<OnFinish>,
}

/// The options of a streamed run: the same, under their other name.
pub type OrchestratorStreamOptions = OrchestratorOptions;

impl Default for OrchestratorOptions {
    fn default() -> Self {
        Self {
            max_steps: 100,
            max_parallel_tools: 8,
            max_result_bytes: 1 << 20,
            tool_choice: None,
            answer: None,
            settings: Settings::default(),
            limits: UsageLimits::default(),
            at_limit: AtLimit::default(),
            max_invalid_calls: 3,
            loop_guard: LoopGuard::default(),
            timeouts: Timeouts::default(),
            step_retries: 0,
            cancellation: None,
            agent_id: None,
            telemetry: Telemetry::default(),
            prepare_step: None,
            choose_model: None,
            repair_tool_call: None,
            on_tool_approval: None,
            approver: None,
            context: UserContext::default(),
            run_id: None,
            journal: None,
            resume: None,
            decisions: Vec::new(),
            deny_pending: false,
            on_context_too_long: None,
            compaction: None,
            on_chunk: None,
            on_step_finish: None,
            on_finish: None,
        }
    }
}

impl OrchestratorOptions {
    /// Adds a value that tools may [get](crate::tool::ToolContext::get) by its type.
    ///
    /// ```
    /// use siumai_core::orchestrator::OrchestratorOptions;
    ///
    /// struct Tenant(&'static str);
    ///
    /// let options = OrchestratorOptions::default().with_context(Tenant("acme"));
    /// assert_eq!(options.context.get::<Tenant>().map(|it| it.0), Some("acme"));
    /// ```
    #[must_use]
    pub fn with_context<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.context = self.context.with(value);
        self
    }

    /// Whether somebody is asked before a call is executed.
    pub(super) fn has_approver(&self) -> bool {
        self.on_tool_approval.is_some() || self.approver.is_some()
    }
}

impl fmt::Debug for OrchestratorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestratorOptions")
            .field("max_steps", &self.max_steps)
            .field("max_parallel_tools", &self.max_parallel_tools)
            .field("max_result_bytes", &self.max_result_bytes)
            .field("tool_choice", &self.tool_choice)
            .field("answer", &self.answer)
            .field("settings", &self.settings)
            .field("limits", &self.limits)
            .field("at_limit", &self.at_limit)
            .field("max_invalid_calls", &self.max_invalid_calls)
            .field("loop_guard", &self.loop_guard)
            .field("timeouts", &self.timeouts)
            .field("step_retries", &self.step_retries)
            .field("cancellation", &self.cancellation)
            .field("agent_id", &self.agent_id)
            .field("telemetry", &self.telemetry)
            .field("prepare_step", &self.prepare_step.is_some())
            .field("choose_model", &self.choose_model.is_some())
            .field("repair_tool_call", &self.repair_tool_call.is_some())
            .field("on_tool_approval", &self.on_tool_approval.is_some())
            .field("approver", &self.approver.is_some())
            .field("context", &self.context)
            .field("run_id", &self.run_id)
            .field("journal", &self.journal.is_some())
            .field("resume", &self.resume)
            .field("decisions", &self.decisions.len())
            .field("deny_pending", &self.deny_pending)
            .field("on_context_too_long", &self.on_context_too_long.is_some())
            .field("compaction", &self.compaction)
            .field("on_chunk", &self.on_chunk.is_some())
            .field("on_step_finish", &self.on_step_finish.is_some())
            .field("on_finish", &self.on_finish.is_some())
            .finish()
    }
}

//! One run of the loop: what it begins with, what is shown of it, how it ends.
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::Value;
use siumai::{
    LlmError, async_trait,
    journal::Journal,
    model::{LanguageModel, ModelStream},
    orchestrator::{
        ApprovalDecision, AtLimit, OrchestratorOptions, RunError, RunOutput, StepResult,
        StopCondition, StoppedBy, StreamEvent, StreamOrchestration, ToolResolver, UsageLimits,
        cost_over, generate_stream_owned, has_tool_call,
    },
    prices::{PriceTable, Usd},
    telemetry::Telemetry,
    tool::ToolContext,
    types::{ChatMessage, ChatRequest, Tool, ToolCall, ToolStatus, Usage, Warning},
};

use crate::{
    approve::Approver,
    clock,
    failure::Exit,
    prices::Cost,
    render::{Answer, Progress},
    stop::{Cause, Stopped},
    tools::Offered,
};

/// What a run begins with.
pub(crate) struct Task {
    /// None, if it goes on where it was.
    pub(crate) messages: Vec<ChatMessage>,
    /// Where it is kept, and by which name.
    pub(crate) kept: Option<(Arc<dyn Journal>, String)>,
    /// What was decided on calls that wait.
    pub(crate) decisions: Vec<ApprovalDecision>,
    pub(crate) tools: Offered,
    pub(crate) durations: Durations,
    pub(crate) telemetry: Telemetry,
    pub(crate) stop_on_tool: Vec<String>,
    pub(crate) limits: Limits,
    /// What models cost, if that was said.
    pub(crate) prices: Option<PriceTable>,
    pub(crate) approver: Arc<Approver>,
}

/// How far a run may go, and what it does there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_steps: usize,
    pub(crate) usage: UsageLimits,
    /// Holds only where there are prices.
    pub(crate) max_cost: Option<Usd>,
    pub(crate) at_limit: AtLimit,
}

/// All that came of a run, however it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// By which id it is kept.
    pub(crate) run_id: Option<String>,
    pub(crate) how: How,
    pub(crate) steps: Vec<StepResult>,
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) usage: Usage,
    /// What it cost, if there are prices.
    pub(crate) cost: Option<Cost>,
    /// What the model had said of a reply that broke off.
    pub(crate) partial_reply: Option<ChatMessage>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum How {
    Finished(StoppedBy),
    /// It cost more than it may.
    OverCost,
    Failed(LlmError),
    Stopped(Cause),
}

/// Runs `task` and shows it; gives nothing if whoever read the answer has gone.
///
/// # Errors
///
/// If the run can't begin.
pub(crate) async fn run<W: io::Write>(
    model: impl LanguageModel + 'static,
    task: Task,
    answer: &mut dyn Answer,
    progress: &mut Progress<W>,
    stopped: &mut Stopped,
) -> Option<Ended> {
    let initial = task.messages.clone();
    let max_cost = task.prices.as_ref().and(task.limits.max_cost);
    let StreamOrchestration { mut stream, steps, .. } = match start(model, task).await {
        Ok(started) => started,
        Err(failed) => return Some(Ended::failed(&failed)),
    };
    loop {
        let event = tokio::select! {
            biased;
            cause = stopped.wait() => {
                // What is under way is dropped with it, and what was done is left.
                drop(stream);
                return Some(Ended::stopped(cause, steps.await, initial));
            }
            event = stream.next() => event,
        };
        match event {
            Some(Ok(event)) => show(&event, answer, progress)?,
            Some(Err(_)) => {}
            None => break,
        }
    }
    Some(match stream.finish().await {
        Ok(output) => Ended::finished(output, max_cost),
        Err(failed) => Ended::failed(&failed),
    })
}

async fn start(
    model: impl LanguageModel + 'static,
    task: Task,
) -> Result<StreamOrchestration, RunError> {
    let Task {
        messages,
        kept,
        decisions,
        tools,
        durations,
        telemetry,
        stop_on_tool,
        limits,
        prices,
        approver,
    } = task;
    let (journal, run_id) = kept.unzip();
    let definitions = tools.definitions().cloned().collect();
    // First, so that it is known by its place.
    let too_costly = limits.max_cost.zip(prices).map(|(most, prices)| cost_over(most, &prices));
    let conditions: Vec<Box<dyn StopCondition>> =
        too_costly.into_iter().chain(stop_on_tool.into_iter().map(has_tool_call)).collect();
    let options = OrchestratorOptions {
        max_steps: limits.max_steps,
        limits: limits.usage,
        at_limit: limits.at_limit,
        journal,
        run_id,
        decisions,
        telemetry,
        on_tool_approval: Some(Arc::new(move |name, arguments| approver.decide(name, arguments))),
        ..Default::default()
    };
    let resolver = Timed { tools, durations };
    generate_stream_owned(model, messages, Some(definitions), resolver, conditions, options).await
}

/// Nothing, if nobody reads the answer.
fn show<W: io::Write>(
    event: &StreamEvent,
    answer: &mut dyn Answer,
    progress: &mut Progress<W>,
) -> Option<()> {
    progress.before(event);
    let written = answer.event(event);
    progress.event(event);
    written.ok()
}

impl Ended {
    fn finished(output: RunOutput, max_cost: Option<Usd>) -> Self {
        let how = match output.stopped_by {
            StoppedBy::Condition { index: 0, .. } if max_cost.is_some() => How::OverCost,
            other => How::Finished(other),
        };
        Self {
            run_id: None,
            how,
            steps: output.steps,
            messages: output.messages,
            usage: output.usage,
            cost: None,
            partial_reply: None,
        }
    }

    fn failed(failed: &RunError) -> Self {
        Self::broken_off(How::Failed(failed.error().clone()), failed)
    }

    fn stopped(
        cause: Cause,
        steps: Result<Vec<StepResult>, RunError>,
        initial: Vec<ChatMessage>,
    ) -> Self {
        let how = How::Stopped(cause);
        let steps = match steps {
            Err(failed) => return Self::broken_off(how, &failed),
            // It had just ended by itself.
            Ok(steps) => steps,
        };
        let added = steps.iter().flat_map(|step| step.messages.iter().cloned());
        let messages = initial.into_iter().chain(added).collect();
        let usage = StepResult::merge_usage(&steps);
        Self { run_id: None, how, steps, messages, usage, cost: None, partial_reply: None }
    }

    fn broken_off(how: How, failed: &RunError) -> Self {
        Self {
            run_id: None,
            how,
            steps: failed.steps().to_vec(),
            messages: failed.messages().to_vec(),
            usage: failed.usage().clone(),
            cost: None,
            partial_reply: failed.partial_reply().cloned(),
        }
    }

    /// The model's last words.
    pub(crate) fn text(&self) -> Option<&str> {
        let last = || self.steps.last()?.text();
        self.partial_reply.as_ref().and_then(ChatMessage::text).or_else(last)
    }

    /// The calls that wait for somebody to approve them.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &ToolCall> {
        let is_waiting = |step: &StepResult, call: &ToolCall| {
            let mut results = step.tool_results.iter();
            results.any(|it| it.call_id == call.id && it.status == ToolStatus::Pending)
        };
        self.steps.last().into_iter().flat_map(move |step| {
            let calls = step.tool_calls.iter().map(AsRef::as_ref);
            calls.filter(move |call| is_waiting(step, call))
        })
    }

    pub(crate) fn exit(&self) -> Exit {
        match &self.how {
            How::Stopped(cause) => cause.exit(),
            How::Failed(_) => Exit::Failed,
            How::Finished(StoppedBy::ApprovalPending) => Exit::Waiting,
            How::Finished(_) if self.was_denied() => Exit::Denied,
            How::OverCost
            | How::Finished(
                StoppedBy::MaxSteps
                | StoppedBy::UsageLimit { .. }
                | StoppedBy::InvalidToolCalls
                | StoppedBy::RepeatedToolCalls,
            ) => Exit::Limit,
            How::Finished(_) => Exit::Done,
        }
    }

    fn was_denied(&self) -> bool {
        let mut results = self.steps.iter().flat_map(|step| &step.tool_results);
        results.any(|result| result.status == ToolStatus::Denied)
    }
}

/// How long each call took, without the time in which somebody thought about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations(Arc<Mutex<HashMap<String, Duration>>>);

impl Durations {
    /// How long the call took, if it was executed.
    pub(crate) fn of(&self, call_id: &str) -> Option<Duration> {
        self.lock().remove(call_id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executes tools and notes how long they take.
struct Timed {
    tools: Offered,
    durations: Durations,
}

#[async_trait]
impl ToolResolver for Timed {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.tools.call_tool(name, arguments).await
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let began = clock::instant();
        let outcome = self.tools.call_tool_with(name, arguments, context).await;
        self.durations.lock().insert(context.call_id.clone(), began.elapsed());
        outcome
    }

    fn has_tool(&self, name: &str) -> bool {
        self.tools.has_tool(name)
    }
}

/// A model that is asked for each reply in one piece.
pub(crate) struct Whole<M>(pub(crate) M);

#[async_trait]
impl<M: LanguageModel> LanguageModel for Whole<M> {
    fn provider(&self) -> &str {
        self.0.provider()
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        self.0.stream(request.whole()).await
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        self.0.check_tools(tools)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        self.0.takes_answer_schema(schema, tools)
    }
}

#[cfg(test)]
mod tests;

//! The loop. There is no other: every surface polls [`drive`].
//!
//! [`Run`] decides, the driver performs, and everything that changes the run
//! goes through [`Driver::record`].
use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::{
    OrchestratorOptions, RunError, RunOutput, StoppedBy, StreamEvent,
    approval::Judge,
    emitter::Emitter,
    execute::{Executed, Limits, execute, panic_text},
    open_step::{Decision, ReadyCall},
    outcome::Outcome,
    progress::{Heard, Report, Reports},
    run::{Action, Entry, Rules, Run},
    watch::Watch,
};
use crate::{
    ErrorKind, LlmError,
    model::{Assembler, Delta, LanguageModel},
    tool::{ToolContext, ToolResolver},
    types::{ChatMessage, ChatRequest, Tool, ToolCall, ToolStatus, Warning},
};

/// Whether the model is asked for a stream of pieces or for its reply in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Streamed,
    Whole,
}

/// What a run works with, beside its state.
pub(super) struct Driver<'a> {
    pub(super) model: &'a dyn LanguageModel,
    pub(super) resolver: Option<&'a dyn ToolResolver>,
    pub(super) rules: Rules<'a>,
    pub(super) options: &'a OrchestratorOptions,
    pub(super) delivery: Delivery,
    pub(super) events: Emitter<StreamEvent>,
    pub(super) observers: Observers,
    pub(super) watch: Watch<'a>,
}

/// Why the loop broke off, and what the model had said of the reply it was in.
struct Broken {
    error: LlmError,
    partial_reply: Option<ChatMessage>,
}

/// Drives the run to its end and leaves behind what came of it, even if this future is dropped.
pub(super) async fn drive(mut driver: Driver<'_>, mut guard: Guard) {
    let Some(run) = &mut guard.run else { return };
    // Tools, approval and observers see to their own panics. What is left to panic is the caller's too,
    // and must not take the finished steps along, or leave one who waits for them waiting.
    let ended = AssertUnwindSafe(driver.perform(run)).catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| Err(panicked(&*panic).into()));
    if ended.is_ok() {
        driver.observers.tell("on_finish", driver.options.on_finish.as_deref(), |it| {
            it(run.steps());
        });
    }
    guard.end(ended);
}

impl Driver<'_> {
    async fn perform(&mut self, run: &mut Run) -> Result<StoppedBy, Broken> {
        self.watch.start_run();
        self.events.emit(StreamEvent::Start { agent_id: self.options.agent_id.clone() }).await;
        for warning in run.warnings() {
            tracing::warn!("{warning}");
            self.events.emit(StreamEvent::Warning { warning: warning.clone() }).await;
        }
        loop {
            match run.next_action(&self.rules)? {
                Action::StartStep(plan) => {
                    self.watch.start_step().await?;
                    self.record(run, Entry::StepStarted(plan)).await?;
                }
                Action::CallModel(request) => {
                    let entry = self.call_model(run, request).await?;
                    self.record(run, entry).await?;
                }
                Action::Decide(calls) => self.decide(run, calls).await?,
                Action::ExecuteTools(batch) => self.execute_tools(run, batch).await?,
                Action::Finish(stopped_by) => return Ok(stopped_by),
            }
        }
    }

    /// The one door: the state takes `entry` in, then observers hear of it.
    async fn record(&self, run: &mut Run, entry: Entry) -> Result<(), LlmError> {
        let step_number = run.step_number();
        let events = announce(step_number, &entry);
        let finished = run.apply(entry)?.cloned();
        for event in events {
            self.events.emit(event).await;
        }
        if let Some(step) = finished {
            self.observers.tell("on_step_finish", self.options.on_step_finish.as_deref(), |it| {
                it(&step);
            });
            self.events.emit(StreamEvent::StepFinish { step: Box::new(step) }).await;
        }
        Ok(())
    }

    /// Asks the model; returns what came of it, if the run goes on with that.
    async fn call_model(&self, run: &Run, request: ChatRequest) -> Result<Entry, Broken> {
        let request = match self.delivery {
            Delivery::Streamed => request,
            Delivery::Whole => request.whole(),
        };
        let mut reply = Assembler::new(run.call_id_prefix());
        let step_number = run.step_number();
        let Err(error) = self.read_reply(step_number, request, &mut reply).await else {
            return Ok(Entry::ModelReplied(reply.finish()?));
        };
        let Some(recovery) = run.recovery(&self.rules, &error, &reply) else {
            return Err(Broken { error, partial_reply: reply.partial() });
        };
        let kind = error.kind();
        if let Entry::ReplyBrokeOff { attempt, .. } = &recovery {
            tracing::warn!(step_number, attempt, ?kind, "a reply broke off and is asked for again");
        } else {
            tracing::warn!(step_number, ?kind, "the history is too long and a shorter one is sent");
        }
        Ok(recovery)
    }

    async fn read_reply(
        &self,
        step_number: usize,
        request: ChatRequest,
        reply: &mut Assembler,
    ) -> Result<(), LlmError> {
        let mut limit = self.watch.first_event();
        let request = request.with_deadline(self.watch.deadline(limit));
        let mut events = self.watch.over(limit, self.model.stream(request)).await??;
        while let Some(event) = self.watch.over(limit, events.next()).await? {
            if let Some(delta) = reply.push(event?)? {
                self.tell_delta(step_number, delta).await;
            }
            // Begins when the reader has come back: its slowness is not the model's silence.
            limit = self.watch.next_event();
        }
        reply.check_finished()
    }

    async fn tell_delta(&self, step_number: usize, delta: Delta) {
        if let Some(text) = &delta.content {
            self.observers.tell("on_chunk", self.options.on_chunk.as_deref(), |it| it(text));
        }
        self.events.emit(StreamEvent::Delta { step_number, delta }).await;
    }

    /// Decides on the whole batch before any of it executes.
    async fn decide(&self, run: &mut Run, calls: Vec<Arc<ToolCall>>) -> Result<(), LlmError> {
        let judge = Judge {
            tools: self.rules.tools,
            active_tools: run.active_tools(),
            resolver: self.resolver,
            approver: self.options.on_tool_approval.as_ref(),
        };
        let verdicts: Vec<_> = calls.iter().map(|call| judge.decide(call)).collect();
        for (call, verdict) in calls.iter().zip(verdicts) {
            let entry = match verdict {
                Ok(decision) => Entry::CallDecided { call_id: call.id.clone(), decision },
                Err(refusal) => Entry::CallFinished(refusal),
            };
            self.record(run, entry).await?;
        }
        Ok(())
    }

    /// Executes the batch concurrently, in call order as far as places are free.
    async fn execute_tools(&self, run: &mut Run, batch: Vec<ReadyCall>) -> Result<(), LlmError> {
        let Some(resolver) = self.resolver else { return Ok(()) };
        let step_number = run.step_number();
        let reports = Reports::new(self.delivery);
        let mut waiting = VecDeque::from(batch);
        let mut running = FuturesUnordered::new();
        let mut is_alone = false;
        loop {
            while let Some(ready) = waiting.pop_front() {
                let is_exclusive = self.is_exclusive(&ready.call);
                let is_full = running.len() >= self.options.max_parallel_tools;
                if is_full || is_alone || (is_exclusive && !running.is_empty()) {
                    waiting.push_front(ready);
                    break;
                }
                is_alone = is_exclusive;
                let context = self.tool_context(&ready.call, step_number);
                let context = reports.of(&ready.call, context);
                let limits = self.limits(&ready.call);
                running.push(execute(resolver, ready, context, limits));
            }
            let next = reports.or_finished(&mut running, &self.events);
            let finished = match self.watch.over(None, next).await? {
                Heard::Reports(reports) => {
                    self.tell_progress(step_number, reports).await;
                    continue;
                }
                Heard::Finished(finished) => finished,
            };
            let Some(Executed { result, fatal }) = finished else { return Ok(()) };
            is_alone = false;
            self.tell_progress(step_number, reports.close(&result.call_id, &self.events)).await;
            self.record(run, Entry::CallFinished(result)).await?;
            if let Some(error) = fatal {
                return Err(error);
            }
        }
    }

    async fn tell_progress(&self, step_number: usize, reports: Vec<Report>) {
        for report in reports {
            self.events.emit(report.event(step_number)).await;
        }
    }

    fn tool_context(&self, call: &ToolCall, step_number: usize) -> ToolContext {
        let context = ToolContext::new(call.id.as_str(), step_number);
        match &self.options.cancellation {
            Some(run) => context.cancelled_with(run),
            None => context,
        }
    }

    fn limits(&self, call: &ToolCall) -> Limits {
        let tool = self.rules.tools.find(&call.name);
        let own_size = tool.and_then(Tool::result_limit);
        Limits {
            time: tool.and_then(Tool::time_limit).or(self.options.timeouts.tool),
            result_bytes: own_size.unwrap_or(self.options.max_result_bytes),
        }
    }

    fn is_exclusive(&self, call: &ToolCall) -> bool {
        self.rules.tools.find(&call.name).is_some_and(Tool::is_exclusive)
    }
}

/// The events that tell of `entry`.
fn announce(step_number: usize, entry: &Entry) -> Vec<StreamEvent> {
    match entry {
        Entry::StepStarted(plan) => {
            let warnings = plan.warnings.iter().cloned();
            let mut events: Vec<_> =
                warnings.map(|warning| StreamEvent::Warning { warning }).collect();
            events.push(StreamEvent::StepStart { step_number });
            events
        }
        Entry::ReplyBrokeOff { attempt, error, .. } => {
            let (attempt, error) = (*attempt, error.clone());
            vec![
                StreamEvent::Warning { warning: Warning::Retried { attempt, error } },
                StreamEvent::StepReset { step_number, attempt: attempt + 1 },
            ]
        }
        Entry::HistoryShortened(_) => Vec::new(),
        Entry::ModelReplied(response) => {
            let warnings = response.warnings.iter().cloned();
            let calls = response.tool_calls.iter().cloned();
            warnings
                .map(|warning| StreamEvent::Warning { warning })
                .chain(calls.map(|call| StreamEvent::ToolCall { step_number, call }))
                .collect()
        }
        Entry::CallDecided { decision: Decision::Execute { .. } | Decision::Leave, .. } => {
            Vec::new()
        }
        Entry::CallFinished(result) => {
            vec![StreamEvent::ToolResult { step_number, result: Arc::clone(result) }]
        }
    }
}

/// Calls whoever watches. A panic in one is reported once and changes nothing.
#[derive(Debug, Default)]
pub(super) struct Observers {
    has_panicked: AtomicBool,
}

impl Observers {
    fn tell<F: ?Sized>(&self, name: &str, observer: Option<&F>, call: impl FnOnce(&F)) {
        let Some(observer) = observer else { return };
        let told = catch_unwind(AssertUnwindSafe(|| call(observer)));
        if told.is_err() && !self.has_panicked.swap(true, Ordering::Relaxed) {
            tracing::error!(observer = name, "an observer panicked; the run goes on");
        }
    }
}

/// Holds a run from its making to its end. If it is dropped before, the run ends as cancelled.
pub(super) struct Guard {
    run: Option<Run>,
    outcome: Arc<Outcome>,
}

impl Guard {
    /// Holds `run`, and leaves in `outcome` what comes of it.
    pub(super) fn new(run: Run, outcome: Arc<Outcome>) -> Self {
        Self { run: Some(run), outcome }
    }

    fn end(mut self, ended: Result<StoppedBy, Broken>) {
        let Some(run) = self.run.take() else { return };
        self.outcome.set(match ended {
            Ok(stopped_by) => output(run, stopped_by),
            Err(Broken { error, partial_reply }) => {
                let status = match error.kind() {
                    ErrorKind::Cancelled => ToolStatus::Cancelled,
                    _ => ToolStatus::Interrupted,
                };
                Err(failure(run, status, error, partial_reply))
            }
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let error = LlmError::new(
            ErrorKind::Cancelled,
            "the run was cancelled: its stream was dropped before the end",
        );
        self.outcome.set(Err(failure(run, ToolStatus::Cancelled, error, None)));
    }
}

fn output(run: Run, stopped_by: StoppedBy) -> Result<RunOutput, RunError> {
    let (Some(response), pending) = run.outcome() else {
        let error = super::open_step::out_of_order("an end before the first reply");
        return Err(failure(run, ToolStatus::Interrupted, error, None));
    };
    let usage = run.usage();
    let (steps, messages, warnings) = run.into_parts();
    Ok(RunOutput { response, steps, messages, usage, stopped_by, pending, warnings })
}

fn failure(
    mut run: Run,
    status: ToolStatus,
    error: LlmError,
    partial_reply: Option<ChatMessage>,
) -> RunError {
    run.break_off(status);
    let (steps, messages, warnings) = run.into_parts();
    RunError::new(error, steps, messages, partial_reply, warnings)
}

fn panicked(panic: &(dyn Any + Send)) -> LlmError {
    let what = panic_text(panic);
    tracing::error!("a panic ended the run: {what}");
    let message = format!(
        "a panic ended the run: {what}; look for it in the model, the stop conditions and prepare_step"
    );
    LlmError::new(ErrorKind::Panicked, message)
}

impl From<LlmError> for Broken {
    fn from(error: LlmError) -> Self {
        Self { error, partial_reply: None }
    }
}

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
    execute::{Executed, execute, panic_text},
    open_step::{Decision, ReadyCall},
    outcome::Outcome,
    run::{Action, Entry, Rules, Run},
};
use crate::{
    ErrorKind, LlmError,
    model::{Assembler, LanguageModel},
    tool::ToolResolver,
    types::{ChatMessage, ChatRequest, ChatResponse, Tool, ToolCall, ToolStatus},
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
}

/// Why the loop broke off, and what the model had said of the reply it was in.
struct Broken {
    error: LlmError,
    partial_reply: Option<ChatMessage>,
}

/// Drives the run to its end and leaves behind what came of it, even if this future is dropped.
pub(super) async fn drive(driver: Driver<'_>, mut guard: Guard) {
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
    async fn perform(&self, run: &mut Run) -> Result<StoppedBy, Broken> {
        self.events.emit(StreamEvent::Start { agent_id: self.options.agent_id.clone() }).await;
        for warning in run.warnings() {
            tracing::warn!("{warning}");
            self.events.emit(StreamEvent::Warning { warning: warning.clone() }).await;
        }
        loop {
            match run.next_action(&self.rules)? {
                Action::StartStep(plan) => self.record(run, Entry::StepStarted(plan)).await?,
                Action::CallModel(request) => {
                    let reply = self.call_model(run, request).await?;
                    self.record(run, Entry::ModelReplied(reply)).await?;
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

    async fn call_model(&self, run: &Run, request: ChatRequest) -> Result<ChatResponse, Broken> {
        let request = match self.delivery {
            Delivery::Streamed => request,
            Delivery::Whole => request.whole(),
        };
        let mut assembler = Assembler::new(run.call_id_prefix());
        match self.read_reply(run.step_number(), request, &mut assembler).await {
            Ok(()) => Ok(assembler.finish()?),
            Err(error) => Err(Broken { error, partial_reply: assembler.partial() }),
        }
    }

    async fn read_reply(
        &self,
        step_number: usize,
        request: ChatRequest,
        assembler: &mut Assembler,
    ) -> Result<(), LlmError> {
        let mut reply = self.model.stream(request).await?;
        while let Some(event) = reply.next().await {
            let Some(delta) = assembler.push(event?)? else { continue };
            if let Some(text) = &delta.content {
                self.observers.tell("on_chunk", self.options.on_chunk.as_deref(), |it| it(text));
            }
            self.events.emit(StreamEvent::Delta { step_number, delta }).await;
        }
        assembler.check_finished()
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
                running.push(execute(resolver, ready, step_number));
            }
            let Some(Executed { result, fatal }) = running.next().await else { return Ok(()) };
            is_alone = false;
            self.record(run, Entry::CallFinished(Arc::new(result))).await?;
            if let Some(error) = fatal {
                return Err(error);
            }
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
                Err(failure(run, ToolStatus::Interrupted, error, partial_reply))
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
    let (steps, messages, _) = run.into_parts();
    RunError::new(error, steps, messages, partial_reply)
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

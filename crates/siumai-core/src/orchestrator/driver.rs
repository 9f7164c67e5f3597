//! The loop. There is no other: every surface polls [`drive`].
//!
//! [`Run`] decides, the driver performs, and everything that changes the run
//! goes through [`Driver::record`].
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_core::future::BoxFuture;
use futures_util::{
    FutureExt,
    future::{self, Either},
    stream::FuturesUnordered,
};
use tracing::Instrument;

use super::{
    OrchestratorOptions, StoppedBy, StreamEvent,
    below::Above,
    emitter::Emitter,
    ending::{Broken, Guard, panicked},
    entry::{Ending, Entry, ended},
    event::announce,
    execute::{CallLimits, execute},
    open_step::{ReadyCall, out_of_order},
    perform::{Listener, Question},
    progress::{Heard, Report, Reports},
    run::{Action, Rules, Run},
    watch::Watch,
};
use crate::{
    ErrorKind, LlmError,
    journal::{Effect, ModelFailure, Outcome, Record, RunJournal},
    model::{Assembler, LanguageModel, deltas},
    telemetry::{Conversation, Invocation, ToolTelemetry},
    tool::{ToolContext, ToolResolver},
    types::{ChatMessage, ChatRequest, ChatResponse, Tool, ToolCall},
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
    /// Where the run is kept, once it is open.
    pub(super) journal: Option<Box<dyn RunJournal>>,
    /// What is said to the run when its step is finished.
    pub(super) news: Vec<ChatMessage>,
}

/// Drives the run to its end and leaves behind what came of it, even if this future is dropped.
///
/// It is boxed here, or each program would compile a loop of its own into its future.
pub(super) fn drive<'a>(driver: &'a mut Driver<'_>, guard: &'a mut Guard) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        let Some(run) = &mut guard.run else { return };
        let invocation = guard.invocation.insert(driver.invocation(run));
        let span = invocation.span().clone();
        // Tools, approval and observers see to their own panics. What is left to panic is the caller's too,
        // and must not take the finished steps along, or leave one who waits for them waiting.
        let ended = AssertUnwindSafe(driver.perform(run)).catch_unwind().instrument(span).await;
        let ended = ended.unwrap_or_else(|panic| Err(panicked(&*panic).into()));
        if ended.is_ok() {
            driver.observers.tell("on_finish", driver.options.on_finish.as_deref(), |it| {
                it(run.steps());
            });
        }
        guard.end(ended);
    })
}

impl Driver<'_> {
    fn invocation(&self, run: &Run) -> Invocation {
        Invocation::begin(self.conversation(run), self.options.agent_id.as_deref(), self.model)
    }

    pub(super) fn conversation<'a>(&'a self, run: &'a Run) -> Conversation<'a> {
        Conversation::of(&self.options.telemetry, run.id())
    }

    async fn perform(&mut self, run: &mut Run) -> Result<StoppedBy, Broken> {
        self.watch.start_run();
        let (agent_id, run_id) = (self.options.agent_id.clone(), run.id().to_owned());
        self.events.emit(StreamEvent::Start { agent_id, run_id }).await;
        self.begin(run).await?;
        self.watch.go_on_from(run.elapsed());
        for warning in run.warnings() {
            tracing::warn!("{warning}");
            self.events.emit(StreamEvent::Warning { warning: warning.clone() }).await;
        }
        let ended = self.run(run).await;
        self.record_end(&ended).await?;
        ended
    }

    async fn run(&mut self, run: &mut Run) -> Result<StoppedBy, Broken> {
        if run.is_in_step() {
            self.watch.start_step().await?;
        }
        loop {
            if !self.news.is_empty() && run.takes_messages() {
                let news = std::mem::take(&mut self.news);
                self.record(run, [Entry::MessagesAdded(news)]).await?;
            }
            match run.next_action(&self.rules)? {
                Action::Recover(effects) => {
                    for effect in &effects {
                        Box::pin(self.recover(run, effect)).await?;
                    }
                }
                Action::StartStep(plan) => {
                    self.watch.start_step().await?;
                    self.record(run, [Entry::StepStarted(plan)]).await?;
                }
                Action::Summarise(request) => Box::pin(self.summarise(run, request)).await?,
                Action::CallModel(request) => self.call_model(run, request).await?,
                Action::Decide(calls) => self.decide(run, calls).await?,
                Action::ExecuteTools(batch) => self.execute_tools(run, batch).await?,
                Action::RefuseAnswer(told) => {
                    self.record(run, [Entry::AnswerRefused(told)]).await?;
                }
                Action::Finish(stopped_by) => return Ok(stopped_by),
            }
        }
    }

    /// The one door: the state takes `entries` in, then the journal has them, then observers hear.
    ///
    /// Nobody sees the state before the journal has it; and what can't be written
    /// is still there to be given back with the error.
    pub(super) fn record(
        &self,
        run: &mut Run,
        entries: impl IntoIterator<Item = Entry>,
    ) -> impl Future<Output = Result<(), LlmError>> {
        // What waits is small without the entries.
        self.write_and_tell(self.take_in(run, &mut entries.into_iter()))
    }

    async fn write_and_tell(&self, taken: Result<Taken, LlmError>) -> Result<(), LlmError> {
        let Taken { records, events } = taken?;
        if let (Some(journal), false) = (&self.journal, records.is_empty()) {
            Box::pin(self.watch.over(None, journal.append(&records))).await??;
        }
        self.tell(events).await;
        Ok(())
    }

    fn take_in(
        &self,
        run: &mut Run,
        entries: &mut dyn Iterator<Item = Entry>,
    ) -> Result<Taken, LlmError> {
        let mut taken = Taken::default();
        let is_heard = self.events.is_heard();
        let at = self.watch.run_time();
        for entry in entries {
            let entry = entry.into_called(run);
            if self.journal.is_some() {
                taken.records.push(entry.record(run, at)?);
            }
            if is_heard {
                announce(run, &entry, &mut taken.events);
            }
            let finished = run.apply_at(at, entry)?;
            if let Some(step) =
                finished.filter(|_| is_heard || self.options.on_step_finish.is_some())
            {
                taken.events.push(StreamEvent::StepFinish { step: Box::new(step.clone()) });
            }
        }
        Ok(taken)
    }

    async fn tell(&self, events: Vec<StreamEvent>) {
        if events.is_empty() && self.events.is_heard() {
            return;
        }
        for event in events {
            if let StreamEvent::StepFinish { step } = &event {
                let observer = self.options.on_step_finish.as_deref();
                self.observers.tell("on_step_finish", observer, |it| it(step));
            }
            self.events.push(event);
        }
        self.events.give_way().await;
    }

    async fn record_end(&self, ended_with: &Result<StoppedBy, Broken>) -> Result<(), LlmError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let ending = match ended_with {
            Ok(stopped_by) => Ending::StoppedBy(stopped_by.clone()),
            Err(Broken { error, .. }) => Ending::Failed(error.clone()),
        };
        let written = journal.append(&[ended(ending)?]).await;
        // What the run failed with says more than that this can't be written either.
        if ended_with.is_ok() { written } else { Ok(()) }
    }

    /// Asks the model, and takes in what came of it, if the run goes on with that.
    async fn call_model(&self, run: &mut Run, request: ChatRequest) -> Result<(), Broken> {
        let chosen = self.options.choose_model.as_ref().and_then(|it| it(run.step_context()));
        let model = chosen.as_deref().unwrap_or(self.model);
        let request = match self.delivery {
            Delivery::Streamed => request,
            Delivery::Whole => request.whole(),
        };
        let effect = self.journal.is_some().then(|| run.model_effect(request.clone()));
        self.record(run, [Entry::ModelAsked]).await?;
        let mut reply = Assembler::new(run.call_id_prefix());
        let outcome = match self.ask(run, model, request, effect, &mut reply).await {
            Ok(outcome) => outcome,
            Err(error) => {
                return Err(Broken::reply(ModelFailure {
                    error,
                    has_begun: reply.has_begun(),
                    partial_reply: reply.partial(),
                    usage: reply.usage().cloned(),
                }));
            }
        };
        let entry = match outcome {
            Outcome::Replied { response } => Entry::ModelReplied(response),
            Outcome::ModelFailed(failure) => {
                let Some(recovery) = run.recovery(&self.rules, &failure) else {
                    return Err(Broken::reply(*failure));
                };
                warn_of(&recovery, run.step_number(), failure.error.kind());
                recovery
            }
            Outcome::ToolFinished { .. } | Outcome::ToolSuspended { .. } => {
                return Err(out_of_order("a tool's outcome").into());
            }
        };
        Ok(self.record(run, [entry]).await?)
    }

    /// Asks the model, here or wherever the journal has it asked, and tells of what it says.
    async fn ask(
        &self,
        run: &Run,
        model: &dyn LanguageModel,
        request: ChatRequest,
        effect: Option<Effect>,
        reply: &mut Assembler,
    ) -> Result<Outcome, LlmError> {
        let listener = Some(self.listener(run));
        let (watch, conversation) = (&self.watch, self.conversation(run));
        let question = Question { model, watch, listener, conversation };
        let (Some(journal), Some(effect)) = (&self.journal, effect) else {
            return Ok(question.ask(request, reply).await);
        };
        let mut is_heard = false;
        let here = Box::pin(async {
            is_heard = true;
            question.ask(request, reply).await
        });
        let outcome = self.watch.over(None, journal.perform(effect, here)).await??;
        if let (Outcome::Replied { response }, false) = (&outcome, is_heard) {
            self.tell_whole(run, response).await;
        }
        Ok(outcome)
    }

    /// Tells of a reply that was not heard as it came.
    pub(super) async fn tell_whole(&self, run: &Run, response: &ChatResponse) {
        let listener = self.listener(run);
        for delta in deltas(&response.message) {
            listener.tell(delta);
            self.events.give_way().await;
        }
    }

    fn listener(&self, run: &Run) -> Listener<'_> {
        let Self { events, observers, options, .. } = self;
        Listener { step_number: run.step_number(), events, observers, options }
    }

    /// Decides on the whole batch before any of it executes.
    async fn decide(&self, run: &mut Run, calls: Vec<Arc<ToolCall>>) -> Result<(), LlmError> {
        let calls = self.screen(run, calls).await?;
        let is_asked = self.options.has_approver();
        let mut decided = Vec::with_capacity(calls.len());
        for call in calls {
            let judge = self.judge(run);
            let verdict = judge.decide(&call);
            let verdict =
                if is_asked { self.watch.over(None, verdict).await? } else { verdict.await };
            decided.push(match verdict {
                Ok(decision) => {
                    let decision = run.guarded(&self.rules, &call.id, decision);
                    Entry::CallDecided { call_id: call.id.clone(), decision }
                }
                Err(refusal) => Entry::CallFinished(refusal),
            });
            // The answer to the next may take days.
            if is_asked {
                self.record(run, decided.drain(..)).await?;
            }
        }
        self.record(run, decided).await
    }

    /// Executes the batch concurrently, in call order as far as places are free.
    async fn execute_tools(&self, run: &mut Run, batch: Vec<ReadyCall>) -> Result<(), LlmError> {
        let step_number = run.step_number();
        let reports = Reports::new(self.delivery);
        let mut running = FuturesUnordered::new();
        let circle = run.circle(&self.rules);
        let mut refused = None;
        let above = self.above(run, &batch);
        let mut waiting = VecDeque::from(batch);
        loop {
            let starting = self.how_many_start(&waiting, run.running());
            if starting > 0 {
                let id = |it: &ReadyCall| it.call.id.clone();
                let started = waiting.iter().take(starting).map(id);
                self.record(run, started.map(|call_id| Entry::CallStarted { call_id })).await?;
            }
            for ready in waiting.drain(..starting) {
                let effect = self
                    .journal
                    .is_some()
                    .then(|| run.tool_effect(ready.clone(), self.limits(&ready.call)));
                let context = run
                    .tool_context(&ready.call.id, self.options.cancellation.as_ref())
                    .with_user(self.options.context.clone())
                    .below(Arc::clone(&above) as _);
                running.push(self.execute(effect, ready, context, &reports));
            }
            let next = reports.or_finished(&mut running, &self.events);
            let finished = match self.watch.over(None, next).await? {
                Heard::Reports(reports) => {
                    self.tell_progress(step_number, reports).await;
                    continue;
                }
                Heard::Finished(finished) => finished,
            };
            let Some(outcome) = finished else { return refused.map_or(Ok(()), Err) };
            run.notes().check()?;
            let (result, fatal) = match outcome? {
                Outcome::ToolFinished { result, fatal } => (result, fatal),
                Outcome::ToolSuspended { call_id, run: below, error } => {
                    self.tell_progress(step_number, reports.close(&call_id, &self.events)).await;
                    self.record(run, [Entry::CallSuspended { call_id, run: below }]).await?;
                    // Its siblings have begun, and come to their end first.
                    refused = refused.or(error);
                    continue;
                }
                Outcome::Replied { .. } | Outcome::ModelFailed(_) => {
                    return Err(out_of_order("a reply"));
                }
            };
            self.tell_progress(step_number, reports.close(&result.call_id, &self.events)).await;
            let result = run.noted(circle, result);
            self.record(run, [Entry::CallFinished(result)]).await?;
            if let Some(error) = fatal {
                return Err(error);
            }
        }
    }

    /// How many of the calls that wait may start beside those that `run` already.
    fn how_many_start<'r>(
        &self,
        waiting: &VecDeque<ReadyCall>,
        running: impl Iterator<Item = &'r Arc<ToolCall>>,
    ) -> usize {
        let (mut is_alone, mut is_first) = (false, true);
        let mut places = self.options.max_parallel_tools;
        for call in running {
            (is_alone, is_first) = (is_alone || self.is_exclusive(call), false);
            places = places.saturating_sub(1);
        }
        let may_start = |next: &&ReadyCall| {
            let is_exclusive = self.is_exclusive(&next.call);
            if places == 0 || is_alone || (is_exclusive && !is_first) {
                return false;
            }
            (is_alone, is_first) = (is_exclusive, false);
            places -= 1;
            true
        };
        waiting.iter().take_while(may_start).count()
    }

    /// Executes a call that has been let through, here or wherever the journal has it done.
    fn execute(
        &self,
        effect: Option<Effect>,
        ready: ReadyCall,
        context: ToolContext,
        reports: &Reports,
    ) -> impl Future<Output = Result<Outcome, LlmError>> + use<'_> {
        // Calls that nobody here executes are left to the caller, and never get here.
        let Some(resolver) = self.resolver else {
            return Either::Left(future::ready(Err(out_of_order("a tool"))).boxed());
        };
        let context = reports.of(&ready.call, context);
        let limits = self.limits(&ready.call);
        let definition = self.rules.tools.find(&ready.call.name);
        let telemetry = ToolTelemetry { definition, content: self.options.telemetry.content };
        let here = execute(resolver, ready, context, limits, telemetry);
        match (&self.journal, effect) {
            (Some(journal), Some(effect)) => Either::Left(journal.perform(effect, Box::pin(here))),
            _ => Either::Right(here.map(Ok)),
        }
    }

    /// What the agents that `batch` calls are given of this run.
    fn above(&self, run: &Run, batch: &[ReadyCall]) -> Arc<Above> {
        let resumed = batch.iter().filter_map(|ready| {
            let below = ready.below.as_deref().cloned()?;
            Some((ready.call.id.clone(), below))
        });
        Arc::new(Above::new(self.options, resumed.collect(), run.notes().clone()))
    }

    async fn tell_progress(&self, step_number: usize, reports: Vec<Report>) {
        for report in reports {
            self.events.emit(report.event(step_number)).await;
        }
    }

    fn limits(&self, call: &ToolCall) -> CallLimits {
        let tool = self.rules.tools.find(&call.name);
        let own_size = tool.and_then(Tool::result_limit);
        CallLimits {
            time: tool.and_then(Tool::time_limit).or(self.options.timeouts.tool),
            result_bytes: own_size.or(Some(self.options.max_result_bytes)),
        }
    }

    fn is_exclusive(&self, call: &ToolCall) -> bool {
        self.rules.tools.find(&call.name).is_some_and(Tool::is_exclusive)
    }
}

/// What is to be written and told of entries that the state has taken in.
#[derive(Default)]
struct Taken {
    records: Vec<Record>,
    events: Vec<StreamEvent>,
}

/// Calls whoever watches. A panic in one is reported once and changes nothing.
#[derive(Debug, Default)]
pub(super) struct Observers {
    has_panicked: AtomicBool,
}

impl Observers {
    pub(super) fn tell<F: ?Sized>(&self, name: &str, observer: Option<&F>, call: impl FnOnce(&F)) {
        let Some(observer) = observer else { return };
        let told = catch_unwind(AssertUnwindSafe(|| call(observer)));
        if told.is_err() && !self.has_panicked.swap(true, Ordering::Relaxed) {
            tracing::error!(observer = name, "an observer panicked; the run goes on");
        }
    }
}

fn warn_of(recovery: &Entry, step_number: usize, kind: ErrorKind) {
    if let Entry::ReplyBrokeOff { attempt, .. } = recovery {
        tracing::warn!(step_number, attempt, ?kind, "a reply broke off and is asked for again");
    } else {
        tracing::warn!(step_number, ?kind, "the history is too long and a shorter one is sent");
    }
}

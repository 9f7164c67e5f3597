//! Effects being performed, whether by the loop or wherever else a journal sends them.
use std::{future::poll_fn, sync::Arc, task::Poll};

use futures_util::StreamExt;
use tracing::Instrument;

use super::{
    OrchestratorOptions, StreamEvent,
    below::{Above, Below},
    driver::Observers,
    emitter::Emitter,
    execute::{CallLimits, execute},
    open_step::ReadyCall,
    turns::AT_ONCE,
    watch::Watch,
};
use crate::{
    LlmError,
    journal::{Effect, ModelFailure, Outcome, Work},
    model::{Assembler, Delta, LanguageModel, ModelEvent, ModelStream},
    telemetry::{Conversation, Inference, Telemetry, ToolTelemetry},
    tool::{ToolContext, ToolResolver},
    types::ChatRequest,
};

/// Performs `effect` with a model and tools of this place, for a journal that
/// [performs effects itself](crate::journal::RunJournal::perform).
///
/// It trusts that the effect comes from a run, which has checked the call. What fails is part of
/// the outcome. `model` is the one that the work wants: a [summary](Work::Summarise) that of the
/// run's compaction. An [agent](super::AgentTool) that is performed has no approver but its own, and is
/// in no journal: performed again, it begins anew.
///
/// # Cancel safety
///
/// Dropping the future stops the model call or the tool at its next await.
pub async fn perform(
    effect: &Effect,
    model: &dyn LanguageModel,
    resolver: &dyn ToolResolver,
) -> Outcome {
    match &effect.work {
        Work::CallModel { request, call_id_prefix } => {
            ask(effect, model, request, call_id_prefix).await
        }
        Work::Summarise { request } => ask(effect, model, request, "").await,
        Work::ExecuteTool {
            step_number,
            call,
            modified_arguments,
            time_limit,
            max_result_bytes,
            suspended,
            decisions,
        } => {
            let resumed = suspended.iter().map(|run| {
                let (run, decisions) = ((**run).clone(), decisions.clone());
                (call.id.clone(), Below { run, decisions, suspensions: 1 })
            });
            let above = Above { resumed: resumed.collect(), ..Above::default() };
            let context = ToolContext::new(call.id.as_str(), *step_number)
                .with_idempotency_key(effect.call_key())
                .below(Arc::new(above));
            let modified_arguments = modified_arguments.clone();
            let limits = CallLimits { time: *time_limit, result_bytes: *max_result_bytes };
            let ready = ReadyCall { call: Arc::clone(call), modified_arguments, below: None };
            execute(resolver, ready, context, limits, ToolTelemetry::default()).await
        }
    }
}

async fn ask(
    effect: &Effect,
    model: &dyn LanguageModel,
    request: &ChatRequest,
    call_id_prefix: &str,
) -> Outcome {
    let (watch, telemetry) = (Watch::unlimited(), Telemetry::default());
    let conversation = Conversation::of(&telemetry, &effect.run_id);
    let question = Question { model, watch: &watch, listener: None, conversation };
    question.ask(request.clone(), &mut Assembler::new(call_id_prefix)).await
}

/// What has arrived together.
struct Arrived {
    /// Whether it brought something.
    brings: bool,
    /// Whether nothing more comes.
    is_all: bool,
}

/// A model to be asked, and whoever hears the reply as it comes.
pub(super) struct Question<'a> {
    pub(super) model: &'a dyn LanguageModel,
    pub(super) watch: &'a Watch<'a>,
    pub(super) listener: Option<Listener<'a>>,
    pub(super) conversation: Conversation<'a>,
}

/// Who is told of the pieces of a reply.
#[derive(Clone, Copy)]
pub(super) struct Listener<'a> {
    pub(super) step_number: usize,
    pub(super) events: &'a Emitter<StreamEvent>,
    pub(super) observers: &'a Observers,
    pub(super) options: &'a OrchestratorOptions,
}

impl Question<'_> {
    /// Asks for a reply. What came of one that breaks off is left in `reply`.
    pub(super) async fn ask(&self, request: ChatRequest, reply: &mut Assembler) -> Outcome {
        let mut inference = Inference::begin(self.conversation, self.model, &request);
        let span = inference.span().clone();
        let replied = match self.read(request, reply, &mut inference).instrument(span).await {
            Ok(()) => std::mem::replace(reply, Assembler::new("")).finish(),
            Err(error) => Err(error),
        };
        let outcome = match replied {
            Ok(mut response) => {
                response.provider.get_or_insert_with(|| self.model.provider().to_owned());
                response.model.get_or_insert_with(|| self.model.model().to_owned());
                Outcome::Replied { response: Box::new(response) }
            }
            Err(error) => Outcome::ModelFailed(Box::new(ModelFailure {
                error,
                has_begun: reply.has_begun(),
                partial_reply: reply.partial(),
                usage: reply.usage().cloned(),
            })),
        };
        inference.ended(&outcome);
        outcome
    }

    async fn read(
        &self,
        request: ChatRequest,
        reply: &mut Assembler,
        inference: &mut Inference,
    ) -> Result<(), LlmError> {
        let mut limit = self.watch.first_event();
        let request = request.with_deadline(self.watch.deadline(limit));
        let mut events = self.watch.over(limit, self.model.stream(request)).await??;
        loop {
            let arriving = self.hear(&mut events, reply, inference);
            let Arrived { brings, is_all } = self.watch.over(limit, arriving).await??;
            if is_all {
                return reply.check_finished();
            }
            if let (true, Some(listener)) = (brings, &self.listener) {
                listener.events.give_way().await;
            }
            // Begins when the reader has come back: its slowness is not the model's silence.
            limit = self.watch.next_event();
        }
    }

    /// Takes in what has arrived together, where it was read: moving it about would cost more.
    fn hear(
        &self,
        events: &mut ModelStream<'_>,
        reply: &mut Assembler,
        inference: &mut Inference,
    ) -> impl Future<Output = Result<Arrived, LlmError>> {
        poll_fn(move |cx| {
            let mut brings = false;
            for nth in 0..self.most_at_once() {
                // Whoever heard of the last piece may have wanted no more.
                if nth > 0 && self.watch.is_cancelled() {
                    break;
                }
                match events.poll_next_unpin(cx) {
                    Poll::Ready(Some(event)) => {
                        if self.take_in(event?, reply)? {
                            inference.heard();
                            brings = true;
                        }
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(Arrived { brings, is_all: true })),
                    Poll::Pending if nth == 0 => return Poll::Pending,
                    // Whoever reads is not left waiting for more.
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(Arrived { brings, is_all: false }))
        })
    }

    /// Takes in an event, and tells of it; whether it brought something.
    fn take_in(&self, mut event: ModelEvent, reply: &mut Assembler) -> Result<bool, LlmError> {
        let listener = self.listener.as_ref().filter(|it| it.hears());
        let brings = reply.take_in(&mut event, listener.is_some())?;
        if let Some(listener) = listener
            && let ModelEvent::Delta(delta) = event
            && brings
        {
            listener.tell(delta);
        }
        Ok(brings)
    }

    /// How many events are taken in together.
    fn most_at_once(&self) -> u32 {
        match &self.listener {
            Some(listener) if listener.events.is_heard() => AT_ONCE,
            _ => 1,
        }
    }
}

impl Listener<'_> {
    /// Whether anybody hears of the pieces.
    fn hears(&self) -> bool {
        self.events.is_heard() || self.options.on_chunk.is_some()
    }

    pub(super) fn tell(&self, delta: Delta) {
        if let Some(text) = &delta.content {
            self.observers.tell("on_chunk", self.options.on_chunk.as_deref(), |it| it(text));
        }
        self.events.push(StreamEvent::Delta { step_number: self.step_number, delta });
    }
}

//! What can happen to a run, and how a journal keeps it.
use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    ApprovalDecision, StoppedBy, SuspendedRun, open_step::Decision, prepare_step::StepPlan,
    run::Run,
};
use crate::{
    ErrorKind, LlmError,
    journal::{Record, RecordKind},
    types::{ChatMessage, ChatResponse, ModelUsage, ToolCall, ToolResult, Usage},
};

/// Something that happened to a run. It goes from hand to hand: what is large and seldom is boxed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    StepStarted(StepPlan),
    /// The model is about to be asked.
    ModelAsked,
    /// The model was asked, and nobody heard its reply to the end: the process died.
    ReplyLost,
    /// A reply broke off, and the step begins again.
    ReplyBrokeOff {
        attempt: usize,
        error: String,
        usage: Option<Box<Usage>>,
    },
    /// Something happened to a summary of the old part of the history.
    Summary(SummaryEntry),
    /// The history is too long for the model, and this one is sent instead.
    HistoryShortened(Vec<ChatMessage>),
    ModelReplied(Box<ChatResponse>),
    /// A call that was invalid is executed as this one.
    CallMended(Arc<ToolCall>),
    CallDecided {
        call_id: String,
        decision: Decision,
    },
    /// The call's tool is about to run.
    CallStarted {
        call_id: String,
    },
    /// The call's tool had started when the process died, and may run again.
    CallReopened {
        call_id: String,
    },
    CallFinished(Arc<ToolResult>),
    /// The model's answer does not have the shape that is wanted, and it is told so.
    AnswerRefused(String),
    /// The agent that is the call's tool waits for somebody to decide.
    CallSuspended {
        call_id: String,
        run: Box<SuspendedRun>,
    },
    /// That was decided for the agent, which may go on.
    CallResumed {
        call_id: String,
        decisions: Vec<ApprovalDecision>,
    },
    /// Somebody said more to a run that had come to an end.
    MessagesAdded(Vec<ChatMessage>),
}

/// Something that happened to a summary of the old part of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SummaryEntry {
    /// It is about to be asked for.
    Asked,
    /// It came.
    Written {
        /// What is sent from here on in place of all messages so far.
        messages: Vec<ChatMessage>,
        /// How many tokens those have.
        size: u64,
        usage: Box<ModelUsage>,
    },
    /// None came, and all of the history is sent.
    Failed {
        error: String,
        /// How many tokens it has.
        size: u64,
        usage: Option<Box<ModelUsage>>,
    },
    /// Nobody heard it: the process died.
    Lost,
}

/// What a reply is said to have failed with that nobody heard to its end.
pub(super) const REPLY_LOST: &str = "the process ended before the reply did";

/// What the records of a run say.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body<R, E> {
    Begun(R),
    Entry {
        /// How long the run had been at work.
        #[serde(default, skip_serializing_if = "Duration::is_zero")]
        at: Duration,
        entry: E,
    },
    Ended(Ending),
}

/// How a run ended, for those who read journals: it may be resumed all the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// It came to an end.
    StoppedBy(StoppedBy),
    /// It failed with this.
    Failed(LlmError),
}

impl SummaryEntry {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Asked => "a request for a summary",
            Self::Written { .. } => "a summary",
            Self::Failed { .. } => "the failure of a summary",
            Self::Lost => "the loss of a summary",
        }
    }
}

impl Entry {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::StepStarted(_) => "the start of a step",
            Self::ModelAsked => "a request",
            Self::Summary(what) => what.name(),
            Self::ReplyLost => "the loss of a reply",
            Self::ReplyBrokeOff { .. } => "the end of an attempt",
            Self::HistoryShortened(_) => "a shorter history",
            Self::ModelReplied(_) => "a reply",
            Self::CallMended(_) => "a repair",
            Self::CallDecided { .. } => "a decision",
            Self::CallStarted { .. } => "the start of a tool",
            Self::CallReopened { .. } => "another start of a tool",
            Self::CallFinished(_) => "a tool result",
            Self::AnswerRefused(_) => "the refusal of an answer",
            Self::CallSuspended { .. } => "the pause of an agent",
            Self::CallResumed { .. } => "a decision for an agent",
            Self::MessagesAdded(_) => "another message",
        }
    }

    /// The entry as one of the calls that the model made, where a repair changed what is executed.
    pub(super) fn into_called(self, run: &Run) -> Self {
        match self {
            Self::CallFinished(result) => Self::CallFinished(run.as_called(result)),
            other => other,
        }
    }

    /// The record of this entry of `run`, which has not taken it in yet and has been at work for `at`.
    pub(super) fn record(&self, run: &Run, at: Duration) -> Result<Record, LlmError> {
        let (kind, effect) = match self {
            Self::StepStarted(_) | Self::AnswerRefused(_) | Self::MessagesAdded(_) => {
                (RecordKind::Decision, None)
            }
            Self::ModelAsked => (RecordKind::Intent, Some(run.model_effect_name())),
            Self::Summary(SummaryEntry::Asked) => {
                (RecordKind::Intent, Some(run.summary_effect_name()))
            }
            Self::Summary(_) => (RecordKind::Outcome, Some(run.summary_effect_name())),
            Self::ReplyLost
            | Self::ReplyBrokeOff { .. }
            | Self::HistoryShortened(_)
            | Self::ModelReplied(_) => (RecordKind::Outcome, Some(run.model_effect_name())),
            Self::CallMended(call) => (RecordKind::Decision, Some(run.tool_effect_name(&call.id))),
            Self::CallDecided { call_id, .. }
            | Self::CallReopened { call_id }
            | Self::CallResumed { call_id, .. } => {
                (RecordKind::Decision, Some(run.tool_effect_name(call_id)))
            }
            Self::CallStarted { call_id } => {
                (RecordKind::Intent, Some(run.tool_effect_name(call_id)))
            }
            Self::CallSuspended { call_id, .. } => {
                (RecordKind::Outcome, Some(run.tool_effect_name(call_id)))
            }
            Self::CallFinished(result) => {
                // A call that never started was refused.
                let has_started = run.started().any(|it| it.call.id == result.call_id);
                let kind = if has_started { RecordKind::Outcome } else { RecordKind::Decision };
                (kind, Some(run.tool_effect_name(&result.call_id)))
            }
        };
        record(kind, effect, &Body::<(), _>::Entry { at, entry: self })
    }
}

/// The first record of `run`.
pub(super) fn begun(run: &Run) -> Result<Record, LlmError> {
    record(RecordKind::Begun, None, &Body::<_, ()>::Begun(run))
}

/// The record of a run's end.
pub(super) fn ended(ending: Ending) -> Result<Record, LlmError> {
    record(RecordKind::Ended, None, &Body::<(), ()>::Ended(ending))
}

/// The run as `records` say it began, and the run that they led to; nothing if there are none.
///
/// # Errors
///
/// If they are not what a run could have written, or come from a newer version.
pub(super) fn replay(records: &[Record]) -> Result<Option<(Run, Run)>, LlmError> {
    let Some((first, rest)) = records.split_first() else { return Ok(None) };
    let Body::Begun(begun) = read::<Run, Entry>(0, first)? else {
        return Err(damaged(0, "a journal begins with the run's beginning"));
    };
    let mut run = begun.clone();
    for (place, record) in (1..).zip(rest) {
        match read::<(), Entry>(place, record)? {
            Body::Begun(()) => return Err(damaged(place, "a run begins once")),
            Body::Entry { at, entry } => {
                run.apply_at(at, entry).map_err(|error| damaged(place, &error.to_string()))?;
            }
            Body::Ended(_) => {}
        }
    }
    Ok(Some((begun, run)))
}

/// How the run ended, if that is what `record` says.
pub(super) fn ended_with(record: &Record) -> Result<Option<Ending>, LlmError> {
    if record.kind() != RecordKind::Ended {
        return Ok(None);
    }
    match read::<IgnoredAny, IgnoredAny>("at the end", record)? {
        Body::Ended(ending) => Ok(Some(ending)),
        Body::Begun(_) | Body::Entry { .. } => Err(damaged("at the end", "it is no end")),
    }
}

fn record<R: Serialize, E: Serialize>(
    kind: RecordKind,
    effect: Option<String>,
    body: &Body<R, E>,
) -> Result<Record, LlmError> {
    let body = serde_json::to_string(body).map_err(|error| {
        LlmError::new(ErrorKind::Journal, format!("a record can't be written as JSON: {error}"))
    })?;
    Ok(Record::new(kind, effect, body))
}

fn read<'a, R: Deserialize<'a>, E: Deserialize<'a>>(
    place: impl fmt::Display,
    record: &'a Record,
) -> Result<Body<R, E>, LlmError> {
    if record.version() > Record::VERSION {
        let (theirs, ours) = (record.version(), Record::VERSION);
        return Err(LlmError::new(
            ErrorKind::Journal,
            format!(
                "record {place} of the run is of version {theirs}, and this library reads up to {ours}; \
                 update it to resume the run"
            ),
        )
        .with_code("newer_version"));
    }
    serde_json::from_str(record.body()).map_err(|error| damaged(place, &error.to_string()))
}

fn damaged(place: impl fmt::Display, why: &str) -> LlmError {
    let message = format!("record {place} of the run is damaged, and it can't be resumed: {why}");
    LlmError::new(ErrorKind::Journal, message).with_code("damaged")
}

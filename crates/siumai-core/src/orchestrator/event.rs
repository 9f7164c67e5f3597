//! What a run tells whoever watches it.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ApprovalRequest, StepResult, StoppedBy,
    below::requests_below,
    entry::{Entry, REPLY_LOST, SummaryEntry},
    open_step::Decision,
    run::Run,
};
use crate::{
    model::Delta,
    types::{ChatResponse, ToolCall, ToolResult, Usage, Warning},
};

/// One event of a streamed run.
///
/// A run of two steps brings: `Start`, `StepStart`, deltas, a `ToolCall` for
/// each call, a `ToolResult` for each as it finishes, `StepFinish`, then
/// `StepStart`, deltas, `StepFinish`, and at last one `End`. Between its call and its result, a
/// tool may bring `ToolProgress`. Only where
/// [`step_retries`](super::OrchestratorOptions::step_retries) allows it, `StepReset` begins a
/// step's deltas anew. In JSON each has a
/// `type` in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamEvent {
    /// The run begins.
    #[non_exhaustive]
    Start {
        /// The name of the agent that runs, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_id: Option<String>,
        /// The id of the run.
        run_id: String,
    },
    /// Something is not as it should be, and the run goes on.
    #[non_exhaustive]
    Warning {
        /// What it is.
        warning: Warning,
    },
    /// A step begins: the model is about to be asked.
    #[non_exhaustive]
    StepStart {
        /// The number of the step, from 0.
        step_number: usize,
    },
    /// The model's reply broke off, and it is asked again: what came of this step so far is void.
    #[non_exhaustive]
    StepReset {
        /// The number of the step, from 0.
        step_number: usize,
        /// Which attempt begins, from 2.
        attempt: usize,
    },
    /// A piece of the model's reply.
    #[non_exhaustive]
    Delta {
        /// The number of the step, from 0.
        step_number: usize,
        /// The piece.
        delta: Delta,
    },
    /// The model calls a tool. All calls of a reply come before the first result.
    #[non_exhaustive]
    ToolCall {
        /// The number of the step, from 0.
        step_number: usize,
        /// The call.
        call: Arc<ToolCall>,
    },
    /// A tool says how far it is, by [`ToolContext::progress`](crate::tool::ToolContext::progress).
    /// Neither the model nor the history hears of it.
    #[non_exhaustive]
    ToolProgress {
        /// The number of the step, from 0.
        step_number: usize,
        /// The id of the call.
        call_id: String,
        /// The tool's name.
        name: String,
        /// What the tool says.
        value: Value,
    },
    /// A call is finished. Results come in the order they finish.
    #[non_exhaustive]
    ToolResult {
        /// The number of the step, from 0.
        step_number: usize,
        /// What came of it.
        result: Arc<ToolResult>,
    },
    /// A call waits for somebody to decide. What can be done without it is done, then the run ends.
    #[non_exhaustive]
    ApprovalPending {
        /// What is to be decided.
        request: ApprovalRequest,
    },
    /// The old part of the history was summed up: what is sent from here on is shorter.
    #[non_exhaustive]
    HistorySummarised {
        /// The number of the step, from 0.
        step_number: usize,
        /// How many messages are sent now.
        messages: usize,
    },
    /// The model's answer does not have the [shape](super::AnswerSchema) that is wanted, and it
    /// tries again.
    #[non_exhaustive]
    AnswerRefused {
        /// What the model is told.
        told: String,
    },
    /// A step is finished.
    #[non_exhaustive]
    StepFinish {
        /// All of it.
        step: Box<StepResult>,
    },
    /// The run has ended. Comes once, last.
    #[non_exhaustive]
    End {
        /// Why it ended.
        stopped_by: StoppedBy,
        /// The model's last reply.
        response: Box<ChatResponse>,
        /// What the run cost, without the agents it called.
        usage: Usage,
        /// What those agents cost, and those below them.
        #[serde(default = "Usage::zero", skip_serializing_if = "Usage::is_zero")]
        agents_usage: Usage,
    },
}

/// Adds the events that tell of `entry`.
/// `run` has not taken it in yet.
pub(super) fn announce(run: &Run, entry: &Entry, events: &mut Vec<StreamEvent>) {
    let step_number = run.step_number();
    let warn = |warning| StreamEvent::Warning { warning };
    match entry {
        Entry::StepStarted(plan) => {
            events.extend(plan.warnings.iter().cloned().map(warn));
            events.push(StreamEvent::StepStart { step_number });
        }
        Entry::ReplyBrokeOff { attempt, error, .. } => {
            events.extend(reset(step_number, *attempt, error));
        }
        Entry::ReplyLost => events.extend(reset(step_number, run.attempt(), REPLY_LOST)),
        Entry::ModelReplied(response) => {
            events.extend(response.warnings.iter().cloned().map(warn));
            let calls = response.tool_calls.iter().cloned();
            events.extend(calls.map(|call| StreamEvent::ToolCall { step_number, call }));
        }
        Entry::CallDecided { call_id, decision: Decision::Wait } => {
            let request = run.request_for(call_id);
            events.extend(request.map(|request| StreamEvent::ApprovalPending { request }));
        }
        Entry::CallFinished(result) => {
            events.push(StreamEvent::ToolResult { step_number, result: Arc::clone(result) });
        }
        Entry::Summary(SummaryEntry::Written { messages, .. }) => {
            events.push(StreamEvent::HistorySummarised { step_number, messages: messages.len() });
        }
        Entry::Summary(SummaryEntry::Failed { error, .. }) => {
            events.push(warn(Warning::NotSummarised { error: error.clone() }));
        }
        Entry::AnswerRefused(told) => {
            events.push(StreamEvent::AnswerRefused { told: told.clone() });
        }
        Entry::CallSuspended { call_id, run: below } => {
            let name = run.open_call(call_id).map_or("", |it| it.name.as_str());
            let requests = requests_below(name, below);
            events.extend(requests.map(|request| StreamEvent::ApprovalPending { request }));
        }
        Entry::ModelAsked
        | Entry::Summary(SummaryEntry::Asked | SummaryEntry::Lost)
        | Entry::HistoryShortened(_)
        | Entry::CallMended(_)
        | Entry::CallDecided { .. }
        | Entry::CallStarted { .. }
        | Entry::CallReopened { .. }
        | Entry::CallResumed { .. }
        | Entry::MessagesAdded(_) => {}
    }
}

fn reset(step_number: usize, attempt: usize, error: &str) -> [StreamEvent; 2] {
    let error = error.to_owned();
    [
        StreamEvent::Warning { warning: Warning::Retried { attempt, error } },
        StreamEvent::StepReset { step_number, attempt: attempt + 1 },
    ]
}

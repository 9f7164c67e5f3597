//! A step between the model's reply and the last result: what becomes of each call, no IO.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{asking::Asking, limits::was_executed, repair};
use crate::{
    ErrorKind, LlmError,
    types::{ChatResponse, ToolCall, ToolResult, ToolStatus, Usage},
};

/// A step whose model has answered but whose calls are not all finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenStep {
    /// The tools that may execute; `None` means all.
    pub(super) active_tools: Option<Vec<String>>,
    pub(super) response: ChatResponse,
    /// What the step cost, attempts that broke off included.
    pub(super) usage: Option<Usage>,
    calls: Vec<OpenCall>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    call: Arc<ToolCall>,
    /// The call as it is after a repair, if that mended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mended: Option<Arc<ToolCall>>,
    state: CallState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum CallState {
    Undecided,
    Decided(Decision),
    Finished(Arc<ToolResult>),
}

/// What is done with a call that may be executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Decision {
    /// Execute it, with these arguments if approval changed them.
    Execute { modified_arguments: Option<Value> },
    /// Leave it to the caller of the run.
    Leave,
}

/// A call that may be executed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadyCall {
    pub(super) call: Arc<ToolCall>,
    pub(super) modified_arguments: Option<Value>,
}

impl OpenStep {
    pub(super) fn new(asking: &mut Asking, response: ChatResponse) -> Self {
        let open = |call: &Arc<ToolCall>| OpenCall {
            call: Arc::clone(call),
            mended: None,
            state: CallState::Undecided,
        };
        let calls = response.tool_calls.iter().map(open).collect();
        let usage = asking.usage(response.usage.clone());
        Self { active_tools: asking.plan.callable(), response, usage, calls }
    }

    pub(super) fn mend(&mut self, mended: Arc<ToolCall>) -> Result<(), LlmError> {
        let call = self.calls.iter_mut().find(|it| it.call.id == mended.id);
        match call {
            Some(call) if call.state == CallState::Undecided && call.mended.is_none() => {
                call.mended = Some(mended);
                Ok(())
            }
            _ => Err(out_of_order("a repair")),
        }
    }

    pub(super) fn decide(&mut self, call_id: &str, decision: Decision) -> Result<(), LlmError> {
        let call = self.calls.iter_mut().find(|it| it.call.id == call_id);
        match call {
            Some(call) if call.state == CallState::Undecided => {
                call.state = CallState::Decided(decision);
                Ok(())
            }
            _ => Err(out_of_order("a decision")),
        }
    }

    pub(super) fn finish(&mut self, result: Arc<ToolResult>) -> Result<(), LlmError> {
        let call = self.calls.iter_mut().find(|it| it.call.id == result.call_id);
        match call {
            Some(call) if !matches!(call.state, CallState::Finished(_)) => {
                call.state = CallState::Finished(result);
                Ok(())
            }
            _ => Err(out_of_order("a tool result")),
        }
    }

    pub(super) fn break_off(&mut self, status: ToolStatus) {
        for open in &mut self.calls {
            if matches!(open.state, CallState::Finished(_)) {
                continue;
            }
            let told =
                "The run ended before this call was finished. It may have been executed in part.";
            let result = ToolResult::unexecuted(&open.call, status, told);
            open.state = CallState::Finished(Arc::new(result));
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        let is_done = |it: &CallState| {
            matches!(it, CallState::Finished(_) | CallState::Decided(Decision::Leave))
        };
        self.calls.iter().all(|it| is_done(&it.state))
    }

    pub(super) fn undecided(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        let is_open = |it: &&OpenCall| it.state == CallState::Undecided;
        self.calls.iter().filter(is_open).map(OpenCall::to_execute)
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = ReadyCall> {
        self.calls.iter().filter_map(|it| match &it.state {
            CallState::Decided(Decision::Execute { modified_arguments }) => Some(ReadyCall {
                call: Arc::clone(it.to_execute()),
                modified_arguments: modified_arguments.clone(),
            }),
            _ => None,
        })
    }

    pub(super) fn left(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        let is_left = |it: &&OpenCall| it.state == CallState::Decided(Decision::Leave);
        self.calls.iter().filter(is_left).map(OpenCall::to_execute)
    }

    /// How many calls are executed or will be.
    pub(super) fn executions(&self) -> usize {
        let counts = |it: &&OpenCall| match &it.state {
            CallState::Decided(Decision::Execute { .. }) => true,
            CallState::Finished(result) => was_executed(result.status),
            CallState::Undecided | CallState::Decided(Decision::Leave) => false,
        };
        self.calls.iter().filter(counts).count()
    }

    /// How many calls a limit held back.
    pub(super) fn skipped(&self) -> usize {
        self.results().filter(|it| it.status == ToolStatus::Skipped).count()
    }

    /// Makes a result of a mended call one of the call that the model made.
    pub(super) fn as_called(&self, result: ToolResult) -> ToolResult {
        let open = self.calls.iter().find(|it| it.call.id == result.call_id);
        match open.and_then(|it| Some((&it.call, it.mended.as_ref()?))) {
            Some((call, mended)) => repair::as_called(result, call, mended),
            None => result,
        }
    }

    pub(super) fn results(&self) -> impl Iterator<Item = &Arc<ToolResult>> {
        self.calls.iter().filter_map(|it| match &it.state {
            CallState::Finished(result) => Some(result),
            _ => None,
        })
    }
}

impl OpenCall {
    /// What is executed for the call.
    fn to_execute(&self) -> &Arc<ToolCall> {
        self.mended.as_ref().unwrap_or(&self.call)
    }
}

pub(super) fn out_of_order(what: &str) -> LlmError {
    LlmError::new(ErrorKind::OutOfOrder, format!("{what} can't come here in a run"))
}

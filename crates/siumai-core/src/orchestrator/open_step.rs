//! A step between the model's reply and the last result: what becomes of each call, no IO.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ApprovalDecision, ApprovalRequest, SuspendedRun,
    asking::Asking,
    below::{Below, Notes},
    limits::was_executed,
    repair,
};
use crate::{
    ErrorKind, LlmError,
    types::{ChatResponse, ModelUsage, ToolCall, ToolResult, ToolStatus, Usage},
};

/// A step whose model has answered but whose calls are not all finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenStep {
    /// The tools that may execute; `None` means all.
    pub(super) active_tools: Option<Vec<String>>,
    pub(super) response: Box<ChatResponse>,
    /// What the step cost, attempts that broke off included.
    pub(super) usage: Option<Usage>,
    /// What summaries of the history cost.
    #[serde(default)]
    pub(super) summaries: Vec<ModelUsage>,
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
#[serde(rename_all = "snake_case")]
enum CallState {
    Undecided,
    /// Somebody is to decide, and can't do so now.
    Waiting,
    /// It may be executed.
    Ready {
        modified_arguments: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<Box<Below>>,
    },
    /// Its tool runs, or ran when the process died.
    Started {
        modified_arguments: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<Box<Below>>,
    },
    /// Its tool is an agent, and something in the agent's run waits for somebody to decide.
    Suspended {
        modified_arguments: Option<Value>,
        below: Box<Below>,
    },
    /// It is the caller's.
    Left,
    Finished(Arc<ToolResult>),
}

/// What is done with a call that may be executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    /// Execute it, with these arguments if approval changed them.
    Execute { modified_arguments: Option<Value> },
    /// Leave it to the caller of the run.
    Leave,
    /// Wait until somebody decides.
    Wait,
}

/// A call that may be executed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadyCall {
    pub(super) call: Arc<ToolCall>,
    pub(super) modified_arguments: Option<Value>,
    /// The agent's run that it goes on with.
    pub(super) below: Option<Box<Below>>,
}

impl OpenStep {
    pub(super) fn new(asking: &mut Asking, response: Box<ChatResponse>) -> Self {
        let open = |call: &Arc<ToolCall>| OpenCall {
            call: Arc::clone(call),
            mended: None,
            state: CallState::Undecided,
        };
        let calls = response.tool_calls.iter().map(open).collect();
        let usage = asking.usage(response.usage.clone());
        let summaries = asking.summaries().to_vec();
        Self { active_tools: asking.plan.callable(), response, usage, summaries, calls }
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
        let state = self.state_mut(call_id, "a decision")?;
        *state = match (&*state, decision) {
            (
                CallState::Undecided | CallState::Waiting,
                Decision::Execute { modified_arguments },
            ) => CallState::Ready { modified_arguments, below: None },
            (CallState::Undecided, Decision::Leave) => CallState::Left,
            (CallState::Undecided, Decision::Wait) => CallState::Waiting,
            _ => return Err(out_of_order("a decision")),
        };
        Ok(())
    }

    pub(super) fn start(&mut self, call_id: &str) -> Result<(), LlmError> {
        let state = self.state_mut(call_id, "the start of a tool")?;
        let CallState::Ready { modified_arguments, below } = state else {
            return Err(out_of_order("the start of a tool"));
        };
        let (modified_arguments, below) = (modified_arguments.take(), below.take());
        *state = CallState::Started { modified_arguments, below };
        Ok(())
    }

    pub(super) fn reopen(&mut self, call_id: &str) -> Result<(), LlmError> {
        let state = self.state_mut(call_id, "another start of a tool")?;
        let CallState::Started { modified_arguments, below } = state else {
            return Err(out_of_order("another start of a tool"));
        };
        let (modified_arguments, below) = (modified_arguments.take(), below.take());
        *state = CallState::Ready { modified_arguments, below };
        Ok(())
    }

    /// Takes in that the agent which is the call's tool waits for somebody to decide.
    pub(super) fn suspend(&mut self, call_id: &str, run: SuspendedRun) -> Result<(), LlmError> {
        let state = self.state_mut(call_id, "the pause of an agent")?;
        let CallState::Started { modified_arguments, below } = state else {
            return Err(out_of_order("the pause of an agent"));
        };
        let modified_arguments = modified_arguments.take();
        let suspensions = below.as_ref().map_or(0, |it| it.suspensions).saturating_add(1);
        let below = Box::new(Below { run, decisions: Vec::new(), suspensions });
        *state = CallState::Suspended { modified_arguments, below };
        Ok(())
    }

    /// Takes in what was decided on calls of the agent, which may go on with that.
    pub(super) fn go_on(
        &mut self,
        call_id: &str,
        decisions: Vec<ApprovalDecision>,
    ) -> Result<(), LlmError> {
        let state = self.state_mut(call_id, "a decision for an agent")?;
        let CallState::Suspended { modified_arguments, below } = state else {
            return Err(out_of_order("a decision for an agent"));
        };
        let modified_arguments = modified_arguments.take();
        let below = Box::new(Below { decisions, ..(**below).clone() });
        *state = CallState::Ready { modified_arguments, below: Some(below) };
        Ok(())
    }

    pub(super) fn finish(&mut self, result: Arc<ToolResult>) -> Result<(), LlmError> {
        let state = self.state_mut(&result.call_id, "a tool result")?;
        if matches!(state, CallState::Finished(_)) {
            return Err(out_of_order("a tool result"));
        }
        *state = CallState::Finished(result);
        Ok(())
    }

    /// Gives every call that is not finished a result that says `status`, and what is known of it:
    /// agents have left it in `notes`.
    pub(super) fn break_off(&mut self, status: ToolStatus, notes: &Notes) {
        for open in &mut self.calls {
            let told = match &open.state {
                CallState::Finished(_) => continue,
                CallState::Started { .. } | CallState::Ready { below: Some(_), .. } => STARTED,
                CallState::Suspended { .. } => WAITING_BELOW,
                CallState::Waiting => WAITING,
                CallState::Undecided | CallState::Ready { .. } | CallState::Left => NOT_STARTED,
            };
            let mut result = ToolResult::unexecuted(&open.call, status, told);
            result.agents_usage = notes.take(&open.call.id).usage;
            if let (true, Some(below)) = (result.agents_usage.is_empty(), open.below()) {
                result.agents_usage = below.run.bill();
            }
            open.state = CallState::Finished(Arc::new(result));
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        let is_done = |it: &CallState| matches!(it, CallState::Finished(_) | CallState::Left);
        self.calls.iter().all(|it| is_done(&it.state))
    }

    pub(super) fn undecided(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.in_state(|it| *it == CallState::Undecided)
    }

    pub(super) fn left(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.in_state(|it| *it == CallState::Left)
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = ReadyCall> {
        self.calls.iter().filter_map(|it| match &it.state {
            CallState::Ready { modified_arguments, .. } => {
                Some(it.with(modified_arguments.as_ref()))
            }
            _ => None,
        })
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.in_state(|it| matches!(it, CallState::Started { .. }))
    }

    pub(super) fn started(&self) -> impl Iterator<Item = ReadyCall> {
        self.calls.iter().filter_map(|it| match &it.state {
            CallState::Started { modified_arguments, .. } => {
                Some(it.with(modified_arguments.as_ref()))
            }
            _ => None,
        })
    }

    /// What somebody is to decide on, in call order, as step `step_number` of the run `run_id`.
    pub(super) fn requests(&self, run_id: &str, step_number: usize) -> Vec<ApprovalRequest> {
        let of_call = |open: &OpenCall| match &open.state {
            CallState::Waiting => {
                vec![ApprovalRequest::new(run_id, step_number, open.to_execute())]
            }
            CallState::Suspended { below, .. } => below.requests(&open.to_execute().name).collect(),
            _ => Vec::new(),
        };
        self.calls.iter().flat_map(of_call).collect()
    }

    /// The id of the call whose agent waits for what `request` asks.
    pub(super) fn call_above(&self, request: &ApprovalRequest) -> Option<&str> {
        let asks = |open: &&OpenCall| match &open.state {
            CallState::Suspended { below, .. } => {
                below.requests(&open.to_execute().name).any(|it| it == *request)
            }
            _ => false,
        };
        self.calls.iter().find(asks).map(|it| it.call.id.as_str())
    }

    /// How often the agent of that call was suspended.
    pub(super) fn suspensions(&self, call_id: &str) -> usize {
        let open = self.calls.iter().find(|it| it.call.id == call_id);
        open.and_then(OpenCall::below).map_or(0, |it| it.suspensions)
    }

    /// The call of that id, as it is executed.
    pub(super) fn call(&self, call_id: &str) -> Option<&Arc<ToolCall>> {
        self.calls.iter().find(|it| it.call.id == call_id).map(OpenCall::to_execute)
    }

    /// How many calls are executed or may be.
    pub(super) fn executions(&self) -> usize {
        let counts = |it: &&OpenCall| match &it.state {
            CallState::Waiting
            | CallState::Ready { .. }
            | CallState::Started { .. }
            | CallState::Suspended { .. } => true,
            CallState::Finished(result) => was_executed(result.status),
            CallState::Undecided | CallState::Left => false,
        };
        self.calls.iter().filter(counts).count()
    }

    /// How many calls a limit held back.
    pub(super) fn skipped(&self) -> usize {
        self.results().filter(|it| it.status == ToolStatus::Skipped).count()
    }

    /// Makes a result of a mended call one of the call that the model made.
    pub(super) fn as_called(&self, result: Arc<ToolResult>) -> Arc<ToolResult> {
        let open = self.calls.iter().find(|it| it.call.id == result.call_id);
        match open.and_then(|it| Some((&it.call, it.mended.as_ref()?))) {
            Some((call, mended)) => {
                Arc::new(repair::as_called(Arc::unwrap_or_clone(result), call, mended))
            }
            None => result,
        }
    }

    pub(super) fn results(&self) -> impl Iterator<Item = &Arc<ToolResult>> {
        self.calls.iter().filter_map(|it| match &it.state {
            CallState::Finished(result) => Some(result),
            _ => None,
        })
    }

    fn in_state(&self, is_in: impl Fn(&CallState) -> bool) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.calls.iter().filter(move |it| is_in(&it.state)).map(OpenCall::to_execute)
    }

    fn state_mut(&mut self, call_id: &str, what: &str) -> Result<&mut CallState, LlmError> {
        let call = self.calls.iter_mut().find(|it| it.call.id == call_id);
        call.map(|it| &mut it.state).ok_or_else(|| out_of_order(what))
    }
}

impl OpenCall {
    fn with(&self, modified_arguments: Option<&Value>) -> ReadyCall {
        let modified_arguments = modified_arguments.cloned();
        let below = self.below().cloned().map(Box::new);
        ReadyCall { call: Arc::clone(self.to_execute()), modified_arguments, below }
    }

    /// The agent's run that is suspended, or goes on.
    fn below(&self) -> Option<&Below> {
        match &self.state {
            CallState::Ready { below, .. } | CallState::Started { below, .. } => below.as_deref(),
            CallState::Suspended { below, .. } => Some(below),
            _ => None,
        }
    }

    /// What is executed for the call.
    fn to_execute(&self) -> &Arc<ToolCall> {
        self.mended.as_ref().unwrap_or(&self.call)
    }
}

const STARTED: &str =
    "The run ended before this call was finished. It may have been executed in part.";
const NOT_STARTED: &str = "The run ended before this call was executed. It did not run.";
const WAITING_BELOW: &str =
    "The agent waits for somebody to approve what it wants to do. It is not finished.";
const WAITING: &str = "This call waits for somebody to approve it. It did not run yet.";

pub(super) fn out_of_order(what: &str) -> LlmError {
    LlmError::new(ErrorKind::OutOfOrder, format!("{what} can't come here in a run"))
}

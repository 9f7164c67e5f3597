//! What a run does to the world, as data.
use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    LlmError,
    orchestrator::{ApprovalDecision, SuspendedRun},
    types::{ChatMessage, ChatRequest, ChatResponse, ToolCall, ToolResult, Usage},
};

/// Something that a run wants done outside itself.
///
/// It holds all that is needed to do it elsewhere, given a model and a resolver:
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     journal::{Effect, Outcome, Work},
///     orchestrator::perform,
///     testing::{RecordingResolver, ScriptedModel},
///     types::ToolCall,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), serde_json::Error> {
/// let call = ToolCall { id: "call_1".into(), name: "add".into(), arguments: json!({ "a": 1 }) };
/// let effect = Effect::execute_tool("run-1", 0, call.into());
/// assert_eq!(effect.idempotency_key(), "run-1/step-0/tool/call_1");
///
/// // It travels to another machine.
/// let effect: Effect = serde_json::from_str(&serde_json::to_string(&effect)?)?;
///
/// let tools = RecordingResolver::new().returning("add", json!(2));
/// let outcome = perform(&effect, &ScriptedModel::new(), &tools).await;
/// let Outcome::ToolFinished { result, .. } = outcome else { panic!("it was a tool") };
/// assert_eq!(result.output, json!(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// The run that wants it.
    pub run_id: String,
    /// What tells it from every other effect of the run: `step-3/model`, `step-3/tool/call_1`. It
    /// is derived from the run alone, so that a resumed run gives it again.
    pub name: String,
    /// What is to be done.
    pub work: Work,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// The model is to be asked.
    #[non_exhaustive]
    CallModel {
        /// What it is asked.
        request: ChatRequest,
        /// What calls without an id are named after.
        call_id_prefix: String,
    },
    /// A model is to be asked to sum up the beginning of the history: the model of the run's
    /// [`Compaction`](crate::orchestrator::Compaction), which need not be that of its steps.
    #[non_exhaustive]
    Summarise {
        /// What it is asked.
        request: ChatRequest,
    },
    /// A tool is to be executed.
    #[non_exhaustive]
    ExecuteTool {
        /// The number of the step, from 0.
        step_number: usize,
        /// The call.
        call: Arc<ToolCall>,
        /// The arguments, where approval changed the model's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified_arguments: Option<Value>,
        /// How long it may take.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_limit: Option<Duration>,
        /// How many bytes its result may have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_result_bytes: Option<usize>,
        /// The run that goes on, where the tool is an agent that was suspended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suspended: Option<Box<SuspendedRun>>,
        /// What was decided for that run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decisions: Vec<ApprovalDecision>,
    },
}

/// What came of an [`Effect`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The model replied.
    #[non_exhaustive]
    Replied {
        /// The whole reply.
        response: Box<ChatResponse>,
    },
    /// The model did not reply, or its reply broke off.
    ModelFailed(Box<ModelFailure>),
    /// The tool came to an end, whatever it was.
    #[non_exhaustive]
    ToolFinished {
        /// What the model is told.
        result: Arc<ToolResult>,
        /// Why the run is to end, if the tool wants that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fatal: Option<LlmError>,
    },
    /// The tool is an agent, and something in its run waits for somebody to decide.
    #[non_exhaustive]
    ToolSuspended {
        /// The id of the call.
        call_id: String,
        /// The agent's run.
        run: Box<SuspendedRun>,
        /// Why it went no further, if that is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<LlmError>,
    },
}

/// A call of the model that failed, and what came of it before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelFailure {
    /// What it failed with.
    pub error: LlmError,
    /// Whether anything of the reply had come.
    pub has_begun: bool,
    /// What the model had said.
    pub partial_reply: Option<ChatMessage>,
    /// What it cost, if the provider had said so.
    pub usage: Option<Usage>,
}

impl Effect {
    /// The execution of a tool as `call` asks for it, in step `step_number` of the run `run_id`.
    pub fn execute_tool(run_id: &str, step_number: usize, call: Arc<ToolCall>) -> Self {
        let name = tool_effect(step_number, &call.id, 1);
        let work = Work::ExecuteTool {
            step_number,
            call,
            modified_arguments: None,
            time_limit: None,
            max_result_bytes: None,
            suspended: None,
            decisions: Vec::new(),
        };
        Self { run_id: run_id.to_owned(), name, work }
    }

    /// What tells it from every other effect of all runs.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}", self.run_id, self.name)
    }

    /// What a tool is given as the key of its call: that of the effect, but for an agent that was
    /// suspended. It goes on with the key it began with.
    pub(crate) fn call_key(&self) -> String {
        match &self.work {
            Work::ExecuteTool { step_number, call, suspended: Some(_), .. } => {
                call_key(&self.run_id, *step_number, &call.id)
            }
            _ => self.idempotency_key(),
        }
    }
}

/// What tells a call of step `step_number` of the run `run_id` from every other.
pub(crate) fn call_key(run_id: &str, step_number: usize, call_id: &str) -> String {
    [run_id, "/", &tool_effect(step_number, call_id, 1)].concat()
}

/// The name of the `nth` execution of a call, from 1: an agent that was suspended goes on in another.
pub(crate) fn tool_effect(step_number: usize, call_id: &str, nth: usize) -> String {
    match nth {
        1 => ["step-", &step_number.to_string(), "/tool/", call_id].concat(),
        _ => format!("step-{step_number}/tool-{nth}/{call_id}"),
    }
}

/// The name of the `nth` request for a summary before a step, from 1.
pub(crate) fn summary_effect(step_number: usize, nth: usize) -> String {
    match nth {
        1 => format!("step-{step_number}/summary"),
        _ => format!("step-{step_number}/summary-{nth}"),
    }
}

/// The name of the `nth` request of a step, from 1.
pub(crate) fn model_effect(step_number: usize, nth: usize) -> String {
    match nth {
        1 => format!("step-{step_number}/model"),
        _ => format!("step-{step_number}/model-{nth}"),
    }
}

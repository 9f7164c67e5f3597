//! How one step may differ from its run.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{StepResult, StoppedBy};
use crate::{
    LlmError, history,
    tool::{Toolbox, nearest},
    types::{ChatMessage, Tool, ToolChoice, Warning, split_system},
};

/// What is known when a step is about to begin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PrepareStepContext<'a> {
    /// The number of the step, from 0.
    pub step_number: usize,
    /// The steps before it.
    pub steps: &'a [StepResult],
    /// The history without its leading system messages.
    pub messages: &'a [ChatMessage],
}

/// How the step differs from the run; what is `None` stays as it is. It rules this step alone.
///
/// ```
/// use siumai_core::{orchestrator::PrepareStepResult, types::ToolChoice};
///
/// let only_the_answer = PrepareStepResult {
///     tool_choice: Some(ToolChoice::None),
///     ..Default::default()
/// };
/// assert!(only_the_answer.active_tools.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrepareStepResult {
    /// Which tools the model may or must call.
    pub tool_choice: Option<ToolChoice>,
    /// The names of the tools on offer. No other executes in this step, whoever asks.
    pub active_tools: Option<Vec<String>>,
    /// The system message, in place of the run's.
    pub system: Option<String>,
    /// The messages to send, in place of the history. The history itself stays whole.
    pub messages: Option<Vec<ChatMessage>>,
}

/// What rules one step: `prepare_step`'s answer, checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StepPlan {
    pub(super) tool_choice: Option<ToolChoice>,
    pub(super) active_tools: Option<Vec<String>>,
    pub(super) system: Option<Arc<Vec<ChatMessage>>>,
    pub(super) messages: Option<Arc<Vec<ChatMessage>>>,
    pub(super) warnings: Vec<Warning>,
    /// The limit that makes this step the run's last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<StoppedBy>,
}

impl StepPlan {
    pub(super) fn new(prepared: PrepareStepResult, standing_choice: Option<ToolChoice>) -> Self {
        let PrepareStepResult { tool_choice, active_tools, system, messages } = prepared;
        let tool_choice = tool_choice.or(standing_choice);
        let mut plan = Self { tool_choice, active_tools, ..Self::default() };
        if let Some(messages) = messages {
            plan.warnings = plan.send(messages);
        }
        if let Some(text) = system {
            plan.system = Some(Arc::new(vec![ChatMessage::system(text)]));
        }
        plan
    }

    /// The same as the last step of a run that came to `limit`: the model is to answer.
    pub(super) fn last(self, limit: StoppedBy) -> Self {
        Self { tool_choice: Some(ToolChoice::None), ends_at: Some(limit), ..self }
    }

    /// Sees to it that the model can answer by the tool `name`; it has to in the last step, and
    /// where `is_due` unless a tool choice says otherwise.
    pub(super) fn answer_by(&mut self, name: &str, is_due: bool) {
        let is_missing = |active: &&mut Vec<String>| !active.iter().any(|it| it == name);
        if let Some(active) = self.active_tools.as_mut().filter(is_missing) {
            active.push(name.to_owned());
        }
        let is_free = matches!(self.tool_choice, None | Some(ToolChoice::Auto));
        if self.ends_at.is_some() || is_free && is_due {
            self.tool_choice = Some(ToolChoice::Specific { tool_name: name.to_owned() });
        }
    }

    /// The names of the tools that may execute in this step; `None` means all. What a model calls
    /// against the step's tool choice is not among them.
    pub(super) fn callable(&mut self) -> Option<Vec<String>> {
        match &self.tool_choice {
            Some(ToolChoice::None) => Some(Vec::new()),
            Some(ToolChoice::Specific { tool_name }) => Some(vec![tool_name.clone()]),
            Some(ToolChoice::Auto | ToolChoice::Required) | None => self.active_tools.take(),
        }
    }

    /// Sends `messages` in place of the history, mended; returns what was mended.
    pub(super) fn send(&mut self, messages: Vec<ChatMessage>) -> Vec<Warning> {
        let (system, messages) = split_system(messages);
        let (messages, warnings) = history::mend(messages);
        if !system.is_empty() {
            self.system = Some(Arc::new(system));
        }
        self.messages = Some(Arc::new(messages));
        warnings
    }

    pub(super) fn check(&self, tools: &Toolbox) -> Result<(), LlmError> {
        if self.system.is_none() && self.messages.as_ref().is_some_and(|it| it.is_empty()) {
            return Err(LlmError::invalid_input(
                "prepare_step gave no messages; give at least one, or `None` for the history",
            ));
        }
        let offered = tools.active(self.active_tools.as_deref());
        for name in self.active_tools.iter().flatten() {
            if tools.find(name).is_none() {
                let all = tools.active(None);
                return Err(no_such_tool("active_tools names", name, all.iter().map(Tool::name)));
            }
        }
        match &self.tool_choice {
            Some(ToolChoice::Specific { tool_name })
                if !offered.iter().any(|it| it.name() == tool_name) =>
            {
                let names = offered.iter().map(Tool::name);
                Err(no_such_tool("tool_choice forces", tool_name, names))
            }
            Some(ToolChoice::Required) if offered.is_empty() => Err(LlmError::invalid_input(
                "tool_choice requires a tool call, but no tools are on offer; offer some or choose `Auto`",
            )),
            _ => Ok(()),
        }
    }
}

fn no_such_tool<'a>(
    where_from: &str,
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> LlmError {
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let list = names.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    LlmError::invalid_input(format!("{where_from} `{name}`, which is not on offer ({list}){hint}"))
}

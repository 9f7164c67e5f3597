//! The state of a run: every decision, no IO.
//!
//! A [`Run`] is the fold of its entries: `next_action` says what to do,
//! `apply` takes in what happened, and nothing else changes it.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    OnContextTooLong, PrepareStepContext, PrepareStepResult, StepResult, StopCondition, StoppedBy,
    asking::Asking,
    open_step::{Decision, OpenStep, ReadyCall, out_of_order},
    prepare_step::StepPlan,
    types::PrepareStep,
};
use crate::{
    LlmError, history,
    model::Assembler,
    tool::Toolbox,
    types::{
        ChatMessage, ChatRequest, ChatResponse, FinishReason, Settings, ToolCall, ToolChoice,
        ToolResult, ToolStatus, Usage, Warning, split_system,
    },
};

/// All state of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    system: Arc<Vec<ChatMessage>>,
    messages: Arc<Vec<ChatMessage>>,
    warnings: Vec<Warning>,
    steps: Vec<StepResult>,
    response: Option<ChatResponse>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    /// Every step so far is finished.
    Between,
    /// A step has begun and the model has not answered yet.
    Asking(Asking),
    /// The model has answered, and its calls are being seen to.
    Answering(Box<OpenStep>),
    /// The last step is finished but for calls that are the caller's.
    Left(Box<OpenStep>),
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    StepStarted(StepPlan),
    /// A reply broke off, and the step begins again.
    ReplyBrokeOff {
        attempt: usize,
        error: String,
        usage: Option<Usage>,
    },
    /// The history is too long for the model, and this one is sent instead.
    HistoryShortened(Vec<ChatMessage>),
    ModelReplied(ChatResponse),
    CallDecided {
        call_id: String,
        decision: Decision,
    },
    CallFinished(Arc<ToolResult>),
}

/// What the driver does next.
#[derive(Debug)]
pub(super) enum Action {
    StartStep(StepPlan),
    CallModel(ChatRequest),
    Decide(Vec<Arc<ToolCall>>),
    ExecuteTools(Vec<ReadyCall>),
    Finish(StoppedBy),
}

/// What a run is decided by, beside its own state.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) max_steps: usize,
    pub(super) stop: &'a [&'a dyn StopCondition],
    pub(super) tool_choice: Option<&'a ToolChoice>,
    pub(super) settings: &'a Arc<Settings>,
    pub(super) prepare_step: Option<&'a PrepareStep>,
    pub(super) step_retries: usize,
    pub(super) on_context_too_long: Option<&'a OnContextTooLong>,
    pub(super) tools: &'a Toolbox,
}

impl Run {
    /// A run that begins with `messages`, mended where calls and results don't match.
    ///
    /// # Errors
    ///
    /// If there is nothing to answer.
    pub(super) fn new(messages: Vec<ChatMessage>) -> Result<Self, LlmError> {
        let (system, messages) = split_system(messages);
        let (messages, warnings) = history::mend(messages);
        // Mended, it may have come to nothing.
        if system.is_empty() && messages.is_empty() {
            return Err(LlmError::invalid_input("there are no messages; pass at least one"));
        }
        Ok(Self {
            system: Arc::new(system),
            messages: Arc::new(messages),
            warnings,
            steps: Vec::new(),
            response: None,
            state: State::Between,
        })
    }

    /// Says what comes next. After a step it asks every stop condition, so it is called once there.
    ///
    /// # Errors
    ///
    /// If `prepare_step` wants what can't be.
    pub(super) fn next_action(&self, rules: &Rules<'_>) -> Result<Action, LlmError> {
        match &self.state {
            State::Between => match self.stopped_by(rules) {
                Some(stopped_by) => Ok(Action::Finish(stopped_by)),
                None => self.plan(rules).map(Action::StartStep),
            },
            State::Asking(asking) => Ok(Action::CallModel(self.request(&asking.plan, rules))),
            State::Answering(step) if step.undecided().next().is_some() => {
                Ok(Action::Decide(step.undecided().cloned().collect()))
            }
            State::Answering(step) => Ok(Action::ExecuteTools(step.ready().collect())),
            State::Left(_) => {
                ask(rules.stop, &self.steps);
                Ok(Action::Finish(StoppedBy::ToolCallsPending))
            }
        }
    }

    /// Takes in what happened; returns the step it finished, if any.
    ///
    /// # Errors
    ///
    /// If that can't happen now.
    pub(super) fn apply(&mut self, entry: Entry) -> Result<Option<&StepResult>, LlmError> {
        match (entry, &mut self.state) {
            (Entry::StepStarted(plan), State::Between) => {
                self.warnings.extend(plan.warnings.iter().cloned());
                self.state = State::Asking(Asking::new(plan));
                Ok(None)
            }
            (Entry::ReplyBrokeOff { attempt, error, usage }, State::Asking(asking)) => {
                asking.break_off(attempt, usage)?;
                self.warnings.push(Warning::Retried { attempt, error });
                Ok(None)
            }
            (Entry::HistoryShortened(messages), State::Asking(asking)) => {
                self.warnings.extend(asking.shorten(messages)?);
                Ok(None)
            }
            (Entry::ModelReplied(response), State::Asking(asking)) => {
                self.warnings.extend(response.warnings.iter().cloned());
                let step = OpenStep::new(asking, response);
                Arc::make_mut(&mut self.messages).push(step.response.message.clone());
                self.state = State::Answering(Box::new(step));
                Ok(self.finish_step())
            }
            (Entry::CallDecided { call_id, decision }, State::Answering(step)) => {
                step.decide(&call_id, decision)?;
                Ok(self.finish_step())
            }
            (Entry::CallFinished(result), State::Answering(step)) => {
                step.finish(result)?;
                Ok(self.finish_step())
            }
            (entry, _) => Err(out_of_order(entry.name())),
        }
    }

    /// What lets the step go on although its model call failed; nothing if the run ends with that.
    pub(super) fn recovery(
        &self,
        rules: &Rules<'_>,
        error: &LlmError,
        reply: &Assembler,
    ) -> Option<Entry> {
        let State::Asking(asking) = &self.state else { return None };
        if asking.begins_again(error, reply.has_begun(), rules.step_retries) {
            let (attempt, usage) = (asking.attempt(), reply.usage().cloned());
            return Some(Entry::ReplyBrokeOff { attempt, error: error.to_string(), usage });
        }
        let hook = rules.on_context_too_long.filter(|_| asking.may_shorten(error))?;
        let sent = asking.plan.messages.as_ref().unwrap_or(&self.messages);
        let shorter = hook(sent).filter(|it| !history::mend(it.clone()).0.is_empty())?;
        Some(Entry::HistoryShortened(shorter))
    }

    /// Ends what is under way: every call that is not finished gets a result that says `status`.
    pub(super) fn break_off(&mut self, status: ToolStatus) {
        self.reopen();
        if let State::Answering(step) = &mut self.state {
            step.break_off(status);
            self.finish_step();
        }
        self.state = State::Between;
    }

    /// The tools that may execute in the step under way; `None` means all.
    pub(super) fn active_tools(&self) -> Option<&[String]> {
        match &self.state {
            State::Answering(step) => step.active_tools.as_deref(),
            _ => None,
        }
    }

    /// The number of the step under way, or of the next.
    pub(super) fn step_number(&self) -> usize {
        self.steps.len()
    }

    /// What calls without an id are named after: no other reply of the history has it.
    pub(super) fn call_id_prefix(&self) -> String {
        format!("call_{}", self.messages.len())
    }

    pub(super) fn steps(&self) -> &[StepResult] {
        &self.steps
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(super) fn usage(&self) -> Usage {
        StepResult::merge_usage(&self.steps)
    }

    /// The last reply, and the calls that are left to the caller.
    pub(super) fn outcome(&self) -> (Option<ChatResponse>, Vec<Arc<ToolCall>>) {
        let pending = match &self.state {
            State::Left(step) => step.left().cloned().collect(),
            _ => Vec::new(),
        };
        (self.response.clone(), pending)
    }

    /// The steps, the whole history, and the warnings.
    pub(super) fn into_parts(self) -> (Vec<StepResult>, Vec<ChatMessage>, Vec<Warning>) {
        let mut history = Arc::unwrap_or_clone(self.system);
        history.extend(Arc::unwrap_or_clone(self.messages));
        (self.steps, history, self.warnings)
    }

    fn stopped_by(&self, rules: &Rules<'_>) -> Option<StoppedBy> {
        let last = self.steps.last()?;
        let held = ask(rules.stop, &self.steps);
        // A paused turn is not an answer: the provider goes on when it gets it back.
        if last.tool_calls.is_empty() && last.finish_reason != FinishReason::Paused {
            return Some(StoppedBy::Answer);
        }
        if let Some(index) = held {
            return Some(StoppedBy::Condition { index });
        }
        (self.steps.len() >= rules.max_steps).then_some(StoppedBy::MaxSteps)
    }

    fn plan(&self, rules: &Rules<'_>) -> Result<StepPlan, LlmError> {
        let prepared = match rules.prepare_step {
            Some(prepare) => prepare(PrepareStepContext {
                step_number: self.steps.len(),
                steps: &self.steps,
                messages: &self.messages,
            }),
            None => PrepareStepResult::default(),
        };
        let plan = StepPlan::new(prepared, self.standing_choice(rules.tool_choice));
        plan.check(rules.tools)?;
        Ok(plan)
    }

    /// The run's own choice; one that forces a call holds until it was obeyed.
    fn standing_choice(&self, choice: Option<&ToolChoice>) -> Option<ToolChoice> {
        let choice = choice?;
        let mut called = self.steps.iter().flat_map(StepResult::valid_calls);
        let is_obeyed = match choice {
            ToolChoice::Required => called.next().is_some(),
            ToolChoice::Specific { tool_name } => called.any(|call| call.name == *tool_name),
            ToolChoice::Auto | ToolChoice::None => false,
        };
        Some(if is_obeyed { ToolChoice::Auto } else { choice.clone() })
    }

    fn request(&self, plan: &StepPlan, rules: &Rules<'_>) -> ChatRequest {
        let system = plan.system.as_ref().unwrap_or(&self.system);
        let messages = plan.messages.as_ref().unwrap_or(&self.messages);
        let tools = rules.tools.active(plan.active_tools.as_deref());
        // Without tools there is nothing to choose, and providers refuse a choice.
        let choice = plan.tool_choice.clone().filter(|_| !tools.is_empty());
        ChatRequest::shared(Arc::clone(system), Arc::clone(messages))
            .with_tools(tools)
            .with_tool_choice(choice)
            .with_settings(Arc::clone(rules.settings))
    }

    /// Moves the open step to the finished ones if nothing in it is left to do here.
    fn finish_step(&mut self) -> Option<&StepResult> {
        let open = std::mem::replace(&mut self.state, State::Between);
        let step = match open {
            State::Answering(step) if step.is_finished() => step,
            other => {
                self.state = other;
                return None;
            }
        };
        let results: Vec<_> = step.results().cloned().collect();
        let answers = results.iter().cloned().map(ChatMessage::tool);
        let mut messages = vec![step.response.message.clone()];
        messages.extend(answers);
        // Results came in finish order; the history wants call order.
        Arc::make_mut(&mut self.messages).extend(messages[1..].iter().cloned());
        self.steps.push(StepResult {
            step_number: self.steps.len(),
            messages,
            finish_reason: step.response.finish_reason.clone(),
            usage: step.usage.clone(),
            tool_calls: step.response.tool_calls.clone(),
            tool_results: results,
        });
        self.response = Some(step.response.clone());
        if step.left().next().is_some() {
            self.state = State::Left(step);
        }
        self.steps.last()
    }

    /// Takes the last step back from the finished ones if it left calls to the caller,
    /// who does not hear of them when the run breaks off.
    fn reopen(&mut self) {
        let State::Left(step) = &self.state else { return };
        let step = step.clone();
        self.steps.pop();
        let kept = self.messages.len() - step.results().count();
        Arc::make_mut(&mut self.messages).truncate(kept);
        self.state = State::Answering(step);
    }
}

/// The place of the first condition that holds. All are asked, so that one which counts
/// how often it was asked counts right.
fn ask(conditions: &[&dyn StopCondition], steps: &[StepResult]) -> Option<usize> {
    let held: Vec<bool> = conditions.iter().map(|it| it.should_stop(steps)).collect();
    held.into_iter().position(|held| held)
}

impl Entry {
    fn name(&self) -> &'static str {
        match self {
            Self::StepStarted(_) => "the start of a step",
            Self::ReplyBrokeOff { .. } => "the end of an attempt",
            Self::HistoryShortened(_) => "a shorter history",
            Self::ModelReplied(_) => "a reply",
            Self::CallDecided { .. } => "a decision",
            Self::CallFinished(_) => "a tool result",
        }
    }
}

#[cfg(test)]
mod tests;

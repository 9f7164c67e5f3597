//! The state of a run: every decision, no IO.
//!
//! A [`Run`] is the fold of its entries: `next_action` says what to do,
//! `apply` takes in what happened, and nothing else changes it.
use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Compaction, OnContextTooLong, PrepareStep, StepResult, StopCondition, StoppedBy,
    answer::Sought,
    asking::Asking,
    below::Notes,
    clock::Clock,
    entry::{Entry, REPLY_LOST},
    execute::CallLimits,
    limits::{Limits, Spent},
    open_step::{OpenStep, ReadyCall, out_of_order},
    prepare_step::StepPlan,
};
use crate::{
    LlmError, history,
    journal::{Effect, ModelFailure},
    tool::Toolbox,
    types::{
        ChatMessage, ChatRequest, ChatResponse, Memo, Settings, ToolCall, ToolChoice, Warning,
        split_system,
    },
};

use self::summing::Summed;

/// All state of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    id: Arc<str>,
    system: Arc<Vec<ChatMessage>>,
    messages: Arc<Vec<ChatMessage>>,
    warnings: Vec<Warning>,
    steps: Vec<StepResult>,
    response: Option<Box<ChatResponse>>,
    /// Whether somebody said more after the last step.
    is_prompted: bool,
    state: State,
    spent: Spent,
    clock: Clock,
    /// The limit that the run came to, once the step that is to answer there has begun.
    ending: Option<StoppedBy>,
    /// How many answers in words were refused.
    #[serde(default)]
    refused: usize,
    /// Whether the last thing the model was told is that its answer was refused.
    #[serde(default)]
    is_refused: bool,
    /// What is sent in the place of messages that were summed up.
    #[serde(default)]
    summed: Summed,
    /// What the model made of the requests so far.
    #[serde(skip)]
    memo: Memo,
    /// What the agents that run just now leave.
    #[serde(skip)]
    notes: Notes,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// What the driver does next.
#[derive(Debug)]
pub(super) enum Action {
    /// See what came of what was under way when the process died.
    Recover(Vec<Effect>),
    StartStep(StepPlan),
    /// Ask for a summary of the old part of the history.
    Summarise(ChatRequest),
    CallModel(ChatRequest),
    Decide(Vec<Arc<ToolCall>>),
    ExecuteTools(Vec<ReadyCall>),
    /// Tell the model that its answer is not what is wanted.
    RefuseAnswer(String),
    Finish(StoppedBy),
}

/// What a run is decided by, beside its own state.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) max_steps: usize,
    pub(super) limits: Limits,
    pub(super) stop: &'a [&'a dyn StopCondition],
    pub(super) tool_choice: Option<&'a ToolChoice>,
    pub(super) settings: &'a Arc<Settings>,
    pub(super) prepare_step: Option<&'a PrepareStep>,
    pub(super) step_retries: usize,
    pub(super) on_context_too_long: Option<&'a OnContextTooLong>,
    pub(super) tools: &'a Toolbox,
    pub(super) answer: Option<Sought<'a>>,
    pub(super) compaction: Option<&'a Compaction>,
}

impl Run {
    /// A run that begins with `messages`, mended where calls and results don't match.
    pub(super) fn new(id: String, messages: Vec<ChatMessage>) -> Self {
        let (system, messages) = split_system(messages);
        let (messages, warnings) = history::mend(messages);
        Self {
            id: id.into(),
            system: Arc::new(system),
            messages: Arc::new(messages),
            warnings,
            steps: Vec::new(),
            response: None,
            is_prompted: false,
            state: State::Between,
            spent: Spent::default(),
            clock: Clock::default(),
            ending: None,
            refused: 0,
            is_refused: false,
            summed: Summed::default(),
            memo: Memo::default(),
            notes: Notes::default(),
        }
    }

    /// Says what comes next. After a step it asks every stop condition, so it is called once there.
    ///
    /// # Errors
    ///
    /// If `prepare_step` wants what can't be, or the model gave no answer that fits as often as it may.
    pub(super) fn next_action(&self, rules: &Rules<'_>) -> Result<Action, LlmError> {
        match &self.state {
            State::Between => self.between(rules),
            State::Asking(asking) if asking.is_open() => {
                let request = self.request(&asking.plan, rules);
                Ok(Action::Recover(vec![self.model_effect(request)]))
            }
            State::Asking(asking) if asking.is_summing_up() => {
                Ok(Action::Recover(vec![self.open_summary(rules)]))
            }
            State::Asking(asking) => Ok(match self.due_summary(rules) {
                Some(request) => Action::Summarise(request),
                None => Action::CallModel(self.request(&asking.plan, rules)),
            }),
            State::Answering(step) if step.started().next().is_some() => {
                let effect = |call| self.tool_effect(call, CallLimits::default());
                Ok(Action::Recover(step.started().map(effect).collect()))
            }
            State::Answering(step) if step.undecided().next().is_some() => {
                Ok(Action::Decide(step.undecided().cloned().collect()))
            }
            State::Answering(step) if step.ready().next().is_some() => {
                Ok(Action::ExecuteTools(step.ready().collect()))
            }
            State::Answering(_) => Ok(Action::Finish(StoppedBy::ApprovalPending)),
            State::Left(_) => {
                stopping::ask(rules.stop, &self.steps);
                Ok(Action::Finish(StoppedBy::ToolCallsPending))
            }
        }
    }

    /// As [`apply`](Self::apply), of what happened when the run had been at work for `at`.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub(super) fn apply_at(
        &mut self,
        at: Duration,
        entry: Entry,
    ) -> Result<Option<&StepResult>, LlmError> {
        let is_start = matches!(entry, Entry::StepStarted(_));
        let has_finished = self.apply(entry)?.is_some();
        self.clock.tell(at);
        if is_start {
            self.clock.begin_step();
        }
        let Some(step) = self.steps.last_mut().filter(|_| has_finished) else { return Ok(None) };
        step.duration = self.clock.step();
        Ok(Some(step))
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
                self.ending.clone_from(&plan.ends_at);
                self.state = State::Asking(Asking::new(plan));
                Ok(None)
            }
            (Entry::ModelAsked, State::Asking(asking)) => {
                asking.ask()?;
                self.spent.ask();
                Ok(None)
            }
            (Entry::Summary(what), State::Asking(_)) => {
                self.apply_summary(what)?;
                Ok(None)
            }
            (Entry::ReplyLost, State::Asking(asking)) => {
                let (attempt, error) = (asking.attempt(), REPLY_LOST.to_owned());
                asking.lose()?;
                self.warnings.push(Warning::Retried { attempt, error });
                Ok(None)
            }
            (Entry::ReplyBrokeOff { attempt, error, usage }, State::Asking(asking)) => {
                asking.break_off(attempt, usage.as_deref().cloned())?;
                self.spent.pay(usage.as_deref());
                self.warnings.push(Warning::Retried { attempt, error });
                Ok(None)
            }
            (Entry::HistoryShortened(messages), State::Asking(asking)) => {
                self.warnings.extend(asking.shorten(messages)?);
                Ok(None)
            }
            (Entry::ModelReplied(response), State::Asking(asking)) => {
                asking.close()?;
                (self.is_prompted, self.is_refused) = (false, false);
                self.warnings.extend(response.warnings.iter().cloned());
                self.spent.pay(response.usage.as_ref());
                let step = OpenStep::new(asking, response);
                Arc::make_mut(&mut self.messages).push(step.response.message.clone());
                self.state = State::Answering(Box::new(step));
                Ok(self.finish_step())
            }
            (Entry::CallMended(mended), State::Answering(step)) => {
                step.mend(mended)?;
                Ok(None)
            }
            (Entry::CallDecided { call_id, decision }, State::Answering(step)) => {
                step.decide(&call_id, decision)?;
                Ok(self.finish_step())
            }
            (Entry::CallStarted { call_id }, State::Answering(step)) => {
                step.start(&call_id)?;
                Ok(None)
            }
            (Entry::CallReopened { call_id }, State::Answering(step)) => {
                step.reopen(&call_id)?;
                Ok(None)
            }
            (Entry::CallFinished(result), State::Answering(step)) => {
                for of_agent in &result.agents_usage {
                    self.spent.pay(Some(&of_agent.usage));
                }
                step.finish(result)?;
                Ok(self.finish_step())
            }
            (Entry::AnswerRefused(told), State::Between) => {
                Arc::make_mut(&mut self.messages).push(ChatMessage::user(told));
                self.refused += 1;
                (self.is_prompted, self.is_refused) = (true, true);
                Ok(None)
            }
            (Entry::CallSuspended { call_id, run }, State::Answering(step)) => {
                step.suspend(&call_id, *run)?;
                Ok(None)
            }
            (Entry::CallResumed { call_id, decisions }, State::Answering(step)) => {
                step.go_on(&call_id, decisions)?;
                Ok(None)
            }
            (Entry::MessagesAdded(messages), State::Between | State::Left(_)) => {
                self.add(messages);
                Ok(None)
            }
            (entry, _) => Err(out_of_order(entry.name())),
        }
    }

    /// What lets the step go on although its model call failed; nothing if the run ends with that.
    pub(super) fn recovery(&self, rules: &Rules<'_>, failure: &ModelFailure) -> Option<Entry> {
        let ModelFailure { error, has_begun, usage, .. } = failure;
        let State::Asking(asking) = &self.state else { return None };
        let mut with_this = self.spent.clone();
        with_this.pay(usage.as_ref());
        if rules.limits.usage.reached(&with_this).is_some() {
            return None;
        }
        if asking.begins_again(error, *has_begun, rules.step_retries) {
            let (attempt, error) = (asking.attempt(), error.to_string());
            return Some(Entry::ReplyBrokeOff {
                attempt,
                error,
                usage: usage.clone().map(Box::new),
            });
        }
        let hook = rules.on_context_too_long.filter(|_| asking.may_shorten(error))?;
        let sent = asking.plan.messages.clone().unwrap_or_else(|| self.sent());
        let shorter = hook(&sent).filter(|it| !history::mend(it.clone()).0.is_empty())?;
        Some(Entry::HistoryShortened(shorter))
    }

    /// The tools that may execute in the step under way; `None` means all.
    pub(super) fn active_tools(&self) -> Option<&[String]> {
        match &self.state {
            State::Answering(step) => step.active_tools.as_deref(),
            _ => None,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether there is nothing to answer.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether it began, or would begin, with what `other` would begin with.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        self.system == other.system && self.messages == other.messages
    }

    /// Whether more may be said to it now: no step is under way.
    pub(super) fn takes_messages(&self) -> bool {
        matches!(self.state, State::Between | State::Left(_))
    }

    /// Whether a step is under way.
    pub(super) fn is_in_step(&self) -> bool {
        matches!(self.state, State::Asking(_) | State::Answering(_))
    }

    /// Which attempt at the model's reply is under way, from 1.
    pub(super) fn attempt(&self) -> usize {
        match &self.state {
            State::Asking(asking) => asking.attempt(),
            _ => 1,
        }
    }

    /// The calls that may be executed and have not begun.
    pub(super) fn ready(&self) -> impl Iterator<Item = ReadyCall> {
        self.open_step().into_iter().flat_map(OpenStep::ready)
    }

    /// The calls whose tools run.
    pub(super) fn running(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.open_step().into_iter().flat_map(OpenStep::running)
    }

    /// The calls that have begun and are not finished.
    pub(super) fn started(&self) -> impl Iterator<Item = ReadyCall> {
        self.open_step().into_iter().flat_map(OpenStep::started)
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

    /// Takes in what was found before it began, or went on.
    pub(super) fn warn(&mut self, warnings: Vec<Warning>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// How long the run had been at work when the last thing happened to it.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now()
    }

    /// The last reply, and the calls that are left to the caller.
    pub(super) fn outcome(&self) -> (Option<ChatResponse>, Vec<Arc<ToolCall>>) {
        let pending = match &self.state {
            State::Left(step) => step.left().cloned().collect(),
            _ => Vec::new(),
        };
        (self.response.as_deref().cloned(), pending)
    }

    /// The steps, the whole history, and the warnings.
    pub(super) fn into_parts(self) -> (Vec<StepResult>, Vec<ChatMessage>, Vec<Warning>) {
        let mut history = Arc::unwrap_or_clone(self.system);
        history.extend(Arc::unwrap_or_clone(self.messages));
        (self.steps, history, self.warnings)
    }

    fn open_step(&self) -> Option<&OpenStep> {
        match &self.state {
            State::Answering(step) => Some(step),
            _ => None,
        }
    }

    fn add(&mut self, messages: Vec<ChatMessage>) {
        let mut history = std::mem::take(Arc::make_mut(&mut self.messages));
        history.extend(messages);
        // Calls that were left to the caller are answered by now, or never.
        let (history, warnings) = history::mend(history);
        self.messages = Arc::new(history);
        self.warnings.extend(warnings);
        (self.is_prompted, self.is_refused) = (true, false);
        self.ending = None;
        self.state = State::Between;
    }
}

mod answer;
mod below;
mod effects;
mod finishing;
mod guarded;
mod plan;
mod stopping;
mod summing;
#[cfg(test)]
mod tests;

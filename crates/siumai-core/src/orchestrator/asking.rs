//! A step between its start and the model's reply: what was tried and what may be, no IO.
use serde::{Deserialize, Serialize};

use super::{open_step::out_of_order, prepare_step::StepPlan};
use crate::{
    ErrorKind, LlmError,
    types::{ChatMessage, ModelUsage, Usage, Warning},
};

/// A step whose model has not answered yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asking {
    pub(super) plan: StepPlan,
    /// How often the model was asked.
    requests: usize,
    /// Whether what came of the last request is not known yet.
    is_open: bool,
    /// What each reply that broke off cost, if it said so.
    broken: Vec<Option<Usage>>,
    /// How many of those broke off because the process died.
    lost: usize,
    is_shortened: bool,
    #[serde(default)]
    summary: Summary,
    /// How often a summary was asked for.
    #[serde(default)]
    summary_requests: usize,
    /// What each of those cost.
    #[serde(default)]
    summaries: Vec<ModelUsage>,
}

/// How far the step has come with a summary of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Summary {
    /// It may be asked for.
    #[default]
    Possible,
    /// It was, and what came of it is not known yet.
    Open,
    /// There is one, or there will be none.
    Over,
}

impl Asking {
    pub(super) fn new(plan: StepPlan) -> Self {
        Self {
            plan,
            requests: 0,
            is_open: false,
            broken: Vec::new(),
            lost: 0,
            is_shortened: false,
            summary: Summary::Possible,
            summary_requests: 0,
            summaries: Vec::new(),
        }
    }

    /// Whether a summary may still be asked for: once a step, and before its own request.
    pub(super) fn may_sum_up(&self) -> bool {
        self.summary == Summary::Possible && self.requests == 0
    }

    /// Whether a summary was asked for, and what came of it is not known yet.
    pub(super) fn is_summing_up(&self) -> bool {
        self.summary == Summary::Open
    }

    /// The number of the request for a summary under way, or of the next, from 1.
    pub(super) fn summary_number(&self) -> usize {
        self.summary_requests + usize::from(!self.is_summing_up())
    }

    /// Takes in that a summary is about to be asked for.
    pub(super) fn begin_summary(&mut self) -> Result<(), LlmError> {
        if !self.may_sum_up() {
            return Err(out_of_order("a request for a summary"));
        }
        self.summary = Summary::Open;
        self.summary_requests += 1;
        Ok(())
    }

    /// Takes in what the summary cost, be it one or none.
    pub(super) fn end_summary(&mut self, usage: Option<ModelUsage>) -> Result<(), LlmError> {
        self.close_summary(Summary::Over)?;
        self.summaries.extend(usage);
        Ok(())
    }

    /// Takes in that nobody knows what came of the summary: it may have been billed.
    pub(super) fn lose_summary(&mut self) -> Result<(), LlmError> {
        self.close_summary(Summary::Possible)?;
        self.summaries.push(ModelUsage::default());
        Ok(())
    }

    fn close_summary(&mut self, then: Summary) -> Result<(), LlmError> {
        if !self.is_summing_up() {
            return Err(out_of_order("a summary that nobody asked for"));
        }
        self.summary = then;
        Ok(())
    }

    /// What the summaries cost together.
    pub(super) fn summaries_usage(&self) -> Usage {
        self.summaries.iter().map(|it| it.usage.clone()).sum()
    }

    /// What each summary cost.
    pub(super) fn summaries(&self) -> &[ModelUsage] {
        &self.summaries
    }

    /// Takes in that the model is about to be asked.
    pub(super) fn ask(&mut self) -> Result<(), LlmError> {
        if self.is_open {
            return Err(out_of_order("a second request"));
        }
        self.requests += 1;
        self.is_open = true;
        Ok(())
    }

    /// Takes in that something came of the last request.
    pub(super) fn close(&mut self) -> Result<(), LlmError> {
        if !std::mem::take(&mut self.is_open) {
            return Err(out_of_order("an answer that nobody asked for"));
        }
        Ok(())
    }

    /// Whether the model was asked, and what came of it is not known yet.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The number of the request under way, or of the next, from 1.
    pub(super) fn request_number(&self) -> usize {
        if self.is_open { self.requests } else { self.requests + 1 }
    }

    /// Which attempt is under way, from 1.
    pub(super) fn attempt(&self) -> usize {
        self.broken.len() + 1
    }

    /// Whether the step begins again after `error`, if it may `retries` times.
    ///
    /// A failure before anything of the reply came, such as a limit on requests, wants a pause
    /// first, and that is for a layer around the model.
    pub(super) fn begins_again(&self, error: &LlmError, has_begun: bool, retries: usize) -> bool {
        let is_cut = matches!(error.kind(), ErrorKind::IncompleteReply | ErrorKind::MalformedReply);
        let tried = self.broken.len() - self.lost;
        (is_cut || has_begun && error.is_retryable()) && tried < retries
    }

    /// Whether a shorter history may answer `error`.
    pub(super) fn may_shorten(&self, error: &LlmError) -> bool {
        error.kind() == ErrorKind::ContextTooLong && !self.is_shortened
    }

    pub(super) fn break_off(
        &mut self,
        attempt: usize,
        usage: Option<Usage>,
    ) -> Result<(), LlmError> {
        if attempt != self.attempt() {
            return Err(out_of_order("the end of an attempt"));
        }
        self.close()?;
        self.broken.push(usage);
        Ok(())
    }

    /// Takes in that nobody knows what came of the last request: it may have been billed.
    pub(super) fn lose(&mut self) -> Result<(), LlmError> {
        self.close()?;
        self.broken.push(None);
        self.lost += 1;
        Ok(())
    }

    pub(super) fn shorten(&mut self, messages: Vec<ChatMessage>) -> Result<Vec<Warning>, LlmError> {
        if self.is_shortened {
            return Err(out_of_order("a second shorter history"));
        }
        self.close()?;
        self.is_shortened = true;
        Ok(self.plan.send(messages))
    }

    /// What the replies that broke off cost.
    pub(super) fn broken_usage(&self) -> Usage {
        self.broken.iter().cloned().map(Option::unwrap_or_default).sum()
    }

    /// What the step's model calls cost together, the last of them included.
    pub(super) fn usage(&self, last: Option<Usage>) -> Option<Usage> {
        if self.broken.is_empty() {
            return last;
        }
        Some(self.broken_usage() + last.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;

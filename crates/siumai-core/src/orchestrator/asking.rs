//! A step between its start and the model's reply: what was tried and what may be, no IO.
use serde::{Deserialize, Serialize};

use super::{open_step::out_of_order, prepare_step::StepPlan};
use crate::{
    ErrorKind, LlmError,
    types::{ChatMessage, Usage, Warning},
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
}

impl Asking {
    pub(super) fn new(plan: StepPlan) -> Self {
        Self { plan, requests: 0, is_open: false, broken: Vec::new(), lost: 0, is_shortened: false }
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

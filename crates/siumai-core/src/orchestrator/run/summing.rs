//! When the old part of a history is summed up, and what is sent from then on.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Rules, Run, State};
use crate::{
    LlmError,
    journal::{Effect, Outcome, Work, summary_effect},
    orchestrator::{compaction::Written, entry::SummaryEntry, open_step::out_of_order},
    types::{ChatMessage, ChatRequest, Warning},
};

/// What is sent in the place of a history, since it was too long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Summed {
    /// In place of the first messages of the history, if any are replaced.
    messages: Option<Vec<ChatMessage>>,
    /// How many those are.
    replaced: usize,
    /// How long what is sent was when a summary was tried last.
    settled: u64,
}

impl Run {
    /// What the model is to be asked to sum up before the step asks its own, if that is due.
    pub(super) fn due_summary(&self, rules: &Rules<'_>) -> Option<ChatRequest> {
        let State::Asking(asking) = &self.state else { return None };
        if asking.plan.messages.is_some() || !asking.may_sum_up() {
            return None;
        }
        let compaction = rules.compaction?;
        let parted = compaction.due(&self.sent(), self.summed.settled)?;
        Some(compaction.request(&parted))
    }

    /// The summary under way, as it was asked for.
    pub(super) fn open_summary(&self, rules: &Rules<'_>) -> Effect {
        let parted = rules.compaction.and_then(|it| Some((it, it.part(&self.sent())?)));
        let request = parted.map(|(compaction, parted)| compaction.request(&parted));
        self.summary_effect(request.unwrap_or_default())
    }

    pub(in crate::orchestrator) fn summary_effect(&self, request: ChatRequest) -> Effect {
        let name = self.summary_effect_name();
        Effect { run_id: self.id.to_string(), name, work: Work::Summarise { request } }
    }

    /// The name of the summary under way, or of the next of this step.
    pub(in crate::orchestrator) fn summary_effect_name(&self) -> String {
        let nth = match &self.state {
            State::Asking(asking) => asking.summary_number(),
            _ => 1,
        };
        summary_effect(self.steps.len(), nth)
    }

    /// What became of the summary under way.
    pub(in crate::orchestrator) fn summed_up(
        &self,
        rules: &Rules<'_>,
        outcome: Outcome,
    ) -> SummaryEntry {
        let sent = self.sent();
        let size = |messages: &[ChatMessage]| rules.compaction.map_or(0, |it| it.size(messages));
        let parted = rules.compaction.and_then(|it| it.part(&sent));
        let Written { summary, usage } = Written::of(outcome);
        let error = match (summary, parted) {
            (Ok(summary), Some(parted)) => {
                let messages = parted.with(&summary);
                let (size, usage) = (size(&messages), Box::new(usage.unwrap_or_default()));
                return SummaryEntry::Written { messages, size, usage };
            }
            (Ok(_), None) => "the history has no part that a summary could replace".to_owned(),
            (Err(error), _) => error.to_string(),
        };
        SummaryEntry::Failed { error, size: size(&sent), usage: usage.map(Box::new) }
    }

    /// What is sent of the history, but for the leading system messages.
    pub(super) fn sent(&self) -> Arc<Vec<ChatMessage>> {
        let Some(instead) = &self.summed.messages else { return Arc::clone(&self.messages) };
        let since = self.messages.get(self.summed.replaced..).unwrap_or_default();
        Arc::new(instead.iter().chain(since).cloned().collect())
    }

    /// Takes in what happened to a summary.
    ///
    /// # Errors
    ///
    /// If that can't happen now.
    pub(super) fn apply_summary(&mut self, what: SummaryEntry) -> Result<(), LlmError> {
        let State::Asking(asking) = &mut self.state else { return Err(out_of_order(what.name())) };
        match what {
            SummaryEntry::Asked => {
                asking.begin_summary()?;
                self.spent.ask();
            }
            SummaryEntry::Written { messages, size, usage } => {
                self.spent.pay(Some(&usage.usage));
                asking.end_summary(Some(*usage))?;
                let replaced = self.messages.len();
                self.summed = Summed { messages: Some(messages), replaced, settled: size.max(1) };
            }
            SummaryEntry::Failed { error, size, usage } => {
                self.spent.pay(usage.as_ref().map(|it| &it.usage));
                asking.end_summary(usage.map(|it| *it))?;
                self.warnings.push(Warning::NotSummarised { error });
                self.summed.settled = size.max(1);
            }
            SummaryEntry::Lost => asking.lose_summary()?,
        }
        Ok(())
    }
}

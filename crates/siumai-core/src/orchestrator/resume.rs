//! How a run goes on where it was: from its journal, or from the state it was suspended in.
use std::sync::Arc;

use super::{
    ApprovalRequest, ToolApproval,
    approval::{Judge, denied},
    approver::refused,
    driver::Driver,
    entry::{Entry, begun, replay},
    open_step::Decision,
    run::Run,
};
use crate::{
    LlmError,
    journal::{Effect, Outcome, Work},
    types::{ChatMessage, ToolCall},
};

impl Driver<'_> {
    /// Brings the run to where it may go on, and takes in what was decided since.
    ///
    /// Nothing happens if any of it can't be taken in.
    pub(super) async fn begin(&mut self, run: &mut Run) -> Result<(), LlmError> {
        self.open_journal(run).await?;
        let decided = self.decided(run)?;
        self.record(run, decided).await?;
        self.check_again(run).await?;
        if self.news.is_empty() {
            return Ok(());
        }
        let waiting: Vec<_> = run.waiting().cloned().collect();
        if !waiting.is_empty() && !self.options.deny_pending {
            return Err(LlmError::invalid_input(format!(
                "the run waits for a decision on {}, so it takes no new message; decide, or set `deny_pending`",
                listed(&waiting)
            )));
        }
        let why = "a new message came instead of a decision";
        let denials = waiting.iter().map(|call| Entry::CallFinished(denied(call, why)));
        self.record(run, denials).await
    }

    /// Takes in what came of an effect that was under way when the process died.
    pub(super) async fn recover(&self, run: &mut Run, effect: &Effect) -> Result<(), LlmError> {
        let outcome = match &self.journal {
            Some(journal) => self.watch.over(None, journal.recover(effect)).await??,
            None => None,
        };
        let entry = match (outcome, &effect.work) {
            (Some(Outcome::Replied { response }), Work::CallModel { .. }) => {
                self.tell_whole(run, &response).await;
                Entry::ModelReplied(*response)
            }
            (Some(Outcome::ToolFinished { result, fatal }), Work::ExecuteTool { .. }) => {
                let result = run.noted(run.circle(&self.rules), result);
                self.record(run, [Entry::CallFinished(result)]).await?;
                return fatal.map_or(Ok(()), Err);
            }
            (Some(Outcome::ModelFailed(failure)), Work::CallModel { .. }) => {
                match run.recovery(&self.rules, &failure) {
                    Some(recovery) => recovery,
                    None => return Err(failure.error),
                }
            }
            _ => run.forgotten(effect, self.rules.tools),
        };
        self.record(run, [entry]).await
    }

    async fn open_journal(&mut self, run: &mut Run) -> Result<(), LlmError> {
        let Some(journal) = &self.options.journal else { return Ok(()) };
        let journal = self.watch.over(None, journal.open(run.id())).await??;
        let records = self.watch.over(None, journal.records()).await??;
        match replay(&records)? {
            Some((begun, recorded)) => {
                // The same call again, as after a crash, says nothing new.
                if self.options.resume.is_none() && run.begins_like(&begun) {
                    self.news.clear();
                }
                *run = recorded;
            }
            None if run.is_empty() => {
                let id = run.id();
                return Err(LlmError::invalid_input(format!(
                    "the journal has no run `{id}`; give messages to begin it"
                )));
            }
            None => {
                if self.options.resume.is_none() {
                    self.news.clear();
                }
                self.watch.over(None, journal.append(&[begun(run)?])).await??;
            }
        }
        self.journal = Some(journal);
        Ok(())
    }

    /// What the given decisions lead to, if each is for a call that waits for it.
    fn decided(&self, run: &Run) -> Result<Vec<Entry>, LlmError> {
        let mut waiting = run.requests();
        let mut entries = Vec::new();
        for decision in &self.options.decisions {
            let request = decision.find(&waiting, run.id())?;
            entries.push(self.take_decision(run, request, &decision.approval)?);
            let decided = Arc::clone(&request.call);
            waiting.retain(|it| it.call.id != decided.id);
        }
        Ok(entries)
    }

    fn take_decision(
        &self,
        run: &Run,
        request: &ApprovalRequest,
        approval: &ToolApproval,
    ) -> Result<Entry, LlmError> {
        let call = &request.call;
        let modified_arguments = match approval {
            ToolApproval::Deny { reason } => return Ok(Entry::CallFinished(denied(call, reason))),
            ToolApproval::Modify(arguments) => Some(arguments.clone()),
            _ => None,
        };
        if let Some(arguments) = &modified_arguments {
            let misfit = self.judge(run).misfit(call, arguments);
            misfit
                .map_err(|why| refused(&format!("the changed arguments can't be used: {why}")))?;
        }
        let modified_arguments = modified_arguments.filter(|it| *it != call.arguments);
        let decision = Decision::Execute { modified_arguments };
        Ok(Entry::CallDecided { call_id: call.id.clone(), decision })
    }

    /// Refuses calls that were let through when the tools were others than now.
    async fn check_again(&self, run: &mut Run) -> Result<(), LlmError> {
        let refused: Vec<_> = run
            .ready()
            .filter_map(|ready| {
                let arguments = ready.modified_arguments.as_ref().unwrap_or(&ready.call.arguments);
                self.judge(run).check(&ready.call, arguments).err()
            })
            .collect();
        self.record(run, refused.into_iter().map(Entry::CallFinished)).await
    }

    pub(super) fn judge<'b>(&'b self, run: &'b Run) -> Judge<'b> {
        Judge {
            tools: self.rules.tools,
            active_tools: run.active_tools(),
            resolver: self.resolver,
            answer: self.rules.answer,
            options: self.options,
            run_id: run.id(),
            step_number: run.step_number(),
        }
    }
}

fn listed(calls: &[Arc<ToolCall>]) -> String {
    let named: Vec<_> = calls.iter().map(|it| format!("`{}` of `{}`", it.id, it.name)).collect();
    named.join(", ")
}

/// What was said to a resumed run, which keeps the system messages it began with.
pub(super) fn news(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    crate::types::split_system(messages).1
}

//! How a run goes on where it was: from its journal, or from the state it was suspended in.
use std::collections::BTreeMap;

use super::{
    ApprovalDecision, ApprovalRequest, ToolApproval,
    approval::{Judge, denied},
    approver::refused,
    below::Lineage,
    driver::Driver,
    entry::{Entry, begun, replay},
    open_step::Decision,
    run::Run,
};
use crate::{
    LlmError,
    journal::{Effect, Journal, Outcome, Work},
    types::ChatMessage,
};

impl Driver<'_> {
    /// Brings the run to where it may go on, and takes in what was decided since.
    ///
    /// Nothing happens if any of it can't be taken in.
    pub(super) async fn begin(&mut self, run: &mut Run) -> Result<(), LlmError> {
        if let Some(journal) = &self.options.journal {
            // Apart, so that a run without a journal is not the larger for it.
            Box::pin(self.open(&**journal, run)).await?;
        }
        let decided = self.take_decisions(run, &self.options.decisions)?;
        self.record(run, decided).await?;
        self.check_again(run).await?;
        if self.news.is_empty() {
            return Ok(());
        }
        let waiting = run.requests();
        if !waiting.is_empty() && !self.options.deny_pending {
            return Err(LlmError::invalid_input(format!(
                "the run waits for a decision on {}, so it takes no new message; decide, or set `deny_pending`",
                listed(&waiting)
            )));
        }
        let why = "a new message came instead of a decision";
        let denials: Vec<_> = waiting.iter().map(|it| it.deny(why)).collect();
        let denied = self.take_decisions(run, &denials)?;
        self.record(run, denied).await
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
                Entry::ModelReplied(response)
            }
            (Some(Outcome::ToolFinished { result, fatal }), Work::ExecuteTool { .. }) => {
                let result = run.noted(run.circle(&self.rules), result);
                self.record(run, [Entry::CallFinished(result)]).await?;
                return fatal.map_or(Ok(()), Err);
            }
            (
                Some(Outcome::ToolSuspended { call_id, run: below, error }),
                Work::ExecuteTool { .. },
            ) => {
                self.record(run, [Entry::CallSuspended { call_id, run: below }]).await?;
                return error.map_or(Ok(()), Err);
            }
            (Some(Outcome::ModelFailed(failure)), Work::CallModel { .. }) => {
                match run.recovery(&self.rules, &failure) {
                    Some(recovery) => recovery,
                    None => return Err(failure.error),
                }
            }
            (Some(outcome), Work::Summarise { .. }) => {
                Entry::Summary(run.summed_up(&self.rules, outcome))
            }
            _ => run.forgotten(effect, self.rules.tools),
        };
        self.record(run, [entry]).await
    }

    async fn open(&mut self, journal: &dyn Journal, run: &mut Run) -> Result<(), LlmError> {
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

    /// What `decisions` lead to, if each is for a call that waits for it.
    fn take_decisions(
        &self,
        run: &Run,
        decisions: &[ApprovalDecision],
    ) -> Result<Vec<Entry>, LlmError> {
        let mut waiting = run.requests();
        let mut entries = Vec::new();
        let mut below: BTreeMap<&str, Vec<ApprovalDecision>> = BTreeMap::new();
        for decision in decisions {
            let request = match decision.find(&waiting, run.id()) {
                Ok(request) => request.clone(),
                // It was, when the run above took it; this one has gone on since and died.
                Err(_) if self.is_decided_above(run) => continue,
                Err(refused) => return Err(refused),
            };
            match run.call_above(&request) {
                Some(call_id) => below.entry(call_id).or_default().push(decision.clone()),
                None => entries.push(self.take_decision(run, &request, &decision.approval)?),
            }
            waiting.retain(|it| *it != request);
        }
        let resumed = below.into_iter().map(|(call_id, decisions)| {
            let call_id = call_id.to_owned();
            Entry::CallResumed { call_id, decisions }
        });
        entries.extend(resumed);
        Ok(entries)
    }

    /// Whether the decisions that the run is given were taken by the run above it, which checked
    /// them against the state that this one waited in.
    fn is_decided_above(&self, run: &Run) -> bool {
        let lineage = self.options.context.get::<Lineage>();
        self.journal.is_some() && lineage.is_some_and(|it| it.run_id.as_deref() == Some(run.id()))
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

fn listed(requests: &[ApprovalRequest]) -> String {
    let calls = requests.iter().map(|it| &it.call);
    let named: Vec<_> = calls.map(|it| format!("`{}` of `{}`", it.id, it.name)).collect();
    named.join(", ")
}

/// What was said to a resumed run, which keeps the system messages it began with.
pub(super) fn news(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    crate::types::split_system(messages).1
}

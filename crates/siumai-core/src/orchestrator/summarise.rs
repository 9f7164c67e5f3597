//! The old part of a history being summed up before a step, as an effect of its own.
use super::{
    driver::Driver,
    entry::{Entry, SummaryEntry},
    perform::Question,
    run::Run,
};
use crate::{LlmError, model::Assembler, types::ChatRequest};

impl Driver<'_> {
    /// Asks for a summary, and takes in what came of it; if none did, the run goes on without.
    pub(super) async fn summarise(
        &self,
        run: &mut Run,
        request: ChatRequest,
    ) -> Result<(), LlmError> {
        // Only a run that has somebody to ask wants a summary.
        let Some(compaction) = self.rules.compaction else { return Ok(()) };
        let effect = self.journal.is_some().then(|| run.summary_effect(request.clone()));
        self.record(run, [Entry::Summary(SummaryEntry::Asked)]).await?;
        let (watch, conversation) = (&self.watch, self.conversation(run));
        let question = Question { model: compaction.model(), watch, listener: None, conversation };
        let mut reply = Assembler::new("");
        let here = question.ask(request, &mut reply);
        let outcome = match (&self.journal, effect) {
            (Some(journal), Some(effect)) => {
                self.watch.over(None, journal.perform(effect, Box::pin(here))).await??
            }
            _ => here.await,
        };
        let entry = run.summed_up(&self.rules, outcome);
        if let SummaryEntry::Failed { error, .. } = &entry {
            tracing::warn!(step_number = run.step_number(), "no summary came: {error}");
        }
        self.record(run, [Entry::Summary(entry)]).await
    }
}

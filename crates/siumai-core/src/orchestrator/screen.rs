//! What becomes of a batch of calls before anybody is asked about it: what is invalid is mended
//! if it can be, and what would overshoot a limit is held back.
use std::sync::Arc;

use super::{driver::Driver, entry::Entry, limits::skipped, repair::mend, run::Run};
use crate::{LlmError, types::ToolCall};

impl Driver<'_> {
    /// Returns the calls that are still to be decided on, as they are after that.
    pub(super) async fn screen(
        &self,
        run: &mut Run,
        calls: Vec<Arc<ToolCall>>,
    ) -> Result<Vec<Arc<ToolCall>>, LlmError> {
        let calls = self.mend(run, calls).await?;
        self.hold_back(run, calls).await
    }

    async fn mend(
        &self,
        run: &mut Run,
        mut calls: Vec<Arc<ToolCall>>,
    ) -> Result<Vec<Arc<ToolCall>>, LlmError> {
        let repair = self.options.repair_tool_call.as_ref();
        for call in &mut calls {
            let mended = mend(repair, call, self.rules.tools, run.active_tools());
            if let Some(mended) = mended.map(Arc::new) {
                self.record(run, [Entry::CallMended(Arc::clone(&mended))]).await?;
                *call = mended;
            }
        }
        Ok(calls)
    }

    /// Answers the calls that could be executed if together they are too many.
    async fn hold_back(
        &self,
        run: &mut Run,
        calls: Vec<Arc<ToolCall>>,
    ) -> Result<Vec<Arc<ToolCall>>, LlmError> {
        if self.rules.limits.usage.tool_calls.is_none() {
            return Ok(calls);
        }
        let (batch, others): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|it| self.is_executable(run, it));
        let Some(told) = run.overshot(&self.rules, batch.len()) else {
            return Ok(batch.into_iter().chain(others).collect());
        };
        for call in batch {
            let result = Arc::new(skipped(&call, &told));
            self.record(run, [Entry::CallFinished(result)]).await?;
        }
        Ok(others)
    }

    fn is_executable(&self, run: &Run, call: &ToolCall) -> bool {
        let is_answer = self.rules.answer.is_some_and(|it| it.is_asked_by(&call.name));
        !is_answer
            && self.resolver.is_some_and(|it| it.has_tool(&call.name))
            && self.rules.tools.check(&call.name, &call.arguments, run.active_tools()).is_ok()
    }
}

//! Keeping what happens to a run, so that it goes on after its process has died.
//!
//! A run that is given a [`Journal`] writes down what it decided, what it is about to do and what
//! came of that, each before it goes on. Run again with the same
//! [`run_id`](crate::orchestrator::OrchestratorOptions::run_id) and no messages, it goes on where
//! it was: no finished model call and no finished tool is repeated.
//!
//! What reaches beyond the run itself is an [`Effect`]: a call of the model, or the execution of a
//! tool. It is data, so that whoever keeps the journal may perform it wherever it likes, and it
//! has a name that tells it from every other effect of the run. Its intent is recorded before it,
//! its [`Outcome`] after. An effect whose outcome is missing had begun when the process died, and
//! is never performed again behind anybody's back: see [`RunJournal::recover`].
//!
//! | to keep a run | use |
//! |---|---|
//! | in this process | [`MemoryJournal`] |
//! | in a file | `SqliteJournal` of the crate `siumai-durable` |
//! | in an engine that performs effects itself | [`RunJournal::perform`], [`perform`](crate::orchestrator::perform) |
//!
//! ```
//! use std::sync::Arc;
//! use siumai_core::{
//!     journal::MemoryJournal,
//!     orchestrator::{OrchestratorOptions, run},
//!     testing::ScriptedModel,
//!     user,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), siumai_core::LlmError> {
//! let options = OrchestratorOptions {
//!     journal: Some(Arc::new(MemoryJournal::new())),
//!     run_id: Some("greeting".to_owned()),
//!     ..Default::default()
//! };
//! let model = ScriptedModel::new().reply("Hello.");
//! let first = run(&model, vec![user!("Hi")], None, None, &[], options.clone()).await?;
//!
//! // The model has nothing left to say, and is not asked.
//! let again = run(&model, vec![], None, None, &[], options).await?;
//! assert_eq!(again, first);
//! # Ok(())
//! # }
//! ```
mod effect;
mod memory;
mod record;

use async_trait::async_trait;
use futures_core::future::BoxFuture;

pub(crate) use self::effect::{call_key, model_effect, summary_effect, tool_effect};
pub use self::{
    effect::{Effect, ModelFailure, Outcome, Work},
    memory::MemoryJournal,
    record::{Record, RecordKind},
};
use crate::LlmError;

/// A place where the journals of runs are kept.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no journals",
    note = "`MemoryJournal::new()` keeps them in memory, `SqliteJournal::open(path)` in a file"
)]
pub trait Journal: Send + Sync {
    /// Opens the journal of the run `run_id`, which may have begun or not.
    ///
    /// # Errors
    ///
    /// Of kind [`Journal`](crate::ErrorKind::Journal): if it can't be read, or if somebody else
    /// has it open: a run has one driver at a time.
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError>;
}

/// The journal of one run, held by the one who drives it. Dropping it lets it go.
#[async_trait]
pub trait RunJournal: Send + Sync {
    /// What was recorded so far, in order.
    ///
    /// # Errors
    ///
    /// If it can't be read, or is not all that was written.
    async fn records(&self) -> Result<Vec<Record>, LlmError>;

    /// Adds `records`, all of them or none; returns when nothing can take them back.
    ///
    /// # Errors
    ///
    /// If they can't be written. The run ends with that error, and nothing happens after it.
    async fn append(&self, records: &[Record]) -> Result<(), LlmError>;

    /// Sees to it that `effect` is performed, and returns what came of it.
    ///
    /// Awaiting `here` performs it in this place. An engine that performs effects elsewhere drops
    /// `here`, sends `effect`, has it performed by [`perform`](crate::orchestrator::perform), and
    /// stores the outcome; it may be asked for one that it has stored already.
    ///
    /// # Errors
    ///
    /// What the engine fails with, not what the effect does: the run ends with it as it is.
    async fn perform(
        &self,
        effect: Effect,
        here: BoxFuture<'_, Outcome>,
    ) -> Result<Outcome, LlmError> {
        // It is performed here, whatever it is.
        drop(effect);
        Ok(here.await)
    }

    /// What came of an effect that had begun when its driver was gone; `None` if nobody knows.
    ///
    /// A model that nobody heard is asked again. Of a tool the model is told that it is
    /// [indeterminate](crate::types::ToolStatus::Indeterminate), unless the tool is
    /// [idempotent](crate::types::Tool::idempotent): then it runs again.
    ///
    /// # Errors
    ///
    /// As [`perform`](Self::perform).
    async fn recover(&self, effect: &Effect) -> Result<Option<Outcome>, LlmError> {
        // Whoever performs effects in the driver's process loses their outcome with it.
        let _: &Effect = effect;
        Ok(None)
    }
}

#[async_trait]
impl<J: Journal + ?Sized> Journal for std::sync::Arc<J> {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        (**self).open(run_id).await
    }
}

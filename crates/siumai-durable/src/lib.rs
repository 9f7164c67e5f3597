//! Journals that outlive their process.
//!
//! [`SqliteJournal`] keeps runs in a file. A run that is given it can be killed at any moment and
//! goes on from its last record, in the same process or another one:
//!
//! ```
//! use std::sync::Arc;
//! use siumai_core::{
//!     orchestrator::{OrchestratorOptions, run},
//!     testing::ScriptedModel,
//!     user,
//! };
//! use siumai_durable::{RunStatus, SqliteJournal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("runs.db");
//! let options = OrchestratorOptions {
//!     journal: Some(Arc::new(SqliteJournal::open(&path)?)),
//!     run_id: Some("greeting".to_owned()),
//!     ..Default::default()
//! };
//! let model = ScriptedModel::new().reply("Hello.");
//! let first = run(&model, vec![user!("Hi")], None, None, &[], options).await?;
//!
//! // Another process, much later. The model has nothing left to say, and is not asked.
//! let journal = SqliteJournal::open(&path)?;
//! let options = OrchestratorOptions {
//!     journal: Some(Arc::new(journal.clone())),
//!     run_id: Some("greeting".to_owned()),
//!     ..Default::default()
//! };
//! let again = run(&model, vec![], None, None, &[], options).await?;
//! assert_eq!(again, first);
//!
//! let runs = journal.runs()?;
//! assert_eq!((&*runs[0].id, runs[0].steps), ("greeting", 1));
//! assert!(matches!(runs[0].status, RunStatus::Ended(_)));
//! # Ok(())
//! # }
//! ```
//!
//! What a journal is, and how runs are resumed, is told in [`siumai_core::journal`].
mod sqlite;

pub use self::sqlite::{RunStatus, RunSummary, SqliteJournal};

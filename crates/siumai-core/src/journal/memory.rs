//! Journals kept in memory: for tests, and for runs that outlive an error but not their process.
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use async_trait::async_trait;

use super::{Journal, Record, RunJournal};
use crate::{
    ErrorKind, LlmError,
    sync::{Mutex, MutexGuard},
};

/// Keeps the journals of runs in this process. Clones share them.
///
/// ```
/// use siumai_core::journal::{Journal, MemoryJournal, Record, RecordKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let journal = MemoryJournal::new();
/// let record = Record::new(RecordKind::Begun, None, "{}".to_owned());
/// journal.open("run-1").await?.append(&[record.clone()]).await?;
/// assert_eq!(journal.records("run-1"), [record]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    is_open: bool,
}

impl MemoryJournal {
    /// A place without any journal yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was recorded of the run, in order; nothing if it never began.
    pub fn records(&self, run_id: &str) -> Vec<Record> {
        self.lock().get(run_id).map(|it| it.records.clone()).unwrap_or_default()
    }

    /// Puts `records` in the place of what was recorded of the run.
    pub fn set_records(&self, run_id: &str, records: Vec<Record>) {
        self.lock().entry(run_id.to_owned()).or_default().records = records;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        let mut journals = self.lock();
        let kept = journals.entry(run_id.to_owned()).or_default();
        if kept.is_open {
            return Err(LlmError::new(
                ErrorKind::Journal,
                format!("the run `{run_id}` is driven by somebody else; wait until that has ended"),
            )
            .with_code("run_is_driven"));
        }
        kept.is_open = true;
        Ok(Box::new(MemoryRun { journals: self.clone(), run_id: run_id.to_owned() }))
    }
}

/// One journal, open.
struct MemoryRun {
    journals: MemoryJournal,
    run_id: String,
}

#[async_trait]
impl RunJournal for MemoryRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        Ok(self.journals.records(&self.run_id))
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        let mut journals = self.journals.lock();
        let kept = journals.entry(self.run_id.clone()).or_default();
        kept.records.extend_from_slice(records);
        Ok(())
    }
}

impl Drop for MemoryRun {
    fn drop(&mut self) {
        if let Some(kept) = self.journals.lock().get_mut(&self.run_id) {
            kept.is_open = false;
        }
    }
}

#[cfg(test)]
#[cfg(shuttle)]
mod schedules;

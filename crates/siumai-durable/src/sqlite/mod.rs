//! Journals in a SQLite file.
//!
//! `file.rs` opens the file, `rows.rs` reads and writes it, `lease.rs` knows who drives a run,
//! `chain.rs` notices what was changed or lost, and `summary.rs` is what a list of runs says.
mod chain;
mod failure;
mod file;
mod lease;
mod rows;
mod summary;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use serde_json::Value;
use siumai_core::{
    LlmError,
    journal::{Journal, Record, RunJournal},
};

use self::rows::Store;
pub use self::summary::{RunStatus, RunSummary};

/// Keeps the journals of runs in a SQLite file. Clones share it.
///
/// Several processes may have the same file open; each run has one driver among them. A driver
/// that dies, by whatever means, lets go of its runs with it.
///
/// # Durability
///
/// Appending returns when the disk says that it has the records (write-ahead log, `synchronous =
/// FULL`): it survives a kill, a crash and a power cut.
///
/// # Blocking
///
/// SQLite writes on the thread that polls the run. An append takes one sync of the disk, which is
/// a fraction of a millisecond on a good one; where another process writes at the same time it
/// waits for that, five seconds at most, and fails then. Nothing is spawned.
///
/// # What is noticed
///
/// Each record has a checksum over itself and all records before it, and the run knows how many
/// there are. Records that were changed, reordered, or lost, in the middle or at the end, make
/// reading the run an error with the code `damaged`, and so do a file that was cut short and one
/// that is no journal. What can't be noticed: a whole file put back to an earlier state (an old
/// copy, or one without its `-wal` file), a run that was removed whole, or whose very name was
/// changed, and forgery by somebody who computes the checksums anew: they are no signature.
///
/// # Files
///
/// Beside the file lie those that SQLite makes (`-wal`, `-shm`) and those that say who is at work
/// (`-lock`, `-driver-…`). They are readable by their owner alone. The file must be on a disk of
/// this machine: neither SQLite's log nor the locks can be trusted on a network.
#[derive(Clone)]
pub struct SqliteJournal {
    store: Arc<Mutex<Store>>,
    clock: Clock,
    metadata: Value,
}

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl SqliteJournal {
    /// Opens the file at `path`; if there is none, it is made, with the folders that it lies in.
    ///
    /// # Errors
    ///
    /// Of kind [`Journal`](siumai_core::ErrorKind::Journal): if it can't be opened or made, is no
    /// journal (code `not_a_journal`), is damaged (`damaged`), or was written by a newer version
    /// of this library (`newer_version`).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LlmError> {
        let store = Store::open(path.as_ref())?;
        let store = Arc::new(Mutex::new(store));
        Ok(Self { store, clock: Arc::new(wall_clock), metadata: Value::Null })
    }

    /// Marks the runs that begin through this with `metadata`. It is kept as it is and never
    /// changes; it is no place for secrets.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_core::journal::{Journal, Record, RecordKind};
    /// use siumai_durable::SqliteJournal;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let journal = SqliteJournal::open(folder.path().join("runs.db"))?
    ///     .with_metadata(json!({ "customer": 7 }));
    /// let run = Journal::open(&journal, "run-1").await?;
    /// run.append(&[Record::new(RecordKind::Begun, None, "{}".to_owned())]).await?;
    /// assert_eq!(journal.runs()?[0].metadata["customer"], 7);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// Takes the times at which runs begin and go on from `clock`, in place of the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The runs, those that went on last first.
    ///
    /// # Errors
    ///
    /// If the file can't be read. A run that is damaged is listed as such.
    pub fn runs(&self) -> Result<Vec<RunSummary>, LlmError> {
        self.store().runs()
    }

    /// What was recorded of the run, in order; nothing if it never began. What the records say is
    /// read by [`RecordedRun`](siumai_core::orchestrator::RecordedRun).
    ///
    /// # Errors
    ///
    /// If they can't be read, or are not all that was written.
    pub fn records(&self, run_id: &str) -> Result<Vec<Record>, LlmError> {
        self.store().records(run_id)
    }

    /// Deletes the run, and says whether there was one. What it said is overwritten in the file.
    ///
    /// # Errors
    ///
    /// If somebody drives it (code `run_is_driven`), or the file can't be written.
    pub fn delete(&self, run_id: &str) -> Result<bool, LlmError> {
        self.store().delete(run_id)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        let lease = self.store().take(run_id, &self.metadata, (self.clock)())?;
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Ok(Box::new(SqliteRun { store, clock, run_id: run_id.to_owned(), lease }))
    }
}

/// The journal of one run, held under a lease.
struct SqliteRun {
    store: Arc<Mutex<Store>>,
    clock: Clock,
    run_id: String,
    lease: String,
}

#[async_trait]
impl RunJournal for SqliteRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        lock(&self.store).records(&self.run_id)
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        lock(&self.store).append(&self.run_id, &self.lease, records, (self.clock)())
    }
}

impl Drop for SqliteRun {
    fn drop(&mut self) {
        lock(&self.store).release(&self.run_id, &self.lease);
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Metadata is the user's, as are runs.
        f.debug_struct("SqliteJournal").field("path", &self.store().path()).finish_non_exhaustive()
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    // SQLite takes back what a panic left half done.
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock; it can be given another")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

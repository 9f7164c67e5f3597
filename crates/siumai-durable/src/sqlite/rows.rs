//! What is done with the rows of the file, each in one transaction.
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params,
};
use serde_json::Value;
use siumai_core::{
    LlmError,
    journal::{Record, RecordKind},
};

use super::{
    chain::{Checksum, beginning, next},
    failure::{damaged_run, failed, is_driven, lease_lost, sqlite},
    file,
    lease::{self, Driver},
    summary::{RunSummary, SummaryRow},
};

/// The file, open, and who drives runs of it here.
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
    /// Nobody, as long as runs are only looked at.
    driver: Option<Driver>,
    driving: HashSet<String>,
}

/// What the file says of a run as a whole.
struct RunRow {
    metadata: Option<String>,
    created: i64,
    records: usize,
    checksum: Checksum,
    lease: Option<String>,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, LlmError> {
        // Where the process works may change, and `:memory:` is a file as any other.
        let path =
            std::path::absolute(path).map_err(|error| super::failure::system(path, error))?;
        let connection = file::open(&path)?;
        Ok(Self { path, connection, driver: None, driving: HashSet::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the run's lease, and makes the run if there is none; gives the lease's name.
    pub(super) fn take(
        &mut self,
        run_id: &str,
        metadata: &Value,
        now: SystemTime,
    ) -> Result<String, LlmError> {
        let lease = match &mut self.driver {
            Some(driver) => driver.new_lease(),
            none => none.insert(Driver::register(&self.path)?).new_lease(),
        };
        self.write(|store, transaction| {
            let row = run(transaction, run_id)?;
            if let Some(row) = &row
                && store.is_driven(run_id, row)
            {
                return Err(is_driven(run_id).into());
            }
            if row.is_some_and(|it| it.records > 0) {
                transaction
                    .execute("UPDATE runs SET lease = ?2 WHERE id = ?1", params![run_id, lease])?;
            } else {
                make(transaction, run_id, &lease, metadata, millis(now))?;
            }
            Ok(())
        })?;
        self.driving.insert(run_id.to_owned());
        Ok(lease)
    }

    /// Lets go of the run. One without records is none.
    pub(super) fn release(&mut self, run_id: &str, lease: &str) {
        self.driving.remove(run_id);
        let released = self.write(|_, transaction| {
            let mine = params![run_id, lease];
            transaction
                .execute("DELETE FROM runs WHERE id = ?1 AND lease = ?2 AND records = 0", mine)?;
            transaction
                .execute("UPDATE runs SET lease = NULL WHERE id = ?1 AND lease = ?2", mine)?;
            Ok(())
        });
        // The next driver here sees that nobody drives it, and others do when this process ends.
        released.ok();
    }

    pub(super) fn append(
        &self,
        run_id: &str,
        lease: &str,
        records: &[Record],
        now: SystemTime,
    ) -> Result<(), LlmError> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(|store, transaction| {
            let Some(row) = run(transaction, run_id)? else {
                return Err(damaged_run(&store.path, run_id, "it is gone").into());
            };
            if row.lease.as_deref() != Some(lease) {
                return Err(lease_lost(run_id).into());
            }
            let (mut place, mut checksum) = (row.records, row.checksum);
            for record in records {
                let kind = kind_name(record.kind())?;
                checksum = next(&checksum, &kind, record);
                insert(transaction, run_id, place, &kind, record, &checksum)?;
                place += 1;
            }
            transaction.execute(
                "UPDATE runs SET records = ?2, checksum = ?3, updated = ?4 WHERE id = ?1",
                params![run_id, place, checksum, millis(now)],
            )?;
            Ok(())
        })
    }

    pub(super) fn records(&self, run_id: &str) -> Result<Vec<Record>, LlmError> {
        let read = self.read(|transaction| {
            let Some(row) = run(transaction, run_id)? else { return Ok(None) };
            Ok(Some((row, recorded(transaction, run_id)?)))
        });
        let Some((row, recorded)) = read? else { return Ok(Vec::new()) };
        verify(run_id, &row, recorded).map_err(|why| damaged_run(&self.path, run_id, &why))
    }

    pub(super) fn runs(&self) -> Result<Vec<RunSummary>, LlmError> {
        let rows = self.read(|transaction| {
            let mut query = transaction.prepare(SummaryRow::QUERY)?;
            query.query_map([], SummaryRow::read)?.collect::<Result<Vec<_>, _>>()
        })?;
        let is_alive = |id: &str, lease: &str| self.is_alive(id, lease);
        Ok(rows.into_iter().map(|row| row.summary(is_alive)).collect())
    }

    pub(super) fn delete(&self, run_id: &str) -> Result<bool, LlmError> {
        let is_deleted = self.write(|store, transaction| {
            let Some(row) = run(transaction, run_id)? else { return Ok(false) };
            if store.is_driven(run_id, &row) {
                return Err(is_driven(run_id).into());
            }
            transaction.execute("DELETE FROM runs WHERE id = ?1", [run_id])?;
            Ok(true)
        })?;
        // The log has it still. Where somebody reads just now it goes later.
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.map_err(|error| sqlite(&self.path, error))?;
        Ok(is_deleted)
    }

    fn is_driven(&self, run_id: &str, row: &RunRow) -> bool {
        row.lease.as_deref().is_some_and(|lease| self.is_alive(run_id, lease))
    }

    fn is_alive(&self, run_id: &str, lease: &str) -> bool {
        match &self.driver {
            Some(driver) if driver.has(lease) => self.driving.contains(run_id),
            _ => lease::is_alive(&self.path, lease),
        }
    }

    /// Does `work`, all of it or nothing, while nobody else writes.
    fn write<T>(
        &self,
        work: impl FnOnce(&Self, &Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, LlmError> {
        let behavior = TransactionBehavior::Immediate;
        // Never inside another: this is the one place that begins one to write.
        let transaction = Transaction::new_unchecked(&self.connection, behavior);
        let done = transaction.map_err(Trouble::from).and_then(|transaction| {
            let done = work(self, &transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        done.map_err(|trouble| match trouble {
            Trouble::Told(error) => error,
            Trouble::Sqlite(error) => sqlite(&self.path, error),
        })
    }

    /// Reads what was there at one moment.
    fn read<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LlmError> {
        let transaction = self.connection.unchecked_transaction();
        transaction.and_then(|it| read(&it)).map_err(|error| sqlite(&self.path, error))
    }
}

/// Why nothing was written.
enum Trouble {
    Sqlite(rusqlite::Error),
    Told(LlmError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<LlmError> for Trouble {
    fn from(error: LlmError) -> Self {
        Self::Told(error)
    }
}

fn make(
    transaction: &Transaction<'_>,
    run_id: &str,
    lease: &str,
    metadata: &Value,
    now: i64,
) -> rusqlite::Result<()> {
    let metadata = (!metadata.is_null()).then(|| metadata.to_string());
    transaction.execute(
        "INSERT OR REPLACE INTO runs (id, metadata, created, updated, records, checksum, lease)
         VALUES (:id, :metadata, :now, :now, 0, :checksum, :lease)",
        named_params! {
            ":id": run_id,
            ":checksum": beginning(run_id, now, metadata.as_deref()),
            ":metadata": metadata,
            ":now": now,
            ":lease": lease,
        },
    )?;
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    run_id: &str,
    place: usize,
    kind: &str,
    record: &Record,
    checksum: &Checksum,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO records (run_id, place, version, kind, effect, body, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![run_id, place, record.version(), kind, record.effect(), record.body(), checksum],
    )?;
    Ok(())
}

fn run(transaction: &Transaction<'_>, run_id: &str) -> rusqlite::Result<Option<RunRow>> {
    let query = "SELECT metadata, created, records, checksum, lease FROM runs WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(RunRow {
            metadata: row.get("metadata")?,
            created: row.get("created")?,
            records: row.get("records")?,
            checksum: row.get("checksum")?,
            lease: row.get("lease")?,
        })
    };
    transaction.query_row(query, [run_id], read).optional()
}

/// A record as the file has it.
struct RecordRow {
    place: usize,
    kind: String,
    version: u32,
    effect: Option<String>,
    body: String,
    checksum: Checksum,
}

fn recorded(transaction: &Transaction<'_>, run_id: &str) -> rusqlite::Result<Vec<RecordRow>> {
    let mut query = transaction.prepare(
        "SELECT place, version, kind, effect, body, checksum FROM records
         WHERE run_id = ?1 ORDER BY place",
    )?;
    let read = |row: &Row<'_>| {
        Ok(RecordRow {
            place: row.get("place")?,
            kind: row.get("kind")?,
            version: row.get("version")?,
            effect: row.get("effect")?,
            body: row.get("body")?,
            checksum: row.get("checksum")?,
        })
    };
    query.query_map([run_id], read)?.collect()
}

/// The records, if they are all that was written, as it was written; if not, what is wrong.
fn verify(run_id: &str, run: &RunRow, rows: Vec<RecordRow>) -> Result<Vec<Record>, String> {
    let mut checksum = beginning(run_id, run.created, run.metadata.as_deref());
    let mut records = Vec::with_capacity(rows.len());
    for (place, row) in rows.into_iter().enumerate() {
        if row.place != place {
            return Err(format!("record {place} is missing"));
        }
        let kind = read_kind(&row.kind).ok_or_else(|| changed(place))?;
        let record = Record::new(kind, row.effect, row.body).with_version(row.version);
        checksum = next(&checksum, &row.kind, &record);
        if checksum != row.checksum {
            return Err(changed(place));
        }
        records.push(record);
    }
    if records.len() != run.records {
        return Err(format!("it had {} records, and {} are there", run.records, records.len()));
    }
    if checksum != run.checksum {
        return Err("its records are not those that were written last".to_owned());
    }
    Ok(records)
}

fn changed(place: usize) -> String {
    format!("record {place}, or what stands before it, was changed")
}

/// As in the JSON of a record.
fn kind_name(kind: RecordKind) -> Result<String, LlmError> {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => Ok(name),
        _ => Err(failed("unknown_kind", format!("no journal can keep a record of kind {kind:?}"))),
    }
}

fn read_kind(name: &str) -> Option<RecordKind> {
    serde_json::from_value(name.into()).ok()
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn moment(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

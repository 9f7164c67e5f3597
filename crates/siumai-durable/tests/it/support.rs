//! Journals in folders of their own.
use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;
use siumai_core::{
    ErrorKind, LlmError,
    journal::{Journal, Record, RecordKind, RunJournal},
};
use siumai_durable::SqliteJournal;
use tempfile::TempDir;

/// A folder with a journal in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A journal with the run `run-1` of three records, whose last driver has gone.
    pub(crate) async fn with_a_run() -> (Self, Vec<Record>) {
        let place = Self::new();
        let records = vec![record(0), record(1), record(2)];
        let journal = place.open();
        run(&journal).await.append(&records).await.unwrap();
        (place, records)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("runs.db")
    }

    pub(crate) fn open(&self) -> SqliteJournal {
        SqliteJournal::open(self.path()).unwrap()
    }

    /// Why it can't be opened: kind and code are checked, the text is returned.
    pub(crate) fn refused(&self, code: &str) -> String {
        text(&SqliteJournal::open(self.path()).unwrap_err(), code)
    }

    /// Changes the file behind the library's back.
    pub(crate) fn change(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// The names of the files there, without the numbers of drivers.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.path()).unwrap();
        let name = |it: String| match it.split_once("-driver-") {
            Some((head, _)) => format!("{head}-driver"),
            None => it,
        };
        let files = files.map(|it| name(it.unwrap().file_name().into_string().unwrap()));
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    }

    /// All bytes of all files there.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let files = fs::read_dir(self.0.path()).unwrap();
        files.flat_map(|it| fs::read(it.unwrap().path()).unwrap()).collect()
    }
}

/// The journal of `run-1`, to be driven.
pub(crate) async fn run(journal: &SqliteJournal) -> Box<dyn RunJournal> {
    Journal::open(journal, "run-1").await.unwrap()
}

pub(crate) fn record(number: usize) -> Record {
    let kind = if number == 0 { RecordKind::Begun } else { RecordKind::Decision };
    Record::new(kind, (number > 0).then(|| format!("step-{number}/model")), body(number))
}

fn body(number: usize) -> String {
    format!("{{\"entry\":\"what happened as number {number}\"}}")
}

/// What `error` says, if it is of kind `Journal` and has this code.
#[track_caller]
pub(crate) fn text(error: &LlmError, code: &str) -> String {
    assert_eq!((error.kind(), error.code()), (ErrorKind::Journal, Some(code)), "{error}");
    error.to_string()
}

/// What refuses to open the run, which must.
pub(crate) async fn refusal(journal: &SqliteJournal, run_id: &str) -> LlmError {
    Journal::open(journal, run_id).await.map(drop).unwrap_err()
}

/// So many seconds after 1970.
pub(crate) fn second(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(number)
}

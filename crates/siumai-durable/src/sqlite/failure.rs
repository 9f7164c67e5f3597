//! What goes wrong with the file, in words that name the way out.
use std::{io, path::Path};

use rusqlite::{Error, ErrorCode};
use siumai_core::{ErrorKind, LlmError};

/// An error of kind `Journal`, with a code to branch on.
pub(super) fn failed(code: &str, message: String) -> LlmError {
    LlmError::new(ErrorKind::Journal, message).with_code(code)
}

/// What SQLite says of the file at `path`.
pub(super) fn sqlite(path: &Path, error: Error) -> LlmError {
    let file = path.display();
    let message = match &error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::NotADatabase => return not_a_journal(path, "it is no SQLite database"),
            ErrorCode::DatabaseCorrupt => return damaged_file(path, &error.to_string()),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                return failed(
                    "busy",
                    format!("the journal {file} is being written by another program; try again"),
                )
                .with_retryable(true);
            }
            ErrorCode::DiskFull => {
                format!("the disk is full, and the journal {file} can't be written; make room")
            }
            ErrorCode::ReadOnly => {
                format!("the journal {file} can't be written; see who may write there")
            }
            _ => format!("the journal {file} can't be used: {error}"),
        },
        // Text that is no text, numbers that are none.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => return damaged_file(path, &error.to_string()),
        _ => format!("the journal {file} can't be used: {error}"),
    };
    failed("sqlite", message).with_source(error)
}

/// What the system says of the file at `path`.
pub(super) fn system(path: &Path, error: io::Error) -> LlmError {
    let message = format!("the journal {} can't be opened: {error}", path.display());
    failed("io", message).with_source(error)
}

pub(super) fn not_a_journal(path: &Path, why: &str) -> LlmError {
    let file = path.display();
    failed("not_a_journal", format!("{file} is no journal: {why}; give the path of another file"))
}

pub(super) fn damaged_file(path: &Path, why: &str) -> LlmError {
    let file = path.display();
    failed(
        "damaged",
        format!("the journal {file} is damaged: {why}; put back a copy of it, or move it away"),
    )
}

pub(super) fn damaged_run(path: &Path, run_id: &str, why: &str) -> LlmError {
    let file = path.display();
    failed(
        "damaged",
        format!(
            "the run `{run_id}` in the journal {file} is damaged: {why}; put back a copy of the \
             file, or delete the run"
        ),
    )
}

pub(super) fn is_driven(run_id: &str) -> LlmError {
    let message =
        format!("the run `{run_id}` is driven by somebody else; wait until that has ended");
    failed("run_is_driven", message)
}

pub(super) fn lease_lost(run_id: &str) -> LlmError {
    let message = format!("the run `{run_id}` was taken over by another driver; leave it to that");
    failed("lease_lost", message)
}

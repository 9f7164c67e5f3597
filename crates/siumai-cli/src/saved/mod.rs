//! The runs that are kept, in a file of the user's state folder.
mod setup;

use std::{path::PathBuf, sync::Arc};

use siumai::{
    LlmError,
    durable::{RunStatus, RunSummary, SqliteJournal},
    journal::Journal,
    orchestrator::{RecordedRun, StoppedBy},
};

pub(crate) use self::setup::{Setup, without_secrets};
use crate::{environment::Environment, failure::Failure};

/// How much of an id is shown, and mostly enough to tell runs apart.
const SHORT_ID: usize = 8;

/// The place where runs are kept.
#[derive(Clone, Debug)]
pub(crate) struct Saved(SqliteJournal);

/// A run that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) summary: RunSummary,
    pub(crate) recorded: RecordedRun,
}

impl Saved {
    /// Opens the place, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// If it can't be opened; the way out is named.
    pub(crate) fn open(environment: &Environment) -> Result<Self, Failure> {
        let opened = SqliteJournal::open(file(environment)?);
        opened.map(Self).map_err(|error| {
            Failure::failed(format!("{error}; or run with --no-save, which keeps nothing"))
        })
    }

    /// Opens the place, if anything was ever kept.
    ///
    /// # Errors
    ///
    /// If it can't be opened.
    pub(crate) fn look(environment: &Environment) -> Result<Option<Self>, Failure> {
        let file = file(environment)?;
        if !file.exists() {
            return Ok(None);
        }
        SqliteJournal::open(file).map(|it| Some(Self(it))).map_err(|error| unreadable(&error))
    }

    /// Where a run with this setup is kept.
    pub(crate) fn journal(&self, setup: &Setup) -> Arc<dyn Journal> {
        Arc::new(self.0.clone().with_metadata(setup.to_json()))
    }

    /// All runs, those that went on last first.
    ///
    /// # Errors
    ///
    /// If they can't be read.
    pub(crate) fn runs(&self) -> Result<Vec<RunSummary>, Failure> {
        self.0.runs().map_err(|error| unreadable(&error))
    }

    /// The run whose id begins with `start`.
    ///
    /// # Errors
    ///
    /// If there is none, or several.
    pub(crate) fn find(&self, start: &str) -> Result<RunSummary, Failure> {
        let mut runs = self.runs()?;
        if let Some(at) = runs.iter().position(|run| run.id == start) {
            return Ok(runs.swap_remove(at));
        }
        runs.retain(|run| run.id.starts_with(start));
        match runs.len() {
            0 => Err(unknown(start)),
            1 => Ok(runs.swap_remove(0)),
            count => {
                let message = format!("{count} runs begin with `{start}`; write more of the id");
                Err(Failure::usage(message))
            }
        }
    }

    /// The run whose id begins with `start`, with what was recorded of it.
    ///
    /// # Errors
    ///
    /// If there is none, or several, or it can't be read.
    pub(crate) fn read(&self, start: &str) -> Result<Kept, Failure> {
        let summary = self.find(start)?;
        let records = self.0.records(&summary.id).map_err(|error| unreadable(&error))?;
        let recorded = RecordedRun::read(&records).map_err(|error| unreadable(&error))?;
        let recorded = recorded.ok_or_else(|| unknown(start))?;
        Ok(Kept { summary, recorded })
    }

    /// Deletes a run.
    ///
    /// # Errors
    ///
    /// If somebody drives it.
    pub(crate) fn delete(&self, id: &str) -> Result<(), Failure> {
        self.0.delete(id).map(drop).map_err(|error| unreadable(&error))
    }
}

/// A name for a run that begins.
pub(crate) fn new_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// As much of an id as people are shown.
pub(crate) fn short(id: &str) -> &str {
    id.char_indices().nth(SHORT_ID).map_or(id, |(end, _)| &id[..end])
}

/// How a run stands, in a word.
pub(crate) fn status(status: &RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::WaitingForApproval => "waiting",
        RunStatus::Ended(StoppedBy::Answer) => "done",
        RunStatus::Ended(_) => "stopped",
        RunStatus::Failed(_) => "failed",
        RunStatus::Interrupted => "interrupted",
        _ => "damaged",
    }
}

/// Why no run is found that begins with `start`.
pub(crate) fn unknown(start: &str) -> Failure {
    Failure::usage(format!("no run begins with `{start}`; `siumai runs ls` lists them"))
}

fn file(environment: &Environment) -> Result<PathBuf, Failure> {
    let folder = environment.state_folder.as_ref().ok_or_else(|| {
        Failure::failed(
            "there is no home folder to keep runs in; set XDG_STATE_HOME to a folder, or run with --no-save",
        )
    })?;
    Ok(folder.join("siumai").join("runs.db"))
}

fn unreadable(error: &LlmError) -> Failure {
    Failure::failed(error.to_string())
}

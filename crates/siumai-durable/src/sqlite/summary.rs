//! What a list of runs says of each.
use std::time::SystemTime;

use rusqlite::Row;
use serde_json::Value;
use siumai_core::{
    LlmError,
    journal::{Record, RecordKind},
    orchestrator::{Ending, StoppedBy},
};

use super::rows::moment;

/// What is known of a run without reading all of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunSummary {
    /// The id of the run.
    pub id: String,
    /// How it stands.
    pub status: RunStatus,
    /// How many steps have begun.
    pub steps: usize,
    /// When it began.
    pub created: SystemTime,
    /// When something was last recorded of it.
    pub updated: SystemTime,
    /// What it was [marked with](super::SqliteJournal::with_metadata); `Null` if with nothing.
    pub metadata: Value,
}

/// How a run stands. Each but one that runs, or is damaged, can be resumed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunStatus {
    /// Somebody drives it.
    Running,
    /// Calls wait for somebody to approve them.
    WaitingForApproval,
    /// It came to an end.
    Ended(StoppedBy),
    /// It failed.
    Failed(LlmError),
    /// Nobody drives it, and it did not come to an end: it was cancelled, or its process died.
    Interrupted,
    /// It can't be read.
    Damaged,
}

/// A run and its last record, as the file has them.
pub(super) struct SummaryRow {
    id: String,
    metadata: Option<String>,
    created: i64,
    updated: i64,
    lease: Option<String>,
    last_kind: Option<String>,
    /// Of the record that says how the run ended.
    ending: Option<String>,
    version: Option<u32>,
    /// The name of the last effect.
    effect: Option<String>,
}

impl SummaryRow {
    pub(super) const QUERY: &str = "
        SELECT runs.id, metadata, created, updated, lease, kind, version,
            CASE kind WHEN 'ended' THEN body END AS ending,
            (SELECT effect FROM records WHERE run_id = runs.id AND effect IS NOT NULL
             ORDER BY place DESC LIMIT 1) AS last_effect
        FROM runs LEFT JOIN records AS last ON run_id = runs.id AND place = runs.records - 1
        WHERE runs.records > 0
        ORDER BY updated DESC, created DESC, runs.id";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            metadata: row.get("metadata")?,
            created: row.get("created")?,
            updated: row.get("updated")?,
            lease: row.get("lease")?,
            last_kind: row.get("kind")?,
            ending: row.get("ending")?,
            version: row.get("version")?,
            effect: row.get("last_effect")?,
        })
    }

    pub(super) fn summary(self, is_alive: impl Fn(&str, &str) -> bool) -> RunSummary {
        let metadata = self.metadata.as_deref().map_or(Ok(Value::Null), serde_json::from_str);
        let is_driven = self.lease.as_deref().is_some_and(|lease| is_alive(&self.id, lease));
        let status = match (&self.last_kind, &metadata) {
            (None, _) | (_, Err(_)) => RunStatus::Damaged,
            (Some(_), Ok(_)) => match self.ending() {
                Err(_) => RunStatus::Damaged,
                Ok(Some(Ending::StoppedBy(StoppedBy::ApprovalPending))) => {
                    RunStatus::WaitingForApproval
                }
                Ok(Some(Ending::StoppedBy(stopped_by))) => RunStatus::Ended(stopped_by),
                Ok(Some(Ending::Failed(error))) => RunStatus::Failed(error),
                Ok(_) if is_driven => RunStatus::Running,
                Ok(_) => RunStatus::Interrupted,
            },
        };
        RunSummary {
            status,
            steps: self.effect.as_deref().and_then(step_of).map_or(0, |step| step + 1),
            created: moment(self.created),
            updated: moment(self.updated),
            metadata: metadata.unwrap_or_default(),
            id: self.id,
        }
    }

    fn ending(&self) -> Result<Option<Ending>, LlmError> {
        let Some(body) = self.ending.clone() else { return Ok(None) };
        let record = Record::new(RecordKind::Ended, None, body);
        Ending::read(&record.with_version(self.version.unwrap_or_default()))
    }
}

/// The number of the step in the name of an effect, such as `step-3/model`.
fn step_of(effect: &str) -> Option<usize> {
    effect.strip_prefix("step-")?.split_once('/')?.0.parse().ok()
}

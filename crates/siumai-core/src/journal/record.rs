//! What a journal keeps: records that it need not understand.
use std::fmt;

use serde::{Deserialize, Serialize};

/// One record of a journal: something that happened to a run.
///
/// What it says in its [`body`](Self::body) is the run's own affair; a journal keeps records in
/// order and gives them back as they were.
///
/// ```
/// use siumai_core::journal::{Record, RecordKind};
///
/// let record = Record::new(RecordKind::Intent, Some("step-0/model".to_owned()), "{}".to_owned());
/// assert_eq!(record.effect(), Some("step-0/model"));
/// assert_eq!(record.version(), Record::VERSION);
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    kind: RecordKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
    body: String,
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordKind {
    /// The run began. Its first record.
    Begun,
    /// Something was decided: how a step differs from the run, whether a call may execute.
    Decision,
    /// An effect is about to be performed.
    Intent,
    /// What came of an effect.
    Outcome,
    /// The run ended, for now: it may be resumed.
    Ended,
}

impl Record {
    /// The version of the records that this library writes. It reads all up to this one.
    pub const VERSION: u32 = 1;

    /// A record of this version; `body` is JSON.
    pub fn new(kind: RecordKind, effect: Option<String>, body: String) -> Self {
        Self { version: Self::VERSION, kind, effect, body }
    }

    /// The version of the library's records when it was written.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The same record as one of another version.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// What sort of thing happened.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The [name](super::Effect::name) of the effect that it is about, if it is about one.
    pub fn effect(&self) -> Option<&str> {
        self.effect.as_deref()
    }

    /// What happened, as JSON.
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prompts stay out of logs: what was said is counted, not shown.
        f.debug_struct("Record")
            .field("version", &self.version)
            .field("kind", &self.kind)
            .field("effect", &self.effect)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

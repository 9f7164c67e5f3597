//! The lines of a recording.
use serde::{Deserialize, Serialize};

use crate::{LlmError, model::ModelEvent, types::ChatRequest};

const FORMAT: &str = "siumai recording";

/// What this code writes, and the newest it reads.
pub(super) const VERSION: u64 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    pub(super) version: u64,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Exchange(Box<Exchange>),
    /// The last line: whoever recorded came to its end, and this many exchanges had begun.
    End {
        exchanges: usize,
    },
}

/// A request and what came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// From 1, in the order in which they began.
    pub(super) number: usize,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) request: ChatRequest,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<ModelEvent>,
    pub(super) ended: Ended,
}

/// How an exchange ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    /// The reply is whole.
    Finished,
    /// The stream ended before the reply did.
    BrokeOff,
    /// The stream failed.
    Failed(LlmError),
    /// The request failed before there was a stream.
    Refused(LlmError),
    /// Whoever asked went away before the end.
    Dropped,
}

impl Header {
    pub(super) fn new() -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION }
    }

    pub(super) fn names_the_format(&self) -> bool {
        self.format == FORMAT && self.version > 0
    }
}

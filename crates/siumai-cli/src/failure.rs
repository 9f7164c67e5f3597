//! How the program ends.
use std::process::ExitCode;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// Stopped by a limit before the model had answered.
    Limit = 3,
    /// A tool call was denied, or nobody was there to approve it.
    Denied = 4,
    /// Calls wait for approval, and the run with them.
    Waiting = 5,
    /// By Ctrl-C.
    Interrupted = 130,
    /// Asked to end by the system.
    Terminated = 143,
}

/// Why the program ends before it has done anything worth keeping, for the person who ran it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Lower case, naming the thing and the way out.
    pub(crate) message: String,
}

impl Failure {
    /// What was asked for can't be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// It could be, but went wrong.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

//! What can be wrong with a server, told to people and to models.
use std::{fmt, time::Duration};

use siumai_core::{ErrorKind, LlmError};

/// Why a server gave no answer. It reads on from the server's name: "`files` did not start: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It can't be started or reached.
    Start(String),
    /// It did not finish the handshake in time.
    Handshake(Duration),
    /// It did not answer a call in time.
    Call(Duration),
    /// Its connection ended.
    Ended(String),
    /// It answered what makes no sense.
    Nonsense(String),
    /// It refused what it was asked.
    Refused(String),
    /// Nobody waits for its answer any more.
    Cancelled,
    /// It failed so often that it is left alone for a while.
    GivenUp(u32),
}

impl Fault {
    /// Whether what the server said on standard error may explain it.
    pub(crate) fn is_about_the_server(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Cancelled | Self::GivenUp(_))
    }

    /// With `change` made to what others said.
    pub(crate) fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Start(text) => Self::Start(change(text)),
            Self::Ended(text) => Self::Ended(change(text)),
            Self::Nonsense(text) => Self::Nonsense(change(text)),
            Self::Refused(text) => Self::Refused(change(text)),
            Self::Handshake(_) | Self::Call(_) | Self::Cancelled | Self::GivenUp(_) => self,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(why) => write!(f, "did not start: {why}"),
            Self::Handshake(limit) => write!(f, "did not finish the handshake within {limit:?}"),
            Self::Call(limit) => write!(f, "did not answer within {limit:?}"),
            Self::Ended(how) => f.write_str(how),
            Self::Nonsense(what) => write!(f, "gave an answer that makes no sense: {what}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Cancelled => f.write_str("was told that the call is cancelled"),
            Self::GivenUp(times) => {
                write!(f, "failed {times} times in a row and is left alone for a minute")
            }
        }
    }
}

/// A fault of a server that has a name, an address, and said something before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) server: String,
    /// Its command line or address, without secrets.
    pub(crate) address: String,
    pub(crate) fault: Fault,
    pub(crate) last_words: Option<String>,
}

impl Report {
    /// For whoever wants the server's tools.
    pub(crate) fn for_people(&self) -> LlmError {
        let Self { server, address, fault, last_words } = self;
        let kind = match fault {
            Fault::Handshake(_) | Fault::Call(_) => ErrorKind::Timeout,
            _ => ErrorKind::Connection,
        };
        let words = last_words.as_deref().map(indented).unwrap_or_default();
        LlmError::new(kind, format!("the MCP server `{server}` ({address}) {fault}{words}"))
    }

    /// For a model that called `tool`.
    pub(crate) fn for_the_model(&self, tool: &str) -> LlmError {
        let Self { server, fault, last_words, .. } = self;
        let next = match fault {
            Fault::Refused(why) => {
                return LlmError::ToolExecutionError(format!(
                    "The MCP server `{server}` refused the call of `{tool}`: {why}. Call it in another \
                     way, or do without it."
                ));
            }
            Fault::Call(_) => {
                "The call was cancelled and may have been executed in part. Ask for less, or try another way."
            }
            Fault::Cancelled => "It may have been executed in part.",
            Fault::Ended(_) => {
                "The call may have been executed in part. The server is started again with the next call; \
                 if that fails too, do without its tools."
            }
            Fault::Nonsense(_) => "Try another way.",
            Fault::Start(_) | Fault::Handshake(_) | Fault::GivenUp(_) => {
                "The tool was not executed. Do without the tools of this server."
            }
        };
        let words = last_words.as_deref().map(indented).unwrap_or_default();
        LlmError::ToolExecutionError(format!(
            "The tool `{tool}` failed because the MCP server `{server}` {fault}. {next}{words}"
        ))
    }
}

fn indented(words: &str) -> String {
    format!("\n\nits last words on standard error:\n  {}", words.replace('\n', "\n  "))
}

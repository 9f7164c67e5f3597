//! A model's reply.
use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ChatMessage, ToolCall, Usage};

/// A whole reply of a model.
///
/// ```
/// use siumai_core::types::{ChatMessage, ChatResponse, FinishReason};
///
/// let response = ChatResponse::new(ChatMessage::assistant("Sunny."), FinishReason::Stop);
/// assert_eq!(response.content_text(), Some("Sunny."));
/// assert!(response.tool_calls.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatResponse {
    /// The provider's id of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model that answered, as the provider names it; in a run, what was asked for where the
    /// provider does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who serves that model. A run always says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's id of the request: what its support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the model said, as it goes into the history.
    pub message: ChatMessage,
    /// The tools it called, in order.
    pub tool_calls: Vec<Arc<ToolCall>>,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// What it cost, if the provider says so.
    pub usage: Option<Usage>,
    /// What the provider could not do as it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl ChatResponse {
    /// A reply that says `message`.
    pub fn new(message: ChatMessage, finish_reason: FinishReason) -> Self {
        let tool_calls = message.tool_calls().cloned().collect();
        Self {
            id: None,
            model: None,
            provider: None,
            request_id: None,
            message,
            tool_calls,
            finish_reason,
            usage: None,
            warnings: Vec::new(),
        }
    }

    /// Adds what it cost.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The text of the reply, without reasoning; `None` if it has none.
    pub fn content_text(&self) -> Option<&str> {
        self.message.text()
    }
}

/// Why a model's reply ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// It had said everything, or came to a stop sequence.
    #[default]
    Stop,
    /// It reached the limit of output tokens or of the context.
    Length,
    /// It waits for the results of tools.
    ToolCalls,
    /// A filter of the provider cut it off.
    ContentFilter,
    /// The provider paused a long turn and goes on when the reply is sent back.
    Paused,
    /// Something else, in the provider's word.
    #[serde(untagged)]
    Other(String),
}

/// Something that was not as it should be, and did not stop the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// The history had a call that nobody answered; it was answered as interrupted.
    CallWithoutResult {
        /// The call's id.
        call_id: String,
        /// The tool's name.
        name: String,
    },
    /// The history had a call in a message that is not the model's; it was left out.
    MisplacedCall {
        /// The call's id.
        call_id: String,
        /// The tool's name.
        name: String,
    },
    /// The history had a result without a call before it; it was left out.
    ResultWithoutCall {
        /// The id it answers.
        call_id: String,
    },
    /// The history had something else that no provider accepts; it was put right.
    HistoryMended {
        /// What it was, and what became of it.
        what: String,
    },
    /// The provider can't do what was asked for; it was left out.
    Unsupported {
        /// What it is, and what became of it.
        what: String,
    },
    /// The model was asked again, since an attempt failed in a way that may pass.
    Retried {
        /// Which attempt failed, from 1.
        attempt: usize,
        /// What it failed with.
        error: String,
    },
    /// A model failed, and another took over.
    FellBack {
        /// The one that failed: provider and model.
        from: String,
        /// The one that took over: provider and model.
        to: String,
        /// What the first failed with.
        error: String,
    },
    /// The exchange with the model is missing in the recording that was to be made.
    NotRecorded {
        /// Why it could not be written.
        error: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallWithoutResult { call_id, name } => write!(
                f,
                "the history has no result for call `{call_id}` of `{name}`; it was answered as interrupted"
            ),
            Self::MisplacedCall { call_id, name } => write!(
                f,
                "the history has call `{call_id}` of `{name}` in a message that is not the model's; it was left out"
            ),
            Self::ResultWithoutCall { call_id } => write!(
                f,
                "the history has a result for `{call_id}`, which nothing before it called; it was left out"
            ),
            Self::HistoryMended { what } | Self::Unsupported { what } => f.write_str(what),
            Self::Retried { attempt, error } => {
                write!(f, "attempt {attempt} at the model failed, and it was asked again: {error}")
            }
            Self::FellBack { from, to, error } => {
                write!(f, "`{from}` failed, and `{to}` took over: {error}")
            }
            Self::NotRecorded { error } => write!(f, "this exchange was not recorded: {error}"),
        }
    }
}

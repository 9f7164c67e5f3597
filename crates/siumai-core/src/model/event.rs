//! What a model's stream is made of.
use serde::{Deserialize, Serialize};

use crate::types::{ContentPart, FinishReason, Origin, Usage, Warning};

/// One event of a model's reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelEvent {
    /// The provider has begun to answer. May come once, first.
    #[non_exhaustive]
    Start {
        /// The provider's id of the reply.
        id: Option<String>,
        /// The model that answers, as the provider names it.
        model: Option<String>,
        /// Who serves it, where that is not the [provider](super::LanguageModel::provider) of
        /// whoever was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// The provider's id of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// A piece of the reply.
    Delta(Delta),
    /// The provider could not do something as it was asked.
    Warning(Warning),
    /// What the whole message is on its wire; comes once, before the finish.
    Origin(Origin),
    /// The reply is whole. Nothing follows.
    #[non_exhaustive]
    Finish {
        /// Why it ended.
        finish_reason: FinishReason,
        /// What it cost, if the provider says so.
        usage: Option<Usage>,
    },
}

/// A piece of a reply; usually one of the fields is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Delta {
    /// More text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// More of the model's thinking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// More of the model's words on why it declines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// More of a tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<ToolCallDelta>,
    /// A part that comes in one piece: a source, a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Box<ContentPart>>,
}

/// A piece of a tool call. The first of an `index` begins the call and brings its id and name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    /// Which call of the reply this belongs to, as the provider counts.
    pub index: usize,
    /// The call's id, when the call begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name, when the call begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// More of the arguments: a piece of JSON text.
    #[serde(default)]
    pub arguments: String,
}

impl ModelEvent {
    /// The provider has begun to answer.
    pub fn start(id: Option<String>, model: Option<String>) -> Self {
        Self::Start { id, model, provider: None, request_id: None }
    }

    /// Adds the provider's id of the request to the [`Start`](Self::Start) of a reply; any other
    /// event stays as it is.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        if let Self::Start { request_id, .. } = &mut self {
            *request_id = Some(id.into());
        }
        self
    }

    /// More text.
    pub fn content(text: impl Into<String>) -> Self {
        Self::Delta(Delta::content(text))
    }

    /// The reply is whole.
    pub fn finish(finish_reason: FinishReason, usage: Option<Usage>) -> Self {
        Self::Finish { finish_reason, usage }
    }
}

impl Delta {
    /// More text.
    pub fn content(text: impl Into<String>) -> Self {
        Self { content: Some(text.into()), ..Self::default() }
    }

    /// More of the model's thinking.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Self { reasoning: Some(text.into()), ..Self::default() }
    }

    /// More of the model's words on why it declines.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { refusal: Some(text.into()), ..Self::default() }
    }

    /// A part that comes in one piece.
    pub fn part(part: ContentPart) -> Self {
        Self { part: Some(Box::new(part)), ..Self::default() }
    }

    /// More of a tool call.
    pub fn tool_call(delta: ToolCallDelta) -> Self {
        Self { tool_call: Some(delta), ..Self::default() }
    }

    /// Whether it brings nothing. White space is something.
    pub fn is_empty(&self) -> bool {
        is_blank(self.content.as_deref())
            && is_blank(self.reasoning.as_deref())
            && is_blank(self.refusal.as_deref())
            && self.tool_call.as_ref().is_none_or(ToolCallDelta::is_empty)
            && self.part.is_none()
    }

    /// Takes away what is there and brings nothing, as an empty text beside reasoning.
    pub(super) fn drop_blanks(&mut self) {
        self.content.take_if(|it| it.is_empty());
        self.reasoning.take_if(|it| it.is_empty());
        self.refusal.take_if(|it| it.is_empty());
        self.tool_call.take_if(|it| it.is_empty());
    }
}

impl ToolCallDelta {
    /// The first piece of a call.
    pub fn begin(index: usize, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { index, id: Some(id.into()), name: Some(name.into()), arguments: String::new() }
    }

    /// A further piece of a call's arguments.
    pub fn arguments(index: usize, arguments: impl Into<String>) -> Self {
        Self { index, id: None, name: None, arguments: arguments.into() }
    }

    fn is_empty(&self) -> bool {
        is_blank(self.id.as_deref()) && is_blank(self.name.as_deref()) && self.arguments.is_empty()
    }
}

fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

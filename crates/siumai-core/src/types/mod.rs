//! The words of a conversation: messages, tools, requests, replies, usage.
//!
//! Nothing here knows a provider, a run or a runtime.
mod canonical;
mod media;
mod memo;
mod message;
mod output;
mod request;
mod response;
mod settings;
mod tool;
mod usage;

pub(crate) use self::request::split_system;
pub use self::{
    canonical::canonical_json,
    media::{Media, Source},
    memo::Memo,
    message::{ChatMessage, ContentPart, Origin, Role},
    request::ChatRequest,
    response::{ChatResponse, FinishReason, Warning},
    settings::{ResponseFormat, Settings},
    tool::{Tool, ToolCall, ToolChoice, ToolResult, ToolStatus},
    usage::{ModelUsage, TokenCount, Usage},
};

//! The words of a conversation: messages, tools, requests, replies, usage.
//!
//! Nothing here knows a provider, a run or a runtime.
mod message;
mod request;
mod response;
mod tool;
mod usage;

pub(crate) use self::request::split_system;
pub use self::{
    message::{ChatMessage, ContentPart, Role},
    request::ChatRequest,
    response::{ChatResponse, FinishReason, Warning},
    tool::{Tool, ToolCall, ToolChoice, ToolResult, ToolStatus},
    usage::{TokenCount, Usage},
};

//! What most programs use: `use siumai::prelude::*;`.
//!
//! ```
//! use siumai::prelude::*;
//!
//! let messages = vec![system!("Be brief."), user!("Hello"), assistant!("Hi.")];
//! let tool = Tool::function("noop", "Does nothing");
//! assert_eq!((messages.len(), tool.parameters()["type"] == json!("object")), (3, true));
//! ```
pub use std::sync::Arc;

#[doc(no_inline)]
pub use ::{async_trait, async_trait::async_trait, serde_json};
#[doc(no_inline)]
pub use futures_util::StreamExt;
#[doc(no_inline)]
pub use serde_json::{Value, json};
#[doc(no_inline)]
pub use siumai_core::{
    ErrorKind, LlmError, assistant,
    orchestrator::ToolLoopAgent,
    system,
    tool::{ToolContext, ToolSet},
    types::{
        ChatMessage, ChatRequest, ChatResponse, FinishReason, Tool, ToolCall, ToolChoice,
        ToolResult, Usage,
    },
    user,
};

#[doc(no_inline)]
pub use siumai_macros::tool;

#[doc(no_inline)]
pub use crate::Siumai;

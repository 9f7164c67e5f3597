//! What a request's messages tell: the task, and which calls were already made and answered.
use std::sync::Arc;

use serde_json::Value;
use siumai_core::types::{ChatMessage, Role, ToolCall, ToolResult, ToolStatus};

use super::earlier::Earlier;

/// A conversation, read from the last user message on.
#[derive(Debug)]
pub(super) struct History<'a> {
    /// The last user message; empty if there is none.
    pub(super) task: &'a str,
    /// The calls since then, in order.
    pub(super) made: Vec<Made<'a>>,
    /// The last call before it that was answered.
    pub(super) before: Option<Made<'a>>,
    /// How many calls the whole conversation has: what the next one is numbered by.
    pub(super) calls: usize,
}

/// A call that was made, with what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    pub(super) call: &'a ToolCall,
    pub(super) result: Option<&'a ToolResult>,
}

impl<'a> History<'a> {
    pub(super) fn new(messages: &'a [ChatMessage]) -> Self {
        let last_user = messages.iter().rposition(|it| it.role() == Role::User);
        let (before, since) = messages.split_at(last_user.unwrap_or(0));
        let task = since
            .first()
            .filter(|it| it.role() == Role::User)
            .and_then(|it| it.text())
            .unwrap_or("");
        let last_turn = before.iter().rposition(|it| it.role() == Role::User).unwrap_or(0);
        let calls = messages.iter().map(|it| it.tool_calls().count()).sum();
        let before = made(&before[last_turn..]).into_iter().rfind(Made::is_done);
        Self { task, made: made(since), before, calls }
    }

    /// How often a call was made since the task was set.
    pub(super) fn attempts(&self, name: &str, arguments: &Value) -> impl Iterator<Item = Made<'a>> {
        self.made
            .iter()
            .copied()
            .filter(move |it| it.call.name == name && it.call.arguments == *arguments)
    }

    pub(super) fn has_called(&self, name: &str) -> bool {
        self.made.iter().any(|it| it.call.name == name)
    }
}

impl Made<'_> {
    /// Whether the tool returned a value.
    pub(super) fn is_done(&self) -> bool {
        self.result.is_some_and(|it| !it.is_error())
    }

    /// Whether the same call may succeed when it is made again.
    pub(super) fn is_passing(&self) -> bool {
        let Some(result) = self.result else { return false };
        let text = result.output_text().to_lowercase();
        let says =
            ["try again", "temporar", "timed out", "timeout", "unavailable", "busy", "rate limit"];
        match result.status {
            ToolStatus::TimedOut | ToolStatus::Interrupted => true,
            ToolStatus::Failed => says.iter().any(|it| text.contains(it)),
            _ => false,
        }
    }

    pub(super) fn earlier(&self) -> Option<Earlier> {
        let output = self.result.filter(|it| !it.is_error())?.output.clone();
        let arguments = self.call.arguments.as_object().cloned().unwrap_or_default();
        Some(Earlier::new(output, arguments))
    }
}

fn made(messages: &[ChatMessage]) -> Vec<Made<'_>> {
    let mut made: Vec<Made<'_>> = Vec::new();
    for message in messages {
        made.extend(
            message.tool_calls().map(|call| Made { call: Arc::as_ref(call), result: None }),
        );
        for result in message.tool_results() {
            // Ids are scoped to their step: the last call of that id is the one that is answered.
            let open = made
                .iter_mut()
                .rev()
                .find(|it| it.call.id == result.call_id && it.result.is_none());
            if let Some(open) = open {
                open.result = Some(Arc::as_ref(result));
            }
        }
    }
    made
}

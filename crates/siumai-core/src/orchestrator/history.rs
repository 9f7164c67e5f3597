//! Makes a history one that a provider accepts: every call is answered once, right after it.
use std::{collections::VecDeque, sync::Arc};

use crate::types::{ChatMessage, Role, ToolCall, ToolResult, ToolStatus, Warning};

/// Mends `messages` where calls and results don't match, the same way every time.
///
/// A result that comes late is moved to its call, a call that nobody answered
/// is answered as interrupted, and a result that answers nothing is left out.
pub(super) fn mend(messages: Vec<ChatMessage>) -> (Vec<ChatMessage>, Vec<Warning>) {
    if is_sound(&messages) {
        return (messages, Vec::new());
    }
    let mut mended = Vec::with_capacity(messages.len());
    let mut warnings = Vec::new();
    let mut rest = VecDeque::from(messages);
    while let Some(message) = rest.pop_front() {
        if message.role() == Role::Tool {
            warnings.extend(message.tool_results().map(|it| orphan(it)));
            continue;
        }
        let calls: Vec<_> = message.tool_calls().cloned().collect();
        mended.push(message);
        for call in calls {
            let result = take_result(&mut rest, &call).unwrap_or_else(|| {
                let (call_id, name) = (call.id.clone(), call.name.clone());
                warnings.push(Warning::CallWithoutResult { call_id, name });
                Arc::new(interrupted(&call))
            });
            mended.push(ChatMessage::tool(result));
        }
    }
    (mended, warnings)
}

/// Whether every call is answered once, directly after the message that made it.
fn is_sound(messages: &[ChatMessage]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message.role() != Role::Tool {
            if !open.is_empty() {
                return false;
            }
            open.extend(message.tool_calls().map(|call| call.id.as_str()));
            continue;
        }
        for result in message.tool_results() {
            let Some(place) = open.iter().position(|id| *id == result.call_id) else {
                return false;
            };
            open.remove(place);
        }
    }
    open.is_empty()
}

/// Takes the result of `call` out of what follows it, up to the next message that makes calls.
fn take_result(rest: &mut VecDeque<ChatMessage>, call: &ToolCall) -> Option<Arc<ToolResult>> {
    let reach = rest.iter().take_while(|it| it.tool_calls().next().is_none()).count();
    for place in 0..reach {
        let found = rest[place].tool_results().find(|it| it.call_id == call.id).cloned();
        let Some(result) = found else { continue };
        let others = rest[place].tool_results().filter(|it| !Arc::ptr_eq(it, &result));
        let others: Vec<_> = others.cloned().map(ChatMessage::tool).collect();
        rest.remove(place);
        for (offset, other) in others.into_iter().enumerate() {
            rest.insert(place + offset, other);
        }
        return Some(result);
    }
    None
}

fn interrupted(call: &ToolCall) -> ToolResult {
    let told = "No result of this call was recorded. It may or may not have been executed.";
    ToolResult::unexecuted(call, ToolStatus::Interrupted, told)
}

fn orphan(result: &ToolResult) -> Warning {
    Warning::ResultWithoutCall { call_id: result.call_id.clone() }
}

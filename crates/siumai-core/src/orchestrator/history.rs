//! Makes a history one that a provider accepts: every call is answered once, right after it.
use std::{collections::VecDeque, sync::Arc};

use crate::types::{ChatMessage, ContentPart, Role, ToolCall, ToolResult, ToolStatus, Warning};

/// Mends `messages` where calls and results don't match, the same way every time.
///
/// A result that comes late is moved to its call, a call that nobody answered
/// is answered as interrupted, and a result that answers nothing is left out, as
/// is a call in a message that is not the model's. What else a message says stays
/// where it is.
pub(super) fn mend(messages: Vec<ChatMessage>) -> (Vec<ChatMessage>, Vec<Warning>) {
    if is_sound(&messages) {
        return (messages, Vec::new());
    }
    let mut warnings: Vec<_> = messages.iter().flat_map(misplaced_calls).map(misplaced).collect();
    let mut rest: VecDeque<_> = messages.iter().filter_map(without_misplaced_calls).collect();
    let mut mended = Vec::with_capacity(rest.len());
    while let Some(message) = rest.pop_front() {
        // Results were taken from here by the calls before; what is left answers nothing.
        warnings.extend(message.tool_results().map(|it| orphan(it)));
        let Some(message) = keep_parts(&message, |part| !is_result(part)) else { continue };
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

/// Whether every call is answered once, by tool messages directly after the message that made it.
fn is_sound(messages: &[ChatMessage]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if misplaced_calls(message).next().is_some() {
            return false;
        }
        if message.role() != Role::Tool {
            if !open.is_empty() || message.tool_results().next().is_some() {
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

/// The calls in a message of somebody who can't call.
fn misplaced_calls(message: &ChatMessage) -> impl Iterator<Item = &Arc<ToolCall>> {
    message.tool_calls().filter(|_| message.role() != Role::Assistant)
}

fn without_misplaced_calls(message: &ChatMessage) -> Option<ChatMessage> {
    keep_parts(message, |part| {
        message.role() == Role::Assistant || !matches!(part, ContentPart::ToolCall(_))
    })
}

/// Takes the result of `call` out of what follows it, up to the next call with the same id.
fn take_result(rest: &mut VecDeque<ChatMessage>, call: &ToolCall) -> Option<Arc<ToolResult>> {
    let is_called_again = |it: &ChatMessage| it.tool_calls().any(|other| other.id == call.id);
    let reach = rest.iter().take_while(|it| !is_called_again(it)).count();
    for place in 0..reach {
        let found = rest[place].tool_results().find(|it| it.call_id == call.id).cloned();
        let Some(result) = found else { continue };
        let is_other = |part: &ContentPart| match part {
            ContentPart::ToolResult(it) => !Arc::ptr_eq(it, &result),
            _ => true,
        };
        match keep_parts(&rest[place], is_other) {
            Some(others) => rest[place] = others,
            None => drop(rest.remove(place)),
        }
        return Some(result);
    }
    None
}

/// The message with those of its parts that `keep` keeps; `None` if that leaves none.
fn keep_parts(message: &ChatMessage, keep: impl Fn(&ContentPart) -> bool) -> Option<ChatMessage> {
    let content = message.content();
    if content.iter().all(&keep) {
        return Some(message.clone());
    }
    let kept: Vec<_> = content.iter().filter(|part| keep(part)).cloned().collect();
    (!kept.is_empty()).then(|| ChatMessage::new(message.role(), kept))
}

fn is_result(part: &ContentPart) -> bool {
    matches!(part, ContentPart::ToolResult(_))
}

fn interrupted(call: &ToolCall) -> ToolResult {
    let told = "No result of this call was recorded. It may or may not have been executed.";
    ToolResult::unexecuted(call, ToolStatus::Interrupted, told)
}

fn misplaced(call: &Arc<ToolCall>) -> Warning {
    Warning::MisplacedCall { call_id: call.id.clone(), name: call.name.clone() }
}

fn orphan(result: &ToolResult) -> Warning {
    Warning::ResultWithoutCall { call_id: result.call_id.clone() }
}

#[cfg(test)]
mod tests;

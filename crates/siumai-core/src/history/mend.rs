//! Makes a history one that a provider accepts: every call is answered once, right after it.
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use crate::types::{ChatMessage, ContentPart, Role, ToolCall, ToolResult, ToolStatus, Warning};

/// Mends `messages` where calls and results don't match, the same way every time.
///
/// A result that comes late is moved to its call, a call that nobody answered
/// is answered as interrupted, and a result that answers nothing is left out, as
/// is a call in a message that is not the model's. Calls get ids that tell them apart, and words in
/// a message of a tool become the user's. What else a message says stays where it is.
///
/// What was done comes back with it. A history that is sound comes back as it is.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{history::mend, types::{ChatMessage, ContentPart, Role, ToolCall}, user};
///
/// let call = ToolCall { id: "a".into(), name: "look".into(), arguments: json!({}) };
/// let calling = ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(call.into())]);
/// let (messages, warnings) = mend(vec![user!("Look!"), calling, user!("And?")]);
/// assert_eq!(messages.len(), 4);
/// assert_eq!(
///     warnings[0].to_string(),
///     "the history has no result for call `a` of `look`; it was answered as interrupted"
/// );
/// assert_eq!(mend(messages.clone()), (messages, vec![]));
/// ```
pub fn mend(messages: Vec<ChatMessage>) -> (Vec<ChatMessage>, Vec<Warning>) {
    if is_sound(&messages) {
        return (messages, Vec::new());
    }
    let mut mending = Mending::default();
    for message in &messages {
        mending.take(message);
    }
    mending.finish()
}

/// Whether every call is answered once, by tool messages directly after the message that made it.
fn is_sound(messages: &[ChatMessage]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message.role() == Role::Tool {
            let content = message.content();
            if content.is_empty() || !content.iter().all(|part| answers(part, &mut open)) {
                return false;
            }
            continue;
        }
        if !open.is_empty() || message.tool_results().next().is_some() {
            return false;
        }
        for call in message.tool_calls() {
            let is_named = !call.id.is_empty() && !open.contains(&call.id.as_str());
            if message.role() != Role::Assistant || !is_named {
                return false;
            }
            open.push(&call.id);
        }
    }
    open.is_empty()
}

/// Whether `part` is the result of one of the calls in `open`, which it closes.
fn answers(part: &ContentPart, open: &mut Vec<&str>) -> bool {
    let ContentPart::ToolResult(result) = part else { return false };
    let place = open.iter().position(|id| *id == result.call_id);
    place.map(|place| open.remove(place)).is_some()
}

/// A call, and its result once that is found.
type Answered = (Arc<ToolCall>, Option<Arc<ToolResult>>);

/// A history as far as it is mended.
#[derive(Default)]
struct Mending<'a> {
    /// What was said, and which of the calls are made there.
    messages: Vec<(ChatMessage, Range<usize>)>,
    calls: Vec<Answered>,
    /// Those of the calls that a result may still answer, by the id they came with.
    open: HashMap<&'a str, VecDeque<usize>>,
    /// What was done, and how many messages stood before it.
    warnings: Vec<(usize, Warning)>,
}

impl<'a> Mending<'a> {
    fn take(&mut self, message: &'a ChatMessage) {
        let first = self.calls.len();
        for part in message.content() {
            match part {
                ContentPart::ToolCall(call) if message.role() == Role::Assistant => {
                    self.open(call, first);
                }
                ContentPart::ToolCall(call) => {
                    let (call_id, name) = (call.id.clone(), call.name.clone());
                    self.warn(Warning::MisplacedCall { call_id, name });
                }
                ContentPart::ToolResult(result) => self.answer(result),
                _ => {}
            }
        }
        match message.role() {
            Role::Assistant => self.push_models(message, first),
            _ => self.push_others(message),
        }
    }

    fn finish(self) -> (Vec<ChatMessage>, Vec<Warning>) {
        let Self { messages, calls, mut warnings, .. } = self;
        let mut mended = Vec::with_capacity(messages.len() + calls.len());
        for (at, (message, made)) in messages.into_iter().enumerate() {
            mended.push(message);
            for (call, result) in &calls[made] {
                if result.is_none() {
                    let (call_id, name) = (call.id.clone(), call.name.clone());
                    warnings.push((at, Warning::CallWithoutResult { call_id, name }));
                }
                let result = result.as_ref().map(|it| renamed(it, call));
                mended.push(ChatMessage::tool(result.unwrap_or_else(|| interrupted(call))));
            }
        }
        warnings.sort_by_key(|(at, _)| *at);
        (mended, warnings.into_iter().map(|(_, warning)| warning).collect())
    }

    fn warn(&mut self, warning: Warning) {
        self.warnings.push((self.messages.len(), warning));
    }

    /// Takes in a call of the message whose calls begin at `first`.
    fn open(&mut self, call: &'a Arc<ToolCall>, first: usize) {
        let open = self.open.entry(&call.id).or_default();
        // From here on the id means this message's call.
        open.retain(|place| *place >= first);
        open.push_back(self.calls.len());
        let call = match own_id(&call.id, &self.calls[first..]) {
            None => Arc::clone(call),
            Some(id) => {
                let name = &call.name;
                let what = format!(
                    "a call of `{name}` had an id that is empty or another call's; it is `{id}` instead"
                );
                self.warn(Warning::HistoryMended { what });
                Arc::new(ToolCall { id, ..(**call).clone() })
            }
        };
        self.calls.push((call, None));
    }

    fn answer(&mut self, result: &Arc<ToolResult>) {
        let open = self.open.get_mut(&*result.call_id).and_then(VecDeque::pop_front);
        let Some(place) = open else {
            let call_id = result.call_id.clone();
            self.warn(Warning::ResultWithoutCall { call_id });
            return;
        };
        self.calls[place].1 = Some(Arc::clone(result));
    }

    fn push_models(&mut self, message: &ChatMessage, first: usize) {
        let mut calls = self.calls[first..].iter().map(|(call, _)| call);
        let parts = message.content().iter().filter_map(|part| match part {
            ContentPart::ToolCall(_) => calls.next().cloned().map(ContentPart::ToolCall),
            ContentPart::ToolResult(_) => None,
            other => Some(other.clone()),
        });
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() && !message.content().is_empty() {
            return;
        }
        let made = first..self.calls.len();
        let message = if parts == message.content() {
            message.clone()
        } else {
            // As it came over its wire, it would not match its results.
            ChatMessage::new(Role::Assistant, parts)
        };
        self.messages.push((message, made));
    }

    /// A message of anybody but the model.
    fn push_others(&mut self, message: &ChatMessage) {
        let words = message.content().iter().filter(|part| is_word(part)).cloned();
        let words: Vec<_> = words.collect();
        let message = match message.role() {
            Role::Tool if words.is_empty() => return,
            Role::Tool => {
                let what = "words in a message of a tool were sent as the user's".to_owned();
                self.warn(Warning::HistoryMended { what });
                ChatMessage::new(Role::User, words)
            }
            _ if words.len() == message.content().len() => message.clone(),
            _ if words.is_empty() => return,
            role => ChatMessage::new(role, words),
        };
        self.messages.push((message, 0..0));
    }
}

/// The id that a call gets in place of `id`, if that is none or belongs to one of the `others` of
/// its message.
fn own_id(id: &str, others: &[Answered]) -> Option<String> {
    let is_free = |id: &str| !id.is_empty() && others.iter().all(|(other, _)| other.id != id);
    if is_free(id) {
        return None;
    }
    let (stem, number) = if id.is_empty() { ("call", 1) } else { (id, 2) };
    let mut ids = (number..=number + others.len()).map(|number| format!("{stem}_{number}"));
    ids.find(|id| is_free(id))
}

fn is_word(part: &ContentPart) -> bool {
    !matches!(part, ContentPart::ToolCall(_) | ContentPart::ToolResult(_))
}

/// The result under the id that its call has.
fn renamed(result: &Arc<ToolResult>, call: &ToolCall) -> Arc<ToolResult> {
    if result.call_id == call.id {
        return Arc::clone(result);
    }
    Arc::new(ToolResult { call_id: call.id.clone(), ..(**result).clone() })
}

fn interrupted(call: &ToolCall) -> Arc<ToolResult> {
    let told = "No result of this call was recorded. It may or may not have been executed.";
    Arc::new(ToolResult::unexecuted(call, ToolStatus::Interrupted, told))
}

#[cfg(test)]
mod tests;

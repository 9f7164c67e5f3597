//! What makes a history shorter: whole exchanges go, and a call is never parted from its result.
use std::{ops::Range, sync::Arc};

use serde_json::Value;

use crate::types::{ChatMessage, ContentPart, Role, ToolResult, ToolStatus};

/// What stays at the beginning of a history, whatever else goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The leading system messages, and the first message of the user: what it is all about.
    #[default]
    Task,
    /// The leading system messages.
    System,
    /// Nothing: leading system messages go with the first exchange.
    Nothing,
}

/// Keeps the last `count` exchanges, the very last in any case.
///
/// An exchange begins with what the user says and goes on to what the user says next.
/// `messages` are sound, as those are that a run gives to its hooks; [`mend`](super::mend) others first.
///
/// ```
/// use siumai_core::{assistant, history::{Keep, last_exchanges}, system, user};
///
/// let messages = [
///     system!("Be brief."),
///     user!("I am Ada."), assistant!("Hello."),
///     user!("How are you?"), assistant!("Well."),
///     user!("Who am I?"),
/// ];
/// assert_eq!(last_exchanges(&messages, 2, Keep::System), [&messages[..1], &messages[3..]].concat());
/// assert_eq!(last_exchanges(&messages, 1, Keep::Task), [&messages[..2], &messages[5..]].concat());
/// ```
pub fn last_exchanges(messages: &[ChatMessage], count: usize, keep: Keep) -> Vec<ChatMessage> {
    let exchanges = exchanges(messages, keep);
    let kept = count.clamp(1, exchanges.len().max(1));
    let from = exchanges.iter().rev().nth(kept - 1).map_or(0, |it| it.start);
    let head = Head::of(messages, keep);
    let is_kept = |at: usize| at >= from || head.holds(at);
    (0..messages.len()).filter(|at| is_kept(*at)).map(|at| messages[at].clone()).collect()
}

/// Keeps the last exchanges that together have no more than `budget` tokens, as `tokens` counts
/// those of a message.
///
/// If the last exchange alone has more, its first steps go too: replies, each with the results of
/// its calls. What the user said in it and its last step always stay, be they as large as they
/// are. Where nothing better is at hand, [`rough_tokens`] counts.
///
/// As for [`last_exchanges`], `messages` are sound.
///
/// ```
/// use std::sync::Arc;
/// use siumai_core::{
///     history::{Keep, rough_tokens, within_tokens},
///     orchestrator::{OrchestratorOptions, run},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let options = OrchestratorOptions {
///     on_context_too_long: Some(Arc::new(|messages| {
///         Some(within_tokens(messages, 20, Keep::System, rough_tokens))
///     })),
///     ..Default::default()
/// };
/// # let too_long = siumai_core::LlmError::new(siumai_core::ErrorKind::ContextTooLong, "too long");
/// # let model = ScriptedModel::new().fails(too_long).reply("Hello.");
/// let messages = vec![user!("A story. ".repeat(100)), siumai_core::assistant!("I see."), user!("Hi")];
/// run(&model, messages, None, None, &[], options).await?;
/// assert_eq!(model.requests()[1].messages(), [user!("Hi")]);
/// # Ok(())
/// # }
/// ```
pub fn within_tokens(
    messages: &[ChatMessage],
    budget: u64,
    keep: Keep,
    tokens: impl Fn(&ChatMessage) -> u64,
) -> Vec<ChatMessage> {
    let head = Head::of(messages, keep);
    let mut kept: Vec<_> = messages.iter().map(|it| Some((it, u128::from(tokens(it))))).collect();
    let mut total: u128 = kept.iter().flatten().map(|(_, cost)| cost).sum();
    for unit in droppable(messages, keep) {
        if total <= u128::from(budget) {
            break;
        }
        for at in unit.filter(|at| !head.holds(*at)) {
            total -= kept[at].take().map_or(0, |(_, cost)| cost);
        }
    }
    kept.into_iter().flatten().map(|(message, _)| message.clone()).collect()
}

/// Replaces what tools returned by a short note, but in the last `steps` steps that called any.
///
/// Calls and results stay, so the model still sees what it did. Results that are as short as the
/// note, and those that say that a call was not executed, stay as they are.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     history::drop_tool_results,
///     types::{ChatMessage, ContentPart, Role, ToolCall, ToolResult},
/// };
///
/// let call = ToolCall { id: "a".into(), name: "read".into(), arguments: json!({}) };
/// let page = ChatMessage::tool(ToolResult::executed(&call, json!("All about owls. ".repeat(50))));
/// let calling = ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(call.into())]);
/// let messages = [calling.clone(), page.clone(), calling, page.clone()];
///
/// let shorter = drop_tool_results(&messages, 1);
/// let told = shorter[1].tool_results().next().unwrap().output_text();
/// assert_eq!(told, "The output of this call was left out to save room. Call the tool again if you need it.");
/// assert_eq!(shorter[3], page);
/// ```
pub fn drop_tool_results(messages: &[ChatMessage], steps: usize) -> Vec<ChatMessage> {
    let is_calling = |at: &usize| messages[*at].tool_calls().next().is_some();
    let from = match steps {
        0 => messages.len(),
        _ => (0..messages.len()).rev().filter(is_calling).nth(steps - 1).unwrap_or(0),
    };
    let (old, kept) = messages.split_at(from);
    old.iter().map(without_outputs).chain(kept.iter().cloned()).collect()
}

/// About how many tokens a message has, for want of the model's own count.
///
/// A token is taken for four bytes of UTF-8, which is about right for English, too few for most
/// other languages and too many for some code; a picture or a file counts as 1,000, and 4 are
/// added for the message itself. Leave room for a third more.
///
/// ```
/// use siumai_core::{history::rough_tokens, user};
///
/// assert_eq!(rough_tokens(&user!("What is the weather in Tokyo?")), 12);
/// ```
pub fn rough_tokens(message: &ChatMessage) -> u64 {
    let tokens = message.content().iter().map(|part| match part {
        ContentPart::Text { text }
        | ContentPart::Reasoning { text }
        | ContentPart::Refusal { text } => of_bytes(text.len()),
        ContentPart::ToolCall(call) => of_bytes(call.name.len()) + of_bytes(call.arguments_size()),
        ContentPart::ToolResult(result) => {
            of_bytes(result.output_size()) + of_bytes(result.note.as_ref().map_or(0, String::len))
        }
        ContentPart::Source(source) => {
            let texts = [&source.url, &source.title, &source.quote];
            texts.into_iter().flatten().map(|it| of_bytes(it.len())).sum()
        }
        ContentPart::Image { .. } | ContentPart::File { .. } => 1_000,
    });
    tokens.fold(4, u64::saturating_add)
}

fn of_bytes(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

/// Which messages stay whatever else goes.
struct Head {
    leading: usize,
    task: Option<usize>,
}

impl Head {
    fn of(messages: &[ChatMessage], keep: Keep) -> Self {
        let is_task = |it: &ChatMessage| keep == Keep::Task && it.role() == Role::User;
        Self { leading: leading(messages, keep), task: messages.iter().position(is_task) }
    }

    fn holds(&self, at: usize) -> bool {
        at < self.leading || self.task == Some(at)
    }
}

/// How many leading system messages stay.
fn leading(messages: &[ChatMessage], keep: Keep) -> usize {
    if keep == Keep::Nothing {
        return 0;
    }
    messages.iter().take_while(|it| it.role() == Role::System).count()
}

/// The exchanges, in order. A system message between two of them belongs to the first: at the
/// beginning of a history it would hold for all of it.
fn exchanges(messages: &[ChatMessage], keep: Keep) -> Vec<Range<usize>> {
    let first = leading(messages, keep);
    let mut starts = vec![first];
    let mut is_users_turn = true;
    for (at, message) in messages.iter().enumerate().skip(first) {
        match message.role() {
            Role::User if is_users_turn => {}
            Role::User => {
                starts.push(at);
                is_users_turn = true;
            }
            Role::Assistant | Role::Tool => is_users_turn = false,
            Role::System => {}
        }
    }
    ranges(&starts, messages.len())
}

/// The steps of an exchange: each begins with a reply of the model.
fn steps(messages: &[ChatMessage], exchange: Range<usize>) -> Vec<Range<usize>> {
    let end = exchange.end;
    let starts: Vec<_> = exchange.filter(|at| messages[*at].role() == Role::Assistant).collect();
    ranges(&starts, end)
}

fn ranges(starts: &[usize], end: usize) -> Vec<Range<usize>> {
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// What can go, the oldest first: exchanges, and then steps of the last one.
pub(super) fn droppable(messages: &[ChatMessage], keep: Keep) -> Vec<Range<usize>> {
    let mut units = exchanges(messages, keep);
    let mut steps = units.pop().map(|last| steps(messages, last)).unwrap_or_default();
    steps.pop();
    units.extend(steps);
    units
}

fn without_outputs(message: &ChatMessage) -> ChatMessage {
    if !message.tool_results().any(|it| is_droppable(it)) {
        return message.clone();
    }
    let content = message.content().iter().map(|part| match part {
        ContentPart::ToolResult(result) if is_droppable(result) => {
            ContentPart::ToolResult(Arc::new(without_output(result)))
        }
        other => other.clone(),
    });
    ChatMessage::new(message.role(), content.collect())
}

const NOTE: &str =
    "The output of this call was left out to save room. Call the tool again if you need it.";

/// Whether the tool itself spoke, and at length.
fn is_droppable(result: &ToolResult) -> bool {
    matches!(result.status, ToolStatus::Executed | ToolStatus::Failed)
        && result.output_size() > NOTE.len()
}

fn without_output(result: &ToolResult) -> ToolResult {
    let size = result.truncated_from.unwrap_or(result.output_size() as u64);
    let mut shorter = result.clone();
    (shorter.output, shorter.note) = (Value::from(NOTE), None);
    shorter.truncated_from = Some(size);
    shorter
}

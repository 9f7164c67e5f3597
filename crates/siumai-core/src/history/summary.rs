//! A summary in the place of old messages: which of them go, what is told of them, and what is left.
use std::{borrow::Cow, fmt::Write as _};

use super::trim::{Keep, droppable};
use crate::types::{ChatMessage, ContentPart, Role, ToolCall, ToolResult};

/// How a summary begins that stands in a history.
const FRAME: &str = "Summary of what came before; the messages themselves were left out:\n\n";

/// How many bytes of a tool's result are told to whoever summarises.
const RESULT_LIMIT: usize = 4_000;

/// A history, parted into what a summary is to replace and what stays.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parted {
    old: Vec<ChatMessage>,
    kept: Vec<ChatMessage>,
    /// Where the summary stands among those that are kept.
    place: usize,
}

impl Parted {
    /// Parts `messages` so that those that stay have no more than `keep` tokens, if that can be:
    /// whole exchanges go, and then steps of the last one. What the user said in it and its last
    /// step always stay. Summaries from before go with them, since the new one is of them, too.
    ///
    /// Nothing, if nothing is to go.
    pub(crate) fn new(
        messages: &[ChatMessage],
        keep: u64,
        tokens: impl Fn(&ChatMessage) -> u64,
    ) -> Option<Self> {
        let mut left: u128 = messages.iter().map(|it| u128::from(tokens(it))).sum();
        let mut goes = vec![false; messages.len()];
        for unit in droppable(messages, Keep::System) {
            if left <= u128::from(keep) {
                break;
            }
            for at in unit {
                goes[at] = true;
                left -= u128::from(tokens(&messages[at]));
            }
        }
        let place = goes.iter().position(|it| *it)?;
        for (goes, message) in goes.iter_mut().zip(messages) {
            *goes |= is_summary(message);
        }
        let place = goes[..place].iter().position(|it| *it).unwrap_or(place);
        let part = |wanted: bool| {
            let parted = messages.iter().zip(&goes).filter(move |(_, goes)| **goes == wanted);
            parted.map(|(message, _)| message.clone()).collect()
        };
        Some(Self { old: part(true), kept: part(false), place })
    }

    /// What goes, as it is told to whoever summarises it.
    pub(crate) fn transcript(&self) -> String {
        transcript(&self.old)
    }

    /// What stays, with `summary` in the place of the rest.
    pub(crate) fn with(mut self, summary: &str) -> Vec<ChatMessage> {
        self.kept.insert(self.place, ChatMessage::user(format!("{FRAME}{}", summary.trim())));
        self.kept
    }
}

fn is_summary(message: &ChatMessage) -> bool {
    message.role() == Role::User && message.text().is_some_and(|it| it.starts_with(FRAME))
}

/// `messages` as text that no provider takes for a conversation of its own.
fn transcript(messages: &[ChatMessage]) -> String {
    let mut told = String::new();
    for message in messages {
        let speaker = match message.role() {
            Role::System => "System",
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::Tool => "Tool",
        };
        for part in message.content() {
            tell(speaker, part, &mut told);
        }
    }
    told
}

fn tell(speaker: &str, part: &ContentPart, told: &mut String) {
    // Writing to a string can't fail.
    match part {
        ContentPart::Text { text } | ContentPart::Refusal { text } => {
            writeln!(told, "{speaker}: {text}\n").ok();
        }
        ContentPart::ToolCall(call) => {
            let ToolCall { name, arguments, .. } = &**call;
            writeln!(told, "{speaker} calls `{name}` with {arguments}\n").ok();
        }
        ContentPart::ToolResult(result) => {
            let ToolResult { name, .. } = &**result;
            writeln!(told, "Result of `{name}`: {}\n", beginning(&result.output_text())).ok();
        }
        ContentPart::Image { .. } => {
            writeln!(told, "{speaker} shows a picture\n").ok();
        }
        ContentPart::File { name, .. } => {
            let name = name.as_deref().unwrap_or("without a name");
            writeln!(told, "{speaker} attaches a file: {name}\n").ok();
        }
        // What it thought led to what it said, and where it has something from stands beside that.
        ContentPart::Reasoning { .. } | ContentPart::Source(_) => {}
    }
}

/// As much of a long text as says what it is about.
fn beginning(text: &str) -> Cow<'_, str> {
    let mut ends = (0..=RESULT_LIMIT.min(text.len())).rev();
    let end = ends.find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    if end == text.len() {
        return text.into();
    }
    let left = text.len() - end;
    format!("{} … ({left} more bytes were left out)", &text[..end]).into()
}

#[cfg(test)]
mod tests;

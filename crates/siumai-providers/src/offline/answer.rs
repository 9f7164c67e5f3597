//! What the model says: results in plain words, what is missing, and what it is.
#[cfg(test)]
mod tests;
mod values;

use siumai_core::types::{Tool, ToolStatus};

pub(super) use self::values::{plain, text_of};
use super::history::{History, Made};

/// Why a wish came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Note {
    /// No tool fits this part of the task.
    Unknown(String),
    /// The tool fits, but it could destroy something.
    Destructive(String),
    /// The task leaves out what the tool needs: parameters with their descriptions.
    Missing { tool: String, parameters: Vec<(String, String)> },
    /// What the task says is not what the tool takes.
    Unfit(String),
    /// It needs the result of a call that failed.
    Blocked(String),
}

/// The answer to a task: the results of its calls, and what came of the rest.
pub(super) fn compose(tools: &[Tool], history: &History<'_>, notes: &[Note]) -> String {
    let results = results(history);
    if !results.is_empty() {
        return with_notes(results, notes);
    }
    let told: Vec<&Note> = notes.iter().filter(|it| !matches!(it, Note::Unknown(_))).collect();
    if told.is_empty() {
        return introduction(tools, history.task);
    }
    let sentences: Vec<String> = told.into_iter().map(sentence).collect();
    format!("{}\n\n{WHO}", sentences.join("\n\n"))
}

/// The same for a tool that takes the answer: never empty.
pub(super) fn gathered(history: &History<'_>, notes: &[Note]) -> String {
    let results = results(history);
    if results.is_empty() {
        return format!("I found nothing to answer this with. {WHO}");
    }
    with_notes(results, notes)
}

const WHO: &str = "I am the offline model: fixed rules that match the words of a task to tools. No language model was \
     involved, and I don't guess.";

fn with_notes(results: String, notes: &[Note]) -> String {
    let mut answer = results;
    for note in notes {
        answer.push_str("\n\n");
        answer.push_str(&sentence(note));
    }
    answer
}

fn sentence(note: &Note) -> String {
    match note {
        Note::Unknown(part) => {
            format!("For “{part}” I found no tool that fits; no language model was involved.")
        }
        Note::Destructive(tool) => format!(
            "`{tool}` would fit, but it is marked as one that can destroy something, and I never pick such a tool by myself."
        ),
        Note::Missing { tool, parameters } => {
            let named: Vec<String> = parameters.iter().map(parameter).collect();
            format!(
                "I would call `{tool}`, but the task does not say {}. Say it, and I will.",
                listed(&named)
            )
        }
        Note::Unfit(tool) => {
            format!(
                "I would call `{tool}`, but what the task says does not fit its parameters. Say it differently, and I will."
            )
        }
        Note::Blocked(tool) => {
            format!("I did not call `{tool}`: it needs the result of a call that failed.")
        }
    }
}

fn parameter((name, description): &(String, String)) -> String {
    match description.as_str() {
        "" => format!("`{name}`"),
        description => {
            format!("`{name}` ({})", first_letter_lower(description.trim_end_matches('.')))
        }
    }
}

/// The model's account of itself, for a task that nothing here can do.
fn introduction(tools: &[Tool], task: &str) -> String {
    const MOST_TOOLS: usize = 12;
    let opening = if task.trim().is_empty() {
        "There is no task to work on."
    } else {
        "I found no tool that fits this."
    };
    if tools.is_empty() {
        return format!(
            "I can't help with this: I have no tools here. {WHO} Offer me tools, or ask a language model of a provider."
        );
    }
    let tool = |tool: &Tool| {
        let mark = if tool.is_destructive() {
            " (it can destroy something: I never pick it by myself)"
        } else {
            ""
        };
        match tool.description().lines().next().unwrap_or("") {
            "" => format!("- `{}`{mark}", tool.name()),
            description => format!("- `{}`: {description}{mark}", tool.name()),
        }
    };
    let mut lines: Vec<String> = tools.iter().take(MOST_TOOLS).map(tool).collect();
    if tools.len() > MOST_TOOLS {
        lines.push(format!("- and {} more", tools.len() - MOST_TOOLS));
    }
    format!("{opening} {WHO} What I can use here:\n\n{}", lines.join("\n"))
}

/// All results of the task, in call order; empty if there are none.
fn results(history: &History<'_>) -> String {
    let shown: Vec<String> = history.made.iter().filter_map(|it| result(it)).collect();
    match shown.as_slice() {
        [only] => only.clone(),
        many if many.iter().all(|it| !it.contains('\n')) => {
            let lines: Vec<String> = many.iter().map(|it| format!("- {it}")).collect();
            lines.join("\n")
        }
        many => many.join("\n\n"),
    }
}

fn result(made: &Made<'_>) -> Option<String> {
    let name = &made.call.name;
    let Some(result) = made.result else {
        return Some(format!("`{name}` was called, but has no result."));
    };
    let arguments = result.modified_arguments.as_ref().unwrap_or(&made.call.arguments);
    let title = values::title(name, arguments);
    let told = result.output_text();
    let told = told.trim();
    let told = match told {
        "" => "it gives no reason",
        told => told,
    };
    match result.status {
        ToolStatus::Executed => values::shown(&title, arguments, &result.output),
        ToolStatus::Denied => {
            Some(format!("{title}: `{name}` was not run, because it was denied. {told}"))
        }
        ToolStatus::Skipped => Some(format!("{title}: `{name}` was not run. {told}")),
        ToolStatus::TimedOut => {
            Some(format!("{title}: `{name}` took too long and was stopped. {told}"))
        }
        ToolStatus::Cancelled | ToolStatus::Interrupted => {
            Some(format!("{title}: `{name}` did not finish. {told}"))
        }
        ToolStatus::Indeterminate => {
            Some(format!("{title}: nobody knows what came of `{name}`. {told}"))
        }
        ToolStatus::Pending => Some(format!("{title}: `{name}` waits for approval. {told}")),
        _ => Some(format!("{title}: `{name}` failed: {told}")),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn first_letter_lower(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    // `URL` and `IANA` stay as they are.
    let is_word = letters.clone().next().is_none_or(|it| !it.is_uppercase());
    if is_word { first.to_lowercase().chain(letters).collect() } else { text.to_owned() }
}

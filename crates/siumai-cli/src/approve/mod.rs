//! Whether a tool call may run: the rule first, then the person at the terminal.
mod terminal;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use siumai::{orchestrator::ToolApproval, types::Tool};

pub(crate) use self::terminal::{Terminal, show};
use crate::{
    args::Approve,
    stop::{Cause, Stopper},
};

/// Asks a person about a call.
pub(crate) trait Ask: Send {
    /// What they say to a call of `tool` with `arguments`.
    fn ask(&mut self, tool: &Tool, arguments: &Value) -> Reply;
}

/// What a person says to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Yes,
    /// Yes, and to every further call of the tool in this run.
    Always,
    /// Yes, with these arguments instead.
    Edited(Value),
    /// No, because of this, if anything is said.
    No(String),
    /// The run is to end.
    End(Cause),
}

/// Decides on the calls of a run.
pub(crate) struct Approver {
    mode: Approve,
    tools: Vec<Tool>,
    stopper: Stopper,
    state: Mutex<State>,
}

struct State {
    /// Nobody, if there is no terminal.
    person: Option<Box<dyn Ask>>,
    always: HashSet<String>,
    has_ended: bool,
}

/// What the rule says before anybody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Run,
    Ask,
    Pause,
    Refuse(&'static str),
}

impl Approver {
    pub(crate) fn new(
        mode: Approve,
        tools: impl IntoIterator<Item = Tool>,
        person: Option<Box<dyn Ask>>,
        stopper: Stopper,
    ) -> Arc<Self> {
        let state = State { person, always: HashSet::new(), has_ended: false };
        Arc::new(Self {
            mode,
            tools: tools.into_iter().collect(),
            stopper,
            state: Mutex::new(state),
        })
    }

    /// Decides on a call; asks, and waits for the answer, if the rule says so.
    pub(crate) fn decide(&self, name: &str, arguments: &Value) -> ToolApproval {
        let Some(tool) = self.tools.iter().find(|it| it.name() == name) else {
            return deny("the tool is not known here");
        };
        match rule(self.mode, tool) {
            Rule::Run => ToolApproval::Approve(arguments.clone()),
            Rule::Refuse(reason) => deny(reason),
            Rule::Ask => self.ask(tool, arguments),
            Rule::Pause => ToolApproval::Pause,
        }
    }

    fn ask(&self, tool: &Tool, arguments: &Value) -> ToolApproval {
        let mut state = self.state();
        if state.has_ended {
            return deny(ENDING);
        }
        if state.always.contains(tool.name()) {
            return ToolApproval::Approve(arguments.clone());
        }
        let Some(person) = &mut state.person else {
            return deny("it needs approval, and nobody is at a terminal to give it");
        };
        match person.ask(tool, arguments) {
            Reply::Yes => ToolApproval::Approve(arguments.clone()),
            Reply::Always => {
                state.always.insert(tool.name().to_owned());
                ToolApproval::Approve(arguments.clone())
            }
            Reply::Edited(arguments) => ToolApproval::Modify(arguments),
            Reply::No(reason) if reason.trim().is_empty() => deny("the user said no"),
            Reply::No(reason) => deny(format!("the user said no: {}", reason.trim())),
            Reply::End(cause) => {
                state.has_ended = true;
                self.stopper.stop(cause);
                deny(ENDING)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approver").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Tools that can destroy something are asked about whatever the mode, unless it refuses them.
fn rule(mode: Approve, tool: &Tool) -> Rule {
    match mode {
        Approve::None => Rule::Refuse("no tool may run (--approve none)"),
        Approve::ReadOnly | Approve::Ask | Approve::Pause if tool.is_read_only() => Rule::Run,
        Approve::ReadOnly => {
            Rule::Refuse("only tools that change nothing may run (--approve read-only)")
        }
        Approve::All if !tool.is_destructive() => Rule::Run,
        Approve::Ask | Approve::All => Rule::Ask,
        Approve::Pause => Rule::Pause,
    }
}

const ENDING: &str = "the user ended the run";

fn deny(reason: impl Into<String>) -> ToolApproval {
    ToolApproval::Deny { reason: reason.into() }
}

#[cfg(test)]
mod tests;

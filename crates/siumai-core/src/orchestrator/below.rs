//! A run below another: what a run hands down to the agent that it calls as a tool, and what it
//! hears back beside the answer.
use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    ApprovalDecision, ApprovalRequest, Approver, OnToolApproval, OrchestratorOptions, StepResult,
    SuspendedRun,
};
use crate::{
    LlmError,
    journal::Journal,
    sync::{Mutex, MutexGuard},
    types::ModelUsage,
};

/// The run of an agent that waits for somebody to decide, as the run above keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Below {
    pub(super) run: SuspendedRun,
    /// What was decided since it was suspended.
    pub(super) decisions: Vec<ApprovalDecision>,
    /// How often it was suspended.
    pub(super) suspensions: usize,
}

impl Below {
    /// What it waits for, seen from above the agent that is called `name`.
    pub(super) fn requests(&self, name: &str) -> impl Iterator<Item = ApprovalRequest> {
        requests_below(name, &self.run)
    }
}

/// What `run` waits for, seen from above the agent that is called `name`.
pub(super) fn requests_below(
    name: &str,
    run: &SuspendedRun,
) -> impl Iterator<Item = ApprovalRequest> {
    run.pending().into_iter().map(|mut request| {
        request.agents.insert(0, name.to_owned());
        request
    })
}

/// Which agents a run is below, and that it is so: the run above gives it that with the values
/// for its tools.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    /// The run that is below them.
    pub(super) run_id: Option<String>,
    /// The names by which each was called, outermost first.
    pub(super) agents: Vec<String>,
}

/// The agents that a run with `options` is below.
pub(super) fn agents_above(options: &OrchestratorOptions) -> &[String] {
    options.context.get::<Lineage>().map_or(&[], |it| &it.agents)
}

/// What a run hands down to the agents that one of its steps calls.
#[derive(Default)]
pub(super) struct Above {
    pub(super) journal: Option<Arc<dyn Journal>>,
    pub(super) on_tool_approval: Option<OnToolApproval>,
    pub(super) approver: Option<Arc<dyn Approver>>,
    /// Those that were suspended and go on, by the ids of their calls.
    pub(super) resumed: Vec<(String, Below)>,
    pub(super) notes: Notes,
}

impl Above {
    pub(super) fn new(
        options: &OrchestratorOptions,
        resumed: Vec<(String, Below)>,
        notes: Notes,
    ) -> Self {
        Self {
            journal: options.journal.clone(),
            on_tool_approval: options.on_tool_approval.clone(),
            approver: options.approver.clone(),
            resumed,
            notes,
        }
    }

    /// What the agent of a call goes on with, if it was suspended.
    pub(super) fn resumed(&self, call_id: &str) -> Option<&Below> {
        self.resumed.iter().find(|(id, _)| id == call_id).map(|(_, below)| below)
    }
}

/// What the agents that a step calls leave for the run above, whatever becomes of them: they are
/// dropped first.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    /// By the ids of the calls.
    calls: Vec<(String, Note)>,
    /// What the run above can't go on with either.
    broken: Option<LlmError>,
}

/// What the agent of one call left.
#[derive(Default)]
pub(super) struct Note {
    is_claimed: bool,
    /// What it cost.
    pub(super) usage: Vec<ModelUsage>,
    pub(super) suspension: Option<Suspension>,
}

/// An agent's run that waits, and why it went no further, if that is an error.
pub(super) struct Suspension {
    pub(super) run: Box<SuspendedRun>,
    pub(super) error: Option<LlmError>,
}

impl Notes {
    /// Whether an agent may run as the one of this call; the first may.
    pub(super) fn claim(&self, call_id: &str) -> bool {
        self.with(call_id, |note| !std::mem::replace(&mut note.is_claimed, true))
    }

    pub(super) fn pay(&self, call_id: &str, bill: Vec<ModelUsage>) {
        self.with(call_id, |note| bill.into_iter().for_each(|it| it.add_to(&mut note.usage)));
    }

    pub(super) fn suspend(&self, call_id: &str, suspension: Suspension) {
        self.with(call_id, |note| note.suspension = Some(suspension));
    }

    /// Ends the run above with `error`, as if the agent had not been called.
    pub(super) fn break_off(&self, error: LlmError) {
        self.lock().broken = Some(error);
    }

    /// Says what the run above can't go on with.
    pub(super) fn check(&self) -> Result<(), LlmError> {
        self.lock().broken.take().map_or(Ok(()), Err)
    }

    /// Takes what was left of a call.
    pub(super) fn take(&self, call_id: &str) -> Note {
        let calls = &mut self.lock().calls;
        let place = calls.iter().position(|(id, _)| id == call_id);
        place.map(|at| calls.swap_remove(at).1).unwrap_or_default()
    }

    fn with<T>(&self, call_id: &str, change: impl FnOnce(&mut Note) -> T) -> T {
        let calls = &mut self.lock().calls;
        if let Some((_, note)) = calls.iter_mut().find(|(id, _)| id == call_id) {
            return change(note);
        }
        let mut note = Note::default();
        let changed = change(&mut note);
        calls.push((call_id.to_owned(), note));
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// They say how a run is going, not what it is.
impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").finish_non_exhaustive()
    }
}

/// What the models of `steps` cost, and those of the agents that they called.
pub(super) fn bill(steps: &[StepResult]) -> Vec<ModelUsage> {
    let mut bill = Vec::new();
    for step in steps {
        let usage = step.usage.clone().unwrap_or_default();
        ModelUsage::new(step.provider.clone(), step.model.clone(), usage).add_to(&mut bill);
        step.bill_of_agents().for_each(|it| it.clone().add_to(&mut bill));
    }
    bill
}

//! `siumai runs`: what can be done with the runs that were kept.
mod list;
mod show;

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::Value;
use siumai::{
    durable::RunStatus,
    orchestrator::{ApprovalDecision, ApprovalRequest},
};

use crate::{
    args::{Calls, ModelArgs, NewLimits, RecordingArgs, RunsCommand, ShowArgs},
    clock::Clock,
    environment::Environment,
    failure::{Exit, Failure},
    program::written,
    running::Running,
    saved::{self, Kept, Saved, Setup},
    stop::interruptible,
};

/// Does what `siumai runs` was asked for.
pub(crate) async fn perform(command: RunsCommand) -> Result<Exit, Failure> {
    let environment = Environment::read()?;
    let saved = Saved::look(&environment)?;
    let kept = |start: &str| match &saved {
        Some(saved) => saved.read(start),
        None => Err(saved::unknown(start)),
    };
    let out = &mut anstream::stdout();
    match command {
        RunsCommand::Ls { output } => {
            let runs = saved.as_ref().map_or(Ok(Vec::new()), Saved::runs)?;
            written(list::runs(out, &runs, &Clock::system(), output))
        }
        RunsCommand::Show { run, output } => {
            written(show::run(out, &kept(&run.run)?, &Clock::system(), output))
        }
        RunsCommand::Approve { calls, modify, show } => {
            let kept = kept(&calls.run.run)?;
            let decide = |request: &ApprovalRequest| match &modify {
                Some(arguments) => request.modify(arguments.clone()),
                None => request.approve(),
            };
            let decisions = decisions(&kept, &calls, modify.as_ref(), decide)?;
            Resume { saved, kept, decisions, show }
                .go(environment, None, &NewLimits::default())
                .await
        }
        RunsCommand::Deny { calls, reason, show } => {
            let kept = kept(&calls.run.run)?;
            let decisions = decisions(&kept, &calls, None, |request| request.deny(&*reason))?;
            Resume { saved, kept, decisions, show }
                .go(environment, None, &NewLimits::default())
                .await
        }
        RunsCommand::Resume { run, model, limits, show } => {
            let kept = kept(&run.run)?;
            let decisions = Vec::new();
            Resume { saved, kept, decisions, show }.go(environment, Some(model), &limits).await
        }
        RunsCommand::Rm { runs, all, older_than } => {
            let age = if all { Some(Duration::ZERO) } else { older_than };
            remove(saved, &runs, age)
        }
    }
}

/// A run that goes on, and what was decided on its calls.
struct Resume {
    saved: Option<Saved>,
    kept: Kept,
    decisions: Vec<ApprovalDecision>,
    show: ShowArgs,
}

impl Resume {
    /// Goes on with the setup that the run was kept with, but for what is given.
    async fn go(
        self,
        environment: Environment,
        model: Option<ModelArgs>,
        limits: &NewLimits,
    ) -> Result<Exit, Failure> {
        let Self { saved, kept, decisions, show } = self;
        let mut setup = Setup::read(&kept.summary.metadata)?;
        if let Some(ModelArgs { model: Some(model), base_url }) = model {
            (setup.model, setup.base_url) = (Some(model), base_url);
        } else if let Some(ModelArgs { base_url: Some(url), .. }) = model {
            setup.base_url = Some(url);
        }
        setup.limits = setup.limits.with(limits);
        let (tools, failed) = interruptible(setup.tools()).await??;
        let warnings = failed.iter().map(ToString::to_string).collect();
        let kept = saved.map(|saved| (saved, kept.summary.id));
        let messages = Vec::new();
        let recording = RecordingArgs::default();
        let running = Running {
            environment,
            setup,
            tools,
            warnings,
            show,
            recording,
            messages,
            kept,
            decisions,
        };
        running.go().await
    }
}

/// What is decided on the calls that were meant.
fn decisions(
    kept: &Kept,
    calls: &Calls,
    modify: Option<&Value>,
    decide: impl Fn(&ApprovalRequest) -> ApprovalDecision,
) -> Result<Vec<ApprovalDecision>, Failure> {
    let waiting = kept.recorded.pending();
    let ids =
        || waiting.iter().map(|it| format!("`{}`", it.call.id)).collect::<Vec<_>>().join(", ");
    if waiting.is_empty() {
        let status = saved::status(&kept.summary.status);
        let message = format!("no call of the run waits for approval; the run is {status}");
        return Err(Failure::usage(message));
    }
    if calls.all || calls.ids.is_empty() && waiting.len() == 1 {
        return Ok(waiting.iter().map(decide).collect());
    }
    if calls.ids.is_empty() {
        let message =
            format!("several calls wait: {}; name those that you mean, or give --all", ids());
        return Err(Failure::usage(message));
    }
    if modify.is_some() && calls.ids.len() > 1 {
        return Err(Failure::usage("--modify is for one call; name one"));
    }
    let find = |id: &String| {
        let request = waiting.iter().find(|it| it.call.id == *id);
        request.map(&decide).ok_or_else(|| {
            Failure::usage(format!("no call `{id}` waits for approval; these do: {}", ids()))
        })
    };
    calls.ids.iter().map(find).collect()
}

/// Deletes the runs that are named, or those that did not go on for as long as `age`.
fn remove(saved: Option<Saved>, starts: &[String], age: Option<Duration>) -> Result<Exit, Failure> {
    let Some(saved) = saved else {
        return starts.first().map_or(Ok(Exit::Done), |start| Err(saved::unknown(start)));
    };
    let ids = if let Some(age) = age {
        let now = Clock::system().moment();
        let mut runs = saved.runs()?;
        runs.retain(|run| {
            let idle = now.duration_since(run.updated).unwrap_or_default();
            idle >= age && !matches!(run.status, RunStatus::Running)
        });
        runs.into_iter().map(|it| it.id).collect()
    } else {
        let found = starts.iter().map(|start| saved.find(start).map(|it| it.id));
        found.collect::<Result<Vec<_>, _>>()?
    };
    for id in &ids {
        saved.delete(id)?;
    }
    // Whoever does not read it sees by the exit code that it is done.
    writeln!(anstream::stderr(), "deleted: {}", ids.len()).ok();
    Ok(Exit::Done)
}

/// Writes a list as JSON.
fn json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

//! `siumai runs show`.
use std::io::{self, Write};

use serde_json::{Value, json};
use siumai::{
    durable::RunStatus,
    orchestrator::StepResult,
    types::{ChatMessage, Role},
};

use super::{
    json,
    list::{age, described, summary},
};
use crate::{
    approve::show as show_arguments,
    args::ListOutput,
    clock::Clock,
    render::{one_line, paint, printable, printable_lines},
    saved::{Kept, status},
};

/// Writes what a run did, and what waits in it.
pub(super) fn run(
    out: &mut impl Write,
    kept: &Kept,
    clock: &Clock,
    format: ListOutput,
) -> io::Result<()> {
    if format == ListOutput::Json {
        return json(out, &whole(kept));
    }
    heading(out, kept, clock)?;
    let asked = kept.recorded.messages();
    let asked = asked.iter().filter(|it| matches!(it.role(), Role::System | Role::User));
    asked.filter_map(ChatMessage::text).try_for_each(|it| words(out, it))?;
    kept.recorded.steps().iter().try_for_each(|it| step(out, it))?;
    for call in kept.recorded.under_way() {
        writeln!(out, "-> {}\n<- nobody knows what came of it", one_line(&call))?;
    }
    waiting(out, kept)
}

fn heading(out: &mut impl Write, kept: &Kept, clock: &Clock) -> io::Result<()> {
    let run = &kept.summary;
    let (on, off) = (paint::STRONG.render(), paint::STRONG.render_reset());
    let (model, _) = described(run);
    let why = match &run.status {
        RunStatus::Failed(error) => format!(": {error}"),
        _ => String::new(),
    };
    let (began, went_on) = (age(clock, run.created), age(clock, run.updated));
    writeln!(out, "{on}run{off} {}", printable(&run.id))?;
    writeln!(out, "{on}model{off} {}", printable(&model))?;
    writeln!(out, "{on}status{off} {}{}", status(&run.status), printable(&why))?;
    writeln!(out, "{on}began{off} {began} ago, went on {went_on} ago")
}

fn step(out: &mut impl Write, step: &StepResult) -> io::Result<()> {
    let (on, off) = (paint::STRONG.render(), paint::STRONG.render_reset());
    writeln!(out, "\n{on}step {}{off}", step.step_number + 1)?;
    if let Some(text) = step.text() {
        writeln!(out, "{}", printable_lines(text).trim_end())?;
    }
    for call in &step.tool_calls {
        writeln!(out, "-> {}", one_line(call))?;
        let result = step.tool_results.iter().find(|it| it.call_id == call.id);
        if let Some(result) = result {
            let told = result.output_text().replace('\n', " ");
            writeln!(out, "<- {}: {}", word(&json!(result.status)), printable(&told))?;
        }
    }
    Ok(())
}

fn waiting(out: &mut impl Write, kept: &Kept) -> io::Result<()> {
    for request in kept.recorded.pending() {
        let (on, off) = (paint::WARNING.render(), paint::WARNING.render_reset());
        let (name, id) = (printable(&request.call.name), printable(&request.call.id));
        writeln!(out, "\n{on}waiting{off} {name} ({id}) wants to run with")?;
        show_arguments(out, &request.call.arguments)?;
    }
    Ok(())
}

fn words(out: &mut impl Write, text: &str) -> io::Result<()> {
    let (on, off) = (paint::FAINT.render(), paint::FAINT.render_reset());
    text.lines().try_for_each(|line| writeln!(out, "{on}> {}{off}", printable(line)))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn whole(kept: &Kept) -> Value {
    let mut object = summary(&kept.summary);
    let pending = kept.recorded.pending();
    object["steps"] = json!(kept.recorded.steps());
    object["usage"] = json!(kept.recorded.usage());
    object["messages"] = json!(kept.recorded.messages());
    object["waiting"] = pending.iter().map(|it| json!(it.call)).collect();
    object
}

//! `siumai runs ls`.
use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use siumai::durable::{RunStatus, RunSummary};

use super::json;
use crate::{
    args::ListOutput,
    clock::Clock,
    render::{paint, printable},
    saved::{Setup, short, status},
};

/// Writes a line a run.
pub(super) fn runs(
    out: &mut impl Write,
    runs: &[RunSummary],
    clock: &Clock,
    format: ListOutput,
) -> io::Result<()> {
    if format == ListOutput::Json {
        return json(out, &runs.iter().map(summary).collect());
    }
    let (on, off) = (paint::STRONG.render(), paint::STRONG.render_reset());
    writeln!(
        out,
        "{on}{:<8}  {:>5}  {:<11}  {:>5}  {:<24}  PROMPT{off}",
        "RUN", "AGE", "STATUS", "STEPS", "MODEL"
    )?;
    for run in runs {
        let (model, prompt) = described(run);
        writeln!(
            out,
            "{:<8}  {:>5}  {:<11}  {:>5}  {:<24}  {}",
            printable(short(&run.id)),
            age(clock, run.updated),
            status(&run.status),
            run.steps,
            printable(&model),
            printable(&prompt),
        )?;
    }
    Ok(())
}

/// The model and the beginning of the prompt.
pub(super) fn described(run: &RunSummary) -> (String, String) {
    match Setup::read(&run.metadata) {
        Ok(setup) => (setup.model.unwrap_or_default(), setup.prompt),
        Err(_) => ("?".to_owned(), "?".to_owned()),
    }
}

/// A run as JSON.
pub(super) fn summary(run: &RunSummary) -> Value {
    let time = |it: SystemTime| Timestamp::try_from(it).map(|it| it.to_string()).ok();
    let mut object = json!({
        "id": run.id,
        "status": status(&run.status),
        "steps": run.steps,
        "began_at": time(run.created),
        "went_on_at": time(run.updated),
        "setup": run.metadata,
    });
    match &run.status {
        RunStatus::Ended(stopped_by) => object["stopped_by"] = json!(stopped_by),
        RunStatus::Failed(error) => object["error"] = error.to_string().into(),
        _ => {}
    }
    object
}

/// How long ago it was: `12 s`, `5 min`, `3 h`, `40 d`.
pub(super) fn age(clock: &Clock, moment: SystemTime) -> String {
    let seconds = clock.moment().duration_since(moment).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

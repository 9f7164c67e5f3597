//! The command line of `siumai runs`.
use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand, ValueHint};
use serde_json::Value;
use siumai::prices::Usd;

use super::{ListOutput, ModelArgs, ShowArgs, from_anywhere};

/// What is done with the runs that were kept.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List them, those that went on last first
    Ls {
        /// How to write them
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: ListOutput,
    },
    /// Show what a run did, and which of its calls wait for approval
    Show {
        #[command(flatten)]
        run: RunId,

        /// How to write it
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: ListOutput,
    },
    /// Let calls that wait run, and go on
    Approve {
        #[command(flatten)]
        calls: Calls,

        /// Arguments to run the call with in place of the model's, as a JSON object
        #[arg(long, value_name = "JSON", value_parser = object, conflicts_with = "all")]
        modify: Option<Value>,

        #[command(flatten)]
        show: ShowArgs,
    },
    /// Refuse calls that wait, and go on; the model is told
    Deny {
        #[command(flatten)]
        calls: Calls,

        /// Why; the model is told
        #[arg(long, value_name = "TEXT", default_value = "the user said no")]
        reason: String,

        #[command(flatten)]
        show: ShowArgs,
    },
    /// Go on with a run where it was, whatever ended it
    Resume {
        #[command(flatten)]
        run: RunId,

        #[command(flatten)]
        model: ModelArgs,

        #[command(flatten)]
        limits: NewLimits,

        #[command(flatten)]
        show: ShowArgs,
    },
    /// Delete runs; what they said is overwritten
    Rm {
        /// The runs, each by its id or the first characters of it
        #[arg(value_name = "RUN", required_unless_present_any = ["all", "older_than"])]
        runs: Vec<String>,

        /// All that nobody drives just now
        #[arg(long, conflicts_with = "runs")]
        all: bool,

        /// Those that did not go on for so long, such as `30d`
        #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["runs", "all"])]
        older_than: Option<Duration>,
    },
}

/// Limits in the place of those that a run has; they count from its beginning.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct NewLimits {
    /// The most steps the run may take
    #[arg(long, value_name = "N")]
    pub(crate) max_steps: Option<NonZeroUsize>,

    /// The most tool calls the run may execute
    #[arg(long, value_name = "N")]
    pub(crate) max_tool_calls: Option<usize>,

    /// The most tokens the run may use
    #[arg(long, value_name = "N")]
    pub(crate) max_total_tokens: Option<NonZeroU64>,

    /// What models cost, as a TOML or JSON file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = from_anywhere)]
    pub(crate) prices: Option<PathBuf>,

    /// The most dollars the run may cost
    #[arg(long, value_name = "USD")]
    pub(crate) max_cost: Option<Usd>,

    /// At a limit, ask the model once more for an answer, without tools
    #[arg(long)]
    pub(crate) answer_at_limit: bool,
}

/// A run that was kept.
#[derive(Args, Debug)]
pub(crate) struct RunId {
    /// The run, by its id or the first characters of it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

/// Calls that wait in a run.
#[derive(Args, Debug)]
pub(crate) struct Calls {
    #[command(flatten)]
    pub(crate) run: RunId,

    /// The calls, by the ids that `siumai runs show` gives them; may be left out if only one waits
    #[arg(value_name = "CALL")]
    pub(crate) ids: Vec<String>,

    /// All that wait
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("that is no JSON object".to_owned()),
        Err(error) => Err(format!("that is no JSON ({error})")),
    }
}

/// Days have 24 hours; months have no length.
fn duration(text: &str) -> Result<Duration, String> {
    let length = text
        .parse::<jiff::Span>()
        .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()));
    let length = length.ok().and_then(|it| Duration::try_from(it).ok());
    length
        .ok_or_else(|| "write weeks, days, hours or minutes, such as `2w`, `30d`, `12h`".to_owned())
}

//! The command line.
mod mcp;
mod runs;

use std::{
    io,
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};
use siumai::{
    orchestrator::{AtLimit, UsageLimits},
    prices::Usd,
};

pub(crate) use self::{
    mcp::{McpArgs, McpCommand, ServeArgs},
    runs::{Calls, NewLimits, RunsCommand},
};
use crate::run::Limits;

/// Let a language model work in steps: it calls tools, reads their results and goes on until it is done.
///
/// Without a key or a model server it works offline.
#[derive(Debug, Parser)]
#[command(
    name = "siumai",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    after_help = EXAMPLES,
    max_term_width = 100,
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give the model a task; this is what happens without a command, too
    Run(Box<RunArgs>),
    /// List, show, approve, resume and delete the runs that were kept
    #[command(subcommand)]
    Runs(RunsCommand),
    /// List the tools that are offered to the model
    Tools(ToolsArgs),
    /// Be an MCP server to other programs
    #[command(subcommand)]
    Mcp(McpCommand),
    /// List the models that can be chosen, and which one `auto` takes
    Models(ModelsArgs),
    /// Write the completions of a shell to standard output
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The task, in any number of words; `-` before or behind them stands for what is piped in
    #[arg(value_name = "PROMPT", allow_negative_numbers = true)]
    pub(crate) prompt: Vec<String>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// What holds for the whole run
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    #[command(flatten)]
    pub(crate) tools: ToolArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) recording: RecordingArgs,

    /// Who decides whether a tool may run
    #[arg(long, value_enum, default_value_t, value_name = "WHO", help_heading = "Tools")]
    pub(crate) approve: Approve,

    /// Keep nothing of the run; it can't be resumed then
    #[arg(long)]
    pub(crate) no_save: bool,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// What is shown of a run.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// What goes to standard output
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub(crate) output: Output,

    /// Ask for each reply in one piece
    #[arg(long, help_heading = "Output")]
    pub(crate) no_stream: bool,

    /// Show the answer and errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Show arguments and results whole, and the model's reasoning
    #[arg(short, long, help_heading = "Output")]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    /// The model: `openai:NAME`, `ollama:NAME`, `offline`, or `auto` to take what there is
    #[arg(short, long, value_name = "PROVIDER:NAME", help_heading = "Model")]
    pub(crate) model: Option<String>,

    /// Where the provider's API is, for a server that speaks the same
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = "Model")]
    pub(crate) base_url: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(crate) struct RecordingArgs {
    /// Write what the model is asked and answers into this file, without keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Recording")]
    pub(crate) record: Option<PathBuf>,

    /// Replace the file of --record, if there is one
    #[arg(long, requires = "record", help_heading = "Recording")]
    pub(crate) overwrite: bool,

    /// Let the recording in this file answer instead of a model; tools run as always
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["record", "overwrite", "model", "base_url"],
        help_heading = "Recording"
    )]
    pub(crate) replay: Option<PathBuf>,
}

#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// The most steps the run may take
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) max_steps: NonZeroUsize,

    /// The most tool calls the run may execute; a reply that would go beyond executes none
    #[arg(long, value_name = "N")]
    pub(crate) max_tool_calls: Option<usize>,

    /// The most tokens the run may use, read and written; checked before each reply is asked for
    #[arg(long, value_name = "N")]
    pub(crate) max_total_tokens: Option<NonZeroU64>,

    /// What models cost, as a TOML or JSON file; the run says what it cost
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = from_anywhere)]
    pub(crate) prices: Option<PathBuf>,

    /// The most dollars the run may cost; checked after each step, and ends the run at once
    #[arg(long, value_name = "USD", requires = "prices")]
    pub(crate) max_cost: Option<Usd>,

    /// At a limit, ask the model once more for an answer, without tools
    #[arg(long)]
    pub(crate) answer_at_limit: bool,

    /// Stop after a step that calls this tool; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) stop_on_tool: Vec<String>,
}

impl LimitArgs {
    /// With what is new in the place of what was.
    pub(crate) fn with(self, new: &NewLimits) -> Self {
        Self {
            max_steps: new.max_steps.unwrap_or(self.max_steps),
            max_tool_calls: new.max_tool_calls.or(self.max_tool_calls),
            max_total_tokens: new.max_total_tokens.or(self.max_total_tokens),
            prices: new.prices.clone().or(self.prices),
            max_cost: new.max_cost.or(self.max_cost),
            answer_at_limit: self.answer_at_limit || new.answer_at_limit,
            stop_on_tool: self.stop_on_tool,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let usage = UsageLimits {
            total_tokens: self.max_total_tokens.map(NonZeroU64::get),
            tool_calls: self.max_tool_calls,
            ..Default::default()
        };
        let at_limit = if self.answer_at_limit { AtLimit::Answer } else { AtLimit::Stop };
        let (max_steps, max_cost) = (self.max_steps.get(), self.max_cost);
        Limits { max_steps, usage, max_cost, at_limit }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ToolArgs {
    /// Offer this tool only; may be given several times
    #[arg(
        short = 'T',
        long = "tool",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Tools"
    )]
    pub(crate) tools: Vec<String>,

    /// The folder that tools work in and can't leave
    #[arg(long, value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath, help_heading = "Tools")]
    pub(crate) root: PathBuf,

    #[command(flatten)]
    pub(crate) mcp: McpArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ToolsArgs {
    #[command(flatten)]
    pub(crate) mcp: McpArgs,

    /// How to write them
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: ListOutput,
}

#[derive(Args, Debug)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// Who decides on a tool call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Approve {
    /// You, in the terminal; tools that only read are not asked about
    #[default]
    Ask,
    /// Nobody: tools that only read run, the others don't
    ReadOnly,
    /// Nobody: tools run; those that write or run commands still ask, and need a terminal
    All,
    /// You, later: calls that `ask` asks about wait for `siumai runs approve`, and the run with them
    Pause,
    /// Nobody: no tool runs
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// The model's words, as they come
    #[default]
    Text,
    /// One JSON object at the end: text, steps, usage, messages
    Json,
    /// One JSON object a line for each event, as it happens
    Jsonl,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// A table
    #[default]
    Text,
    /// A JSON array
    Json,
}

/// A path that means the same wherever the run is resumed.
fn from_anywhere(path: &str) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

const EXAMPLES: &str = "\
Examples:
  siumai \"what is 12% of 250?\"
  siumai run -m ollama:qwen3 \"which files here mention tokio?\"
  git diff | siumai run \"write a commit message for this:\" -
  siumai --replay run.jsonl \"what is 12% of 250?\"     (after the same with --record)
  siumai -o json -T calculator \"(3 + 4) * 12\" | jq .text
  siumai --approve pause \"delete what is in tmp\"
  siumai --mcp \"npx -y @modelcontextprotocol/server-filesystem .\" \"which files are here?\"

Exit codes:
  0 done   1 failed   2 wrong usage   3 stopped by a limit
  4 a tool call was denied, or nobody was there to approve it   5 waits for approval
  130 interrupted

With OTEL_EXPORTER_OTLP_ENDPOINT=URL, telemetry of a run is exported there over OTLP: spans and metrics,
and what was said if OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true.

Runs are kept in the folder of your account, unless --no-save is given; `siumai runs ls` lists them.";

//! What the command line says about MCP.
use std::{num::NonZeroU64, path::PathBuf};

use clap::{Args, Subcommand, ValueHint};
use serde::{Deserialize, Serialize};

use super::{Approve, LimitArgs, ModelArgs, ToolArgs};

/// The MCP servers whose tools are offered.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[command(next_help_heading = "MCP servers")]
pub(crate) struct McpArgs {
    /// Offer the tools of this MCP server, too: a command to start it by, or its address; `${NAME}`
    /// stands for a variable of the environment. May be given several times
    #[arg(long, value_name = "[NAME=]COMMAND|URL")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mcp: Vec<String>,

    /// Offer those of the servers in this file, which has `mcpServers` as other programs have it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mcp_config: Option<PathBuf>,

    /// How many seconds a server may take to start and say what it offers; 30 if nothing is said
    #[arg(long, value_name = "SECONDS")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mcp_timeout: Option<NonZeroU64>,
}

/// What is done with MCP.
#[derive(Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// Offer an agent as a tool to the program that starts this one, over standard input and output
    Serve(Box<ServeArgs>),
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// What holds for all runs of the agent
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    /// What the agent is called as a tool
    #[arg(long, value_name = "NAME", default_value = "siumai")]
    pub(crate) name: String,

    /// What the model that uses it is told about it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "An agent with tools of its own: give it a task in words, and it answers when it is done"
    )]
    pub(crate) description: String,

    #[command(flatten)]
    pub(crate) tools: ToolArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    /// Which tools of the agent may run, for nobody can be asked
    #[arg(
        long,
        value_enum,
        default_value = "read-only",
        value_name = "WHICH",
        help_heading = "Tools"
    )]
    pub(crate) approve: Approve,
}

//! From the command line to the exit code.
use std::{
    io::{self, IsTerminal, Read, Write},
    sync::Arc,
};

use clap::{CommandFactory, Parser};
use dialoguer::{Input, console::Term, theme::SimpleTheme};
use siumai_core::{system, types::ChatMessage, user};

use crate::{
    approve::{Approver, Ask, Terminal},
    args::{Cli, Command, ListOutput, Output, RunArgs, ToolArgs, ToolsArgs},
    clock::Clock,
    environment::Environment,
    failure::{Exit, Failure},
    model::{self, Http},
    render::{Answer, Detail, Json, JsonLines, Progress, Text, paint, printable},
    run::{self, Durations, Task},
    stop,
    tools::{BuiltIns, Root},
};

//! The program `siumai`: an agent for the terminal.
mod approve;
mod args;
mod clock;
mod environment;
mod failure;
mod lists;
mod mcp;
mod model;
mod prices;
mod program;
mod recording;
mod render;
mod run;
mod running;
mod runs;
mod saved;
mod stop;
mod telemetry;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main().into()
}

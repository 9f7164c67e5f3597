//! The project's chores: `cargo xtask test` is what stands between a change and `main`.
//!
//! - `bench`: what a run costs, beside other libraries
//! - `checks`: what `test` runs, and in which order
//! - `tidy`: the rules of the tree that no compiler keeps
//! - `e2e`: the program, run as somebody new would run it
//! - `mcp`: MCP servers that others wrote, installed and tried
//! - `fuzz`: made-up bytes for whatever reads from outside
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: its headings and its errors go to their terminal"
)]

mod bench;
mod checks;
mod e2e;
mod fuzz;
mod mcp;
mod tidy;

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

const HELP: &str = "\
the project's chores: cargo xtask VERB

  test   format, tidy, lints, all tests, documentation; stops at the first that fails
  ci     the same, and `mcp`, as the pipeline calls it
  tidy   only the rules of the tree that no compiler keeps
  e2e    runs the program offline, as somebody new would, and checks what it says
  mcp    installs MCP servers that others wrote, where npm and PyPI can be reached, and tries them
  schedules   what threads share, under thousands of schedules
  fuzz   [TARGET] [--minutes N]: looks for bytes that break a law, with a nightly toolchain and cargo-fuzz
  bench  [--help] [OPTIONS]: what a run costs, beside other libraries; builds those
  help   this page";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *words {
        ["test"] => checks::run(),
        ["ci"] => checks::run().and_then(|()| mcp::run()),
        ["tidy"] => tidy::run(),
        ["e2e"] => e2e::run(),
        ["mcp"] => mcp::run(),
        ["schedules"] => checks::schedules(),
        ["fuzz"] => fuzz::run(None, fuzz::MINUTES),
        ["fuzz", "--minutes", minutes] => fuzz::run(None, minutes),
        ["fuzz", target] => fuzz::run(Some(target), fuzz::MINUTES),
        ["fuzz", target, "--minutes", minutes] => fuzz::run(Some(target), minutes),
        ["bench", ref options @ ..] => bench::run(options),
        [] | ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("error: no chore `{}`\n\n{HELP}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("\nerror: {what}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo in the folder of the workspace, as if it had been called from a shell.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    // `cargo xtask` is run by cargo, which describes the package `xtask` in the environment. A
    // build script that watches those variables would be run again, and its package built again.
    for (name, _) in env::vars_os() {
        let described = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if described {
            command.env_remove(name);
        }
    }
    command
}

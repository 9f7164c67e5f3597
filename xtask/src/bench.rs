//! `cargo xtask bench`: what a run costs, measured beside other libraries.
use crate::{cargo, root};

/// Hands over to the runner, which lives with the clients in a workspace of their own.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let folder = root().join("bench");
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "runner"]);
    command.arg("--target-dir").arg(folder.join("target"));
    command.arg("--").args(arguments).current_dir(&folder);
    let status = command.status().map_err(|error| format!("cargo did not start ({error})"))?;
    if status.success() { Ok(()) } else { Err(format!("the measurements failed ({status})")) }
}

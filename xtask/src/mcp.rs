//! MCP servers that others wrote, installed from where they are published, and tried.
use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{cargo, root};

const FROM_NPM: [&str; 2] =
    ["@modelcontextprotocol/server-everything", "@modelcontextprotocol/server-filesystem"];
const FROM_PYPI: [&str; 2] = ["mcp-server-time", "mcp-server-git"];

/// How long an installation may take. What is there already takes a moment.
const PATIENCE: Duration = Duration::from_secs(120);

/// Installs the servers as far as that goes, and tries those that are there.
pub(crate) fn run() -> Result<(), String> {
    let folder = root().join("target").join("mcp-servers");
    let (npm, python, work) = (folder.join("npm"), folder.join("python"), folder.join("work"));
    for folder in [&npm, &work] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    tell("npm", from_npm(&npm));
    tell("PyPI", from_pypi(&python));
    let programs = if cfg!(windows) { "Scripts" } else { "bin" };
    let folders = [npm.join("node_modules").join(".bin"), python.join(programs), work];
    let mut trying = cargo(&["run", "--quiet", "--package", "siumai-mcp", "--example"]);
    trying.args(["real-servers", "--"]).args(folders);
    let status = trying.status().map_err(|error| format!("cargo did not start ({error})"))?;
    if status.success() { Ok(()) } else { Err("a server failed".to_owned()) }
}

fn tell(place: &str, installed: Result<(), String>) {
    if let Err(why) = installed {
        println!("the servers from {place} could not be installed: {why}");
    }
}

fn from_npm(folder: &Path) -> Result<(), String> {
    if FROM_NPM.iter().all(|it| folder.join("node_modules").join(it).exists()) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut install = Command::new(npm);
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
    wait(install.args(FROM_NPM))
}

fn from_pypi(folder: &Path) -> Result<(), String> {
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    if FROM_PYPI.iter().all(|it| programs.join(it).exists()) {
        return Ok(());
    }
    wait(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let quietly: [&OsStr; 3] =
        ["install".as_ref(), "--quiet".as_ref(), "--disable-pip-version-check".as_ref()];
    wait(Command::new(programs.join("pip")).args(quietly).args(FROM_PYPI))
}

/// Runs `command`, though not for ever.
fn wait(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| format!("{name} did not start ({error})"))?;
    match end_of(&mut child).map_err(|error| format!("{name}: {error}"))? {
        Some(true) => Ok(()),
        Some(false) => Err(format!("{name} failed")),
        None => Err(format!("{name} took longer than {PATIENCE:?}")),
    }
}

/// Whether it went well, unless it took too long.
#[expect(clippy::disallowed_methods, reason = "an installation is waited for, and nothing else")]
fn end_of(child: &mut Child) -> std::io::Result<Option<bool>> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

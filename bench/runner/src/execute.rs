//! Builds the programs, starts them, reads what they say.
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use harness::{Error, Proof, Report};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::plan::{Cell, ClientSpec, Kind};

/// A run that never ends is one whose client caps its concurrency, or has lost its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds one package by itself, so that neither its features nor its mistakes reach another.
pub fn build(root: &Path, package: &str) -> Result<(), Error> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--package", package]);
    command.arg("--target-dir").arg(root.join("target")).current_dir(root);
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{package} does not build").into()) }
}

/// A server, and who talks to it.
pub struct Bench {
    programs: PathBuf,
    server: Child,
    address: String,
    /// A processor beside the one that all share, if there is one.
    other: Option<CpuSet>,
    /// Gates are numbered.
    gates: u64,
}

impl Bench {
    /// Starts the server. It and most clients share one processor: whoever waits gives it to the
    /// other, and no wake-up has to cross from one to another, which costs what it likes.
    pub fn start(root: &Path) -> Result<Self, Error> {
        let other = stay_on_one_processor()?;
        let programs = root.join("target/release");
        let mut server = Command::new(programs.join("server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = server.stdout.take().ok_or("the server has no output")?;
        let mut address = String::new();
        BufReader::new(said).read_line(&mut address)?;
        Ok(Self { programs, server, address: address.trim().to_owned(), other, gates: 0 })
    }

    /// Measures a client once.
    ///
    /// # Errors
    ///
    /// If it failed, never came to an end, or does not show that it did what it was told.
    pub fn run(&mut self, client: &ClientSpec, cell: &Cell) -> Result<Report, Error> {
        self.gates += 1;
        let job = cell.job(client, &self.address, self.gates);
        let mut command = Command::new(self.programs.join(client.package));
        command.arg(serde_json::to_string(&job)?).args(client.argument);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if cell.kind == Kind::Apart {
            let other = self.other.as_ref().ok_or("there is no second processor")?;
            sched_setaffinity(Pid::from_raw(child.id().try_into()?), other)?;
        }
        let said = read_to_end(child)?;
        let report: Report = serde_json::from_str(&said)?;
        let proof = Proof::of(&job);
        if report.proof == proof && report.requests == job.requests() {
            Ok(report)
        } else {
            Err(format!("shows {:?} where {proof:?} is to be shown", report.proof).into())
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The server ends with its input; this only waits for it.
        drop(self.server.stdin.take());
        let _gone = self.server.wait();
    }
}

/// What a program printed, if it ends well and in time. It prints less than a pipe holds.
fn read_to_end(mut child: Child) -> Result<String, Error> {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(format!("no end within {} s", PATIENCE.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(2));
    };
    let (mut said, mut complained) = (String::new(), String::new());
    child.stdout.take().ok_or("no output")?.read_to_string(&mut said)?;
    child.stderr.take().ok_or("no output")?.read_to_string(&mut complained)?;
    if status.success() {
        Ok(said)
    } else {
        let complaint: String = complained.trim().chars().take(160).collect();
        Err(format!("{status}: {complaint}").into())
    }
}

/// Leaves all processors but the last that may be used; the one before that is returned.
fn stay_on_one_processor() -> Result<Option<CpuSet>, Error> {
    let allowed = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).rev().filter(|&it| allowed.is_set(it)).map(|it| {
        let mut only = CpuSet::new();
        only.set(it);
        only
    });
    sched_setaffinity(None, &processors.next().ok_or("no processor may be used")?)?;
    Ok(processors.next())
}

//! Runs a client, checks its proof and tells what it cost.
//!
//! Processor time is that of the whole process, user and system, from when the client is set up
//! until its last run is over. Memory is the most that the process ever had resident.
use std::{fs, future::Future, io::Write, time::Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};

use crate::{Desk, Error, Job, script};

/// A library, as it is measured.
pub trait Client: Sized {
    /// Sets up what a program sets up once: the HTTP client, the tools.
    fn new(job: &Job) -> Result<Self, Error>;

    /// One run, from the prompt to the answer.
    fn run(&self) -> impl Future<Output = Result<Outcome, Error>>;
}

/// What a run claims.
#[derive(Debug)]
pub struct Outcome {
    /// Tools it executed.
    pub tools: u64,
    /// The sum of the lines that the model asked for.
    pub lines: u64,
    pub answer: Answer,
}

#[derive(Debug)]
pub enum Answer {
    Text(String),
    /// Of a client that reads nothing: the bytes of the reply that the server marked as the last.
    /// It sends that only to who sent it all results.
    Unread {
        bytes: usize,
        is_last: bool,
    },
}

impl Outcome {
    /// What the tools counted, and the answer.
    pub fn new(desk: &Desk, answer: impl Into<String>) -> Self {
        let (tools, lines) = desk.tally();
        Self { tools, lines, answer: Answer::Text(answer.into()) }
    }
}

/// What was shown to have happened, of all runs together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub runs: usize,
    pub tools: u64,
    pub lines: u64,
    /// Runs whose answer was the right one.
    pub answers: usize,
}

impl Proof {
    /// What a job must show.
    pub fn of(job: &Job) -> Self {
        let (runs, results) = (job.runs(), job.script.results() as u64);
        let lines = results * results.saturating_sub(1) / 2;
        Self { runs, tools: runs as u64 * results, lines: runs as u64 * lines, answers: runs }
    }
}

/// What a client prints: one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub requests: usize,
    pub setup_us: u64,
    pub cpu_us: u64,
    pub wall_us: u64,
    /// Before the first run, and at most.
    pub base_kb: u64,
    pub peak_kb: u64,
    pub proof: Proof,
}

/// The whole of a client's program.
///
/// # Errors
///
/// If there is no job, or a run failed or did not come out as it should.
pub fn main<C: Client>() -> Result<(), Error> {
    let job = std::env::args().nth(1).ok_or("the job is missing: JSON, in the only argument")?;
    let job: Job = serde_json::from_str(&job)?;
    raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure::<C>(&job))?;
    let mut line = serde_json::to_string(&report)?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes())?;
    Ok(())
}

async fn measure<C: Client>(job: &Job) -> Result<Report, Error> {
    let before_setup = cpu_us();
    let client = C::new(job)?;
    let (base_kb, start, before) = (memory_kb("VmRSS:")?, Instant::now(), cpu_us());
    let mut proof = Proof::default();
    for _ in 0..job.repeat {
        if job.at_once == 1 {
            take(&mut proof, &client.run().await?, job)?;
        } else {
            let mut runs: FuturesUnordered<_> = (0..job.at_once).map(|_| client.run()).collect();
            while let Some(outcome) = runs.next().await {
                take(&mut proof, &outcome?, job)?;
            }
        }
    }
    let (cpu_us, wall) = (cpu_us() - before, start.elapsed());
    Ok(Report {
        requests: job.requests(),
        setup_us: before - before_setup,
        cpu_us,
        wall_us: u64::try_from(wall.as_micros())?,
        base_kb,
        peak_kb: memory_kb("VmHWM:")?,
        proof,
    })
}

/// Takes a run in, if it came out as it should.
fn take(proof: &mut Proof, outcome: &Outcome, job: &Job) -> Result<(), Error> {
    let is_right = match &outcome.answer {
        Answer::Text(text) => *text == script::answer(job.script.deltas),
        Answer::Unread { bytes, is_last } => *is_last && *bytes > job.script.deltas * 4,
    };
    if !is_right {
        return Err(format!("the answer is not the right one: {:.300?}", outcome.answer).into());
    }
    proof.runs += 1;
    proof.answers += 1;
    proof.tools += outcome.tools;
    proof.lines += outcome.lines;
    Ok(())
}

/// What this process has used so far, user and system.
#[expect(clippy::cast_sign_loss, reason = "the clock starts at zero")]
fn cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

fn memory_kb(field: &str) -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let line = line.ok_or("the system does not tell how much memory is used")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// A connection is a file, and there may be thousands.
///
/// # Errors
///
/// If the system refuses.
pub fn raise_file_limit() -> Result<(), Error> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(())
}

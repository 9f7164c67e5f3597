//! What `cargo xtask test` runs: what fails soonest comes first.
use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{cargo, tidy};

struct Check {
    name: &'static str,
    work: Work,
}

enum Work {
    Tidy,
    Cargo {
        arguments: &'static [&'static str],
        environment: &'static [(&'static str, &'static str)],
    },
}

const FUZZ: &str = "fuzz/Cargo.toml";
const BENCH: &str = "bench/Cargo.toml";

/// What threads share, with an explorer's locks: a build of the core, and of all below it, of its own.
const SCHEDULES: Check = Check {
    name: "schedules",
    work: Work::Cargo {
        arguments: &[
            "test",
            "--package",
            "siumai-core",
            "--lib",
            "--target-dir",
            "target/schedules",
            "schedules::",
        ],
        environment: &[("RUSTFLAGS", "--cfg shuttle")],
    },
};

const CHECKS: [Check; 12] = [
    Check::cargo("format", &["fmt", "--all", "--check"]),
    Check::cargo("format of the fuzz targets", &["fmt", "--manifest-path", FUZZ, "--check"]),
    // Their lints would build the libraries that they compare.
    Check::cargo(
        "format of the benchmarks",
        &["fmt", "--manifest-path", BENCH, "--all", "--check"],
    ),
    Check { name: "tidy", work: Work::Tidy },
    // Only its own features: those that other packages switch on must not be what it lives on.
    Check::cargo("the core alone", &["check", "--package", "siumai-core"]),
    Check::cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    // A workspace of its own. Without its default features it needs neither nightly nor C++.
    Check::cargo(
        "lints of the fuzz targets",
        &[
            "clippy",
            "--manifest-path",
            FUZZ,
            "--no-default-features",
            "--target-dir",
            "target",
            "--",
            "-D",
            "warnings",
        ],
    ),
    // The tests run them.
    Check::cargo("examples", &["build", "--workspace", "--examples"]),
    // The examples in the documentation have a check of their own.
    Check::cargo("tests", &["test", "--workspace", "--lib", "--bins", "--tests"]),
    SCHEDULES,
    Check::cargo("examples in the documentation", &["test", "--workspace", "--doc"]),
    Check {
        name: "documentation",
        work: Work::Cargo {
            // Libraries only: the program has the name of one, and would be written over it.
            arguments: &["doc", "--workspace", "--lib", "--no-deps"],
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
        },
    },
];

/// Runs every check, up to the first that fails.
pub(crate) fn run() -> Result<(), String> {
    let mut times = Vec::new();
    for (at, check) in CHECKS.iter().enumerate() {
        let command = check.command_line();
        println!("\n==> {}/{} {}: {command}", at + 1, CHECKS.len(), check.name);
        let (outcome, took) = timed(|| check.perform());
        outcome.map_err(|why| format!("{}: {why}; to repeat it: {command}", check.name))?;
        times.push((check.name, took));
    }
    println!("\n==> everything holds");
    for (name, took) in times {
        println!("{:>7.1} s  {name}", took.as_secs_f64());
    }
    Ok(())
}

/// Tries what threads share under many schedules.
pub(crate) fn schedules() -> Result<(), String> {
    SCHEDULES.perform()
}

impl Check {
    const fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, work: Work::Cargo { arguments, environment: &[] } }
    }

    fn perform(&self) -> Result<(), String> {
        match self.work {
            Work::Tidy => tidy::run(),
            Work::Cargo { arguments, environment } => {
                succeed(cargo(arguments).envs(environment.iter().copied()))
            }
        }
    }

    /// What somebody types to run this check alone.
    fn command_line(&self) -> String {
        match self.work {
            Work::Tidy => "cargo xtask tidy".to_owned(),
            Work::Cargo { arguments, environment } => {
                let variables =
                    environment.iter().map(|(name, value)| format!("{name}='{value}' "));
                format!("{}cargo {}", variables.collect::<String>(), arguments.join(" "))
            }
        }
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cargo did not start ({error})"))?;
    if status.success() { Ok(()) } else { Err(format!("failed ({status})")) }
}

#[expect(clippy::disallowed_methods, reason = "how long a check takes is for the person who waits")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = work();
    (outcome, start.elapsed())
}

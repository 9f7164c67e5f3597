//! Fuzzing, one target after the other: `fuzz/README.md` says what and why.
use std::fs;

use crate::{cargo, root};

/// How long each target runs if nobody says, in minutes.
pub(crate) const MINUTES: &str = "30";

/// Runs `target`, or all of them, for so many minutes each; what it found ends it.
pub(crate) fn run(target: Option<&str>, minutes: &str) -> Result<(), String> {
    let seconds = minutes.parse::<u32>().ok().and_then(|it| it.checked_mul(60));
    let seconds = seconds.ok_or_else(|| format!("`{minutes}` is no number of minutes"))?;
    let targets = targets()?;
    match target {
        None => targets.iter().try_for_each(|it| run_one(it, seconds)),
        Some(name) if targets.iter().any(|it| it == name) => run_one(name, seconds),
        Some(name) => Err(format!("no target `{name}`; there are {}", targets.join(", "))),
    }
}

fn targets() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root().join("fuzz/fuzz_targets"));
    let entries = entries.map_err(|error| format!("no targets to fuzz ({error})"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}

fn run_one(target: &str, seconds: u32) -> Result<(), String> {
    // What is found on the way stays out of the corpus that is kept.
    let grown = format!("fuzz/target/corpus/{target}");
    fs::create_dir_all(root().join(&grown)).map_err(|error| format!("{grown}: {error}"))?;
    let corpus = format!("fuzz/corpus/{target}");
    let dictionary = format!("-dict=fuzz/dictionaries/{target}.dict");
    let time = format!("-max_total_time={seconds}");
    let arguments =
        ["+nightly", "fuzz", "run", "--sanitizer", "none", target, &grown, &corpus, "--"];
    let limits = ["-max_len=16384", "-timeout=20", "-rss_limit_mb=2048"];
    let status = cargo(&arguments).args([&dictionary, &time]).args(limits).status();
    let status = status.map_err(|error| format!("cargo did not start ({error})"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{target}` failed ({status}); what did it is in `fuzz/artifacts/{target}`"))
}

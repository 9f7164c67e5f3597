//! What building costs: a minimal program with each library, from nothing.
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use harness::Error;
use serde::Serialize;

use crate::{results::Results, say};

const PROGRAMS: [(&str, &str); 5] = [
    ("light-floor", "reqwest and tokio alone"),
    ("light-siumai", "siumai"),
    ("light-genai", "genai 0.7"),
    ("light-rig", "rig 0.44"),
    ("light-siumai-beta", "siumai 0.11 beta 12"),
];

/// The most crates that a program with siumai may be built of.
const MOST_CRATES: usize = 135;

/// The kernel counts time in hundredths of a second, on every system that cargo builds for.
const TICK_MS: u64 = 10;

#[derive(Serialize)]
struct Weight {
    package: &'static str,
    title: &'static str,
    crates: usize,
    debug_cpu_s: Option<f64>,
    release_bytes: Option<u64>,
}

/// Weighs all programs and writes `build.json` and `build.md`.
pub fn measure(root: &Path, only_counts: bool) -> Result<(), Error> {
    let mut weights = Vec::new();
    for (package, title) in PROGRAMS {
        let crates = crates(root, package)?;
        weights.push(Weight { package, title, crates, debug_cpu_s: None, release_bytes: None });
    }
    if only_counts {
        return say(&table(&weights));
    }
    for at in 0..weights.len() {
        let Weight { package, title, .. } = weights[at];
        say(&format!("{title} …"))?;
        weights[at].debug_cpu_s = told(debug_build(root, package))?;
        weights[at].release_bytes = told(release_size(root, package))?;
        // It takes long: what is known so far is there if the rest never comes.
        write(root, &weights)?;
    }
    say(&table(&weights))?;
    say("written to bench/results")
}

fn write(root: &Path, weights: &[Weight]) -> Result<(), Error> {
    let folder = root.join("results");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("build.json"), serde_json::to_string_pretty(weights)? + "\n")?;
    let heading = Results::new(root).heading("What building costs", "cargo xtask bench --build");
    Ok(fs::write(folder.join("build.md"), format!("{heading}\n{}", table(weights)))?)
}

/// What was measured, if it could be: a program that does not build holds up no other.
fn told<T>(measured: Result<T, Error>) -> Result<Option<T>, Error> {
    match measured {
        Ok(measured) => Ok(Some(measured)),
        Err(error) => say(&error.to_string()).map(|()| None),
    }
}

/// How many crates a program is made of, those that run in the compiler included, itself not.
fn crates(root: &Path, package: &str) -> Result<usize, Error> {
    let arguments = ["tree", "--package", package, "--edges", "normal", "--prefix", "none"];
    let output = Command::new("cargo").args(arguments).current_dir(root).output()?;
    if !output.status.success() {
        return Err(format!("the crates of {package} can't be listed").into());
    }
    let listed = String::from_utf8(output.stdout)?;
    // A name, a version, then what differs from line to line: a path, a mark of repetition.
    let names = listed.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?))
    });
    let names: BTreeSet<_> = names.filter(|(name, _)| *name != package).collect();
    Ok(names.len())
}

/// The seconds of processor time of a debug build from nothing.
fn debug_build(root: &Path, package: &str) -> Result<f64, Error> {
    let folder = root.join("target/light");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let before = children_ms()?;
    build(root, package, "dev", &folder)?;
    let used = children_ms()? - before;
    fs::remove_dir_all(&folder)?;
    #[expect(clippy::cast_precision_loss, reason = "a build takes less than a year")]
    Ok(used as f64 / 1000.0)
}

fn release_size(root: &Path, package: &str) -> Result<u64, Error> {
    // What programs share is built once.
    let folder = root.join("target");
    build(root, package, "light", &folder)?;
    Ok(fs::metadata(folder.join("light").join(package))?.len())
}

fn build(root: &Path, package: &str, profile: &str, folder: &Path) -> Result<(), Error> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--package", package, "--profile", profile]);
    command.arg("--target-dir").arg(folder).current_dir(root).stdout(Stdio::null());
    // What is built for the next build is not what is weighed.
    let status = command.env("CARGO_INCREMENTAL", "0").status()?;
    if status.success() { Ok(()) } else { Err(format!("{package} does not build").into()) }
}

/// The processor time of all processes that this one waited for, user and system.
fn children_ms() -> Result<u64, Error> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in brackets, may hold spaces; user and system time stand 14 and 15 fields behind it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64, Error> {
        Ok(fields.get(at).ok_or("the system does not tell processor times")?.parse()?)
    };
    Ok((ticks(13)? + ticks(14)?) * TICK_MS)
}

fn table(weights: &[Weight]) -> String {
    let mut text =
        "| | crates | processor time of a debug build, s | stripped, MB |\n|---|---:|---:|---:|\n"
            .to_owned();
    for weight in weights {
        let seconds = weight.debug_cpu_s.map_or("–".to_owned(), |it| format!("{it:.0}"));
        #[expect(clippy::cast_precision_loss, reason = "a program has fewer bytes")]
        let size =
            weight.release_bytes.map_or("–".to_owned(), |it| format!("{:.1}", it as f64 / 1e6));
        // Writing to a string can't fail.
        let _infallible =
            writeln!(text, "| {} | {} | {seconds} | {size} |", weight.title, weight.crates);
    }
    let ours = weights.iter().find(|it| it.package == "light-siumai").map_or(0, |it| it.crates);
    let others = weights.iter().skip(2).map(|it| it.crates).min().unwrap_or(0);
    let holds = if ours <= MOST_CRATES && ours < others { "holds" } else { "**does not hold**" };
    let _infallible = writeln!(
        text,
        "\n- {holds}: at most {MOST_CRATES} crates, and fewer than any other: {ours}, the least of the others {others}"
    );
    text
}

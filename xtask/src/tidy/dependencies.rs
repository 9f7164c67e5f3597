//! What `siumai-core` must not bring along: HTTP, TLS, anything that spawns.
use std::collections::BTreeSet;

use super::Finding;
use crate::cargo;

const MANIFEST: &str = "crates/siumai-core/Cargo.toml";

const NEVER: [&str; 17] = [
    "async-io",
    "async-std",
    "aws-lc-rs",
    "curl",
    "h2",
    "hyper",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "rayon",
    "reqwest",
    "ring",
    "rustls",
    "smol",
    "socket2",
    "ureq",
];

/// What tokio may be used for: locks and channels, and time that tests can stop.
const TOKIO: [&str; 3] = ["default", "sync", "time"];

/// The packages that `siumai-core` is built with, a line each: name, version, `|`, features.
pub(super) fn of_the_core() -> Result<String, String> {
    let arguments =
        ["tree", "--package", "siumai-core", "--edges", "normal", "--prefix", "none", "--format"];
    let output = cargo(&arguments)
        .arg("{p}|{f}")
        .output()
        .map_err(|error| format!("cargo did not start ({error})"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

pub(super) fn check(packages: &str) -> Vec<Finding> {
    // A package stands there once for each that uses it.
    let complaints: BTreeSet<String> = packages.lines().filter_map(complaint).collect();
    complaints
        .into_iter()
        .map(|message| Finding { path: MANIFEST.to_owned(), line: 1, message })
        .collect()
}

fn complaint(line: &str) -> Option<String> {
    let (package, features) = line.split_once('|')?;
    let name = package.split(' ').next()?;
    let is_barred = NEVER.iter().any(|it| {
        name.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    if is_barred || name.ends_with("-rustls") {
        return Some(format!(
            "`{name}` is in the dependencies; what needs a network belongs to `siumai-providers`"
        ));
    }
    let features = features.trim_end_matches(" (*)").split(',').filter(|it| !it.is_empty());
    let barred: Vec<&str> = features.filter(|it| !TOKIO.contains(it)).collect();
    (name == "tokio" && !barred.is_empty()).then(|| {
        format!("tokio is built with `{}`; only `sync` and `time` may be", barred.join("`, `"))
    })
}

//! What was measured, and what lies in the middle of it.
use std::{collections::BTreeMap, fs, path::Path, process::Command};

use harness::Report;
use serde::Serialize;

use crate::plan::{CLIENTS, Cell};

/// All that was measured.
#[derive(Serialize)]
pub struct Results {
    pub machine: String,
    pub compiler: String,
    pub commit: String,
    /// By the names of the cells.
    pub cells: BTreeMap<String, Measured>,
    /// Clients that do not build, and why.
    pub missing: Vec<(String, String)>,
}

/// What was measured in a cell, by client.
#[derive(Default, Serialize)]
pub struct Measured {
    pub reports: BTreeMap<String, Vec<Report>>,
    pub failures: BTreeMap<String, String>,
}

impl Results {
    pub fn new(root: &Path) -> Self {
        let say = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(root).output();
            let text = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
            text.unwrap_or_else(|_| "unknown".to_owned())
        };
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models: Vec<_> = processors.lines().filter(|it| it.starts_with("model name")).collect();
        let model = models.first().and_then(|it| it.split(": ").nth(1)).unwrap_or("unknown");
        Self {
            machine: format!("{model}, {} processors, one of them used", models.len()),
            compiler: say("rustc", &["--version"]),
            commit: say("git", &["rev-parse", "--short", "HEAD"]),
            cells: BTreeMap::new(),
            missing: Vec::new(),
        }
    }

    /// What stands above the tables in a file.
    pub fn heading(&self) -> String {
        format!(
            "# What a run costs\n\nWritten by `cargo xtask bench`, at {}, with {}, on {}.\n",
            self.commit, self.compiler, self.machine
        )
    }

    /// The processor time a unit of `cell`, in microseconds.
    pub fn cost(&self, cell: &Cell, client: &str) -> Option<f64> {
        self.cells.get(cell.name)?.cost(cell, client)
    }
}

impl Measured {
    pub fn take(&mut self, client: &str, report: Report) {
        self.reports.entry(client.to_owned()).or_default().push(report);
    }

    pub fn fail(&mut self, client: &str, why: &str) {
        self.failures.insert(client.to_owned(), why.to_owned());
    }

    pub fn has_failed(&self, client: &str) -> bool {
        self.failures.contains_key(client)
    }

    /// Processor time a unit, in microseconds: the median of the rounds.
    pub fn cost(&self, cell: &Cell, client: &str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a measurement has fewer digits")]
        self.median(client, |it| it.cpu_us as f64 / cell.units() as f64)
    }

    /// The ratio to another client: the median of the ratios within the rounds, since what else the
    /// machine did in a round met both.
    pub fn ratio(&self, client: &str, other: &str) -> Option<f64> {
        let (ours, theirs) = (self.reports.get(client)?, self.reports.get(other)?);
        #[expect(clippy::cast_precision_loss, reason = "a measurement has fewer digits")]
        let ratios = ours.iter().zip(theirs).map(|(a, b)| a.cpu_us as f64 / b.cpu_us as f64);
        median(ratios.collect())
    }

    /// The most memory that was resident, in KiB.
    pub fn peak(&self, client: &str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a measurement has fewer digits")]
        self.median(client, |it| it.peak_kb as f64)
    }

    /// What each of the runs added to the memory, in KiB.
    pub fn memory_a_run(&self, cell: &Cell, client: &str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a measurement has fewer digits")]
        self.median(client, |it| (it.peak_kb - it.base_kb) as f64 / cell.at_once as f64)
    }

    /// The library that needs least, of the others.
    pub fn best_peer(&self, cell: &Cell) -> Option<(&'static str, f64)> {
        let peers = CLIENTS.iter().filter(|it| it.is_peer);
        let costs = peers.filter_map(|it| Some((it.name, self.cost(cell, it.name)?)));
        costs.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn median(&self, client: &str, value: impl Fn(&Report) -> f64) -> Option<f64> {
        median(self.reports.get(client)?.iter().map(value).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

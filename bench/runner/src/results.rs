//! What was measured, and what lies in the middle of it.
use std::{collections::BTreeMap, fs, path::Path, process::Command};

use harness::{Error, Report};
use serde::Serialize;

use crate::plan::{CELLS, CLIENTS, Cell};

/// All that was measured.
pub struct Results {
    pub machine: String,
    pub compiler: String,
    pub commit: String,
    /// By the names of the cells.
    pub cells: BTreeMap<String, Measured>,
    /// Clients that do not build, and why.
    pub missing: Vec<(String, String)>,
}

/// A client in a cell, as it is written down: a line, with what each round measured.
#[derive(Serialize)]
struct Line<'a> {
    cell: &'a str,
    client: &'a str,
    /// What the processor time is divided by in the tables.
    units: usize,
    at_once: usize,
    cpu_us: Vec<u64>,
    base_kb: Vec<u64>,
    peak_kb: Vec<u64>,
}

/// What was measured in a cell, by client.
#[derive(Default)]
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
            machine: format!("{model} with {} processors", models.len()),
            compiler: say("rustc", &["--version"]),
            commit: say("git", &["rev-parse", "--short", "HEAD"]),
            cells: BTreeMap::new(),
            missing: Vec::new(),
        }
    }

    /// What stands above the tables in a file.
    pub fn heading(&self, title: &str, command: &str) -> String {
        format!(
            "# {title}\n\nWritten by `{command}`, at {}, with {}, on {}.\n",
            self.commit, self.compiler, self.machine
        )
    }

    /// Every measurement: a line of JSON for each client in each cell.
    pub fn json(&self) -> Result<String, Error> {
        let mut text = String::new();
        for cell in &CELLS {
            let reports = self.cells.get(cell.name).map(|it| &it.reports);
            for (client, reports) in reports.into_iter().flatten() {
                let line = Line {
                    cell: cell.name,
                    client,
                    units: cell.units(),
                    at_once: cell.at_once,
                    cpu_us: reports.iter().map(|it| it.cpu_us).collect(),
                    base_kb: reports.iter().map(|it| it.base_kb).collect(),
                    peak_kb: reports.iter().map(|it| it.peak_kb).collect(),
                };
                text.push_str(&serde_json::to_string(&line)?);
                text.push('\n');
            }
        }
        Ok(text)
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

//! Runs the measurements: `cargo xtask bench`.
//!
//! - `plan`: what is measured, with whom, how often
//! - `execute`: builds the programs, starts them, reads what they say
//! - `results`: what was measured, and what lies in the middle of it
//! - `rules`: what must hold
//! - `table`, `plot`: what came of it, for people
//! - `light`: what building costs
mod execute;
mod light;
mod plan;
mod plot;
mod results;
mod rules;
mod table;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use harness::Error;

use self::{
    execute::{Bench, build},
    plan::{CELLS, CLIENTS, Cell, ClientSpec},
    results::{Measured, Results},
};

const HELP: &str = "\
measures what a run costs, beside other libraries: cargo xtask bench [OPTIONS]

  --quick           fewer cells and rounds, no other libraries; under two minutes
  --only WORD       the cells whose name holds the word, such as loop-400, text or many
  --clients A,B     these clients; `ours,floor,handwritten` is all that have such names
  --build           measures the builds instead: crates, processor time, size; takes long
  --crates          only counts the crates
  --list            lists cells and clients

Only a run of everything, or one with --build, writes to bench/results.";

#[derive(Default)]
struct Arguments {
    is_quick: bool,
    only: Option<String>,
    clients: Option<String>,
    is_build: bool,
    is_crates: bool,
    is_list: bool,
    is_help: bool,
}

fn main() -> ExitCode {
    let done = Arguments::parse(std::env::args().skip(1)).and_then(|it| it.perform());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nowhere_else = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says something to whoever waits.
fn say(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// The folder of the measurements.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

impl Arguments {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut arguments = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            match &*word {
                "--quick" => arguments.is_quick = true,
                "--build" => arguments.is_build = true,
                "--crates" => arguments.is_crates = true,
                "--list" => arguments.is_list = true,
                "--help" | "-h" => arguments.is_help = true,
                "--only" => arguments.only = Some(words.next().ok_or("--only wants a word")?),
                "--clients" => {
                    arguments.clients = Some(words.next().ok_or("--clients wants names")?);
                }
                other => return Err(format!("no option `{other}`\n\n{HELP}").into()),
            }
        }
        Ok(arguments)
    }

    fn perform(&self) -> Result<(), Error> {
        match self {
            Self { is_help: true, .. } => say(HELP),
            Self { is_list: true, .. } => list(),
            Self { is_build: true, .. } => light::measure(&root(), false),
            Self { is_crates: true, .. } => light::measure(&root(), true),
            _ => self.measure(),
        }
    }

    fn measure(&self) -> Result<(), Error> {
        let clients: Vec<&ClientSpec> = CLIENTS.iter().filter(|it| self.wants(it)).collect();
        let cells: Vec<&Cell> = CELLS.iter().filter(|it| self.wants_cell(it)).collect();
        if clients.is_empty() || cells.is_empty() {
            return Err("nothing is left to be measured; `--list` says what there is".into());
        }
        build(&root(), "server")?;
        let mut results = Results::new(&root());
        let mut built = Vec::new();
        for client in clients {
            match build(&root(), client.package) {
                Ok(()) => built.push(client),
                Err(why) => results.missing.push((client.name.to_owned(), why.to_string())),
            }
        }
        let mut bench = Bench::start(&root())?;
        for cell in cells {
            let measured = measure_cell(&mut bench, cell, &built, self.is_quick)?;
            say(&table::line(cell, &measured))?;
            results.cells.insert(cell.name.to_owned(), measured);
        }
        let text = format!("{}\n{}", table::tables(&results), rules::text(&results));
        say(&text)?;
        if self.is_quick || self.only.is_some() || self.clients.is_some() {
            return Ok(());
        }
        let folder = root().join("results");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("results.jsonl"), results.json()?)?;
        fs::write(
            folder.join("results.md"),
            format!("{}\n{text}", results.heading("What a run costs", "cargo xtask bench")),
        )?;
        fs::write(folder.join("results.svg"), plot::svg(&results))?;
        say("written to bench/results")
    }

    fn wants(&self, client: &ClientSpec) -> bool {
        match &self.clients {
            Some(names) => names.split(',').any(|it| client.name.starts_with(it)),
            None => !(self.is_quick && client.is_peer),
        }
    }

    fn wants_cell(&self, cell: &Cell) -> bool {
        let is_meant = self.only.as_ref().is_none_or(|word| cell.name.contains(&**word));
        is_meant && (!self.is_quick || cell.is_quick)
    }
}

/// Each round measures every client once, in an order that moves on, so that what else the machine
/// does meets them all.
fn measure_cell(
    bench: &mut Bench,
    cell: &Cell,
    clients: &[&ClientSpec],
    is_quick: bool,
) -> Result<Measured, Error> {
    let mut measured = Measured::default();
    let rounds = if is_quick { cell.rounds.div_ceil(2) } else { cell.rounds };
    for round in 0..rounds {
        for at in 0..clients.len() {
            let client = clients[(at + round) % clients.len()];
            let has_part = cell.has_part(client) && (!client.is_peer || round < cell.peer_rounds);
            if !has_part || measured.has_failed(client.name) {
                continue;
            }
            match bench.run(client, cell) {
                Ok(report) => measured.take(client.name, report),
                Err(why) => measured.fail(client.name, &why.to_string()),
            }
        }
    }
    Ok(measured)
}

fn list() -> Result<(), Error> {
    say("cells:")?;
    for cell in CELLS {
        let quick = if cell.is_quick { " (quick)" } else { "" };
        say(&format!("  {}: {}{quick}", cell.name, cell.title))?;
    }
    say("clients:")?;
    for client in CLIENTS {
        say(&format!("  {}: {}", client.name, client.title))?;
    }
    Ok(())
}

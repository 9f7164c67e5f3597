//! What came of it, as tables in Markdown.
use std::fmt::Write;

use crate::{
    plan::{CELLS, CLIENTS, Cell, ClientSpec, Kind},
    results::{Measured, Results},
};

/// A cell in a line, for whoever waits.
pub fn line(cell: &Cell, measured: &Measured) -> String {
    let mut line = format!("{:<36}", cell.title);
    for client in &CLIENTS {
        if let Some(cost) = measured.cost(cell, client.name) {
            // Writing to a string can't fail.
            let _infallible = write!(line, "  {} {}", client.name, number(cost));
        } else if let Some(why) = measured.failures.get(client.name) {
            let _infallible = write!(line, "  {} FAILED ({why})", client.name);
        }
    }
    line
}

pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    let groups: [(&str, &str, Kind); 4] = [
        ("Tool loops", "Processor time a model call, in µs.", Kind::Loop),
        (
            "Tool loops, with the server on a processor of its own",
            "Processor time a model call, in µs: whoever waits goes to sleep and is woken.",
            Kind::Apart,
        ),
        ("Text", "Processor time a delta, in µs.", Kind::Text),
        (
            "Many at once",
            "Processor time a run, in µs: 5 steps with tools, then 40 deltas.",
            Kind::Many,
        ),
    ];
    for (title, unit, kind) in groups {
        let rows =
            rows(results, kind, |cell, it, client| Some(number(it.cost(cell, client)?)), true);
        section(&mut text, title, unit, &rows);
    }
    let peak = rows(results, Kind::Loop, |_, it, client| Some(megabytes(it.peak(client)?)), false);
    section(
        &mut text,
        "Memory of tool loops",
        "The most that the process had resident, in MB.",
        &peak,
    );
    let each =
        |cell: &Cell, it: &Measured, client: &str| Some(number(it.memory_a_run(cell, client)?));
    let each = rows(results, Kind::Many, each, false);
    section(&mut text, "Memory of many at once", "What each run added at the most, in KiB.", &each);
    failures(results, &mut text);
    text
}

type Rows = Vec<Vec<String>>;

/// A row for each cell of `kind` that was measured, below a row of names.
fn rows(
    results: &Results,
    kind: Kind,
    value: impl Fn(&Cell, &Measured, &str) -> Option<String>,
    has_ratios: bool,
) -> Rows {
    let cells = CELLS.iter().filter(|it| it.kind == kind);
    let cells: Vec<_> =
        cells.filter_map(|cell| Some((cell, results.cells.get(cell.name)?))).collect();
    if cells.is_empty() {
        return Vec::new();
    }
    let has_values =
        |client: &&ClientSpec| cells.iter().any(|(_, it)| it.reports.contains_key(client.name));
    let clients: Vec<_> = CLIENTS.iter().filter(has_values).collect();
    let mut head = vec![String::new()];
    head.extend(clients.iter().map(|it| it.title.to_owned()));
    if has_ratios {
        head.extend(
            ["× floor (reqwest)", "× hand-written", "÷ best other library"].map(String::from),
        );
    }
    let mut rows = vec![head];
    for (cell, it) in cells {
        let mut row = vec![cell.title.to_owned()];
        row.extend(clients.iter().map(|client| value(cell, it, client.name).unwrap_or_else(none)));
        if has_ratios {
            let others = ["floor-reqwest", "handwritten"];
            row.extend(
                others.map(|other| {
                    it.ratio("ours", other).map_or_else(none, |it| format!("{it:.2}"))
                }),
            );
            let best = it.best_peer(cell).zip(it.cost(cell, "ours"));
            row.push(best.map_or_else(none, |((_, peer), ours)| format!("{:.1}", peer / ours)));
        }
        rows.push(row);
    }
    rows
}

fn none() -> String {
    "–".to_owned()
}

fn section(text: &mut String, title: &str, unit: &str, rows: &Rows) {
    let Some((head, rest)) = rows.split_first() else { return };
    // Writing to a string can't fail.
    let _infallible = writeln!(text, "## {title}\n\n{unit}\n");
    let _infallible = writeln!(text, "| {} |", head.join(" | "));
    let _infallible = writeln!(text, "|---|{}", "---:|".repeat(head.len() - 1));
    for row in rest {
        let _infallible = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
}

fn failures(results: &Results, text: &mut String) {
    for (client, why) in &results.missing {
        let _infallible = writeln!(text, "{client} is missing: {why}.\n");
    }
    for cell in &CELLS {
        let failures = results.cells.get(cell.name).map(|it| &it.failures);
        for (client, why) in failures.into_iter().flatten() {
            let _infallible = writeln!(text, "{client} failed at {}: {why}.\n", cell.title);
        }
    }
}

/// Three digits.
pub fn number(value: f64) -> String {
    match value {
        it if it >= 10_000.0 => {
            format!("{},{:03}", it.round() as u64 / 1000, it.round() as u64 % 1000)
        }
        it if it >= 100.0 => format!("{it:.0}"),
        it if it >= 10.0 => format!("{it:.1}"),
        it => format!("{it:.2}"),
    }
}

fn megabytes(kib: f64) -> String {
    format!("{:.1}", kib / 1024.0)
}

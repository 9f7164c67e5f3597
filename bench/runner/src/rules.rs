//! What must hold, and whether it does.
use std::fmt::Write;

use crate::{
    plan::{CELLS, Cell, Kind},
    results::{Measured, Results},
};

const OURS: &str = "ours";

/// What of the hand-written loop a delta may cost: 1 µs where that takes 0.6.
const TEXT: f64 = 1.0 / 0.6;

/// A list of the rules, each with whether it holds and the worst that was measured.
pub fn text(results: &Results) -> String {
    let rules = [
        (
            "a tool loop costs at most 1.25 × the hand-written one",
            ratios(results, Kind::Loop, "handwritten", 1.25),
        ),
        (
            "a tool loop costs at most 1.5 × the reqwest floor",
            ratios(results, Kind::Loop, "floor-reqwest", 1.5),
        ),
        (
            "with the server on a processor of its own, at most 1.25 × the hand-written one",
            ratios(results, Kind::Apart, "handwritten", 1.25),
        ),
        (
            "with the server on a processor of its own, at most 1.5 × the reqwest floor",
            ratios(results, Kind::Apart, "floor-reqwest", 1.5),
        ),
        (
            "from 100 steps on, a tool loop costs at most a fifth of the best other library",
            peers(results),
        ),
        (
            "with the steps (200 B, 100 to 400), a call grows as the floor's does, within 0.1 of the exponent",
            growth(results),
        ),
        (
            "a delta of text costs at most 1 µs where the hand-written loop takes 0.6",
            ratios(results, Kind::Text, "handwritten", TEXT),
        ),
        ("400 steps of 4 KB need at most twice the floor's memory", memory(results)),
        ("of many streamed runs at once, each needs at most 60 KiB", many(results)),
        ("no run is refused and no cap reached", refused(results)),
    ];
    let mut text = "## What must hold\n\n".to_owned();
    for (rule, finding) in rules {
        let Finding { holds, because } = finding;
        let verdict = match holds {
            None => "not measured",
            Some(true) => "holds",
            Some(false) => "**does not hold**",
        };
        // Writing to a string can't fail.
        let _infallible = writeln!(text, "- {verdict}: {rule}{because}");
    }
    text
}

struct Finding {
    holds: Option<bool>,
    because: String,
}

impl Finding {
    /// The worst of what was measured, against what it may be; each with the cell it was measured in.
    fn worst(found: impl Iterator<Item = (String, f64)>, limit: f64, unit: &str) -> Self {
        let found: Vec<_> = found.collect();
        let broken = found.iter().filter(|it| it.1 > limit).count();
        let worst = found.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((place, worst)) = worst else { return Self::nothing() };
        let beyond = if broken > 0 {
            format!("; beyond it in {broken} of {}", found.len())
        } else {
            String::new()
        };
        let because = format!(": at most {worst:.2}{unit} ({place}){beyond}");
        Self { holds: Some(broken == 0), because }
    }

    fn nothing() -> Self {
        Self { holds: None, because: String::new() }
    }
}

/// The cells of a kind that were measured.
fn measured(results: &Results, kind: Kind) -> impl Iterator<Item = (&'static Cell, &Measured)> {
    CELLS
        .iter()
        .filter(move |it| it.kind == kind)
        .filter_map(|cell| Some((cell, results.cells.get(cell.name)?)))
}

fn ratios(results: &Results, kind: Kind, other: &str, limit: f64) -> Finding {
    let cells = measured(results, kind);
    let found =
        cells.filter_map(|(cell, it)| Some((cell.title.to_owned(), it.ratio(OURS, other)?)));
    Finding::worst(found, limit, " ×")
}

fn peers(results: &Results) -> Finding {
    let cells = measured(results, Kind::Loop).filter(|(cell, _)| cell.script.steps >= 100);
    let found = cells.filter_map(|(cell, it)| {
        let (peer, theirs) = it.best_peer(cell)?;
        Some((format!("{}, {peer}", cell.title), it.cost(cell, OURS)? / theirs))
    });
    Finding::worst(found, 0.2, " ×")
}

fn growth(results: &Results) -> Finding {
    let cost = |name: &str, client: &str| {
        let cell = CELLS.iter().find(|it| it.name == name)?;
        results.cost(cell, client)
    };
    // Of a whole run: its calls are four times as many.
    let exponent = |client: &str| {
        let (few, many) = (cost("loop-100-200", client)?, cost("loop-400-200", client)?);
        Some((many * 401.0 / (few * 101.0)).ln() / (401.0_f64 / 101.0).ln())
    };
    let (Some(ours), Some(floor)) = (exponent(OURS), exponent("floor-reqwest")) else {
        return Finding::nothing();
    };
    let because = format!(": {ours:.2}, the floor's {floor:.2}");
    Finding { holds: Some(ours - floor <= 0.1), because }
}

fn memory(results: &Results) -> Finding {
    let names = ["loop-400-4k", "stream-400-4k"];
    let cells = measured(results, Kind::Loop).filter(|(cell, _)| names.contains(&cell.name));
    let found = cells.filter_map(|(cell, it)| {
        Some((cell.title.to_owned(), it.peak(OURS)? / it.peak("floor-reqwest")?))
    });
    Finding::worst(found, 2.0, " ×")
}

fn many(results: &Results) -> Finding {
    let cells = measured(results, Kind::Many).filter(|(cell, _)| cell.at_once >= 1000);
    let found =
        cells.filter_map(|(cell, it)| Some((cell.title.to_owned(), it.memory_a_run(cell, OURS)?)));
    Finding::worst(found, 60.0, " KiB")
}

fn refused(results: &Results) -> Finding {
    let mut cells =
        measured(results, Kind::Many).filter(|(cell, _)| cell.at_once >= 1000).peekable();
    if cells.peek().is_none() {
        return Finding::nothing();
    }
    let failures: Vec<_> = cells.filter_map(|(_, it)| it.failures.get(OURS)).cloned().collect();
    let because = failures.first().map(|it| format!(": {it}")).unwrap_or_default();
    Finding { holds: Some(failures.is_empty()), because }
}

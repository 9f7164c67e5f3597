//! What came of it, as a picture: a dot for each client on a scale of powers of ten.
use std::fmt::Write;

use crate::{
    plan::{CELLS, CLIENTS, Cell},
    results::{Measured, Results},
    table::number,
};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 830.0;
const ROW: f64 = 26.0;

const COLOURS: [(&str, &str); 6] = [
    ("ours", "#1d6fd8"),
    ("floor-reqwest", "#9aa3ad"),
    ("handwritten", "#2b2f33"),
    ("genai", "#e08a1e"),
    ("siumai-beta", "#8e57c9"),
    ("rig", "#cc3d3d"),
];

type Value = fn(&Measured, &Cell, &str) -> Option<f64>;

struct Panel {
    title: &'static str,
    cells: &'static [&'static str],
    value: Value,
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "tool loops: processor time a model call, µs",
        cells: &[
            "loop-20-4k",
            "loop-100-4k",
            "loop-400-4k",
            "loop-400-200",
            "loop-100-200-x4",
            "stream-100-4k",
        ],
        value: |it, cell, client| it.cost(cell, client),
    },
    Panel {
        title: "text: processor time a delta, µs",
        cells: &["text-100k"],
        value: |it, cell, client| it.cost(cell, client),
    },
    Panel {
        title: "many at once: memory a run, KiB",
        cells: &["many-1000"],
        value: |it, cell, client| it.memory_a_run(cell, client),
    },
    Panel {
        title: "400 steps of 4 KB: memory of the process, KiB",
        cells: &["loop-400-4k"],
        value: |it, _, client| it.peak(client),
    },
];

/// The whole picture.
pub fn svg(results: &Results) -> String {
    let mut body = legend();
    let mut y = 62.0;
    for panel in &PANELS {
        y = draw(panel, results, y, &mut body);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#2b2f33\">\n\
         <title>What a run costs, beside other libraries; less is better</title>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn legend() -> String {
    let mut text = String::new();
    let mut x = 20.0;
    for (name, colour) in COLOURS {
        let title = CLIENTS.iter().find(|it| it.name == name).map_or(name, |it| it.title);
        let radius = if name == "ours" { 6.5 } else { 5.0 };
        let _infallible = writeln!(
            text,
            "<circle cx=\"{x}\" cy=\"24\" r=\"{radius}\" fill=\"{colour}\"/><text x=\"{}\" y=\"28\">{title}</text>",
            x + 11.0
        );
        #[expect(clippy::cast_precision_loss, reason = "a title is short")]
        let width = title.len() as f64 * 7.0;
        x += width + 34.0;
    }
    text
}

/// Draws below `y`, and says where the next may begin.
fn draw(panel: &Panel, results: &Results, y: f64, text: &mut String) -> f64 {
    let rows: Vec<(&Cell, Vec<(&str, f64)>)> = panel
        .cells
        .iter()
        .filter_map(|name| {
            let cell = CELLS.iter().find(|it| it.name == *name)?;
            let measured = results.cells.get(cell.name)?;
            let value = |(name, colour): &(&str, &'static str)| {
                Some((*colour, (panel.value)(measured, cell, name)?))
            };
            Some((cell, COLOURS.iter().filter_map(value).collect()))
        })
        .collect();
    let values = || rows.iter().flat_map(|(_, dots)| dots.iter().map(|it| it.1));
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    if most <= 0.0 {
        return y;
    }
    let (first, last) = (least.max(0.001).log10().floor(), most.log10().ceil());
    let place = |value: f64| LEFT + (RIGHT - LEFT) * (value.log10() - first) / (last - first);
    let _infallible =
        writeln!(text, "<text x=\"20\" y=\"{y}\" font-weight=\"600\">{}</text>", panel.title);
    #[expect(clippy::cast_precision_loss, reason = "a picture has few rows")]
    let bottom = y + 14.0 + rows.len() as f64 * ROW;
    let mut power = first;
    while power <= last {
        let x = place(10_f64.powf(power));
        let _infallible = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#e3e6e9\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#6b747d\" font-size=\"11\">{}</text>",
            y + 10.0,
            bottom + 14.0,
            label(power)
        );
        power += 1.0;
    }
    let mut middle = y + 14.0 + ROW / 2.0;
    for (cell, dots) in &rows {
        let _infallible = writeln!(
            text,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 14.0,
            middle + 4.0,
            cell.title
        );
        // Ours comes first in the list, and is to lie above the others.
        for (colour, value) in dots.iter().rev() {
            let radius = if *colour == COLOURS[0].1 { 6.5 } else { 5.0 };
            let _infallible = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"{radius}\" fill=\"{colour}\"><title>{}</title></circle>",
                place(*value),
                number(*value)
            );
        }
        middle += ROW;
    }
    bottom + 46.0
}

fn label(power: f64) -> String {
    let value = 10_f64.powf(power);
    if value >= 1.0 { format!("{value:.0}") } else { format!("{value}") }
}

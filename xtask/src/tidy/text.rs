//! Rules about text, whatever it says.
use super::{Finding, tree::SourceFile};

const SOURCE_LINES: usize = 500;
const TEST_LINES: usize = 800;

/// Recorded traffic lies where this variable says, or there.
const RECORDINGS: (&str, &str) = ("SIUMAI_WIRE_DIR", "../shared/wire");

pub(super) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    white_space(file, findings);
    reminders(file, findings);
    machine_paths(file, findings);
    if file.code.is_some() {
        length(file, findings);
        opening(file, findings);
    }
    if file.code.is_some() || file.is_markdown() {
        unchecked_examples(file, findings);
    }
}

fn white_space(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (number, line) in file.lines() {
        if line.contains('\t') {
            findings.push(Finding::new(file, number, "a tab; use spaces"));
        }
        if line.trim_end() != line {
            findings.push(Finding::new(file, number, "white space ends the line; remove it"));
        }
    }
    let last = file.text.lines().count().max(1);
    if !file.text.ends_with('\n') {
        findings.push(Finding::new(file, last, "no newline ends the file; add one"));
    } else if file.text.ends_with("\n\n") || file.text == "\n" {
        findings.push(Finding::new(file, last, "empty lines end the file; remove them"));
    }
}

fn reminders(file: &SourceFile, findings: &mut Vec<Finding>) {
    for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
        for (number, line) in file.lines() {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|it| it == word) {
                let message = format!("`{word}`; do it, or say what is so and why");
                findings.push(Finding::new(file, number, message));
            }
        }
    }
}

fn machine_paths(file: &SourceFile, findings: &mut Vec<Finding>) {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let outside = concat!("../sha", "red");
    for (number, line) in file.lines() {
        if let Some(folder) = folders.iter().find(|it| has_absolute(line, it)) {
            let message = format!("`{folder}` is a folder of one machine; use a relative path");
            findings.push(Finding::new(file, number, message));
        }
        if line.matches(outside).count() > documented(file, line) {
            let message =
                format!("`{outside}` is outside the repository; keep what is needed in it");
            findings.push(Finding::new(file, number, message));
        }
    }
}

/// Whether `folder` stands in the line as the start of a path, not in the middle of one.
fn has_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|it| it.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~})>*".contains(c))
    })
}

/// How often the line names where recordings lie, in a file that names the variable for that.
fn documented(file: &SourceFile, line: &str) -> usize {
    let (variable, folder) = RECORDINGS;
    if file.text.contains(variable) { line.matches(folder).count() } else { 0 }
}

fn length(file: &SourceFile, findings: &mut Vec<Finding>) {
    let (most, way_out) = if file.is_test() {
        (TEST_LINES, "part it by behaviour")
    } else {
        (SOURCE_LINES, "give each purpose a file")
    };
    let count = file.text.lines().count();
    if count > most {
        let message = format!("{count} lines, at most {most}; {way_out}");
        findings.push(Finding::new(file, count, message));
    }
}

fn opening(file: &SourceFile, findings: &mut Vec<Finding>) {
    if !file.is_test() && !file.text.starts_with("//!") {
        let message = "the file does not open with what it is for; begin with a `//!` line";
        findings.push(Finding::new(file, 1, message));
    }
}

fn unchecked_examples(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (number, line) in file.lines() {
        let Some(fence) = line.trim_start_matches([' ', '/', '!', '>']).strip_prefix("```") else {
            continue;
        };
        if fence.split([',', ' ']).any(|word| word.starts_with("ignore")) {
            let message = "an example that nothing compiles; make it run, or mark it as `text`";
            findings.push(Finding::new(file, number, message));
        }
    }
}

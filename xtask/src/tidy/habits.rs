//! Rules about code that hold everywhere, with the places that are excepted.
use super::{
    Finding,
    code::{Code, CodePath},
    tree::SourceFile,
};

/// They talk to a terminal, and have an environment to read.
const PROGRAMS: [&str; 4] =
    ["bench/", "crates/siumai-cli/", "crates/siumai-mcp/examples/", "xtask/"];

pub(super) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    manifest(file, findings);
    let Some(code) = &file.code else { return };
    if let Some(line) = code.broken_at {
        findings.push(Finding::new(file, line, "this is not Rust; let the compiler say why"));
    }
    unfinished(file, code, findings);
    inline_tests(file, code, findings);
    if file.is_test() {
        sleeps(file, code, findings);
    }
    if !file.is_in(&PROGRAMS) {
        prints(file, code, findings);
        exits(file, code, findings);
        environment(file, code, findings);
    }
}

/// A package without this line is out of reach of every lint of the workspace.
fn manifest(file: &SourceFile, findings: &mut Vec<Finding>) {
    let is_member = file.path.ends_with("/Cargo.toml") && !file.text.contains("[workspace]");
    if is_member && !file.text.contains("[lints]\nworkspace = true\n") {
        let message =
            "a package without the lints of the workspace; add `[lints] workspace = true`";
        findings.push(Finding::new(file, 1, message));
    }
}

/// Words that stand for something missing. Those looked for are in two pieces, so that whoever
/// searches the project for one finds only what is to be mended.
fn unfinished(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let patterns = [
        (concat!("#[", "ignore"), "an ignored test; mend it or delete it"),
        (concat!("todo", "!("), "`todo!`; write what is missing"),
        (
            concat!("unimplemented", "!("),
            "`unimplemented!`; return an error that says what is not supported",
        ),
        (
            concat!("#[", "allow("),
            "`#[allow]` outlives its cause; use `#[expect(…, reason = \"…\")]`",
        ),
        (
            concat!("#![", "allow("),
            "`#![allow]` outlives its cause; use `#![expect(…, reason = \"…\")]`",
        ),
    ];
    for (pattern, message) in patterns {
        let lines = code.find(pattern);
        findings.extend(lines.into_iter().map(|line| Finding::new(file, line, message)));
    }
}

fn inline_tests(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let message = "tests among code; move them to a file `tests.rs` in a folder named as this file";
    let lines = code.find("mod tests {");
    findings.extend(lines.into_iter().map(|line| Finding::new(file, line, message)));
}

fn sleeps(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let is_paused = code.contains("start_paused") || code.contains("time::pause(");
    for path in code.paths() {
        let message = if path.ends_with("thread::sleep") {
            "a test that sleeps; wait for what is to happen"
        } else if path.ends_with("time::sleep") && !is_paused {
            "a test that sleeps in real time; pause it with `#[tokio::test(start_paused = true)]`"
        } else {
            continue;
        };
        findings.push(Finding::new(file, path.line, message));
    }
}

fn prints(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    if file.is_test() || file.is_in(&["examples/"]) || file.path.ends_with("/build.rs") {
        return;
    }
    for name in ["print", "println", "eprint", "eprintln", "dbg"] {
        for line in code.find(&format!("{name}!(")) {
            let message = format!("`{name}!` in a library; return it, or record it with `tracing`");
            findings.push(Finding::new(file, line, message));
        }
    }
}

fn exits(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    for path in code.paths() {
        if path.ends_with("process::exit") || path.ends_with("process::abort") {
            let message =
                format!("`{}` ends somebody else's program; return an error", path.text());
            findings.push(Finding::new(file, path.line, message));
        }
    }
}

/// `Siumai::from_env` is made to read it, and tests read where recorded traffic lies.
fn environment(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let reads_folder = code.strings().any(|(_, string)| string.starts_with("SIUMAI_WIRE_DIR"));
    if code.contains("fn from_env(") || file.is_test() && reads_folder {
        return;
    }
    // Where a test lies and what programs are called here is nothing that somebody set.
    let is_given = |path: &CodePath| {
        path.starts_with("std::env::consts") || path.starts_with("std::env::current_exe")
    };
    let reads = code.paths().iter().filter(|path| path.starts_with("std::env") && !is_given(path));
    for path in reads {
        let message = format!(
            "`{}` outside the program and `Siumai::from_env`; take it as an argument",
            path.text()
        );
        findings.push(Finding::new(file, path.line, message));
    }
}

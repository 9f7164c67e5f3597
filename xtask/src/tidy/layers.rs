//! Who may use whom inside `siumai-core`.
use std::collections::BTreeSet;

use super::{
    Finding,
    code::{Code, CodePath},
    tree::{SourceFile, Tree},
};

const CORE: &str = "crates/siumai-core/src/";
const ORCHESTRATOR: &str = "crates/siumai-core/src/orchestrator/";

pub(super) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    let Some(code) = &file.code else { return };
    telemetry_names(file, code, findings);
    let Some(inside) = file.path.strip_prefix(CORE) else { return };
    if file.is_test() {
        return;
    }
    match inside.trim_end_matches(".rs").split('/').collect::<Vec<_>>()[..] {
        ["types", ..] => types(file, code, findings),
        [
            "orchestrator",
            "run" | "asking" | "clock" | "limits" | "loop_guard" | "open_step" | "prepare_step"
            | "stop_condition",
            ..,
        ]
        | ["history", ..] => {
            decisions(file, code, findings);
        }
        ["orchestrator", "generate" | "agent", ..] => callers_of_the_loop(file, code, findings),
        _ => {}
    }
}

/// `types` is words alone: std, serde, Base64 for bytes in JSON, and the errors.
fn types(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let own: BTreeSet<&str> = code
        .paths()
        .iter()
        .filter(|path| path.is_import)
        .map(CodePath::last)
        .chain(code.modules())
        .collect();
    let may_use = |path: &CodePath| match path.first() {
        "alloc" | "base64" | "core" | "self" | "serde" | "serde_json" | "std" => true,
        "super" => !path.starts_with("super::super"),
        "crate" => ["error", "types", "ErrorKind", "Failure", "LlmError"]
            .iter()
            .any(|it| path.starts_with(&format!("crate::{it}"))),
        first => {
            let is_item = first.starts_with(char::is_uppercase);
            // A path in the code may begin with a module in reach, or with `u64`.
            is_item || own.contains(first) || !path.is_import && !is_other_crate(first)
        }
    };
    for path in code.paths().iter().filter(|path| !may_use(path)) {
        let message = format!(
            "`{}` in `types`, which may use std, serde, base64 and the crate's errors; move what needs it",
            path.text()
        );
        findings.push(Finding::new(file, path.line, message));
    }
}

/// Crates that a path can name without an import.
fn is_other_crate(name: &str) -> bool {
    RUNTIME.contains(&name) || ["boon", "proptest", "strsim"].contains(&name)
}

const RUNTIME: [&str; 7] =
    ["async_trait", "futures", "futures_core", "futures_util", "tokio", "tokio_util", "tracing"];

/// Whatever decides is without IO, time or waiting: a run is rebuilt from its journal.
fn decisions(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    let effects = ["env", "fs", "future", "io", "net", "process", "task", "thread"];
    let is_effect = |path: &CodePath| {
        RUNTIME.contains(&path.first())
            || effects.iter().any(|module| path.starts_with(&format!("std::{module}")))
            // A duration is a number that was measured elsewhere.
            || path.starts_with("std::time") && !path.starts_with("std::time::Duration")
            || ["Instant::now", "SystemTime::now"].iter().any(|it| path.ends_with(it))
    };
    for path in code.paths().iter().filter(|path| is_effect(path)) {
        let message =
            format!("`{}` where decisions are taken; perform it in the driver", path.text());
        findings.push(Finding::new(file, path.line, message));
    }
    for word in ["async", "await"] {
        for line in code.find(word) {
            let message = format!("`{word}` where decisions are taken; perform it in the driver");
            findings.push(Finding::new(file, line, message));
        }
    }
}

/// What the driver is made of. A glob would bring in all of it.
const PARTS_OF_THE_LOOP: [&str; 12] = [
    "approval",
    "asking",
    "contained",
    "driver",
    "emitter",
    "execute",
    "open_step",
    "outcome",
    "progress",
    "run",
    "watch",
    "*",
];

/// There is one loop, and `stream` is the way to it.
fn callers_of_the_loop(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    for path in code.paths() {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let (["super", part, ..] | ["crate", "orchestrator", part, ..]) = segments[..] else {
            continue;
        };
        if PARTS_OF_THE_LOOP.contains(&part) {
            let message =
                format!("`{}` beside the one loop; call what `stream` offers", path.text());
            findings.push(Finding::new(file, path.line, message));
        }
    }
}

/// The names of telemetry stand in one file, so that they change in one.
fn telemetry_names(file: &SourceFile, code: &Code, findings: &mut Vec<Finding>) {
    if file.path.ends_with("/telemetry.rs") || file.path.contains("/telemetry/") {
        return;
    }
    let prefix = concat!("gen_ai", ".");
    let strings = code.strings().filter(|(_, string)| string.starts_with(prefix));
    for line in strings.map(|(line, _)| line).chain(code.find(prefix)) {
        let message = format!("a `{prefix}` name; use the constant of `telemetry.rs`");
        findings.push(Finding::new(file, line, message));
    }
}

/// One place asks the model, one executes a tool: what counts, records or cancels can't be passed by.
pub(super) fn check_call_sites(tree: &Tree, findings: &mut Vec<Finding>) {
    let model = ["model.stream(", "model().stream(", "LanguageModel::stream("];
    let tool = [
        ".call_tool(",
        ".call_tool_with(",
        "ToolResolver::call_tool(",
        "ToolResolver::call_tool_with(",
    ];
    one_call_site(tree, "driver.rs", "the model", &model, findings);
    one_call_site(tree, "execute.rs", "a tool", &tool, findings);
}

fn one_call_site(tree: &Tree, home: &str, whom: &str, calls: &[&str], findings: &mut Vec<Finding>) {
    let home = format!("{ORCHESTRATOR}{home}");
    let files = tree.files.iter().filter(|it| it.path.starts_with(ORCHESTRATOR) && !it.is_test());
    let mut sites: Vec<(&SourceFile, usize)> = Vec::new();
    for file in files {
        let Some(code) = &file.code else { continue };
        sites.extend(calls.iter().flat_map(|call| code.find(call)).map(|line| (file, line)));
    }
    if let [_, _, ..] = *sites {
        for (file, line) in sites {
            let message = format!("one of several calls of {whom}; go through the one in `{home}`");
            findings.push(Finding::new(file, line, message));
        }
    } else if let (true, Some(file)) = (sites.is_empty(), tree.file(&home)) {
        let message = format!("no call of {whom} is found; write it here as `{}…)`", calls[0]);
        findings.push(Finding::new(file, 1, message));
    }
}

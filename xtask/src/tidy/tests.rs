//! Every rule catches a sample that breaks it, and leaves alone one that doesn't.
use std::path::Path;

use super::{
    check, dependencies,
    tree::{SourceFile, Tree},
};
use crate::root;

const LIB: &str = "crates/siumai/src/lib.rs";
const TESTS: &str = "crates/siumai/src/lib/tests.rs";

/// What is found in the files, without the file's name if there is one file.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.files.push(SourceFile::new(path, *text));
        tree.paths.extend(Path::new(path).ancestors().map(|it| it.to_str().unwrap().to_owned()));
    }
    check(&tree).iter().map(ToString::to_string).collect()
}

/// The lines of Rust on which something is found, and the first words of what.
#[track_caller]
fn assert_found(path: &str, body: &str, expected: &[&str]) {
    let text = format!("//! A sample.\n{body}\n");
    let found = findings(&[(path, &text)]);
    let found: Vec<&str> = found.iter().map(|it| it.strip_prefix(path).unwrap()).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} does not start with {expected}");
    }
}

#[test]
fn this_tree_is_tidy() {
    let tree = Tree::read(root()).unwrap();
    let mut found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
    let packages = dependencies::of_the_core().unwrap();
    found.extend(dependencies::check(&packages).iter().map(ToString::to_string));
    assert_eq!(found, Vec::<String>::new());
    assert!(tree.file("xtask/src/tidy/tests.rs").is_some(), "this file is among those read");
    assert!(packages.contains("serde_json v"), "{packages}");
}

#[test]
fn a_finding_names_the_place_the_fault_and_the_way_out() {
    let name = "todo";
    assert_eq!(
        findings(&[(LIB, &format!("//! A sample.\nfn f() {{\n    {name}!()\n}}\n"))]),
        [format!("crates/siumai/src/lib.rs:3: `{name}!`; write what is missing")]
    );
}

#[test]
fn white_space_is_even() {
    assert_eq!(
        findings(&[("a.md", "x \n\ty\nz")]),
        [
            "a.md:1: white space ends the line; remove it",
            "a.md:2: a tab; use spaces",
            "a.md:3: no newline ends the file; add one",
        ]
    );
    assert_eq!(
        findings(&[("a.toml", "x = 1\n\n")]),
        ["a.toml:2: empty lines end the file; remove them"]
    );
    assert_eq!(findings(&[("a.md", "x\r\n")]), ["a.md:1: white space ends the line; remove it"]);
}

#[test]
fn reminders_are_not_left_behind() {
    let reminder = format!("// {}: think", ["TO", "DO"].concat());
    assert_found(LIB, &reminder, &[":2: `TO"]);
    assert_found(LIB, "// TODOS and FIXMEs are other words", &[]);
}

#[test]
fn no_folder_of_a_machine_is_named() {
    let folders = [["/wo", "rk/x"].concat(), ["/ro", "ot/.a"].concat(), ["/ho", "me/me/"].concat()];
    for folder in &folders {
        assert_found(LIB, &format!("const A: &str = \"{folder}\";"), &[":2: `/"]);
        assert_found(LIB, &format!("const A: &str = \"src{folder}\";"), &[]);
    }
}

#[test]
fn nothing_outside_the_repository_is_used_but_by_a_variable() {
    let wire = ["../sha", "red/wire"].concat();
    assert_found(LIB, &format!("// {wire}"), &[":2: `../sha"]);
    assert_found(LIB, &format!("// SIUMAI_WIRE_DIR or {wire}"), &[]);
    assert_found(LIB, &format!("// SIUMAI_WIRE_DIR or {wire}/../../{wire}"), &[]);
    assert_found(LIB, &format!("// SIUMAI_OTHER_DIR or {wire}"), &[":2: `../sha"]);
    let others = ["../sha", "red/schemas"].concat();
    assert_found(LIB, &format!("// SIUMAI_WIRE_DIR beside {others}"), &[":2: `../sha"]);
}

#[test]
fn a_file_has_one_purpose() {
    let lines = |count: usize| "// line\n".repeat(count - 1);
    assert_found(LIB, lines(499).trim_end(), &[]);
    assert_found(LIB, lines(501).trim_end(), &[":501: 501 lines, at most 500"]);
    assert_found(TESTS, lines(800).trim_end(), &[]);
    assert_found(TESTS, lines(801).trim_end(), &[":801: 801 lines, at most 800"]);
}

#[test]
fn a_file_opens_with_what_it_is_for() {
    let message = "the file does not open with what it is for; begin with a `//!` line";
    assert_eq!(findings(&[(LIB, "fn f() {}\n")]), [format!("{LIB}:1: {message}")]);
    assert_eq!(findings(&[(TESTS, "fn f() {}\n")]), [""; 0]);
}

#[test]
fn every_example_is_compiled() {
    let example = |words: &str| format!("/// ```{words}\n/// f();\n/// ```\nfn f() {{}}");
    let in_markdown = |words: &str| findings(&[("a.md", &format!("```{words}\n```\n"))]).len();
    for words in ["ignore", "rust,ignore"] {
        assert_found(LIB, &example(words), &[":2: an example"]);
        assert_eq!(in_markdown(words), 1);
    }
    assert_found(LIB, &example("should_panic"), &[]);
}

#[test]
fn code_that_is_not_rust_is_found() {
    assert_found(LIB, "fn f() {\n}}", &[":3: this is not Rust"]);
}

#[test]
fn nothing_is_left_unfinished() {
    // In pieces, as where they are looked for.
    let [later, ignore, allow] = ["unimplemented", "ignore", "allow"];
    let in_body = format!("fn f() {{\n    {later}!(\"later\")\n}}");
    assert_found(LIB, &in_body, &[":3: `unimplemented!`"]);
    let on_test = format!("#[test]\n#[{ignore} = \"slow\"]\nfn f() {{}}");
    assert_found(TESTS, &on_test, &[":3: an ignored test"]);
    assert_found(LIB, &format!("#[{allow}(dead_code)]\nfn f() {{}}"), &[":2: `#[allow]`"]);
    assert_found(LIB, &format!("#![ {allow} (dead_code)]"), &[":2: `#![allow]`"]);
    let told = format!("// {later}!()\nconst A: &str = \"#[{allow}(x)] #[{ignore}]\";");
    assert_found(LIB, &told, &[]);
}

#[test]
fn tests_stand_in_a_file_of_their_own() {
    assert_found(LIB, "#[cfg(test)]\nmod tests {\n}", &[":3: tests among code"]);
    assert_found(LIB, "#[cfg(test)]\nmod tests;", &[]);
}

#[test]
fn tests_do_not_sleep() {
    let sleep = "use std::{thread, time::Duration};\nfn f() { thread::sleep(Duration::ZERO) }";
    assert_found(TESTS, sleep, &[":3: a test that sleeps; wait"]);
    let sleep = "async fn f() {\n    tokio::time::sleep(A).await;\n}";
    assert_found(TESTS, sleep, &[":3: a test that sleeps in real time"]);
    let sleep = "use tokio::time::{sleep, timeout};";
    assert_found("crates/a/tests/it/main.rs", sleep, &[":2: a test that sleeps in real time"]);
    assert_found(TESTS, "#[tokio::test(start_paused = true)] use tokio::time::sleep;", &[]);
}

#[test]
fn libraries_print_nothing() {
    let prints = "fn f() {\n    println!(\"x\");\n    dbg!(1);\n    let a = print != 1;\n}";
    assert_found(LIB, prints, &[":3: `println!`", ":4: `dbg!`"]);
    assert_found(TESTS, prints, &[]);
    assert_found("examples/src/bin/a.rs", prints, &[]);
    assert_found(LIB, "/// Prints with `println!(\"x\")`.\nfn f() {}", &[]);
}

#[test]
fn libraries_end_no_process() {
    assert_found(LIB, "fn f() { std::process::exit(1) }", &[":2: `std::process::exit`"]);
    assert_found(LIB, "use std::process;\nfn f() { process::exit(1) }", &[":3: `process::exit`"]);
    assert_found("crates/siumai-cli/src/main.rs", "use std::process::exit;", &[]);
}

#[test]
fn libraries_read_no_environment() {
    assert_found(LIB, "use std::{env, fmt};", &[":2: `std::env`"]);
    assert_found(LIB, "fn f() { std::env::var(\"A\"); }", &[":2: `std::env::var`"]);
    assert_found(LIB, "use std::env;\nfn from_env() {}", &[]);
    let given = "fn f() { std::env::current_exe(); std::env::consts::EXE_EXTENSION; }";
    assert_found(LIB, given, &[]);
    assert_found("crates/siumai-cli/src/main.rs", "use std::env;", &[]);
    let folder = "fn f() { std::env::var(\"SIUMAI_WIRE_DIR\"); }";
    assert_found(TESTS, folder, &[]);
    assert_found(LIB, folder, &[":2: `std::env::var`"]);
}

#[test]
fn a_package_has_the_lints_of_the_workspace() {
    let package = "[package]\nname = \"a\"\n";
    assert_eq!(
        findings(&[("crates/a/Cargo.toml", package)]),
        ["crates/a/Cargo.toml:1: a package without the lints of the workspace; \
          add `[lints] workspace = true`"]
    );
    let package = format!("{package}\n[lints]\nworkspace = true\n");
    assert_eq!(findings(&[("crates/a/Cargo.toml", &package)]), [""; 0]);
}

#[test]
fn types_know_words_alone() {
    let path = "crates/siumai-core/src/types/message.rs";
    assert_found(path, "use std::{fmt, sync::Arc};\nuse serde_json::Map;", &[]);
    assert_found(path, "use super::{ToolCall, Usage};\nuse crate::{LlmError, types::Tool};", &[]);
    assert_found(path, "use std::fmt;\nfn f() -> fmt::Result { u64::from(Ok::<_>(1)) }", &[]);
    assert_found(path, "use crate::model::Delta;", &[":2: `crate::model::Delta` in `types`"]);
    assert_found(path, "use super::super::model::Delta;", &[":2: `super::super::model::Delta`"]);
    assert_found(path, "use futures_util::Stream;", &[":2: `futures_util::Stream`"]);
    assert_found(path, "use crate::{\n    LlmError,\n    tool::X,\n};", &[":4: `crate::tool::X`"]);
    assert_found(path, "fn f() { tokio::join!(a, b) }", &[":2: `tokio::join`"]);
    assert_found("crates/siumai-core/src/types/message/tests.rs", "use proptest::prelude::*;", &[]);
}

#[test]
fn decisions_are_pure() {
    let paths = [
        "orchestrator/run.rs",
        "orchestrator/run/batch.rs",
        "orchestrator/open_step.rs",
        "orchestrator/prepare_step.rs",
        "orchestrator/stop_condition.rs",
        "history/trim.rs",
    ];
    for path in paths.map(|it| format!("crates/siumai-core/src/{it}")) {
        assert_found(&path, "use std::{fmt, time::Duration};\nuse crate::types::Tool;", &[]);
        assert_found(&path, "use futures_util::StreamExt;", &[":2: `futures_util::StreamExt`"]);
        assert_found(&path, "use std::time::Instant;", &[":2: `std::time::Instant`"]);
        assert_found(&path, "fn f() { tracing::info!(\"x\") }", &[":2: `tracing::info`"]);
        assert_found(&path, "async fn f() {\n g().await }", &[":2: `async`", ":3: `await`"]);
    }
    let path = "crates/siumai-core/src/orchestrator/emitter.rs";
    assert_found(path, "use futures_util::Stream;", &[]);
}

#[test]
fn only_the_driver_uses_the_parts_of_the_loop() {
    for path in
        ["generate.rs", "agent.rs"].map(|it| format!("crates/siumai-core/src/orchestrator/{it}"))
    {
        assert_found(&path, "use super::{StepResult, generate::run, stream};", &[]);
        assert_found(&path, "use super::run::Run;", &[":2: `super::run::Run`"]);
        assert_found(
            &path,
            "use super::{types::A, driver::drive};",
            &[":2: `super::driver::drive`"],
        );
        assert_found(&path, "use super::*;", &[":2: `super::*`"]);
        let execute = "fn f() { crate::orchestrator::execute::call() }";
        assert_found(&path, execute, &[":2: `crate::orchestrator::execute::call`"]);
    }
}

#[test]
fn telemetry_names_stand_in_one_file() {
    let name = format!("const A: &str = \"{}system\";", ["gen_ai", "."].concat());
    assert_found(LIB, &name, &[":2: a `gen_ai"]);
    assert_found(TESTS, &name, &[":2: a `gen_ai"]);
    assert_found("crates/siumai-core/src/telemetry.rs", &name, &[]);
    assert_found("crates/siumai-core/tests/it/telemetry.rs", &name, &[]);
    assert_found(LIB, "fn f() { span!(\"chat\", gen_ai.system = 1) }", &[":2: a `gen_ai"]);
}

#[test]
fn the_model_and_the_tools_are_called_in_one_place() {
    let folder = "crates/siumai-core/src/orchestrator/";
    let driver = "//! A.\nfn f() {\n    self.model\n        .stream(request);\n}\n";
    let execute = "//! A.\nfn f() { resolver.call_tool_with(a, b, c) }\n";
    let at = |name: &str| format!("{folder}{name}");
    let good = [(&*at("driver.rs"), driver), (&at("execute.rs"), execute)];
    assert_eq!(findings(&good), [""; 0]);

    let second = [good[0], good[1], (&at("agent.rs"), driver), (&at("event.rs"), execute)];
    let found = findings(&second);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found[0].starts_with(&at("agent.rs:3: one of several calls of the model")),
        "{found:#?}"
    );
    assert!(found[2].starts_with(&at("event.rs:2: one of several calls of a tool")), "{found:#?}");

    let none = findings(&[(&at("driver.rs"), "//! A.\n"), (&at("execute.rs"), "//! A.\n")]);
    assert_eq!(
        none,
        [
            at("driver.rs:1: no call of the model is found; write it here as `model.stream(…)`"),
            at("execute.rs:1: no call of a tool is found; write it here as `.call_tool(…)`"),
        ]
    );
}

#[test]
fn links_lead_somewhere() {
    let found = findings(&[
        ("README.md", "[a](docs/a.md) [b](docs/b.md#x)\n[c](docs/a.md#two-words) [d](#none)\n"),
        ("docs/a.md", "# Two words!\n\n[up](../README.md) ![p](p.png)\n\n[r]: ../gone.md\n"),
    ]);
    assert_eq!(
        found,
        [
            "README.md:1: the link `docs/b.md#x` leads nowhere; there is no `docs/b.md`",
            "README.md:2: the link `#none` leads nowhere; `README.md` has no such heading",
            "docs/a.md:3: the link `p.png` leads nowhere; there is no `docs/p.png`",
            "docs/a.md:5: the link `../gone.md` leads nowhere; there is no `gone.md`",
        ]
    );
}

#[test]
fn links_to_elsewhere_and_in_code_are_left_alone() {
    let page = "[a](https://example.org/x.md) `[b](c.md)`\n```text\n[d](e.md)\n```\n";
    assert_eq!(findings(&[("README.md", page)]), [""; 0]);
    let guide = "[`run`](crate::run) [a](StepResult) [b](crate::x#y)\n";
    assert_eq!(findings(&[("crates/siumai/src/guide/a.md", guide)]), [""; 0]);
}

#[test]
fn the_core_brings_no_network_along() {
    let found = |packages: &str| -> Vec<String> {
        dependencies::check(packages).into_iter().map(|it| it.message).collect()
    };
    assert_eq!(found("serde v1.0.0|std\ntokio v1.0.0|default,sync,time (*)\n"), [""; 0]);
    let names =
        ["hyper v1.0.0|", "hyper-util v1.0.0|", "tokio-rustls v0.1.0|", "openssl-sys v0.9|"];
    for line in names {
        assert_eq!(found(&format!("{line}\n{line}\n")).len(), 1, "{line}");
    }
    assert_eq!(
        found("tokio v1.0.0|net,rt,time\n"),
        ["tokio is built with `net`, `rt`; only `sync` and `time` may be"]
    );
}

//! Every example runs offline and prints what its snapshot says.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn every_example_runs_offline_and_prints_what_its_snapshot_says() {
    let examples = names();
    assert!(examples.len() >= 8, "only {examples:?} were found");
    for example in examples {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(example.as_str(), output_of(&example));
        });
    }
}

/// The files beside the manifest.
fn names() -> Vec<String> {
    let folder = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let sources = paths.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let mut names: Vec<_> = sources.map(|path| stem(&path)).collect();
    names.sort_unstable();
    names
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// What the example prints when nothing is configured.
fn output_of(example: &str) -> String {
    let program = built(example);
    let output = Command::new(&program).env_clear().output().unwrap_or_else(|error| {
        panic!(
            "{} did not start ({error}); build it with `cargo test -p siumai-examples`",
            program.display()
        )
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example} failed: {complaint}");
    assert!(complaint.starts_with("model: offline:"), "{example} did not run offline: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Cargo puts examples into a folder beside the one of the tests.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|it| it.parent()).unwrap();
    profile.join("examples").join(example).with_extension(std::env::consts::EXE_EXTENSION)
}

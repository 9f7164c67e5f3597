//! Every example runs offline and prints what its snapshot says.
use std::{path::PathBuf, process::Command};

/// What the example prints when nothing is configured.
#[track_caller]
fn output_of(example: &str) -> String {
    let program = built(example);
    let output = Command::new(&program).env_clear().output().unwrap_or_else(|error| {
        panic!(
            "{} did not start ({error}); `cargo test -p siumai-examples` builds it",
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

macro_rules! examples {
    ($($test:ident: $example:literal,)+) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!($example, output_of($example));
        }
    )+};
}

examples! {
    basic_orchestrator: "basic-orchestrator",
    agent_pattern: "agent-pattern",
    stop_conditions: "stop-conditions",
    tool_approval: "tool-approval",
    streaming_orchestrator: "streaming-orchestrator",
    research_assistant: "research-assistant",
    code_generator: "code-generator",
    customer_support: "customer-support",
}

use std::fs;

use serde_json::json;
use siumai::{
    mcp::McpServers,
    testing::{Reply, ScriptedModel},
    user,
};
use tempfile::TempDir;

use super::*;
use crate::{
    args::Approve,
    clock::Clock,
    render::{Detail, Json, JsonLines, Text},
    stop::{Stopper, stopper},
    tools::{BuiltIns, Root},
};

/// A run in a folder of its own, with nobody at a terminal.
struct Scene {
    folder: TempDir,
    approve: Approve,
    stop_on_tool: Vec<String>,
    limits: Limits,
    stop: (Stopper, Stopped),
}

/// What was seen of a run.
struct Seen {
    ended: Option<Ended>,
    out: String,
    err: String,
}

fn steps(max_steps: usize) -> Limits {
    Limits { max_steps, usage: UsageLimits::default(), max_cost: None, at_limit: AtLimit::Stop }
}

impl Scene {
    fn new(approve: Approve) -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder, approve, stop_on_tool: Vec::new(), limits: steps(10), stop: stopper() }
    }

    async fn play<'a, A: Answer>(
        mut self,
        model: ScriptedModel,
        answer: impl FnOnce(&'a mut Vec<u8>) -> A,
        out: &'a mut Vec<u8>,
    ) -> (Option<Ended>, String) {
        let root = Root::open(self.folder.path()).unwrap();
        let clock = Clock::stopped("2026-03-28T22:15:30+01:00[Europe/Berlin]");
        let own = BuiltIns::new(&root, &clock);
        let servers = McpServers::new([]).unwrap();
        let (tools, _) = Offered::with_servers(own, servers).await;
        let definitions: Vec<_> = tools.definitions().cloned().collect();
        let durations = Durations::default();
        let task = Task {
            messages: vec![user!("go")],
            kept: None,
            decisions: Vec::new(),
            tools,
            durations: durations.clone(),
            telemetry: Telemetry::default(),
            stop_on_tool: self.stop_on_tool,
            limits: self.limits,
            prices: None,
            approver: Approver::new(self.approve, definitions, None, self.stop.0.clone()),
        };
        let mut err = Vec::new();
        let mut progress =
            Progress::new(anstream::StripStream::new(&mut err), Detail::Whole, durations);
        let mut answer = answer(out);
        let ended = run(model, task, &mut answer, &mut progress, &mut self.stop.1).await;
        if let Some(ended) = &ended {
            answer.end(ended).unwrap();
            progress.end(ended, &self.limits);
        }
        drop(progress);
        (ended, without_times(&String::from_utf8(err).unwrap()))
    }

    async fn text(self, model: ScriptedModel) -> Seen {
        let mut out = Vec::new();
        let (ended, err) = self.play(model, |out| Text::new(out, false), &mut out).await;
        Seen { ended, out: String::from_utf8(out).unwrap(), err }
    }
}

/// Times differ from run to run.
fn without_times(shown: &str) -> String {
    let times = regex::Regex::new(r"\d+(\.\d)? m?s\b").unwrap();
    times.replace_all(shown, "TIME").into_owned()
}

fn calculates() -> ScriptedModel {
    ScriptedModel::new()
        .then(Reply::text("Let me see.").call("calculator", json!({ "expression": "6*7" })))
        .reply("It is 42.")
}

#[tokio::test]
async fn words_go_to_standard_output_and_the_course_to_standard_error() {
    let seen = Scene::new(Approve::Ask).text(calculates()).await;
    assert_eq!(seen.out, "Let me see.\nIt is 42.\n");
    let expected = "\
-> calculator(expression: \"6*7\")
<- calculator in TIME: {\"expression\":\"6*7\",\"result\":\"42\"}
step 1: TIME
done: 2 steps, 1 tool call, TIME
";
    assert_eq!(seen.err, expected);
    assert_eq!(seen.ended.unwrap().exit(), Exit::Done);
}

#[tokio::test]
async fn a_denied_call_is_shown_and_decides_the_exit_code() {
    let model = ScriptedModel::new()
        .calls("write_file", json!({ "path": "a.txt", "content": "x" }))
        .reply("I may not.");
    let scene = Scene::new(Approve::All);
    let target = scene.folder.path().join("a.txt");
    let seen = scene.text(model).await;
    assert_eq!(seen.out, "I may not.\n");
    let denied = "<- write_file denied: The call of `write_file` was denied and not executed: it \
                  needs approval, and nobody is at a terminal to give it.";
    assert!(seen.err.contains(denied), "{}", seen.err);
    assert_eq!(seen.ended.unwrap().exit(), Exit::Denied);
    assert!(!target.exists());
}

#[tokio::test]
async fn the_limit_of_steps_is_named_with_its_way_out() {
    let scene = Scene { limits: steps(1), ..Scene::new(Approve::Ask) };
    let seen = scene.text(calculates()).await;
    assert_eq!(seen.out, "Let me see.\n");
    let expected = "stopped: the limit of 1 step is reached; raise it with --max-steps\n";
    assert!(seen.err.contains(expected), "{}", seen.err);
    assert_eq!(seen.ended.unwrap().exit(), Exit::Limit);
}

#[tokio::test]
async fn every_limit_is_named_with_its_way_out() {
    let usages = [
        (
            UsageLimits { tool_calls: Some(0), ..Default::default() },
            "stopped: the limit of 0 tool calls is reached; raise it with --max-tool-calls\n",
        ),
        (
            UsageLimits { total_tokens: Some(9), ..Default::default() },
            "stopped: the limit of 9 tokens is reached; raise it with --max-total-tokens\n",
        ),
    ];
    for (usage, expected) in usages {
        let scene = Scene { limits: Limits { usage, ..steps(10) }, ..Scene::new(Approve::Ask) };
        let call = Reply::empty().call("calculator", json!({ "expression": "6*7" }));
        let model = ScriptedModel::new().then(call.usage(Usage::new(8, 2))).reply("Never.");
        let seen = scene.text(model).await;
        assert!(seen.err.contains(expected), "{}", seen.err);
        assert_eq!(seen.ended.unwrap().exit(), Exit::Limit);
    }
}

#[tokio::test]
async fn at_a_limit_the_model_may_answer_and_the_limit_still_decides_the_exit_code() {
    let limits = Limits { at_limit: AtLimit::Answer, ..steps(1) };
    let scene = Scene { limits, ..Scene::new(Approve::Ask) };
    let seen = scene.text(calculates()).await;
    assert_eq!(seen.out, "Let me see.\nIt is 42.\n");
    assert!(seen.err.contains("stopped: the limit of 1 step is reached"), "{}", seen.err);
    assert_eq!(seen.ended.unwrap().exit(), Exit::Limit);
}

#[tokio::test]
async fn a_tool_to_stop_on_ends_the_run_as_done() {
    let stop_on_tool = vec!["calculator".to_owned()];
    let scene = Scene { stop_on_tool, ..Scene::new(Approve::Ask) };
    let seen = scene.text(calculates()).await;
    assert!(seen.err.contains("stopped: calculator was called (--stop-on-tool)\n"), "{}", seen.err);
    assert_eq!(seen.ended.unwrap().exit(), Exit::Done);
}

#[tokio::test]
async fn a_failure_keeps_what_was_finished() {
    let error = LlmError::new(siumai::ErrorKind::Server, "the server is on fire");
    let model = ScriptedModel::new()
        .calls("calculator", json!({ "expression": "6*7" }))
        .then(Reply::text("It i").fail(error));
    let seen = Scene::new(Approve::Ask).text(model).await;
    assert_eq!(seen.out, "It i\n");
    assert!(
        seen.err.ends_with("error: the server is on fire\ndone: 1 step, 1 tool call, TIME\n"),
        "{}",
        seen.err
    );
    let ended = seen.ended.unwrap();
    assert_eq!((ended.exit(), ended.steps.len(), ended.text()), (Exit::Failed, 1, Some("It i")));
}

#[tokio::test]
async fn a_run_that_is_stopped_keeps_what_was_finished() {
    let scene = Scene::new(Approve::Ask);
    scene.stop.0.stop(Cause::Interrupted);
    let seen = scene.text(calculates()).await;
    assert_eq!((&*seen.out, &*seen.err), ("", "interrupted: 0 steps, TIME\n"));
    let ended = seen.ended.unwrap();
    assert_eq!((ended.exit(), ended.messages), (Exit::Interrupted, vec![user!("go")]));
}

#[tokio::test]
async fn json_is_one_object_with_all_that_came_of_the_run() {
    let mut out = Vec::new();
    Scene::new(Approve::Ask).play(calculates(), Json, &mut out).await;
    let object: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(object["text"], "It is 42.");
    assert_eq!(object["stopped_by"], "answer");
    assert_eq!(object["steps"][0]["tool_results"][0]["output"]["result"], "42");
    assert_eq!(object["messages"].as_array().unwrap().len(), 4);
    assert_eq!(object.get("error"), None);
    let keys: Vec<_> = object.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["text", "stopped_by", "steps", "usage", "messages"]);
}

#[tokio::test]
async fn json_lines_are_the_events_of_the_run() {
    let mut out = Vec::new();
    Scene::new(Approve::Ask).play(calculates(), JsonLines, &mut out).await;
    let types: Vec<String> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned()
        })
        .filter(|it| it != "delta")
        .collect();
    let expected = [
        "start",
        "step_start",
        "tool_call",
        "tool_result",
        "step_finish",
        "step_start",
        "step_finish",
        "end",
    ];
    assert_eq!(types, expected);
}

#[tokio::test]
async fn json_of_a_run_that_was_stopped_says_so() {
    let scene = Scene::new(Approve::Ask);
    scene.stop.0.stop(Cause::Interrupted);
    let mut out = Vec::new();
    scene.play(calculates(), Json, &mut out).await;
    let object: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(object["stopped_by"], "interrupted");
    assert_eq!(object["error"], json!({ "kind": "Cancelled", "message": "interrupted" }));
}

#[tokio::test]
async fn json_lines_of_a_run_that_was_stopped_end_with_an_error() {
    let scene = Scene::new(Approve::Ask);
    scene.stop.0.stop(Cause::Interrupted);
    let mut out = Vec::new();
    scene.play(calculates(), JsonLines, &mut out).await;
    let line: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&line["type"], &line["message"]), (&json!("error"), &json!("interrupted")));
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_run() {
    struct Closed;

    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let scene = Scene::new(Approve::Ask);
    fs::write(scene.folder.path().join("a.txt"), "").unwrap();
    let (ended, _) = scene.play(calculates(), |_| Text::new(Closed, false), &mut Vec::new()).await;
    assert!(ended.is_none());
}

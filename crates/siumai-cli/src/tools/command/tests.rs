use std::{fs, io::Read, sync::mpsc};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{output::KEPT_BYTES, *};

fn tool() -> (TempDir, RunCommand) {
    let folder = TempDir::new().unwrap();
    let root = Root::open(folder.path()).unwrap();
    (folder, RunCommand(root))
}

async fn output(arguments: Value) -> Value {
    let (_folder, tool) = tool();
    tool.call(arguments).await.unwrap()
}

#[tokio::test]
async fn output_and_exit_status_come_back() {
    let answer = output(json!({ "command": "echo out; echo err >&2; exit 3" })).await;
    assert_eq!(answer, json!({ "exit_code": 3, "stdout": "out\n", "stderr": "err\n" }));
}

#[tokio::test]
async fn what_a_command_writes_is_reported_by_whole_lines() {
    let (_folder, tool) = tool();
    let (sender, reports) = mpsc::channel();
    let context = ToolContext::new("call_1", 0).reporting_to(move |value| {
        sender.send(value).unwrap();
    });
    let command = "printf 'o'; printf 'ne\\ntwo\\nthr'; echo ee";
    let answer = tool.call_with(json!({ "command": command }), &context).await.unwrap();
    assert_eq!(answer["stdout"], "one\ntwo\nthree\n");
    let reported: Vec<_> = reports.try_iter().collect();
    let lines: String = reported.iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(lines, "one\ntwo\nthree\n");
    assert!(reported.iter().all(|it| it.as_str().unwrap().ends_with('\n')), "{reported:?}");
}

#[tokio::test]
async fn a_line_without_an_end_is_reported_in_pieces() {
    let (_folder, tool) = tool();
    let (sender, reports) = mpsc::channel();
    let context = ToolContext::new("call_1", 0).reporting_to(move |value| {
        sender.send(value).unwrap();
    });
    let command = "head -c 40000 /dev/zero | tr '\\0' 'x'";
    tool.call_with(json!({ "command": command }), &context).await.unwrap();
    let reported: Vec<_> = reports.try_iter().collect();
    assert!(reported.iter().all(|it| it.as_str().unwrap().len() == KEPT_BYTES + 1));
    assert_eq!(reported.len(), 2);
}

#[tokio::test]
async fn it_runs_in_the_root_and_gets_no_input() {
    let (folder, tool) = tool();
    fs::write(folder.path().join("here.txt"), "").unwrap();
    let answer = tool.call(json!({ "command": "ls; cat" })).await.unwrap();
    assert_eq!(answer, json!({ "exit_code": 0, "stdout": "here.txt\n", "stderr": "" }));
}

#[tokio::test]
async fn a_line_that_begins_with_a_dash_is_a_command() {
    let answer = output(json!({ "command": "-x" })).await;
    assert_eq!((&answer["exit_code"], &answer["stdout"]), (&json!(127), &json!("")));
}

#[tokio::test]
async fn a_signal_is_told() {
    let answer = output(json!({ "command": "kill -9 $$" })).await;
    assert_eq!(answer, json!({ "killed_by_signal": 9, "stdout": "", "stderr": "" }));
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_with_what_it_wrote() {
    let answer = output(json!({ "command": "echo begun; sleep 600", "timeout_seconds": 1 })).await;
    let expected = json!({
        "timed_out": true,
        "note": "The command was stopped after 1 seconds. Call the tool again with a larger \
                 timeout_seconds if it needs more.",
        "stdout": "begun\n",
        "stderr": "",
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn what_a_command_leaves_running_ends_with_it() {
    let (folder, tool) = tool();
    let held = held_open(&folder);
    let answer =
        tool.call(json!({ "command": "exec 3>held; sleep 600 & echo done" })).await.unwrap();
    assert_eq!(answer, json!({ "exit_code": 0, "stdout": "done\n", "stderr": "" }));
    held.has_ended.await.unwrap();
}

#[tokio::test]
async fn dropping_the_call_kills_the_command_and_all_it_started() {
    let (folder, tool) = tool();
    let held = held_open(&folder);
    let call = tool.call(json!({ "command": "exec 3>held; sleep 600 | cat; true" }));
    tokio::select! {
        ended = call => panic!("it ended: {ended:?}"),
        begun = held.has_begun => begun.unwrap(),
    }
    held.has_ended.await.unwrap();
}

#[tokio::test]
async fn long_output_keeps_its_beginning_and_its_end() {
    let answer = output(json!({ "command": "echo first; yes | head -c 100000; echo last" })).await;
    let text = answer["stdout"].as_str().unwrap();
    let left_out = 100_000 + "first\nlast\n".len() - 2 * KEPT_BYTES;
    assert!(text.starts_with("first\ny\ny\n"), "{text:.20}");
    assert!(text.ends_with("y\ny\nlast\n"));
    assert!(text.contains(&format!("\n… {left_out} bytes are left out here …\n")));
}

#[tokio::test]
async fn a_character_across_the_kept_parts_is_whole() {
    let command = format!("head -c {} /dev/zero | tr '\\0' 'a'; printf 'é'", KEPT_BYTES - 1);
    let answer = output(json!({ "command": command })).await;
    assert_eq!(answer["stdout"], format!("{}é", "a".repeat(KEPT_BYTES - 1)));
}

#[tokio::test]
async fn a_command_has_no_key_of_the_model() {
    let answer = output(json!({ "command": "env | grep -c OPENAI_API_KEY" })).await;
    assert_eq!(answer["stdout"], "0\n");
}

/// Hears when the pipe `held` in `folder` is opened for writing, and when the last who holds it is gone.
struct Held {
    has_begun: oneshot::Receiver<()>,
    has_ended: oneshot::Receiver<()>,
}

fn held_open(folder: &TempDir) -> Held {
    let path = folder.path().join("held");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let (begun, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut pipe = fs::File::open(path).unwrap();
        begun.send(()).ok();
        pipe.read_to_end(&mut Vec::new()).unwrap();
        ended.send(()).unwrap();
    });
    Held { has_begun, has_ended }
}

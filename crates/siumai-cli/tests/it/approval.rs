//! Who decides on a call, and how they are asked.
use std::fs;

use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server, Terminal};

const QUESTION: &str = "[y/a/e/n/q] ";

fn writing() -> Server {
    let arguments = json!({ "path": "a.txt", "content": "hello\nthere" });
    Server::new([Answer::call("write_file", &arguments), Answer::words(&["Done."])])
}

fn run(server: &Server, place: &Place, approve: &str) -> Seen {
    place.run(&["-m", "openai:test", "--base-url", &server.url(), "--approve", approve, "go"])
}

/// What the model was told of its call.
fn told(server: &Server) -> String {
    let requests = server.requests();
    let messages = requests.last().unwrap()["messages"].as_array().unwrap();
    let mut results = messages.iter().filter(|it| it["role"] == "tool");
    results.next_back().unwrap()["content"].as_str().unwrap().to_owned()
}

fn at_terminal(server: &Server, place: &Place) -> Terminal {
    let arguments = ["-m", "openai:test", "--base-url", &server.url(), "go"];
    Terminal::start(place.siumai(&arguments))
}

#[test]
fn without_a_terminal_what_must_be_asked_is_denied() {
    for approve in ["ask", "all"] {
        let (server, place) = (writing(), Place::new());
        let seen = run(&server, &place, approve);
        assert_eq!((seen.code, &*seen.out), (Some(4), "Done.\n"));
        assert!(told(&server).contains("nobody is at a terminal"));
        assert!(!place.path("a.txt").exists());
    }
}

#[test]
fn read_only_and_none_deny_without_asking() {
    let (server, place) = (writing(), Place::new());
    assert_eq!(run(&server, &place, "read-only").code, Some(4));
    assert!(told(&server).contains("--approve read-only"));
    let calculating = || {
        let arguments = json!({ "expression": "6*7" });
        Server::new([Answer::call("calculator", &arguments), Answer::words(&["Done."])])
    };
    assert_eq!(run(&calculating(), &place, "read-only").code, Some(0));
    assert_eq!(run(&calculating(), &place, "none").code, Some(4));
}

#[test]
fn yes_lets_the_call_run() {
    let (server, place) = (writing(), Place::new());
    let mut terminal = at_terminal(&server, &place);
    let question = terminal.wait_for(QUESTION);
    assert!(
        question.contains("  path: a.txt\r\n  content:\r\n    hello\r\n    there\r\n"),
        "{question}"
    );
    assert!(!place.path("a.txt").exists());
    terminal.type_in("y");
    let (code, out, _) = terminal.end();
    assert_eq!((code, &*out), (Some(0), "Done.\n"));
    assert_eq!(fs::read_to_string(place.path("a.txt")).unwrap(), "hello\nthere");
}

#[test]
fn no_is_told_to_the_model_with_its_reason() {
    let (server, place) = (writing(), Place::new());
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_in("n");
    terminal.wait_for("why not?");
    terminal.type_in("wrong folder\r");
    let (code, out, _) = terminal.end();
    assert_eq!((code, &*out), (Some(4), "Done.\n"));
    assert!(told(&server).contains("the user said no: wrong folder"));
    assert!(!place.path("a.txt").exists());
}

#[test]
fn always_is_asked_once_for_the_tool() {
    let write = |path: &str| Answer::call("write_file", &json!({ "path": path, "content": "x" }));
    let server = Server::new([write("a.txt"), write("b.txt"), Answer::words(&["Done."])]);
    let place = Place::new();
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    let (code, _, shown) = terminal.end();
    assert_eq!(code, Some(0));
    assert!(!shown.contains(QUESTION), "{shown}");
    assert!(place.path("a.txt").exists() && place.path("b.txt").exists());
}

#[test]
fn arguments_are_edited_on_the_line() {
    let arguments = json!({ "path": "a.txt", "content": "x" });
    let server = Server::new([Answer::call("write_file", &arguments), Answer::words(&["Done."])]);
    let place = Place::new();
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_in("e");
    terminal.wait_for("\"content\":\"x\"}");
    terminal.type_in("\x08\x08\x08yz\"}\r");
    let (code, _, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert_eq!(fs::read_to_string(place.path("a.txt")).unwrap(), "yz");
}

#[test]
fn arguments_are_edited_in_the_editor() {
    let (server, place) = (writing(), Place::new());
    place.write("edit.sh", "sed -i s/a.txt/b.txt/ \"$1\"; touch -d @4102444800 \"$1\"");
    let editor = format!("sh {}", place.path("edit.sh").display());
    let place = place.set("EDITOR", editor);
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_in("e");
    let (code, _, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert!(!place.path("a.txt").exists() && place.path("b.txt").exists());
}

#[test]
fn quitting_ends_the_run_with_what_was_done() {
    let (server, place) = (writing(), Place::new());
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    let (code, out, shown) = terminal.end();
    assert_eq!((code, &*out), (Some(4), ""));
    assert!(shown.contains("quit: 1 step, 1 tool call, "), "{shown}");
    assert_eq!(server.requests().len(), 1);
    assert!(!place.path("a.txt").exists());
}

#[test]
fn ctrl_c_at_the_question_interrupts() {
    let (server, place) = (writing(), Place::new());
    let mut terminal = at_terminal(&server, &place);
    terminal.wait_for(QUESTION);
    terminal.type_until_the_end("\x03");
    let (code, _, shown) = terminal.end();
    assert_eq!(code, Some(130));
    assert!(shown.contains("interrupted: 1 step, 1 tool call, "), "{shown}");
    assert!(!place.path("a.txt").exists());
}

#[test]
fn all_still_asks_about_what_can_destroy() {
    let (server, place) = (writing(), Place::new());
    let url = server.url();
    let arguments = ["-m", "openai:test", "--base-url", &url, "--approve", "all", "go"];
    let mut terminal = Terminal::start(place.siumai(&arguments));
    terminal.wait_for(QUESTION);
    terminal.type_in("y");
    assert_eq!(terminal.end().0, Some(0));
    assert!(place.path("a.txt").exists());
}

#[test]
fn a_command_does_not_see_the_key() {
    let command = json!({ "command": "env | grep -c canary; exit 0" });
    let server = Server::new([Answer::call("run_command", &command), Answer::words(&["Done."])]);
    let place = Place::with(&server);
    let mut terminal = Terminal::start(place.siumai(&["-m", "openai:test", "go"]));
    terminal.wait_for(QUESTION);
    terminal.type_in("y");
    assert_eq!(terminal.end().0, Some(0));
    let result: Value = serde_json::from_str(&told(&server)).unwrap();
    assert_eq!(result, json!({ "exit_code": 0, "stdout": "0\n", "stderr": "" }));
}

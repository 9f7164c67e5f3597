//! Ctrl-C and its kin: a run ends cleanly, and says what was done.
use std::io::BufReader;

use serde_json::{Value, json};

use crate::support::{
    Answer, Place, Server, Terminal, interrupt, read_until, read_words, rest, says, signal,
    stderr_of,
};

#[test]
fn ctrl_c_in_the_middle_of_a_reply_keeps_what_was_said() {
    let server = Server::new([Answer::Stall(vec![says("Well, ")])]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go"]).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    read_words(&mut out, "Well, ");
    interrupt(&child);
    child.stdout = Some(out);
    let seen = rest(child);
    assert_eq!((seen.code, &*seen.out), (Some(130), "\n"));
    assert!(seen.err.contains("interrupted: 0 steps, "), "{}", seen.err);
}

#[test]
fn ctrl_c_in_a_command_kills_it_and_says_what_was_done() {
    let command = json!({ "command": "exec 3>held; sleep 600 | cat; true" });
    let server = Server::new([
        Answer::call("calculator", &json!({ "expression": "6*7" })),
        Answer::call("run_command", &command),
    ]);
    let place = Place::with(&server);
    place.pipe("held");
    let mut terminal = Terminal::start(place.siumai(&["-m", "openai:test", "go"]));
    terminal.wait_for("[y/a/e/n/q] ");
    terminal.type_in("y");
    let held = place.wait_for("held");
    interrupt(terminal.child());
    held.wait_for_end();
    let (code, _, shown) = terminal.end();
    assert_eq!(code, Some(130));
    assert!(shown.contains("<- run_command cut short: "), "{shown}");
    assert!(shown.contains("interrupted: 2 steps, 2 tool calls, "), "{shown}");
}

#[test]
fn ctrl_c_gives_json_of_what_was_done() {
    let server = Server::new([
        Answer::call("calculator", &json!({ "expression": "6*7" })),
        Answer::Stall(vec![says("It ")]),
    ]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "-o", "json", "go"]).spawn().unwrap();
    let mut err = stderr_of(&mut child);
    read_until(&mut err, "step 1: ");
    interrupt(&child);
    let seen = rest(child);
    assert_eq!(seen.code, Some(130));
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(object["stopped_by"], "interrupted");
    assert_eq!(object["steps"][0]["tool_results"][0]["output"]["result"], "42");
    assert_eq!(object["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn ctrl_c_before_the_model_has_said_anything_is_clean() {
    let server = Server::new([Answer::Stall(vec![])]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go"]).spawn().unwrap();
    let mut err = stderr_of(&mut child);
    read_until(&mut err, "model: ");
    interrupt(&child);
    let shown = read_until(&mut err, "interrupted: ");
    assert!(shown.starts_with("interrupted: 0 steps, "), "{shown}");
    assert_eq!(rest(child).code, Some(130));
}

#[test]
fn a_slow_calculation_does_not_hold_up_the_end() {
    let server = Server::new([Answer::call("calculator", &json!({ "expression": "3^3^3^3" }))]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go"]).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut err, "-> calculator");
    interrupt(&child);
    let shown = read_until(&mut err, "interrupted: ");
    assert!(shown.contains("<- calculator cut short: "), "{shown}");
    assert_eq!(rest(child).code, Some(130));
}

#[test]
fn the_systems_wish_to_end_is_obeyed() {
    let server = Server::new([Answer::Stall(vec![says("Well, ")])]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go"]).spawn().unwrap();
    read_words(child.stdout.as_mut().unwrap(), "Well, ");
    signal(&child, rustix::process::Signal::TERM);
    let seen = rest(child);
    assert_eq!(seen.code, Some(143));
    assert!(seen.err.contains("terminated: 0 steps, "), "{}", seen.err);
}

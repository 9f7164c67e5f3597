//! The program under `kill -9` at random moments: it goes on where it was, and repeats no command.
use std::{fs, io::Read, process::Child, sync::mpsc, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Place, Server, rest, signal};

const KILLS: usize = 200;

fn command(label: &str) -> (&'static str, Value) {
    (
        "run_command",
        json!({ "command": format!("echo begin {label} >> log; echo end {label} >> log") }),
    )
}

fn server() -> Server {
    Server::by_place([
        Answer::calls(&[command("a"), command("b")]),
        Answer::calls(&[command("c")]),
        Answer::words(&["Done."]),
    ])
}

/// Whether the child ends by itself before `time` is up.
fn ends_within(child: &mut Child, time: Duration) -> bool {
    let mut out = child.stdout.take().unwrap();
    let (ended, heard) = mpsc::channel();
    thread::spawn(move || {
        out.read_to_end(&mut Vec::new()).ok();
        ended.send(()).ok();
    });
    heard.recv_timeout(time).is_ok()
}

/// Starts the program and kills it after `time`; whether it was still there then.
fn killed_after(place: &Place, arguments: &[&str], time: Duration) -> bool {
    let mut child = place.siumai(arguments).spawn().unwrap();
    let is_over = ends_within(&mut child, time);
    if !is_over {
        signal(&child, Signal::KILL);
    }
    let seen = rest(child);
    assert!(matches!(seen.code, None | Some(0 | 5)), "{arguments:?}: {}", seen.err);
    seen.code.is_none()
}

fn listed(place: &Place) -> Vec<Value> {
    let seen = place.run(&["runs", "ls", "-o", "json"]);
    assert_eq!((seen.code, &*seen.err), (Some(0), ""));
    serde_json::from_str(&seen.out).unwrap()
}

/// What leads on from where the run is: it is begun, approved, or resumed; nothing if it is done.
fn next(place: &Place) -> Option<Vec<String>> {
    let listed = listed(place);
    let Some(run) = listed.first() else {
        let begin = ["-q", "-m", "openai:test", "--approve", "pause", "go"];
        return Some(begin.map(str::to_owned).to_vec());
    };
    let id = run["id"].as_str().unwrap();
    let go_on: &[&str] = match run["status"].as_str().unwrap() {
        "done" => return None,
        "waiting" => &["runs", "approve", "--all", id],
        _ => &["runs", "resume", id],
    };
    Some(go_on.iter().map(|it| (*it).to_owned()).collect())
}

/// Asserts that each command has begun once at most, and that those that are told of as
/// executed have run to their end.
fn check(place: &Place) {
    let log = fs::read_to_string(place.path("log")).unwrap_or_default();
    let count = |line: &str| log.lines().filter(|it| *it == line).count();
    let shown =
        place.run(&["runs", "show", listed(place)[0]["id"].as_str().unwrap(), "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let messages = shown["messages"].as_array().unwrap();
    let results: Vec<&Value> = messages
        .iter()
        .flat_map(|it| it["content"].as_array().unwrap())
        .filter(|it| it["type"] == "tool_result")
        .collect();
    assert_eq!(results.len(), 3, "every call has one result");
    for (label, result) in ["a", "b", "c"].into_iter().zip(results) {
        let (begun, ended) = (count(&format!("begin {label}")), count(&format!("end {label}")));
        match result["status"].as_str().unwrap() {
            "executed" => assert_eq!((begun, ended), (1, 1), "{label}: {log}"),
            "indeterminate" => assert!(begun <= 1, "{label} ran twice: {log}"),
            other => panic!("{label} is {other}"),
        }
    }
}

#[test]
fn a_run_that_is_killed_at_any_of_two_hundred_moments_goes_on_and_repeats_nothing() {
    // As long as a run takes, which no two machines agree on: learned from who was too late.
    let mut longest = Duration::from_millis(100);
    let mut dice = 0_u64;
    let mut roll = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(dice >> 33).unwrap()) / f64::from(u32::MAX >> 1)
    };
    let mut kills = 0;
    while kills < KILLS {
        let server = server();
        let place = Place::with(&server);
        // Undisturbed, three commands lead to the end; here they have six lives to be killed in.
        let mut lives = 0;
        while let Some(arguments) = next(&place) {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            lives += 1;
            if lives > 6 {
                let seen = place.run(&arguments);
                assert!(matches!(seen.code, Some(0 | 5)), "{arguments:?}: {}", seen.err);
            } else if killed_after(&place, &arguments, longest.mul_f64(roll())) {
                kills += 1;
                longest = longest.mul_f64(1.02);
            } else {
                longest = longest.mul_f64(0.95);
            }
        }
        check(&place);
    }
}

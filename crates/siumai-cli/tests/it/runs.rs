//! Runs that are kept: they wait, are looked at, decided on, cut short and gone on with.
use std::fs;

use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server, interrupt, read_until, rest, signal, stderr_of};

fn write() -> Answer {
    Answer::call("write_file", &json!({ "path": "a.txt", "content": "hello" }))
}

fn writing() -> Server {
    Server::new([write(), Answer::words(&["Done."])])
}

/// A place with a run that waits for `write_file`.
fn paused(server: &Server) -> Place {
    let place = Place::with(server);
    let seen = place.run(&["-m", "openai:test", "--approve", "pause", "write  it\nall"]);
    assert_eq!((seen.code, &*seen.out), (Some(5), ""), "{}", seen.err);
    place
}

/// The runs, as JSON.
fn listed(place: &Place) -> Vec<Value> {
    let seen = place.run(&["runs", "ls", "-o", "json"]);
    assert_eq!((seen.code, &*seen.err), (Some(0), ""));
    serde_json::from_str(&seen.out).unwrap()
}

fn id(place: &Place) -> String {
    listed(place)[0]["id"].as_str().unwrap().to_owned()
}

/// `siumai runs` with the only run there is.
fn runs(place: &Place, verb: &str, more: &[&str]) -> Seen {
    let id = id(place);
    place.run(&[&["runs", verb, &id[..6]], more].concat())
}

/// What the model was told of its call.
fn told(server: &Server) -> String {
    let requests = server.requests();
    let messages = requests.last().unwrap()["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_that_waits_says_so_and_how_it_goes_on() {
    let server = writing();
    let place = Place::with(&server);
    let seen = place.run(&["-q", "-m", "openai:test", "--approve", "pause", "go"]);
    let id = id(&place);
    let short = &id[..8];
    let expected = format!(
        "waiting: write_file(path: \"a.txt\", content: \"hello\")\n\
         hint: `siumai runs approve {short}` lets it run, `siumai runs deny {short}` does not; \
         `siumai runs show {short}` shows all of it\n"
    );
    assert_eq!((seen.code, &*seen.out, seen.err), (Some(5), "", expected));
    assert_eq!(server.requests().len(), 1);
    assert!(!place.path("a.txt").exists());
}

#[test]
fn a_run_that_waits_is_listed_and_shown_with_what_waits() {
    let server = writing();
    let place = paused(&server);
    let seen = place.run(&["runs", "ls"]);
    let lines: Vec<Vec<&str>> = seen
        .out
        .lines()
        .map(|it| it.split("  ").filter(|it| !it.is_empty()).map(str::trim).collect())
        .collect();
    assert_eq!(lines[0], ["RUN", "AGE", "STATUS", "STEPS", "MODEL", "PROMPT"]);
    assert_eq!(lines[1][2..], ["waiting", "1", "openai:test", "write it all"]);

    let seen = runs(&place, "show", &[]);
    let (head, rest) = seen.out.split_once("\nbegan ").unwrap();
    let expected = format!("run {}\nmodel openai:test\nstatus waiting", id(&place));
    assert_eq!(head, expected);
    let (_, rest) = rest.split_once('\n').unwrap();
    let expected = "> write  it\n> all\n\nwaiting write_file (call_1) wants to run with\n  path: a.txt\n  content: hello\n";
    assert_eq!(rest, expected);

    let seen = runs(&place, "show", &["-o", "json"]);
    let shown: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(shown["waiting"][0]["arguments"]["path"], "a.txt");
    assert_eq!(shown["setup"]["approve"], "pause");
}

#[test]
fn an_approved_call_runs_and_the_answer_is_that_of_a_run_approved_at_once() {
    let server = writing();
    let place = paused(&server);
    let seen = runs(&place, "approve", &[]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Done.\n"), "{}", seen.err);
    assert_eq!(fs::read_to_string(place.path("a.txt")).unwrap(), "hello");

    // The whole of it, as it is kept, is as if nobody had waited.
    let once = writing();
    let other = Place::with(&once);
    other.run(&["-m", "openai:test", "--approve", "pause", "write  it\nall"]);
    runs(&other, "approve", &["call_1"]);
    let history = |place: &Place| -> Value {
        let seen = runs(place, "show", &["-o", "json"]);
        serde_json::from_str::<Value>(&seen.out).unwrap()["messages"].take()
    };
    assert_eq!(history(&place), history(&other));
    assert_eq!(listed(&place)[0]["status"], "done");
}

#[test]
fn a_decision_counts_once() {
    let server = writing();
    let place = paused(&server);
    assert_eq!(runs(&place, "approve", &[]).code, Some(0));
    let seen = runs(&place, "approve", &[]);
    let expected = "error: no call of the run waits for approval; the run is done\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), expected));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_denied_call_does_not_run_and_the_model_is_told_why() {
    let server = writing();
    let place = paused(&server);
    let seen = runs(&place, "deny", &["--reason", "not today"]);
    assert_eq!((seen.code, &*seen.out), (Some(4), "Done.\n"));
    assert!(told(&server).contains("denied and not executed: not today"));
    assert!(!place.path("a.txt").exists());
}

#[test]
fn a_call_runs_with_the_arguments_it_was_given() {
    let server = writing();
    let place = paused(&server);
    let wrong = runs(&place, "approve", &["--modify", r#"{"path":1}"#]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("a decision was refused: the changed arguments"), "{}", wrong.err);
    let seen = runs(&place, "approve", &["--modify", r#"{"path":"b.txt","content":"changed"}"#]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Done.\n"));
    assert_eq!(fs::read_to_string(place.path("b.txt")).unwrap(), "changed");
    assert!(!place.path("a.txt").exists());
}

#[test]
fn of_several_calls_some_are_decided_and_the_others_go_on_waiting() {
    let arguments = |path: &str| json!({ "path": path, "content": "x" });
    let calls = [("write_file", arguments("a.txt")), ("write_file", arguments("b.txt"))];
    let server = Server::new([Answer::calls(&calls), Answer::words(&["Done."])]);
    let place = paused(&server);

    let seen = runs(&place, "approve", &[]);
    let expected =
        "error: several calls wait: `call_1`, `call_2`; name those that you mean, or give --all\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), expected));
    let seen = runs(&place, "approve", &["call_9"]);
    let expected = "error: no call `call_9` waits for approval; these do: `call_1`, `call_2`\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), expected));

    let seen = runs(&place, "approve", &["call_2"]);
    assert_eq!(seen.code, Some(5), "{}", seen.err);
    assert!(place.path("b.txt").exists() && !place.path("a.txt").exists());
    assert_eq!(server.requests().len(), 1);
    let seen = runs(&place, "deny", &["--all"]);
    assert_eq!((seen.code, &*seen.out), (Some(4), "Done.\n"));
    assert!(!place.path("a.txt").exists());
}

#[test]
fn a_run_that_waits_is_resumed_by_waiting_on() {
    let server = writing();
    let place = paused(&server);
    let seen = runs(&place, "resume", &[]);
    assert_eq!((seen.code, server.requests().len()), (Some(5), 1));
    assert!(seen.err.contains("waiting: write_file("), "{}", seen.err);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let calculating = Answer::call("calculator", &json!({ "expression": "6*7" }));
    let server = Server::new([calculating, Answer::Stall(vec![]), Answer::words(&["It is 42."])]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go"]).spawn().unwrap();
    let mut err = stderr_of(&mut child);
    read_until(&mut err, "step 1: ");
    assert_eq!(listed(&place)[0]["status"], "running");
    let seen = runs(&place, "resume", &[]);
    assert_eq!(seen.code, Some(1));
    assert!(seen.err.contains("is driven by somebody else; wait until that has ended"));
    let seen = runs(&place, "rm", &[]);
    assert!(seen.err.contains("is driven by somebody else"), "{}", seen.err);

    interrupt(&child);
    let shown = read_until(&mut err, "hint: ");
    let short = id(&place)[..8].to_owned();
    let hint = format!("hint: `siumai runs resume {short}` goes on from here\n");
    assert!(shown.ends_with(&hint), "{shown}");
    assert_eq!(rest(child).code, Some(130));

    assert_eq!(listed(&place)[0]["status"], "interrupted");
    let seen = runs(&place, "resume", &[]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"), "{}", seen.err);
    assert!(!seen.err.contains("calculator"), "{}", seen.err);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_killed_run_goes_on_and_no_command_runs_twice() {
    let count = json!({ "command": "echo ran >> log; cat fifo; echo done" });
    let server = Server::new([Answer::call("run_command", &count), Answer::words(&["Done."])]);
    let place = Place::with(&server);
    place.pipe("fifo");
    place.run(&["-m", "openai:test", "--approve", "pause", "go"]);
    let id = id(&place);
    let child = place.siumai(&["runs", "approve", &id]).spawn().unwrap();
    // The command has begun, and waits.
    let held = fs::File::options().write(true).open(place.path("fifo")).unwrap();
    signal(&child, rustix::process::Signal::KILL);
    rest(child);
    drop(held);

    assert_eq!(listed(&place)[0]["status"], "interrupted");
    let seen = runs(&place, "show", &[]);
    assert!(seen.out.contains("<- nobody knows what came of it"), "{}", seen.out);
    let seen = runs(&place, "resume", &[]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Done.\n"));
    assert!(told(&server).starts_with("The process ended while this tool ran."));
    assert_eq!(fs::read_to_string(place.path("log")).unwrap(), "ran\n");
}

#[test]
fn a_failed_run_goes_on_with_another_model() {
    let gone = Answer::json(404, &json!({ "error": { "message": "no such model" } }));
    let server = Server::new([gone, Answer::words(&["Hi."])]);
    let place = Place::with(&server);
    let seen = place.run(&["-m", "openai:test", "hello"]);
    assert_eq!(seen.code, Some(1));
    assert!(seen.err.contains("` goes on from here\n"), "{}", seen.err);
    let shown = runs(&place, "show", &[]);
    assert!(shown.out.contains("\nstatus failed: openai has no model `test` at "), "{}", shown.out);
    let seen = runs(&place, "resume", &["-m", "openai:other"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hi.\n"), "{}", seen.err);
    assert_eq!(server.requests()[1]["model"], "other");
}

#[test]
fn a_run_at_its_limit_goes_on_with_a_higher_one() {
    let calculating = Answer::call("calculator", &json!({ "expression": "6*7" }));
    let server = Server::new([calculating, Answer::words(&["It is 42."])]);
    let place = Place::with(&server);
    assert_eq!(place.run(&["-m", "openai:test", "--max-steps", "1", "go"]).code, Some(3));
    assert_eq!(runs(&place, "resume", &[]).code, Some(3));
    let seen = runs(&place, "resume", &["--max-steps", "2"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"));
}

#[test]
fn a_finished_run_gives_its_answer_again() {
    let place = Place::new();
    let first = place.run(&["-m", "offline", "what is 6*7"]);
    let again = runs(&place, "resume", &[]);
    assert_eq!((again.code, again.out), (Some(0), first.out));
}

#[test]
fn a_run_goes_on_with_its_own_setup_wherever_it_is_resumed() {
    let listing = Answer::call("list_files", &json!({}));
    let server = Server::new([write(), listing, Answer::words(&["Done."])]);
    let place = Place::with(&server);
    fs::create_dir(place.path("inner")).unwrap();
    let arguments = [
        "-m",
        "openai:test",
        "--root",
        "inner",
        "-T",
        "write_file,list_files",
        "--approve",
        "pause",
        "-s",
        "Be brief.",
        "go",
    ];
    place.run(&arguments);
    fs::create_dir(place.path("elsewhere")).unwrap();
    let mut command = place.siumai(&["runs", "approve", &id(&place)]);
    let seen: Seen = command.current_dir(place.path("elsewhere")).output().unwrap().into();
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    assert!(place.path("inner/a.txt").exists());
    let requests = server.requests();
    for request in &requests {
        assert_eq!(request["messages"][0]["content"], "Be brief.");
        assert_eq!(request["tools"].as_array().unwrap().len(), 2);
    }
    fs::remove_dir_all(place.path("inner")).unwrap();
    let seen = runs(&place, "resume", &[]);
    assert_eq!(seen.code, Some(1));
    assert!(seen.err.contains("that the run works in can't be opened"), "{}", seen.err);
}

#[test]
fn no_save_leaves_nothing() {
    let place = Place::new();
    let seen = place.run(&["--no-save", "-m", "offline", "what is 6*7"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "6*7 = 42\n"));
    assert!(!place.runs_file().parent().unwrap().exists());
    let seen = place.run(&["--no-save", "--approve", "pause", "-m", "offline", "go"]);
    let expected = "error: a run is not kept with --no-save or --replay, so it can't wait; choose another --approve\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), expected));
}

#[test]
fn looking_at_runs_makes_no_file() {
    let place = Place::new();
    assert_eq!(listed(&place), [Value::Null; 0]);
    let seen = place.run(&["runs", "show", "abc"]);
    let expected = "error: no run begins with `abc`; `siumai runs ls` lists them\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), expected));
    assert!(!place.runs_file().parent().unwrap().exists());
}

#[test]
fn a_damaged_file_is_said_so_before_anything_is_spent() {
    let server = writing();
    let place = paused(&server);
    fs::write(place.runs_file(), "Dear diary").unwrap();
    for arguments in [&["-m", "openai:test", "go"][..], &["runs", "ls"], &["runs", "resume", "a"]] {
        let seen = place.run(arguments);
        assert_eq!((seen.code, &*seen.out), (Some(1), ""), "{arguments:?}");
        assert!(
            seen.err.contains("runs.db is no journal: it is no SQLite database"),
            "{}",
            seen.err
        );
    }
    let seen = place.run(&["-m", "openai:test", "go"]);
    assert!(seen.err.contains("or run with --no-save, which keeps nothing"), "{}", seen.err);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn runs_are_deleted_by_name_by_age_or_all() {
    let place = Place::new();
    let begin = || place.run(&["-q", "-m", "offline", "what is 6*7"]);
    begin();
    begin();
    let count = || listed(&place).len();
    let seen = runs(&place, "rm", &[]);
    assert_eq!((seen.code, &*seen.err, count()), (Some(0), "deleted: 1\n", 1));
    assert_eq!(place.run(&["runs", "rm", "--older-than", "30d"]).err, "deleted: 0\n");
    assert_eq!(place.run(&["runs", "rm", "--older-than", "0s"]).err, "deleted: 1\n");
    begin();
    begin();
    assert_eq!((place.run(&["runs", "rm", "--all"]).err, count()), ("deleted: 2\n".to_owned(), 0));
    let seen = place.run(&["runs", "rm", "--older-than", "a while"]);
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains("such as `2w`, `30d`, `12h`"), "{}", seen.err);
    assert_eq!(place.run(&["runs", "rm"]).code, Some(2));
}

#[test]
fn a_start_that_several_ids_have_is_refused() {
    let place = Place::new();
    for _ in 0..17 {
        place.run(&["-q", "-m", "offline", "hi"]);
    }
    // Of 17 ids in hexadecimal digits two begin alike.
    let mut starts: Vec<_> =
        listed(&place).iter().map(|it| it["id"].as_str().unwrap()[..1].to_owned()).collect();
    starts.sort();
    let twice = starts.windows(2).find(|it| it[0] == it[1]).unwrap();
    let seen = place.run(&["runs", "show", &twice[0]]);
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains("; write more of the id"), "{}", seen.err);
}

#[test]
fn no_secret_is_kept() {
    let refused = Answer::json(401, &json!({ "error": { "message": "no key like sk-canary" } }));
    for server in [writing(), Server::new([refused])] {
        let place = Place::new().set("OPENAI_API_KEY", "sk-canary");
        let url = server.url().replace("http://", "http://user:canary@");
        let url = format!("{url}?key=canary");
        place.run(&["-m", "openai:test", "--base-url", &url, "--approve", "pause", "go"]);
        let setup = &listed(&place)[0]["setup"];
        assert_eq!(setup["base_url"], server.url());
        for file in fs::read_dir(place.runs_file().parent().unwrap()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[test]
fn json_names_the_run_and_what_waits() {
    let server = writing();
    let place = Place::with(&server);
    let arguments = ["-q", "-m", "openai:test", "--approve", "pause", "-o", "json", "go"];
    let seen = place.run(&arguments);
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(object["run_id"], id(&place));
    assert_eq!(object["stopped_by"], "approval_pending");
    assert_eq!(object["waiting"][0]["name"], "write_file");
}

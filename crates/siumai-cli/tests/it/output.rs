//! What goes where, and in which form.
use serde_json::{Value, json};

use crate::support::{Answer, Place, Server, Terminal};

fn calculating() -> Server {
    Server::new([
        Answer::call("calculator", &json!({ "expression": "6*7" })),
        Answer::words(&["It is ", "42."]),
    ])
}

const MODEL: [&str; 2] = ["-m", "openai:test"];

fn run(place: &Place, arguments: &[&str]) -> crate::support::Seen {
    place.run(&[&MODEL[..], arguments].concat())
}

/// Times differ from run to run.
fn without_times(shown: &str) -> String {
    let times = regex::Regex::new(r"\d+(\.\d)? m?s\b").unwrap();
    times.replace_all(shown, "TIME").into_owned()
}

#[test]
fn the_answer_goes_to_standard_output_and_the_course_to_standard_error() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["6*7?"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"));
    let expected = format!(
        "\
model: openai:test at {}
-> calculator(expression: \"6*7\")
<- calculator in TIME: {{\"expression\":\"6*7\",\"result\":\"42\"}}
step 1: TIME
done: 2 steps, 1 tool call, TIME
",
        server.url()
    );
    assert_eq!(without_times(&seen.err), expected);
    let requests = server.requests();
    assert_eq!((requests.len(), &requests[0]["stream"]), (2, &json!(true)));
}

#[test]
fn quiet_shows_the_answer_alone() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["-q", "6*7?"]);
    assert_eq!((&*seen.out, &*seen.err), ("It is 42.\n", ""));
}

#[test]
fn a_reply_in_one_piece_gives_the_same() {
    let call = json!({
        "id": "call_1", "type": "function",
        "function": { "name": "calculator", "arguments": "{\"expression\":\"6*7\"}" },
    });
    let reply = |message: Value, reason: &str| {
        Answer::json(
            200,
            &json!({ "choices": [{ "index": 0, "message": message, "finish_reason": reason }] }),
        )
    };
    let server = Server::new([
        reply(json!({ "role": "assistant", "content": null, "tool_calls": [call] }), "tool_calls"),
        reply(json!({ "role": "assistant", "content": "It is 42." }), "stop"),
    ]);
    let seen = run(&Place::with(&server), &["--no-stream", "6*7?"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"));
    assert_ne!(server.requests()[0]["stream"], json!(true));
}

#[test]
fn json_is_one_object() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["-q", "-o", "json", "-s", "Be brief.", "6*7?"]);
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!((&object["text"], &object["stopped_by"]), (&json!("It is 42."), &json!("answer")));
    assert_eq!(object["steps"].as_array().unwrap().len(), 2);
    assert_eq!(object["messages"][0]["role"], "system");
    assert_eq!(seen.err, "");
}

#[test]
fn json_lines_are_the_events() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["-o", "jsonl", "6*7?"]);
    let lines: Vec<Value> = seen.out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines[0]["type"], "start");
    assert_eq!(lines.last().unwrap()["type"], "end");
    let words = lines.iter().filter_map(|it| it["delta"]["content"].as_str());
    assert_eq!(words.collect::<String>(), "It is 42.");
}

#[test]
fn a_limit_of_steps_has_an_exit_code_of_its_own() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["--max-steps", "1", "6*7?"]);
    assert_eq!((seen.code, &*seen.out), (Some(3), ""));
    assert!(
        seen.err.contains("stopped: the limit of 1 step is reached; raise it with --max-steps"),
        "{}",
        seen.err
    );
}

#[test]
fn a_tool_to_stop_on_ends_the_run() {
    let server = calculating();
    let seen = run(&Place::with(&server), &["--stop-on-tool", "calculator", "6*7?"]);
    assert_eq!((seen.code, server.requests().len()), (Some(0), 1));
    assert!(seen.err.contains("stopped: calculator was called (--stop-on-tool)"), "{}", seen.err);
}

#[test]
fn only_the_tools_that_were_named_are_offered() {
    let server = calculating();
    run(&Place::with(&server), &["-T", "calculator", "-T", "read_file", "6*7?"]);
    let requests = server.requests();
    let tools = requests[0]["tools"].as_array().unwrap().iter();
    let names: Vec<_> = tools.map(|it| it["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["calculator", "read_file"]);
}

#[test]
fn a_terminal_is_shown_short_lines() {
    let expression = "1 + ".repeat(50) + "1";
    let server = Server::new([
        Answer::call("calculator", &json!({ "expression": expression })),
        Answer::words(&["51"]),
    ]);
    let place = Place::with(&server);
    let mut terminal = Terminal::start(place.siumai(&["-m", "openai:test", "add"]));
    terminal.wait_for("-> ");
    let call = terminal.wait_for("\r\n");
    assert_eq!(call.trim_end().chars().count(), 100 - "-> ".len());
    assert!(call.ends_with("…\r\n"), "{call}");
    let (code, out, _) = terminal.end();
    assert_eq!((code, &*out), (Some(0), "51\n"));
}

#[test]
fn a_reader_that_wants_one_line_gets_it_and_no_panic() {
    use std::io::BufReader;

    let server = Server::new([Answer::Forever(crate::support::says("line\n"))]);
    let place = Place::with(&server);
    let mut child = place.siumai(&["-m", "openai:test", "go on"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(crate::support::read_until(&mut out, "\n"), "line\n");
    drop(out);
    let seen = crate::support::rest(child);
    assert_eq!(seen.code, Some(0));
    assert_eq!(seen.err, format!("model: openai:test at {}\n", server.url()));
}

#[test]
fn lists_whose_reader_has_gone_are_no_failure() {
    let place = Place::new();
    for arguments in [&["tools"][..], &["models"], &["completions", "bash"], &["--help"]] {
        let mut child = place.siumai(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let seen = crate::support::rest(child);
        assert_eq!((seen.code, &*seen.err), (Some(0), ""), "{arguments:?}");
    }
}

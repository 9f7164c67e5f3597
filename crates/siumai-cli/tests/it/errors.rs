//! What goes wrong with providers: it is named with the way out, and what was finished is kept.
use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server, says};

fn run(server: &Server, arguments: &[&str]) -> Seen {
    let seen = Place::with(server).run(&[&["-m", "openai:test"][..], arguments].concat());
    assert!(!seen.err.contains("canary") && !seen.out.contains("canary"), "{seen:?}");
    assert!(!seen.err.contains("panicked"), "{}", seen.err);
    seen
}

fn error_line(seen: &Seen) -> &str {
    line(seen, "error: ")
}

fn hint_line(seen: &Seen) -> &str {
    line(seen, "hint: ")
}

fn line<'a>(seen: &'a Seen, head: &str) -> &'a str {
    seen.err.lines().find(|it| it.starts_with(head)).unwrap_or(&seen.err)
}

#[test]
fn a_wrong_key_is_said_so() {
    let body = json!({ "error": {
        "message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key",
    } });
    let seen = run(&Server::new([Answer::json(401, &body)]), &["hi"]);
    assert_eq!((seen.code, &*seen.out), (Some(1), ""));
    let line = error_line(&seen);
    assert!(line.contains("Incorrect API key provided") && line.contains("401"), "{line}");
    assert!(hint_line(&seen).contains("OPENAI_API_KEY"), "{}", seen.err);
}

#[test]
fn an_unknown_model_is_named() {
    let body = json!({ "error": { "message": "The model `test` does not exist", "code": "model_not_found" } });
    let seen = run(&Server::new([Answer::json(404, &body)]), &["hi"]);
    assert_eq!(seen.code, Some(1));
    assert!(error_line(&seen).contains("The model `test` does not exist"), "{}", seen.err);
    assert!(hint_line(&seen).contains("`siumai models`"), "{}", seen.err);
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_way_out() {
    let seen = Place::new().run(&["-m", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "hi"]);
    assert_eq!(seen.code, Some(1));
    assert!(error_line(&seen).contains("nothing listens at 127.0.0.1:9"), "{}", seen.err);
    assert!(hint_line(&seen).contains("--base-url"), "{}", seen.err);
}

#[test]
fn a_base_url_that_answers_html_is_said_so() {
    let html =
        || Answer::Whole(200, "text/html", "<!doctype html><title>Welcome</title>".to_owned());
    let seen = run(&Server::new([html()]), &["hi"]);
    assert_eq!(seen.code, Some(1));
    assert!(error_line(&seen).contains("it answers with a web page"), "{}", seen.err);
    assert!(hint_line(&seen).contains("--base-url"), "{}", seen.err);
    let server = Server::new([html()]);
    let seen = Place::new().run(&["--base-url", &server.url(), "hi"]);
    assert_eq!(seen.code, Some(1));
    assert!(error_line(&seen).contains("is no list of models; check the URL"), "{}", seen.err);
}

#[test]
fn a_base_url_that_is_none_is_wrong_usage() {
    let seen = Place::new().run(&["-m", "openai:x", "--base-url", "localhost", "hi"]);
    assert_eq!(seen.code, Some(2));
    assert!(error_line(&seen).contains("`localhost`"), "{}", seen.err);
}

#[test]
fn a_reply_that_breaks_off_keeps_the_finished_steps() {
    let server = || {
        Server::new([
            Answer::call("calculator", &json!({ "expression": "6*7" })),
            Answer::Cut(vec![says("It is ")]),
        ])
    };
    let seen = run(&server(), &["6*7?"]);
    assert_eq!((seen.code, &*seen.out), (Some(1), "It is \n"));
    assert!(seen.err.contains("<- calculator"), "{}", seen.err);
    assert!(
        seen.err.lines().last().unwrap().starts_with("done: 1 step, 1 tool call, "),
        "{}",
        seen.err
    );

    let seen = run(&server(), &["-q", "-o", "json", "6*7?"]);
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!((seen.code, &object["stopped_by"]), (Some(1), &json!("error")));
    assert_eq!(object["steps"][0]["tool_results"][0]["output"]["result"], "42");
    assert_eq!(object["text"], "It is ");
    assert_eq!(seen.err.lines().count(), 1, "{}", seen.err);
}

#[test]
fn a_call_that_is_nonsense_is_told_to_the_model() {
    let server = Server::new([
        Answer::call("calculater", &json!({ "expression": "6*7" })),
        Answer::call("calculator", &json!({ "expresion": "6*7" })),
        Answer::words(&["Sorry."]),
    ]);
    let seen = run(&server, &["6*7?"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Sorry.\n"));
    assert!(seen.err.contains("<- calculater failed: "), "{}", seen.err);
    assert!(seen.err.contains("<- calculator failed: "), "{}", seen.err);
}

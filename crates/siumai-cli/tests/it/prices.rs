//! What a run is said to cost, and what it may cost.
use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server};

const TOML: &str = r#"
date = "2026-01-31"
source = "the price list"

[[models]]
provider = "openai"
model = "test"
input = 0.4
output = 1.60
"#;

/// A run of two steps that cost 1,000 and 2,000 tokens of input, and 100 of output each.
fn calculating() -> Server {
    let call = json!({
        "id": "call_1", "type": "function",
        "function": { "name": "calculator", "arguments": "{\"expression\":\"6*7\"}" },
    });
    let reply = |message: Value, reason: &str, read: u64| {
        let choice = json!({ "index": 0, "message": message, "finish_reason": reason });
        let usage =
            json!({ "prompt_tokens": read, "completion_tokens": 100, "total_tokens": read + 100 });
        Answer::json(
            200,
            &json!({ "model": "test-2026-01-01", "choices": [choice], "usage": usage }),
        )
    };
    Server::new([
        reply(json!({ "role": "assistant", "tool_calls": [call] }), "tool_calls", 1_000),
        reply(json!({ "role": "assistant", "content": "It is 42." }), "stop", 2_000),
    ])
}

fn run(place: &Place, arguments: &[&str]) -> Seen {
    place.run(&[&["-m", "openai:test", "--no-stream", "--prices"], arguments, &["6*7?"]].concat())
}

fn place(server: &Server) -> Place {
    let place = Place::with(server);
    place.write("prices.toml", TOML);
    place
}

#[test]
fn the_summary_says_what_the_run_cost() {
    let server = calculating();
    let seen = run(&place(&server), &["prices.toml"]);
    assert_eq!(seen.code, Some(0));
    assert!(seen.err.ends_with(", 3200 tokens (3000 in, 200 out), $0.00152\n"), "{}", seen.err);
}

#[test]
fn json_has_the_cost_as_a_number() {
    let server = calculating();
    let place = place(&server);
    let table = json!({
        "date": "2026-01-31", "source": "the price list",
        "models": [{ "provider": "openai", "model": "test", "input": 0.4, "output": 1.6 }],
    });
    place.write("prices.json", &table.to_string());
    let seen = run(&place, &["prices.json", "-o", "json"]);
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(object["cost_usd"], json!(0.001_52));
}

#[test]
fn a_model_without_a_price_has_an_unknown_cost_and_says_so() {
    let server = calculating();
    let place = place(&server);
    place.write("prices.toml", &TOML.replace("openai", "other"));
    let seen = run(&place, &["prices.toml", "-o", "json"]);
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!((object.get("cost_usd"), seen.code), (Some(&Value::Null), Some(0)));
    assert!(seen.err.contains("warning: the price table has no price for `openai:test`\n"));
    assert!(seen.err.ends_with(", cost unknown\n"), "{}", seen.err);

    let seen = run(&place, &["prices.toml", "--max-cost", "1"]);
    let expected =
        "error: the price table has no price for `openai:test`, so --max-cost can't hold; add it\n";
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.ends_with(expected), "{}", seen.err);
}

#[test]
fn a_run_that_costs_too_much_ends_with_the_code_of_a_limit() {
    let server = calculating();
    let seen = run(&place(&server), &["prices.toml", "--max-cost", "0.0005", "-o", "json"]);
    assert_eq!((seen.code, server.requests().len()), (Some(3), 1));
    let object: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(object["stopped_by"], "max_cost");
    assert!(
        seen.err.contains("stopped: the run cost more than $0.0005; allow it more with --max-cost"),
        "{}",
        seen.err
    );

    let server = calculating();
    let seen = run(&place(&server), &["prices.toml", "--max-cost", "1"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"));
}

#[test]
fn a_table_that_cant_be_read_is_wrong_usage() {
    let server = calculating();
    let place = place(&server);
    place.write("wrong.toml", &TOML.replace("output", "ouput"));
    place.write("wrong.json", "{");
    for (file, told) in [
        ("wrong.toml", "unknown field `ouput`"),
        ("wrong.json", "no price table"),
        ("none", "none: "),
    ] {
        let seen = run(&place, &[file]);
        assert_eq!(seen.code, Some(2), "{file}");
        assert!(seen.err.contains("error: --prices: ") && seen.err.contains(told), "{}", seen.err);
    }
    let seen = place.run(&["--max-cost", "1", "6*7?"]);
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains("--prices <FILE>"), "{}", seen.err);
}

#[test]
fn a_run_that_goes_on_may_be_given_more() {
    let server = calculating();
    let place = place(&server);
    assert_eq!(run(&place, &["prices.toml", "--max-cost", "0.0005"]).code, Some(3));
    let listed = place.run(&["runs", "ls", "-o", "json"]);
    let runs: Value = serde_json::from_str(&listed.out).unwrap();
    let id = runs[0]["id"].as_str().unwrap();
    let seen = place.run(&["runs", "resume", id, "--max-cost", "1", "--no-stream"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "It is 42.\n"));
    assert!(seen.err.ends_with(", $0.00152\n"), "{}", seen.err);
}

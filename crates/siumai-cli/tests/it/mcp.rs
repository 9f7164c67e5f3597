//! The program with MCP servers, and as one: mostly both at once.
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server};

/// The program as a server that `--mcp` starts, whose agent has these tools.
fn clerk(tools: &str) -> String {
    let siumai = env!("CARGO_BIN_EXE_siumai");
    format!("desk={siumai} mcp serve -m offline --name clerk -T {tools}")
}

/// A model that has the clerk do something, and says that it is done.
fn delegating(prompt: &str) -> Server {
    let call = Answer::call("desk__clerk", &json!({ "prompt": prompt }));
    Server::new([call, Answer::words(&["Done."])])
}

fn run(server: &Server, arguments: &[&str]) -> Seen {
    Place::with(server).run(&[&["-m", "openai:test"], arguments].concat())
}

/// What the model was told of its call.
fn told(server: &Server) -> String {
    let requests = server.requests();
    let messages = requests.last().unwrap()["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn an_agent_of_one_program_is_a_tool_of_another() {
    let server = delegating("what is 6*7");
    let seen = run(&server, &["--mcp", &clerk("calculator"), "go"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Done.\n"), "{}", seen.err);
    assert_eq!(told(&server), "6*7 = 42");
    assert!(seen.err.contains(".. desk__clerk: calls calculator\n"), "{}", seen.err);
}

#[test]
fn tools_of_servers_are_listed_with_the_others() {
    let place = Place::new();
    let seen = place.run(&["tools", "-o", "json", "--mcp", &clerk("calculator")]);
    assert_eq!((seen.code, &*seen.err), (Some(0), ""));
    let tools: Value = serde_json::from_str(&seen.out).unwrap();
    let last = tools.as_array().unwrap().last().unwrap();
    assert_eq!((&last["name"], &last["read_only"]), (&json!("desk__clerk"), &json!(true)));
}

#[test]
fn what_a_server_says_of_its_tools_decides_whether_they_run() {
    let server = delegating("write a file");
    let writes = clerk("calculator,write_file");
    let seen = run(&server, &["--approve", "read-only", "--mcp", &writes, "go"]);
    assert_eq!(seen.code, Some(4), "{}", seen.err);
    assert!(told(&server).contains("only tools that change nothing may run"), "{}", told(&server));

    let server = delegating("what is 6*7");
    let reads = clerk("calculator");
    let seen = run(&server, &["--approve", "read-only", "--mcp", &reads, "go"]);
    assert_eq!(seen.code, Some(0), "{}", seen.err);
}

#[test]
fn a_server_that_does_not_start_is_told_and_the_run_goes_on() {
    let server = Server::new([Answer::words(&["Hello."])]);
    let seen = run(&server, &["--mcp", "broken=sh -c 'echo no disk >&2; exit 3'", "go"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hello.\n"));
    let warning = "warning: the MCP server `broken` (sh -c 'echo no disk >&2; exit 3') ended with exit \
                   status: 3 before the handshake was done";
    assert!(seen.err.contains(warning), "{}", seen.err);
    assert!(seen.err.contains("no disk"), "{}", seen.err);

    let hangs = ["tools", "--mcp-timeout", "1", "--mcp", "slow=sleep 60"];
    let listed = Place::new().run(&hangs);
    assert_eq!(listed.code, Some(1));
    assert!(listed.err.contains("did not finish the handshake within 1s"), "{}", listed.err);

    let listed = Place::new().run(&["tools", "--mcp", "broken=no-such-program"]);
    assert_eq!(listed.code, Some(1));
    assert!(listed.out.contains("calculator") && listed.err.contains("`broken` (no-such-program)"));
}

#[test]
fn a_tool_can_be_chosen_by_its_name() {
    let server = delegating("what is 6*7");
    let clerk = clerk("calculator");
    let seen = run(&server, &["--mcp", &clerk, "-T", "desk__clerk", "go"]);
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    let requests = server.requests();
    assert_eq!(requests[0]["tools"].as_array().unwrap().len(), 1);

    let seen = run(&server, &["--mcp", "x=no-such-program", "-T", "x__a", "go"]);
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains("no tool named `x__a`"), "{}", seen.err);
    assert!(
        seen.err.contains("the MCP server `x` (no-such-program) did not start"),
        "{}",
        seen.err
    );
}

#[test]
fn a_run_that_waits_goes_on_with_its_servers() {
    let server = delegating("what is 6*7");
    let place = Place::with(&server).set("WHICH", "calculator,write_file");
    let text = json!({ "mcpServers": { "desk": {
        "command": env!("CARGO_BIN_EXE_siumai"),
        "args": ["mcp", "serve", "-m", "offline", "--name", "clerk", "-T", "${WHICH}"],
    } } });
    place.write("mcp.json", &text.to_string());
    let waiting =
        ["-m", "openai:test", "--approve", "pause", "--mcp-config", "mcp.json", "-o", "json"];
    let seen = place.run(&[&waiting[..], &["go"]].concat());
    assert_eq!(seen.code, Some(5), "{}", seen.err);
    let ended: Value = serde_json::from_str(&seen.out).unwrap();
    let seen = place.run(&["runs", "approve", ended["run_id"].as_str().unwrap()]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Done.\n"), "{}", seen.err);
    assert_eq!(told(&server), "6*7 = 42");
}

#[test]
fn a_secret_on_the_command_line_is_not_kept() {
    let seen = Place::new().run(&["-m", "offline", "--mcp", "x=sh --token abc123", "hello"]);
    assert_eq!(seen.code, Some(2));
    assert_eq!(
        seen.err,
        "error: --mcp holds what looks like a secret (sh --token …), and the run is kept; put it into a \
         variable of the environment and write ${NAME} in its place, or add --no-save\n"
    );
}

#[test]
fn a_server_does_not_see_the_keys_of_providers() {
    let server = Server::new([Answer::words(&["Hello."])]);
    let seen = run(&server, &["--mcp", "x=sh -c 'echo key: $OPENAI_API_KEY. >&2; exit 1'", "go"]);
    assert!(seen.err.contains("key: .") && !seen.err.contains("sk-canary"), "{}", seen.err);
}

#[test]
fn serving_speaks_the_protocol_and_nothing_else_on_standard_output() {
    let place = Place::new();
    let mut child =
        place.siumai(&["mcp", "serve", "-m", "offline"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut say = |message: Value| writeln!(input, "{message}").unwrap();
    let mut hear = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" }
    });
    say(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }));
    let welcome = hear();
    assert_eq!(welcome["result"]["serverInfo"]["name"], "siumai");
    assert_eq!(welcome["result"]["protocolVersion"], "2025-06-18");
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    say(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
    assert_eq!(hear()["result"]["tools"][0]["name"], "siumai");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn nobody_can_be_asked_by_a_server() {
    for how in ["ask", "pause"] {
        let seen = Place::new().run(&["mcp", "serve", "--approve", how]);
        assert_eq!(seen.code, Some(2));
        assert!(seen.err.contains("choose --approve read-only, all or none"), "{}", seen.err);
    }
}

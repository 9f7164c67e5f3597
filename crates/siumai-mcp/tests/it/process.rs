//! Servers that are processes, in the shell that every system has.
use serde_json::json;
use siumai_core::{ErrorKind, LlmError, tool::ToolResolver};
use siumai_mcp::{McpServer, McpServers};
use tokio::time::Duration;

/// Shakes hands, lists the tool `echo`, and does `$CALL` when it is called.
const SERVER: &str = r#"
while read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}';;
    *'"tools/list"'*) result='{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}';;
    *'"tools/call"'*) eval "$CALL";;
    *) continue;;
  esac
  echo '{"jsonrpc":"2.0","id":'"$id"',"result":'"$result"'}'
done
"#;

fn server(call: &str) -> McpServer {
    McpServer::command("sh", "sh").args(["-c", SERVER]).env("CALL", call)
}

fn servers(server: McpServer) -> McpServers {
    McpServers::new([server]).unwrap()
}

#[tokio::test]
async fn a_process_is_started_asked_and_ended() -> Result<(), LlmError> {
    let folder = tempfile::tempdir().unwrap();
    let call = r#"result='{"content":[{"type":"text","text":"'$$' in '$PWD'"}]}'"#;
    let servers = servers(server(call).current_dir(folder.path()));
    assert_eq!(servers.tools().await?.definitions()[0].name(), "sh__echo");
    let answer = servers.call_tool("sh__echo", json!({})).await?;
    let (process, place) = answer.as_str().unwrap().split_once(" in ").unwrap();
    assert_eq!(place, folder.path().canonicalize().unwrap().to_str().unwrap());
    servers.close().await;
    assert!(!is_alive(process));
    Ok(())
}

#[tokio::test]
async fn dropping_the_set_kills_the_process_and_what_it_started() -> Result<(), LlmError> {
    let call = r#"sleep 600 & result='{"content":[{"type":"text","text":"'$$' '$!'"}]}'"#;
    let servers = servers(server(call));
    let answer = servers.call_tool("sh__echo", json!({})).await?;
    let processes: Vec<_> = answer.as_str().unwrap().split(' ').map(str::to_owned).collect();
    assert!(processes.iter().all(|it| is_alive(it)));
    drop(servers);
    for process in &processes {
        until(|| !is_alive(process)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_process_that_dies_says_why() {
    let call = "echo 'the disk is full' >&2; echo 'token: abc123' >&2; exit 3";
    let servers = servers(server(call).env("TOKEN", "abc123"));
    let error = servers.call_tool("sh__echo", json!({})).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The tool `sh__echo` failed because the MCP server `sh` ended with exit status: 3. The call may \
         have been executed in part. The server is started again with the next call; if that fails too, \
         do without its tools.\n\nits last words on standard error:\n  the disk is full\n  token: …"
    );
}

#[tokio::test]
async fn a_process_that_does_not_begin_says_why() {
    let server = McpServer::command("sh", "sh").args([
        "-c",
        "echo no such module >&2; exit 1",
        "--api-key",
        "abc123",
    ]);
    let error = servers(server).tools().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(
        error.message(),
        "the MCP server `sh` (sh -c 'echo no such module >&2; exit 1' --api-key …) ended with exit \
         status: 1 before the handshake was done\n\nits last words on standard error:\n  no such module"
    );
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let error = servers(McpServer::command("x", "no-such-program")).tools().await.unwrap_err();
    assert_eq!(
        error.message(),
        "the MCP server `x` (no-such-program) did not start: No such file or directory (os error 2); \
         check that the command is installed"
    );
}

#[tokio::test]
async fn a_flood_on_standard_error_stops_nobody() -> Result<(), LlmError> {
    let flood =
        "i=0; while [ $i -lt 20000 ]; do echo 'a line on standard error' >&2; i=$((i+1)); done";
    let call = format!("{flood}; result='{{\"content\":[]}}'");
    assert_eq!(servers(server(&call)).call_tool("sh__echo", json!({})).await?, json!(""));
    Ok(())
}

#[tokio::test]
async fn a_process_that_hangs_costs_one_call() {
    let server = server("sleep 600").call_timeout(Duration::from_millis(50));
    let error = servers(server).call_tool("sh__echo", json!({})).await.unwrap_err();
    assert!(error.message().contains("did not answer within 50ms"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let server = McpServer::command("s", "npx")
        .args(["--token", "abc123"])
        .args(["def456"])
        .secret("def456")
        .env("KEY", "ghi789")
        .header("x", "ignored");
    let shown = format!("{server:?} {:?}", servers(server.clone()));
    assert_eq!(server.address(), "npx --token … …");
    assert!(!["abc123", "def456", "ghi789"].iter().any(|it| shown.contains(it)), "{shown}");
}

fn is_alive(process: &str) -> bool {
    // One that has ended and waits to be cleared away is not alive.
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|it| !it.contains(") Z "))
}

/// Waits until it holds, and not for ever.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
}

//! Calls of servers that behave.
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    tool::{ToolContext, ToolResolver, ToolSet},
    types::Tool,
};
use siumai_mcp::McpServers;
use tokio::time::Duration;

use crate::scripted::{Act, Scripted, text, well_behaved};

fn names(tools: &ToolSet) -> Vec<&str> {
    tools.definitions().iter().map(Tool::name).collect()
}

#[tokio::test(start_paused = true)]
async fn the_tools_of_several_servers_are_one_set() -> Result<(), LlmError> {
    let (files, git) = (Scripted::new(well_behaved), Scripted::new(well_behaved));
    let servers = McpServers::new([files.server("files"), git.server("git")])?;
    assert_eq!((files.connections(), git.connections()), (0, 0), "nothing is started before");

    assert_eq!(names(&servers.tools().await?), ["files__echo", "git__echo"]);
    assert_eq!(servers.call_tool("git__echo", json!({ "a": 1 })).await?, json!("{\"a\":1}"));
    assert_eq!(git.heard("tools/call").len(), 1);
    assert_eq!(git.heard("tools/call")[0]["name"], "echo");
    assert_eq!((files.connections(), git.connections()), (1, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_tool_can_be_called_before_it_is_listed() -> Result<(), LlmError> {
    let servers = McpServers::new([Scripted::new(well_behaved).server("s")])?;
    assert!(servers.has_tool("s__echo") && !servers.has_tool("t__echo"));
    assert_eq!(servers.call_tool("s__echo", json!({})).await?, json!("{}"));
    let unknown = servers.call_tool("s__other", json!({})).await.unwrap_err();
    assert_eq!(
        unknown.message(),
        "The tool `s__other` is not offered by its MCP server any more. Do without it."
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_run_side_by_side_over_one_connection() -> Result<(), LlmError> {
    // The first is answered when the second is.
    let server = Scripted::calls(|request| {
        if request.params["arguments"]["waits"] == true {
            return vec![];
        }
        let late = json!({ "content": [{ "type": "text", "text": "first" }] });
        vec![text("second"), Act::Say(json!({ "jsonrpc": "2.0", "id": 2, "result": late }))]
    });
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    let (first, second) = tokio::join!(
        servers.call_tool("s__echo", json!({ "waits": true })),
        servers.call_tool("s__echo", json!({}))
    );
    assert_eq!((first?, second?), (json!("first"), json!("second")));
    assert_eq!(server.connections(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_says_is_wrong_is_what_the_model_is_told() -> Result<(), LlmError> {
    let server = Scripted::calls(|request| match request.params["arguments"]["how"].as_str() {
        Some("politely") => vec![Act::Error("no such path")],
        _ => vec![Act::Result(
            json!({ "isError": true, "content": [{ "type": "text", "text": "No such file." }] }),
        )],
    });
    let servers = McpServers::new([server.server("s")])?;
    let told = servers.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!((told.kind(), told.message()), (ErrorKind::Tool, "No such file."));
    let refused = servers.call_tool("s__echo", json!({ "how": "politely" })).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "The MCP server `s` refused the call of `s__echo`: no such path. Call it in another way, or \
         do without it."
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn progress_is_passed_on() -> Result<(), LlmError> {
    let server = Scripted::calls(|request| {
        let token = &request.params["_meta"]["progressToken"];
        let params =
            json!({ "progressToken": token, "progress": 1, "total": 2, "message": "half" });
        let method = "notifications/progress";
        // The answer comes with the cancellation of the second call.
        match request.params["arguments"]["ends"].as_bool() {
            Some(true) => vec![text("done")],
            _ => vec![Act::Say(json!({ "jsonrpc": "2.0", "method": method, "params": params }))],
        }
    });
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    let told = Arc::new(Mutex::new(Vec::<Value>::new()));
    let hears = Arc::clone(&told);
    let context =
        ToolContext::new("call_1", 0).reporting_to(move |value| hears.lock().unwrap().push(value));
    let call = servers.call_tool_with("s__echo", json!({}), &context);
    // Longer than a call may go without a word, twice.
    let waited = tokio::time::timeout(Duration::from_secs(1), call).await;
    assert!(waited.is_err());
    assert_eq!(
        *told.lock().unwrap(),
        [json!({ "progress": 1.0, "total": 2.0, "message": "half" })]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_cancelled() -> Result<(), LlmError> {
    let server = Scripted::calls(|_| vec![]);
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    let call = servers.call_tool("s__echo", json!({}));
    tokio::time::timeout(Duration::from_secs(1), call).await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(
        server.heard("notifications/cancelled"),
        [json!({ "requestId": 2, "reason": "nobody waits for it" })]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_token() -> Result<(), LlmError> {
    let server = Scripted::calls(|_| vec![]);
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    let context = ToolContext::new("call_1", 0);
    context.cancellation.cancel();
    let error = servers.call_tool_with("s__echo", json!({}), &context).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The tool `s__echo` failed because the MCP server `s` was told that the call is cancelled. It may \
         have been executed in part."
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(server.heard("notifications/cancelled").len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closed_set_is_opened_by_the_next_call() -> Result<(), LlmError> {
    let server = Scripted::new(well_behaved);
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    servers.close().await;
    assert_eq!(servers.call_tool("s__echo", json!({})).await?, json!("{}"));
    assert_eq!(server.connections(), 2);
    Ok(())
}

#[test]
fn two_servers_of_one_name_are_a_mistake() {
    let server = || Scripted::new(well_behaved).server("s");
    let error = McpServers::new([server(), server()]).unwrap_err();
    assert_eq!(error.message(), "two MCP servers are named `s`; rename one");
    let error = McpServers::new([Scripted::new(well_behaved).server("my files")]).unwrap_err();
    assert_eq!(
        error.message(),
        "an MCP server can't be named `my files`; use 1 to 32 of a-z, A-Z, 0-9, _ and -"
    );
}

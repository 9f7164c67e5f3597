//! What servers list, and lists that change.
use serde_json::json;
use siumai_core::{
    LlmError,
    tool::{ToolResolver, ToolSet},
    types::Tool,
};
use siumai_mcp::McpServers;

use crate::scripted::{Act, Scripted, text, tool, well_behaved};

fn names(tools: &ToolSet) -> Vec<&str> {
    tools.definitions().iter().map(Tool::name).collect()
}

fn changed() -> Act {
    Act::Say(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }))
}

#[tokio::test(start_paused = true)]
async fn a_list_is_asked_for_once_as_long_as_it_stays() -> Result<(), LlmError> {
    let server = Scripted::new(well_behaved);
    let servers = McpServers::new([server.server("s")])?;
    servers.tools().await?;
    servers.tools().await?;
    servers.call_tool("s__echo", json!({})).await?;
    assert_eq!(server.heard("tools/list").len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changed_is_followed() -> Result<(), LlmError> {
    let server =
        Scripted::calls(|_| vec![Act::Offer(json!([tool("new")])), changed(), text("changed")]);
    let servers = McpServers::new([server.server("s")])?;
    assert_eq!(names(&servers.tools().await?), ["s__echo"]);
    servers.call_tool("s__echo", json!({})).await?;
    let gone = servers.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!(
        gone.message(),
        "The tool `s__echo` is not offered by its MCP server any more. Do without it."
    );
    assert_eq!(server.heard("tools/call").len(), 1);
    assert_eq!(names(&servers.tools().await?), ["s__new"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_may_have_pages() -> Result<(), LlmError> {
    let server = Scripted::new(|request| match request.method.as_str() {
        "tools/list" => vec![Act::Result(match request.params["cursor"].as_str() {
            None => json!({ "tools": [tool("a")], "nextCursor": "2" }),
            Some(_) => json!({ "tools": [tool("b"), tool("a")] }),
        })],
        _ => well_behaved(request),
    });
    let servers = McpServers::new([server.server("s")])?;
    assert_eq!(names(&servers.tools().await?), ["s__a", "s__b"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_given_up() -> Result<(), LlmError> {
    let server = Scripted::new(|request| match request.method.as_str() {
        "tools/list" => {
            vec![Act::Result(json!({ "tools": [tool("a")], "nextCursor": "again" }))]
        }
        _ => well_behaved(request),
    });
    let servers = McpServers::new([server.server("s")])?;
    let error = servers.tools().await.unwrap_err();
    assert_eq!(
        error.message(),
        "the MCP server `s` (a stream) gave an answer that makes no sense: a list of more than 1000 \
         tools or 100 pages"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_can_not_be_offered_is_left_out_and_named() -> Result<(), LlmError> {
    let bad = json!({ "name": "bad", "inputSchema": { "type": "object", "required": 7 } });
    let server = Scripted::new(well_behaved).offering(json!([bad, tool("good")]));
    let servers = McpServers::new([server.server("s")])?;
    let offered = servers.offered().await;
    assert_eq!(names(&offered.tools), ["s__good"]);
    let [error] = &offered.failed[..] else { panic!("{:?}", offered.failed) };
    let told = error.message();
    assert!(told.starts_with("a tool of the MCP server `s` can't be offered: "), "{told}");
    assert!(told.contains("s__bad"), "{told}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tools_has_an_empty_list() -> Result<(), LlmError> {
    let server = Scripted::new(|request| match request.method.as_str() {
        "initialize" => vec![Act::Result(json!({
            "protocolVersion": "2024-11-05", "capabilities": {},
            "serverInfo": { "name": "empty", "version": "1" }
        }))],
        _ => vec![Act::Error("no such method")],
    });
    let servers = McpServers::new([server.server("s")])?;
    assert_eq!(servers.tools().await?.definitions(), []);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_set_stays_as_it_is_whatever_is_listed_later() -> Result<(), LlmError> {
    // It dies with its first call, and once more when it is started again.
    let server = Scripted::new(|request| match request.method.as_str() {
        "initialize" if request.connection == 1 => vec![Act::Leave],
        "tools/call" if request.connection == 0 => vec![Act::Leave],
        _ => well_behaved(request),
    });
    let servers = McpServers::new([server.server("s")])?;
    let set = servers.tools().await?;
    set.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!(servers.offered().await.failed.len(), 1);
    assert_eq!(servers.definitions()?, []);
    assert_eq!(set.call_tool("s__echo", json!({})).await?, json!("{}"));
    Ok(())
}

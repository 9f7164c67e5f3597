//! Servers that hang, die, flood or talk nonsense: each costs a call an error, and no more.
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError, orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolResolver,
    types::ToolStatus, user,
};
use siumai_mcp::{McpServer, McpServers};
use tokio::time::{Duration, Instant};

use crate::scripted::{Act, Scripted, text, well_behaved};

/// What the model is told when the tool `echo` of `server` is called.
async fn told(server: McpServer) -> String {
    let servers = McpServers::new([server]).unwrap();
    let error = servers.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool);
    error.message().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_costs_one_call() {
    let server = Scripted::calls(|_| vec![]);
    let limited = server.server("s").call_timeout(Duration::from_secs(5));
    assert_eq!(
        told(limited).await,
        "The tool `s__echo` failed because the MCP server `s` did not answer within 5s. The call was \
         cancelled and may have been executed in part. Ask for less, or try another way."
    );
    assert_eq!(server.heard("notifications/cancelled").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_shake_hands_is_not_waited_for() -> Result<(), LlmError> {
    let silent = Scripted::new(|_| vec![]);
    let good = Scripted::new(well_behaved);
    let servers = McpServers::new([silent.server("silent"), good.server("good")])?;
    let began = Instant::now();
    let offered = servers.offered().await;
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(offered.tools.definitions()[0].name(), "good__echo");
    assert_eq!(
        offered.failed[0].message(),
        "the MCP server `silent` (a stream) did not finish the handshake within 30s"
    );
    assert_eq!(offered.failed[0].kind(), ErrorKind::Timeout);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_open_is_not_waited_for() -> Result<(), LlmError> {
    let never = || std::future::pending::<std::io::Result<tokio::io::DuplexStream>>();
    let server = McpServer::stream("s", never).handshake_timeout(Duration::from_secs(3));
    let error = McpServers::new([server])?.tools().await.unwrap_err();
    assert_eq!(
        error.message(),
        "the MCP server `s` (a stream) did not finish the handshake within 3s"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_is_started_again() -> Result<(), LlmError> {
    let server = Scripted::calls(|request| match request.connection {
        0 if request.params["arguments"]["die"] == true => vec![Act::Leave],
        _ => vec![text("alive")],
    });
    let servers = McpServers::new([server.server("s")])?;
    assert_eq!(servers.call_tool("s__echo", json!({})).await?, json!("alive"));
    let error = servers.call_tool("s__echo", json!({ "die": true })).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The tool `s__echo` failed because the MCP server `s` closed the connection. The call may have \
         been executed in part. The server is started again with the next call; if that fails too, do \
         without its tools."
    );
    let began = Instant::now();
    assert_eq!(servers.call_tool("s__echo", json!({})).await?, json!("alive"));
    assert_eq!((server.connections(), began.elapsed()), (2, Duration::ZERO));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_dying_is_left_alone_for_a_while() -> Result<(), LlmError> {
    let server = Scripted::calls(|_| vec![Act::Leave]);
    let servers = McpServers::new([server.server("s")])?;
    let began = Instant::now();
    for _ in 0..5 {
        let error = servers.call_tool("s__echo", json!({})).await.unwrap_err();
        assert!(error.message().contains("closed the connection"), "{error}");
    }
    // Half a second, one, two and four.
    assert_eq!((server.connections(), began.elapsed().as_millis()), (5, 7_500));
    let error = servers.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The tool `s__echo` failed because the MCP server `s` failed 5 times in a row and is left alone \
         for a minute. The tool was not executed. Do without the tools of this server."
    );
    assert_eq!(server.connections(), 5);

    tokio::time::advance(Duration::from_secs(61)).await;
    servers.call_tool("s__echo", json!({})).await.unwrap_err();
    assert_eq!(server.connections(), 6, "once in a while it gets another chance");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_without_end_ends_the_connection() {
    let server = Scripted::calls(|_| vec![Act::Write("x".repeat(2_000))]);
    let told = told(server.server("s").max_message_bytes(1_000)).await;
    assert!(told.contains("the MCP server `s` wrote a message of more than 1000 bytes"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_no_messages_are_passed_over_up_to_a_point() -> Result<(), LlmError> {
    let log = |lines: usize| {
        Scripted::calls(move |_| {
            let stray = (0..lines).map(|it| Act::Write(format!("log line {it}")));
            stray.chain([text("done")]).collect()
        })
    };
    let servers = McpServers::new([log(900).server("s")])?;
    assert_eq!(servers.call_tool("s__echo", json!({})).await?, json!("done"));
    let told = told(log(1_001).server("s")).await;
    assert!(told.contains("`s` wrote 1000 lines in a row that are not MCP"), "{told}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_makes_no_sense_fails_its_call_at_once() {
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}", "[".repeat(100_000));
    let replies = [
        r#"{"jsonrpc":"2.0","id":2}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":7}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":{"content":"none"}}"#,
        r#"{"jsonrpc":"2.0","id":2,"error":"none"}"#,
    ];
    for reply in replies {
        let server = Scripted::calls(|_| vec![Act::Write(reply.to_owned())]);
        let told = told(server.server("s")).await;
        assert!(told.contains("`s` gave an answer that makes no sense"), "{reply}: {told}");
    }
    let server = Scripted::calls(move |_| vec![Act::Write(deep.clone())]);
    let told = told(server.server("s")).await;
    assert!(told.contains("did not answer"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_makes_no_sense_is_told() -> Result<(), LlmError> {
    let server = Scripted::new(|_| vec![Act::Result(json!({ "hello": "world" }))]);
    let servers = McpServers::new([server.server("s")])?;
    let error = servers.tools().await.unwrap_err();
    assert_eq!(
        error.message(),
        "the MCP server `s` (a stream) gave an answer that makes no sense: it does not answer the \
         handshake as MCP says"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_when_a_server_dies() -> Result<(), LlmError> {
    let server = Scripted::calls(|_| vec![Act::Leave]);
    let servers = McpServers::new([server.server("s")])?;
    let model = ScriptedModel::new().calls("s__echo", json!({})).reply("It does not work.");
    let agent = ToolLoopAgent::with_tools(model, servers.tools().await?);
    let output = agent.run(vec![user!("Try it")]).await.unwrap();
    assert_eq!(output.steps[0].tool_results[0].status, ToolStatus::Failed);
    assert_eq!(output.response.content_text(), Some("It does not work."));
    Ok(())
}

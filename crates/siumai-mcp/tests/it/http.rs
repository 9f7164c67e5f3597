//! Servers behind an address.
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use siumai_core::{ErrorKind, LlmError, tool::ToolResolver};
use siumai_mcp::{McpServer, McpServers};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use crate::scripted::{Act, Scripted, beside, text, well_behaved};

/// Serves `script` over HTTP; gives the address, and the heads of the requests that came.
async fn serve(script: Scripted) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/mcp", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    beside(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, seen) = (script.clone(), Arc::clone(&seen));
            beside(async move { answer(stream, &script, &seen).await });
        }
    });
    (address, heads)
}

async fn answer(stream: TcpStream, script: &Scripted, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while stream.read_line(&mut head).await.ok()? > 2 {
            let line = head.lines().last()?.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let method = head.split(' ').next()?.to_owned();
        seen.lock().unwrap().push(head);
        let (status, answers, stays) = if method == "POST" {
            let message: Value = serde_json::from_slice(&body).ok()?;
            let (answers, stays) = script.answer(&message, 0);
            ("200 OK", answers, stays)
        } else {
            ("405 Method Not Allowed", Vec::new(), true)
        };
        let status = if answers.is_empty() && method == "POST" { "202 Accepted" } else { status };
        let body = answers.join("\n");
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if !stays {
            return None;
        }
        stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    }
}

fn servers(server: McpServer) -> McpServers {
    McpServers::new([server]).unwrap()
}

#[tokio::test]
async fn a_server_behind_an_address_is_asked() -> Result<(), LlmError> {
    let (url, heads) = serve(Scripted::new(well_behaved)).await;
    let server = McpServer::http("web", format!("{url}?key=abc123"))
        .header("authorization", "Bearer def456");
    let servers = servers(server);
    assert_eq!(servers.tools().await?.definitions()[0].name(), "web__echo");
    assert_eq!(servers.call_tool("web__echo", json!({ "a": 1 })).await?, json!("{\"a\":1}"));
    let heads = heads.lock().unwrap();
    let posts: Vec<_> = heads.iter().filter(|it| it.starts_with("POST")).collect();
    assert_eq!(posts.len(), 4, "handshake in two, list and call");
    assert!(posts.iter().all(|it| it.contains("authorization: Bearer def456")), "{posts:?}");
    assert!(posts.iter().all(|it| it.starts_with("POST /mcp?key=abc123 ")), "{posts:?}");
    Ok(())
}

#[tokio::test]
async fn an_address_where_nobody_is_costs_an_error_without_secrets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let server = McpServer::http("web", format!("http://me:pass12@{place}/mcp?key=abc123"))
        .header("x-key", "def456");
    let shown = format!("{server:?}");
    let error = servers(server).tools().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let begins = format!("the MCP server `web` (http://{place}/mcp) did not start: ");
    assert!(error.message().starts_with(&begins), "{error}");
    for secret in ["pass12", "abc123", "def456"] {
        assert!(!error.message().contains(secret) && !shown.contains(secret), "{error} {shown}");
    }
}

#[tokio::test]
async fn a_server_that_breaks_off_costs_one_call() -> Result<(), LlmError> {
    let script = Scripted::calls(|request| match request.params["arguments"]["die"].as_bool() {
        Some(true) => vec![Act::Leave],
        _ => vec![text("alive")],
    });
    let (url, _) = serve(script).await;
    let servers = servers(McpServer::http("web", url).call_timeout(Duration::from_secs(20)));
    let error = servers.call_tool("web__echo", json!({ "die": true })).await.unwrap_err();
    assert!(error.message().contains("the MCP server `web`"), "{error}");
    assert_eq!(servers.call_tool("web__echo", json!({})).await?, json!("alive"));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_too_large_costs_one_call() -> Result<(), LlmError> {
    let script = Scripted::calls(|_| vec![text(&"x".repeat(10_000))]);
    let (url, _) = serve(script).await;
    let servers = servers(McpServer::http("web", url).max_message_bytes(2_000));
    servers.tools().await?;
    let error = servers.call_tool("web__echo", json!({})).await.unwrap_err();
    assert!(error.message().contains("2000 bytes"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    let error = servers(McpServer::http("web", "ftp://example.com")).tools().await;
    assert_eq!(
        error.unwrap_err().message(),
        "the MCP server `web` (ftp://example.com) did not start: `ftp` is no scheme for it; use http or \
         https"
    );
    let server = McpServer::http("web", "http://127.0.0.1:1/").header("a b", "c");
    let error = servers(server).tools().await.unwrap_err();
    assert!(error.message().ends_with("`a b` can't be the name of a header"), "{error}");
}

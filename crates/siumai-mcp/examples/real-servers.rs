//! Tries servers that others wrote, as they are published: `cargo xtask mcp` installs them and runs
//! this with the folders of their programs. What is not installed is named, and not tried.
#![expect(clippy::print_stdout, reason = "what was tried is for whoever runs it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use siumai_core::{
    LlmError,
    tool::{ToolContext, ToolResolver, ToolSet},
    types::Tool,
};
use siumai_mcp::{McpServer, McpServers};

/// Where the servers' programs are, and a folder for them to work in.
struct Place {
    npm: PathBuf,
    python: PathBuf,
    work: PathBuf,
}

type Tried = Result<(), String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Ok([npm, python, work]) = <[PathBuf; 3]>::try_from(folders) else {
        println!("usage: real-servers NPM_PROGRAMS PYTHON_PROGRAMS WORK_FOLDER");
        return ExitCode::from(2);
    };
    let place = Place { npm, python, work };
    let (npm, python) = (&place.npm, &place.python);
    let mut failed = 0;
    let mut tell = |name: &str, program: &Path, tried: Option<Tried>| match tried {
        None => println!("NOT TRIED  {name}: {} is not there", program.display()),
        Some(Ok(())) => println!("ok         {name}"),
        Some(Err(why)) => {
            failed += 1;
            println!("FAILED     {name}: {why}");
        }
    };
    let program = npm.join("mcp-server-everything");
    let tried = program.exists().then_some(()).map(|()| everything(&program));
    tell("server-everything over standard input and output", &program, wait(tried).await);
    let tried = program.exists().then_some(()).map(|()| over_http(&program));
    tell("server-everything over HTTP", &program, wait(tried).await);
    let program = npm.join("mcp-server-filesystem");
    let tried = program.exists().then_some(()).map(|()| filesystem(&program, &place.work));
    tell("server-filesystem", &program, wait(tried).await);
    let program = python.join("mcp-server-time");
    let tried = program.exists().then_some(()).map(|()| time(&program));
    tell("mcp-server-time", &program, wait(tried).await);
    let program = python.join("mcp-server-git");
    let tried = program.exists().then_some(()).map(|()| git(&program, &place.work));
    tell("mcp-server-git", &program, wait(tried).await);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// No server may take longer than this for all that is asked of it.
async fn wait(trying: Option<impl Future<Output = Result<(), LlmError>>>) -> Option<Tried> {
    let tried = tokio::time::timeout(Duration::from_secs(60), trying?).await;
    Some(match tried {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("it took longer than a minute".to_owned()),
    })
}

fn servers(name: &str, program: &Path, arguments: &[&str]) -> Result<McpServers, LlmError> {
    let server = McpServer::command(name, program.display().to_string());
    McpServers::new([server.args(arguments.iter().copied())])
}

/// An error, unless `it` holds.
fn check(it: bool, what: &str, seen: &impl std::fmt::Debug) -> Result<(), LlmError> {
    if it { Ok(()) } else { Err(LlmError::invalid_input(format!("{what}: {seen:?}"))) }
}

fn tool<'a>(tools: &'a ToolSet, name: &str) -> Result<&'a Tool, LlmError> {
    let found = tools.definitions().iter().find(|it| it.name() == name);
    found.ok_or_else(|| LlmError::invalid_input(format!("no tool {name}: {tools:?}")))
}

async fn everything(program: &Path) -> Result<(), LlmError> {
    let servers = servers("all", program, &["stdio"])?;
    everything_of(&servers).await?;
    servers.close().await;
    Ok(())
}

async fn everything_of(servers: &McpServers) -> Result<(), LlmError> {
    let tools = servers.tools().await?;
    let echo = tools.call_tool("all__echo", json!({ "message": "owl" })).await?;
    check(echo == "Echo: owl", "echo", &echo)?;
    let sum = tools.call_tool("all__get-sum", json!({ "a": 2, "b": 3 })).await?;
    check(sum.as_str().is_some_and(|it| it.contains('5')), "sum", &sum)?;
    let image = tools.call_tool("all__get-tiny-image", json!({})).await?;
    let told = image.as_str().unwrap_or_default();
    check(told.contains("(an image, image/png, "), "image", &image)?;
    let place = json!({ "location": "New York" });
    let structured = tools.call_tool("all__get-structured-content", place).await?;
    check(structured["temperature"].is_number(), "structured content", &structured)?;
    let wrong = tools.call_tool("all__get-sum", json!({ "a": "x" })).await;
    check(wrong.is_err(), "wrong arguments", &wrong)?;

    let reports = Arc::new(Mutex::new(Vec::<Value>::new()));
    let heard = Arc::clone(&reports);
    let context = ToolContext::new("call_1", 0).reporting_to(move |value| {
        if let Ok(mut heard) = heard.lock() {
            heard.push(value);
        }
    });
    let long = json!({ "duration": 1, "steps": 3 });
    tools.call_tool_with("all__trigger-long-running-operation", long, &context).await?;
    let reports = reports.lock().map(|it| it.len()).unwrap_or_default();
    check(reports >= 2, "reports of progress", &reports)?;

    // A call that is dropped leaves the connection as it was.
    let endless = json!({ "duration": 60, "steps": 3 });
    let call = tools.call_tool("all__trigger-long-running-operation", endless);
    let dropped = tokio::time::timeout(Duration::from_millis(200), call).await;
    check(dropped.is_err(), "a call that takes a minute", &dropped)?;
    let echo = tools.call_tool("all__echo", json!({ "message": "owl" })).await?;
    check(echo == "Echo: owl", "echo behind a call that was dropped", &echo)
}

async fn over_http(program: &Path) -> Result<(), LlmError> {
    let broken = |error: std::io::Error| LlmError::invalid_input(error.to_string());
    // Some port that is free just now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(broken)?;
    let port = listener.local_addr().map_err(broken)?.port();
    drop(listener);
    let mut server = tokio::process::Command::new(program)
        .arg("streamableHttp")
        .env("PORT", port.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let url = format!("http://127.0.0.1:{port}/mcp");
    let servers = McpServers::new([McpServer::http("all", url)])?;
    everything_of(&servers).await?;
    servers.close().await;
    server.kill().await.map_err(broken)
}

async fn filesystem(program: &Path, work: &Path) -> Result<(), LlmError> {
    let folder = work.display().to_string();
    let servers = servers("files", program, &[&folder])?;
    let tools = servers.tools().await?;
    check(tool(&tools, "files__read_text_file")?.is_read_only(), "reading is read-only", &tools)?;
    check(tool(&tools, "files__write_file")?.is_destructive(), "writing destroys", &tools)?;
    let path = work.join("note.txt").display().to_string();
    let note = json!({ "path": path, "content": "the sea" });
    tools.call_tool("files__write_file", note).await?;
    let read = tools.call_tool("files__read_text_file", json!({ "path": path })).await?;
    check(read.to_string().contains("the sea"), "what was written", &read)?;
    let outside = tools.call_tool("files__read_text_file", json!({ "path": "/etc/passwd" })).await;
    check(outside.is_err(), "a file outside", &outside)?;
    servers.close().await;
    Ok(())
}

async fn time(program: &Path) -> Result<(), LlmError> {
    let servers = servers("time", program, &[])?;
    let tools = servers.tools().await?;
    let zones = json!({
        "source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo"
    });
    let converted = tools.call_tool("time__convert_time", zones).await?;
    check(converted.to_string().contains("Asia/Tokyo"), "converted", &converted)?;
    let nowhere = json!({ "timezone": "Nowhere/Land" });
    let wrong = tools.call_tool("time__get_current_time", nowhere).await;
    check(wrong.is_err(), "a zone that is not there", &wrong)?;
    servers.close().await;
    Ok(())
}

async fn git(program: &Path, work: &Path) -> Result<(), LlmError> {
    let made = Command::new("git").args(["init", "--quiet"]).current_dir(work).status();
    check(made.as_ref().is_ok_and(std::process::ExitStatus::success), "git init", &made)?;
    let repository = json!({ "repo_path": work.display().to_string() });
    let servers = servers("git", program, &[])?;
    let tools = servers.tools().await?;
    check(tool(&tools, "git__git_status")?.is_read_only(), "status is read-only", &tools)?;
    let status = tools.call_tool("git__git_status", repository).await?;
    check(status.to_string().contains("branch"), "status", &status)?;
    servers.close().await;
    Ok(())
}

//! An agent as a server, asked by our own client.
use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use siumai_core::{
    LlmError,
    orchestrator::{OrchestratorOptions, ToolLoopAgent},
    testing::ScriptedModel,
    tool::{ToolContext, ToolResolver, ToolSet},
    types::Tool,
};
use siumai_mcp::{AgentServer, McpServer, McpServers};
use tokio::{
    io::{DuplexStream, duplex},
    sync::Notify,
    time::Duration,
};

use crate::scripted::beside;

/// Tells the time, and changes nothing.
fn clock() -> ToolSet {
    let tools = ToolSet::new().function("get_time", "The time", |(): ()| async { "12:00" });
    tools.marked(Tool::read_only)
}

fn connect(server: &AgentServer) -> DuplexStream {
    let (ours, theirs) = duplex(4096);
    beside(server.clone().serve(theirs));
    ours
}

fn served(server: AgentServer) -> McpServers {
    let connect = move || {
        let stream = connect(&server);
        async { io::Result::Ok(stream) }
    };
    McpServers::new([McpServer::stream("remote", connect)]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_a_tool_for_others() -> Result<(), LlmError> {
    let model = ScriptedModel::new().calls("get_time", json!({})).reply("It is noon.");
    let agent = ToolLoopAgent::with_tools(model, clock());
    let servers = served(AgentServer::new("my clock", "Tells the time", agent));

    let tools = servers.tools().await?;
    let [tool] = tools.definitions() else { panic!("{tools:?}") };
    assert_eq!((tool.name(), tool.description()), ("remote__my_clock", "Tells the time"));
    assert_eq!(tool.parameters()["required"], json!(["prompt"]));
    assert!(tool.is_read_only());

    let told = Arc::new(Mutex::new(Vec::<Value>::new()));
    let hears = Arc::clone(&told);
    let context = ToolContext::new("call_1", 0)
        .reporting_to(move |value| hears.lock().unwrap().push(value["message"].clone()));
    let prompt = json!({ "prompt": "What time is it?" });
    let answer = servers.call_tool_with("remote__my_clock", prompt, &context).await?;
    assert_eq!(answer, json!("It is noon."));
    assert_eq!(told.lock().unwrap()[..2], [json!("calls get_time"), json!("step 1 is done")]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_are_refused() -> Result<(), LlmError> {
    let agent = ToolLoopAgent::with_tools(ScriptedModel::new(), ToolSet::new());
    let servers = served(AgentServer::new("clock", "Time", agent));
    for arguments in [json!({}), json!({ "prompt": " " }), json!({ "prompt": 7 })] {
        let error = servers.call_tool("remote__clock", arguments).await.unwrap_err();
        assert!(error.message().contains("`prompt` must be a text"), "{error}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_an_error_of_the_tool() -> Result<(), LlmError> {
    let model = ScriptedModel::new().fails(LlmError::invalid_input("no such model"));
    let agent = ToolLoopAgent::with_tools(model, ToolSet::new());
    let servers = served(AgentServer::new("clock", "Time", agent));
    let error = servers.call_tool("remote__clock", json!({ "prompt": "x" })).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The agent failed: no such model. Try again later, or another way."
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_reaches_a_limit_says_so() -> Result<(), LlmError> {
    let model = ScriptedModel::new().calls("get_time", json!({}));
    let options = OrchestratorOptions { max_steps: 1, ..Default::default() };
    let agent = ToolLoopAgent::with_tools(model, clock()).with_options(options);
    let servers = served(AgentServer::new("clock", "Time", agent));
    let error = servers.call_tool("remote__clock", json!({ "prompt": "x" })).await.unwrap_err();
    assert!(error.message().starts_with("The agent reached a limit"), "{error}");
    Ok(())
}

/// A tool that says when it begins, and when it is dropped.
#[derive(Clone, Default)]
struct Endless {
    began: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct TellsWhenDropped(Arc<Notify>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Endless {
    async fn wait(self) {
        let _tells = TellsWhenDropped(self.dropped);
        self.began.notify_one();
        std::future::pending::<()>().await;
    }
}

fn endless() -> (Endless, McpServers) {
    let endless = Endless::default();
    let model = ScriptedModel::new().calls("wait", json!({}));
    let waits = endless.clone();
    let tools = ToolSet::new().function("wait", "Waits", move |(): ()| waits.clone().wait());
    let agent = ToolLoopAgent::with_tools(model, tools);
    let servers = served(AgentServer::new("clock", "Time", agent));
    (endless, servers)
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends_the_run() {
    let (tool, servers) = endless();
    let call = servers.call_tool("remote__clock", json!({ "prompt": "x" }));
    tokio::select! {
        _ = call => panic!("it never ends"),
        () = tool.began.notified() => {}
    }
    tokio::time::timeout(Duration::from_secs(1), tool.dropped.notified()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_its_runs() {
    let (tool, servers) = endless();
    let call = servers.call_tool("remote__clock", json!({ "prompt": "x" }));
    let call = async move {
        tokio::select! {
            _ = call => panic!("it never ends"),
            () = tool.began.notified() => tool,
        }
    };
    let tool = call.await;
    drop(servers);
    tokio::time::timeout(Duration::from_secs(10), tool.dropped.notified()).await.unwrap();
}

//! An agent as an MCP server: one tool that runs it.
use std::{fmt, sync::Arc};

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
};
use rmcp::{
    RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
        Implementation, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
        ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::LanguageModel,
    orchestrator::{RunError, StoppedBy, StreamEvent, StreamOrchestration, ToolLoopAgent},
    tool::ToolSet,
    types::ChatMessage,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::names;

/// An agent as an MCP server. It offers one tool, which takes a `prompt`, runs the agent and
/// answers with its last words.
///
/// Each call is a run of its own. A client that asks for it hears of the agent's tool calls as
/// progress; one that cancels the call, or goes away, ends the run.
///
/// ```
/// use siumai_core::{orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolSet};
/// use siumai_mcp::AgentServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let model = ScriptedModel::new().reply("It is noon.");
/// let agent = ToolLoopAgent::with_tools(model, ToolSet::new());
/// let server = AgentServer::new("clock", "Tells the time", agent);
///
/// // A program that is started by its client serves its standard input and output:
/// // `tokio::io::join(tokio::io::stdin(), tokio::io::stdout())`.
/// let (client, stream) = tokio::io::duplex(1024);
/// drop(client);
/// // It serves until the client goes away.
/// server.serve(stream).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AgentServer {
    tool: Tool,
    agent: Arc<dyn Agent>,
}

/// An agent with its tools, whatever its model.
trait Agent: Send + Sync {
    fn run(&self, prompt: &str) -> BoxFuture<'_, Result<StreamOrchestration, RunError>>;
}

impl<M: LanguageModel + 'static> Agent for ToolLoopAgent<M, ToolSet> {
    fn run(&self, prompt: &str) -> BoxFuture<'_, Result<StreamOrchestration, RunError>> {
        self.stream(vec![ChatMessage::user(prompt)]).boxed()
    }
}

impl AgentServer {
    /// Offers `agent` as the tool `name`. Characters that the name of a tool can't have become `_`.
    ///
    /// Clients are told that it changes nothing if that is so of each of its tools.
    pub fn new<M: LanguageModel + 'static>(
        name: &str,
        description: impl Into<String>,
        agent: ToolLoopAgent<M, ToolSet>,
    ) -> Self {
        let name: String = name.chars().take(names::LONGEST).collect();
        let name = name.replace(|it: char| !names::is_allowed(it), "_");
        let prompt = json!({ "type": "string", "description": "What the agent is to do" });
        let schema = json!({
            "type": "object",
            "properties": { "prompt": prompt },
            "required": ["prompt"],
            "additionalProperties": false
        });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let mut tools = agent.tools().definitions().iter();
        let hints =
            ToolAnnotations::new().read_only(tools.all(siumai_core::types::Tool::is_read_only));
        let tool = Tool::new(name, description.into(), schema).with_annotations(hints);
        Self { tool, agent: Arc::new(agent) }
    }

    /// Serves the client at the other end of `stream` until it goes away.
    ///
    /// # Errors
    ///
    /// If the client does not shake hands as MCP says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the runs that are under way and the connection.
    pub async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
    ) -> Result<(), LlmError> {
        use rmcp::service::ServerInitializeError::ConnectionClosed;
        // A large future, which should not be one for whoever awaits it.
        let greeting = Box::pin(ServiceExt::<RoleServer>::serve(self, stream));
        let serving = match greeting.await {
            Ok(serving) => serving,
            // It only looked whether somebody is there.
            Err(ConnectionClosed(_)) => return Ok(()),
            Err(error) => {
                let told = format!("the MCP client did not shake hands: {error}");
                return Err(LlmError::new(ErrorKind::Connection, told));
            }
        };
        let ended = serving.waiting().await;
        ended.map(drop).map_err(|error| {
            LlmError::new(ErrorKind::Connection, format!("the MCP connection broke: {error}"))
        })
    }

    /// Runs the agent, and tells the client how far it is.
    async fn run(&self, prompt: &str, context: &RequestContext<RoleServer>) -> CallToolResult {
        let mut orchestration = match self.agent.run(prompt).await {
            Ok(orchestration) => orchestration,
            Err(error) => return failed(&error),
        };
        let mut reports = 0.0;
        while let Some(event) = orchestration.stream.next().await {
            // An error is what `finish` ends with.
            let Some(report) = event.ok().as_ref().and_then(report) else { continue };
            let Some(token) = context.meta.get_progress_token() else { continue };
            reports += 1.0;
            let report = ProgressNotificationParam::new(token, reports).with_message(report);
            // A client that has gone is noticed by whoever reads from it.
            context.peer.notify_progress(report).await.ok();
        }
        match orchestration.stream.finish().await {
            Ok(output) => {
                let text = output.response.content_text().unwrap_or_default();
                let unfinished = match output.stopped_by {
                    StoppedBy::Answer => None,
                    // It was stopped where it was to be stopped, if it had said something by then.
                    StoppedBy::Condition { .. } if !text.is_empty() => None,
                    StoppedBy::ApprovalPending | StoppedBy::ToolCallsPending => {
                        Some(NOBODY_DECIDES)
                    }
                    _ => Some(LIMIT_REACHED),
                };
                let parts = [text, unfinished.unwrap_or_default()];
                let parts = parts.into_iter().filter(|it| !it.is_empty());
                let told = parts.map(ContentBlock::text).collect();
                match unfinished {
                    None => CallToolResult::success(told),
                    Some(_) => CallToolResult::error(told),
                }
            }
            Err(error) => failed(&error),
        }
    }
}

/// What a client is told of an event.
fn report(event: &StreamEvent) -> Option<String> {
    match event {
        StreamEvent::ToolCall { call, .. } => Some(format!("calls {}", call.name)),
        StreamEvent::ToolResult { result, .. } if result.is_error() => {
            Some(format!("{} failed", result.name))
        }
        StreamEvent::StepFinish { step, .. } => {
            Some(format!("step {} is done", step.step_number + 1))
        }
        _ => None,
    }
}

// What the client's model is told of runs that ended without an answer.
const NOBODY_DECIDES: &str = "The agent stopped because it wants to use a tool that nobody here can \
                              approve or execute. Ask it for something else.";
const LIMIT_REACHED: &str = "The agent reached a limit before it was done. Ask it for less, or for one \
                             part after the other.";

fn failed(error: &RunError) -> CallToolResult {
    let told = format!("The agent failed: {}. Try again later, or another way.", error.error());
    CallToolResult::error(vec![ContentBlock::text(told)])
}

impl ServerHandler for AgentServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("siumai", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![self.tool.clone()]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name != self.tool.name {
            let told = format!("no tool named `{}`; there is `{}`", request.name, self.tool.name);
            return Err(ErrorData::invalid_params(told, None));
        }
        let prompt = request.arguments.as_ref().and_then(|it| it.get("prompt"));
        let Some(prompt) = prompt.and_then(Value::as_str).filter(|it| !it.trim().is_empty()) else {
            let told = "`prompt` must be a text that says what the agent is to do";
            return Err(ErrorData::invalid_params(told, None));
        };
        tokio::select! {
            result = self.run(prompt, &context) => Ok(result.into()),
            // Nobody reads what is answered now.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
        }
    }
}

impl fmt::Debug for AgentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentServer").field("tool", &self.tool.name).finish_non_exhaustive()
    }
}

//! A provider whose server is a few bytes in memory, and a runtime that waits for nothing.
use std::future::Future;

use harness::{Desk, Error, Wire, script};
use serde_json::Value;
use siumai_core::{
    LlmError, async_trait,
    model::LanguageModel,
    orchestrator::{OrchestratorOptions, run},
    testing::ScriptedModel,
    tool::ToolResolver,
    types::{ChatMessage, Tool},
};
use siumai_providers::{
    Anthropic, OpenAiChat, OpenAiResponses,
    http::{Body, HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport},
};

/// How much of a body arrives at a time, cut anywhere.
const PIECE: usize = 16 * 1024;

/// Answers every request with the same bytes.
struct Canned {
    kind: &'static str,
    body: &'static [u8],
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        drop(request);
        let pieces = self.body.chunks(PIECE).map(|it| Ok(it.into()));
        let body = Body::new(futures_util::stream::iter(pieces));
        let name = HeaderName::from_static("content-type");
        Ok(HttpResponse::new(200, body).with_header(name, HeaderValue::from_static(self.kind)))
    }
}

/// A model behind `wire` that always answers `body`.
///
/// # Errors
///
/// If it can't be built.
pub fn model(wire: Wire, is_streamed: bool, body: String) -> Result<Box<dyn LanguageModel>, Error> {
    let kind = if is_streamed { "text/event-stream" } else { "application/json" };
    // It is there until the program ends.
    let transport = Canned { kind, body: body.leak().as_bytes() };
    let (name, key) = (script::MODEL, script::API_KEY);
    Ok(match wire {
        Wire::Chat => {
            Box::new(OpenAiChat::openai().api_key(key).model(name).transport(transport).build()?)
        }
        Wire::Responses => Box::new(
            OpenAiResponses::openai().api_key(key).model(name).transport(transport).build()?,
        ),
        Wire::Messages => {
            Box::new(Anthropic::builder().api_key(key).model(name).transport(transport).build()?)
        }
    })
}

/// The tools of the script.
pub fn tools() -> Vec<Tool> {
    let tools = script::tools().into_iter();
    tools.map(|it| Tool::function_with_schema(it.name, it.description, it.parameters)).collect()
}

/// A model that calls a tool in each of so many steps, and then answers.
///
/// # Errors
///
/// If the script's arguments are no JSON.
pub fn scripted(steps: usize) -> Result<ScriptedModel, Error> {
    let mut model = ScriptedModel::new();
    for number in 0..steps {
        model = model.calls(script::TOOL, serde_json::from_str(&script::arguments(number))?);
    }
    Ok(model.reply(script::answer(20)))
}

/// The history of a run of so many steps.
///
/// # Errors
///
/// If the run fails.
pub fn history(steps: usize, desk: Desk) -> Result<Vec<ChatMessage>, Error> {
    let (model, resolver) = (scripted(steps)?, Resolver(desk));
    let options = OrchestratorOptions { max_steps: steps + 1, ..Default::default() };
    let messages = vec![ChatMessage::system(script::SYSTEM), ChatMessage::user(script::PROMPT)];
    let output = run(&model, messages, Some(tools()), Some(&resolver), &[], options);
    Ok(block_on(async { Ok(output.await?) })?.messages)
}

/// The desk, as siumai calls it.
pub struct Resolver(pub Desk);

#[async_trait]
impl ToolResolver for Resolver {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let result = self.0.call_json(name, &arguments);
        result.map(Value::String).map_err(|error| LlmError::ToolExecutionError(error.to_string()))
    }
}

/// Runs a future to its end; nothing it waits for takes time.
///
/// # Errors
///
/// Its own.
pub fn block_on<T>(future: impl Future<Output = Result<T, LlmError>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(future)?)
}

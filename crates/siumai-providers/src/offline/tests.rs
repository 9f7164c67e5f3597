mod debug;
mod laws;
mod replies;
mod table;

use serde_json::{Value, json};
use siumai_core::{
    model::{LanguageModel, collect},
    types::{ChatMessage, ChatRequest, ChatResponse, Tool},
};

use super::OfflineModel;

/// The reply to a request.
fn reply(request: ChatRequest) -> ChatResponse {
    let model = OfflineModel::new();
    let stream =
        futures_util::FutureExt::now_or_never(model.stream(request)).expect("it never waits");
    let reply = futures_util::FutureExt::now_or_never(collect(stream.expect("it never fails")));
    reply.expect("it never waits").expect("its stream is whole")
}

/// The calls of a reply, as names and arguments.
fn calls(reply: &ChatResponse) -> Vec<(String, Value)> {
    reply.tool_calls.iter().map(|it| (it.name.clone(), it.arguments.clone())).collect()
}

fn ask(task: &str, tools: &[Tool]) -> ChatResponse {
    reply(ChatRequest::new(vec![ChatMessage::user(task)]).with_tools(tools.to_vec()))
}

fn weather() -> Tool {
    Tool::function("get_weather", "Get weather for a city").parameter(
        "city",
        "string",
        "City name",
        true,
    )
}

fn city(name: &str) -> (String, Value) {
    ("get_weather".to_owned(), json!({ "city": name }))
}

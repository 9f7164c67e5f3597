//! Responses, of OpenAI and of others.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    types::{ChatMessage, ContentPart, Role, ToolCall, ToolChoice, ToolResult},
};
use siumai_providers::{OpenAiResponses, OpenAiResponsesBuilder, http::Transport};

use super::{Function, Wire, list, parsed, text};
use crate::{
    conformance::{counting, words},
    support::Answer,
};

pub(crate) struct Responses;

impl Wire for Responses {
    fn model(
        &self,
        provider: &str,
        model: &str,
        request: Option<&Value>,
        transport: Arc<dyn Transport>,
    ) -> Box<dyn LanguageModel> {
        let builder = match provider {
            "openai" => OpenAiResponses::openai().api_key("sk-test"),
            other => OpenAiResponses::compatible(other, "https://example.com/v1"),
        };
        let is_stored = request.is_some_and(|it| it["store"] != false);
        let builder = if is_stored { builder.stored() } else { builder };
        let tools = request.into_iter().flat_map(|it| list(it, "tools"));
        let hosted = tools.filter(|it| it["type"] != "function").cloned();
        let builder = hosted.fold(builder, OpenAiResponsesBuilder::hosted_tool);
        Box::new(builder.model(model).transport(transport).build().unwrap())
    }

    fn last_event(&self, data: &[String]) -> Option<usize> {
        const LAST: [&str; 4] =
            ["response.completed", "response.incomplete", "response.failed", "error"];
        data.iter().position(|data| {
            let event = parsed(data);
            event["type"].as_str().map_or(!event["error"].is_null(), |it| LAST.contains(&it))
        })
    }

    fn end(&self, expected: &Value) -> Value {
        words::end_of_response(expected)
    }

    fn usage(&self, usage: &Value) -> Value {
        counting::openai(usage)
    }

    fn opening(&self, request: &Value) -> Vec<ChatMessage> {
        let instructions = request["instructions"].as_str().map(ChatMessage::system);
        let items = list(request, "input").filter_map(message);
        instructions.into_iter().chain(items).collect()
    }

    /// Also those that are offered in the midst of a conversation, as one recorder does.
    fn functions(&self, request: &Value) -> Vec<Function> {
        let later = list(request, "input").filter(|it| it["type"] == "additional_tools");
        let offers = [request].into_iter().chain(later);
        let functions =
            offers.flat_map(|it| list(it, "tools")).filter(|it| it["type"] == "function");
        functions.map(|it| Function::new(it, it["parameters"].clone())).collect()
    }

    fn tool_choice(&self, request: &Value) -> Option<ToolChoice> {
        let choice = &request["tool_choice"];
        match choice.as_str() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("required") => Some(ToolChoice::Required),
            Some("none") => Some(ToolChoice::None),
            _ => choice["name"]
                .as_str()
                .map(|name| ToolChoice::Specific { tool_name: name.to_owned() }),
        }
    }

    fn system(&self, request: &Value) -> Vec<String> {
        let instructions = request["instructions"].as_str().map(str::to_owned);
        let system = list(request, "input").filter(|it| is_system(it));
        let system = system.map(|item| text(&item["content"]));
        instructions.into_iter().chain(system).collect()
    }

    fn turns(&self, request: &Value) -> Vec<Value> {
        list(request, "input").filter(|it| !is_system(it)).filter_map(turn).collect()
    }

    fn history_field(&self) -> &'static str {
        "input"
    }

    fn reply(&self, text: &str, calls: usize) -> Answer {
        let call = |at| {
            let arguments = json!({ "a": at }).to_string();
            let (id, call_id) = (format!("fc_{at}"), format!("c{at}"));
            json!({ "type": "function_call", "id": id, "call_id": call_id, "name": "add", "arguments": arguments })
        };
        let said = json!({ "type": "output_text", "text": text, "annotations": [] });
        let mut output = vec![
            json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc" }),
            json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [said] }),
        ];
        output.extend((0..calls).map(call));
        let body = json!({ "id": "resp_1", "status": "completed", "output": output });
        Answer::new(200, "application/json", body.to_string())
    }
}

fn is_system(item: &Value) -> bool {
    matches!(item["role"].as_str(), Some("system" | "developer"))
}

/// A recorded item as a message of ours.
fn message(item: &Value) -> Option<ChatMessage> {
    let call = |arguments: Value| {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        ToolCall { id: text("call_id"), name: text("name"), arguments }
    };
    let message = match (item["type"].as_str().unwrap_or("message"), item["role"].as_str()) {
        ("message", Some("system" | "developer")) => ChatMessage::system(text(&item["content"])),
        ("message", Some("user")) => ChatMessage::user(text(&item["content"])),
        ("message", Some("assistant")) => ChatMessage::assistant(text(&item["content"])),
        ("function_call", _) => {
            let call = Arc::new(call(parsed(item["arguments"].as_str().unwrap())));
            ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(call)])
        }
        ("function_call_output", _) => {
            ChatMessage::tool(ToolResult::executed(&call(json!({})), item["output"].clone()))
        }
        ("additional_tools", _) => return None,
        other => panic!("a conversation that begins with {other:?}"),
    };
    Some(message)
}

fn turn(item: &Value) -> Option<Value> {
    let texts =
        |parts: &str| -> Vec<_> { list(item, parts).map(|part| part["text"].clone()).collect() };
    Some(match item["type"].as_str().unwrap_or("message") {
        "message" => json!({ "role": item["role"], "text": text(&item["content"]) }),
        "function_call" => {
            let arguments = parsed(item["arguments"].as_str().unwrap());
            json!({ "call": item["call_id"], "name": item["name"], "arguments": arguments })
        }
        "function_call_output" => json!({ "answers": item["call_id"], "output": item["output"] }),
        "reasoning" => json!({
            "thought": texts("content"),
            "summary": texts("summary"),
            "encrypted": item.get("encrypted_content").filter(|it| !it.is_null()),
        }),
        "additional_tools" => return None,
        kind => json!({ "done by the provider": kind, "id": item["id"] }),
    })
}

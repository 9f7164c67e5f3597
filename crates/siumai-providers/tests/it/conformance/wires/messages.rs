//! Anthropic's Messages.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    types::{
        ChatMessage, ContentPart, Origin, Role, Settings, ToolCall, ToolChoice, ToolResult,
        ToolStatus,
    },
};
use siumai_providers::{Anthropic, AnthropicBuilder, http::Transport};

use super::{Function, Wire, list, parsed, text};
use crate::{
    conformance::{counting, words},
    support::Answer,
};

pub(crate) struct Messages;

impl Wire for Messages {
    fn model(
        &self,
        provider: &str,
        model: &str,
        request: Option<&Value>,
        transport: Arc<dyn Transport>,
    ) -> Box<dyn LanguageModel> {
        let builder = match provider {
            "anthropic" => Anthropic::builder().api_key("sk-ant-test"),
            other => Anthropic::compatible(other, "https://example.com"),
        };
        let tools = request.into_iter().flat_map(|it| list(it, "tools"));
        let hosted = tools.filter(|tool| !is_function(tool)).cloned();
        let builder = hosted.fold(builder, AnthropicBuilder::hosted_tool);
        Box::new(builder.model(model).transport(transport).build().unwrap())
    }

    fn last_event(&self, data: &[String]) -> Option<usize> {
        let is_last =
            |data: &String| matches!(parsed(data)["type"].as_str(), Some("message_stop" | "error"));
        data.iter().position(is_last)
    }

    fn end(&self, expected: &Value) -> Value {
        words::end_of_messages(expected)
    }

    fn usage(&self, usage: &Value) -> Value {
        counting::anthropic(usage)
    }

    /// The kinds of the blocks.
    fn kept(&self, message: &ChatMessage) -> Value {
        let kept = parsed(message.origin("anthropic").unwrap_or("[]"));
        kept.as_array().unwrap().iter().map(|block| block["type"].clone()).collect()
    }

    /// All blocks that came but those that the provider would refuse: text without words,
    /// thinking without a signature.
    fn recorded_as_kept(&self, expected: &Value, message: &ChatMessage) -> Value {
        let kept = self.kept(message);
        let mut kept = kept.as_array().unwrap().iter().peekable();
        let is_wanted = |kind: &&Value| {
            let may_be_refused = *kind == "text" || *kind == "thinking";
            kept.next_if_eq(kind).is_some() || !may_be_refused
        };
        list(expected, "blocks").filter(is_wanted).cloned().collect()
    }

    fn told<'a>(&self, failure: &'a Value) -> (Option<&'a str>, Option<&'a str>) {
        let error = &failure["body"]["error"];
        let message = error["message"].as_str().or(failure["body"].as_str());
        (error["type"].as_str(), message)
    }

    fn opening(&self, request: &Value) -> Vec<ChatMessage> {
        let system = parts(&request["system"]);
        let system = (!system.is_empty()).then(|| ChatMessage::new(Role::System, system));
        system.into_iter().chain(list(request, "messages").flat_map(messages)).collect()
    }

    fn settings(&self, request: &Value) -> Settings {
        let one_at_a_time = request["tool_choice"]["disable_parallel_tool_use"] == true;
        let parallel_tool_calls = one_at_a_time.then_some(false);
        Settings { parallel_tool_calls, ..Settings::default() }
    }

    fn functions(&self, request: &Value) -> Vec<Function> {
        let functions = list(request, "tools").filter(|it| is_function(it));
        functions.map(|it| Function::new(it, it["input_schema"].clone())).collect()
    }

    fn tool_choice(&self, request: &Value) -> Option<ToolChoice> {
        let choice = &request["tool_choice"];
        Some(match choice["type"].as_str()? {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            _ => ToolChoice::Specific { tool_name: choice["name"].as_str().unwrap().to_owned() },
        })
    }

    fn failed_calls(&self, request: &Value) -> Vec<String> {
        let blocks = list(request, "messages").flat_map(|it| list(it, "content"));
        let failed = blocks.filter(|block| block["is_error"] == true);
        failed.map(|block| block["tool_use_id"].as_str().unwrap().to_owned()).collect()
    }

    fn system(&self, request: &Value) -> Vec<String> {
        vec![text(&request["system"])]
    }

    fn turns(&self, request: &Value) -> Vec<Value> {
        let mut turns = Vec::new();
        for message in list(request, "messages") {
            let role = &message["role"];
            match message["content"].as_str() {
                Some(text) => turns.push(json!({ "role": role, "text": text })),
                None => turns.extend(list(message, "content").map(|block| turn(role, block))),
            }
        }
        turns
    }

    fn history_field(&self) -> &'static str {
        "messages"
    }

    fn reply(&self, text: &str, calls: usize) -> Answer {
        let call = |at| json!({ "type": "tool_use", "id": format!("c{at}"), "name": "add", "input": { "a": at } });
        let mut content = vec![
            json!({ "type": "thinking", "thinking": "hm", "signature": "abc" }),
            json!({ "type": "text", "text": text }),
        ];
        content.extend((0..calls).map(call));
        let reason = if calls == 0 { "end_turn" } else { "tool_use" };
        let body = json!({ "role": "assistant", "content": content, "stop_reason": reason });
        Answer::new(200, "application/json", body.to_string())
    }
}

fn is_function(tool: &Value) -> bool {
    tool["type"].is_null() || tool["type"] == "custom"
}

/// A recorded message as we hold it: the results in it are a message of their own.
fn messages(message: &Value) -> Vec<ChatMessage> {
    let content = &message["content"];
    let role = match message["role"].as_str().unwrap() {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => Role::User,
    };
    if content.is_string() {
        return vec![ChatMessage::new(role, parts(content))];
    }
    let blocks = content.as_array().unwrap().iter().cloned();
    let (results, others): (Vec<_>, Vec<_>) =
        blocks.partition(|block| block["type"] == "tool_result");
    let results = (!results.is_empty()).then(|| held(Role::Tool, results));
    let others = (!others.is_empty()).then(|| held(role, others));
    results.into_iter().chain(others).collect()
}

/// What has no portable form, and what the provider signed, is in the origin.
fn held(role: Role, blocks: Vec<Value>) -> ChatMessage {
    let is_portable =
        |it: &Value| matches!(it["type"].as_str(), Some("text" | "tool_use" | "tool_result"));
    let is_told_whole = blocks.iter().all(is_portable);
    let content = Value::from(blocks);
    let message = ChatMessage::new(role, parts(&content));
    if is_told_whole {
        return message;
    }
    message.with_origin(Origin::new("anthropic", content.to_string()))
}

fn parts(content: &Value) -> Vec<ContentPart> {
    if let Some(text) = content.as_str() {
        return vec![ContentPart::text(text)];
    }
    let string = |block: &Value, name: &str| block[name].as_str().unwrap_or_default().to_owned();
    let part = |block: &Value| match block["type"].as_str().unwrap() {
        "text" => Some(ContentPart::text(string(block, "text"))),
        "thinking" => Some(ContentPart::reasoning(string(block, "thinking"))),
        "tool_use" => Some(ContentPart::ToolCall(Arc::new(ToolCall {
            id: string(block, "id"),
            name: string(block, "name"),
            arguments: block["input"].clone(),
        }))),
        "tool_result" => {
            let (id, name, arguments) = (string(block, "tool_use_id"), String::new(), json!({}));
            let call = ToolCall { id, name, arguments };
            let output = text(&block["content"]);
            let result = if block["is_error"] == true {
                ToolResult::unexecuted(&call, ToolStatus::Failed, output)
            } else {
                ToolResult::executed(&call, output.into())
            };
            Some(ContentPart::ToolResult(Arc::new(result)))
        }
        _ => None,
    };
    content.as_array().into_iter().flatten().filter_map(part).collect()
}

/// What a block says, without what is about it, and with one way to say each thing.
fn turn(role: &Value, block: &Value) -> Value {
    match block["type"].as_str().unwrap() {
        "text" => json!({ "role": role, "text": block["text"] }),
        "tool_use" => {
            json!({ "call": block["id"], "name": block["name"], "arguments": block["input"] })
        }
        "tool_result" => json!({
            "answers": block["tool_use_id"],
            "output": text(&block["content"]),
            "is_error": block["is_error"] == true,
        }),
        "thinking" => json!({ "thought": block["thinking"], "signature": block["signature"] }),
        kind => {
            let mut block = block.clone();
            for ignored in ["cache_control", "caller", "citations"] {
                block.as_object_mut().unwrap().remove(ignored);
            }
            json!({ "done by the provider": kind, "block": block })
        }
    }
}

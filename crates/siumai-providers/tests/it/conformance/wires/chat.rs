//! Chat Completions, of OpenAI and of others.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    types::{ChatMessage, ContentPart, Media, Role, ToolChoice},
};
use siumai_providers::{OpenAiChat, http::Transport};

use super::{Function, Wire, list, parsed, text};
use crate::{
    conformance::{counting, words},
    support::Answer,
};

pub(crate) struct Chat;

impl Wire for Chat {
    fn model(
        &self,
        provider: &str,
        model: &str,
        _: Option<&Value>,
        transport: Arc<dyn Transport>,
    ) -> Box<dyn LanguageModel> {
        let builder = match provider {
            "openai" => OpenAiChat::openai().api_key("sk-test"),
            other => OpenAiChat::compatible(other, "https://example.com/v1"),
        };
        Box::new(builder.model(model).transport(transport).build().unwrap())
    }

    fn last_event(&self, data: &[String]) -> Option<usize> {
        data.iter().position(|data| data == "[DONE]" || !parsed(data)["error"].is_null())
    }

    fn end(&self, expected: &Value) -> Value {
        words::end_of_chat(expected)
    }

    fn usage(&self, usage: &Value) -> Value {
        counting::openai(usage)
    }

    fn opening(&self, request: &Value) -> Vec<ChatMessage> {
        let messages = list(request, "messages");
        messages
            .map(|message| match message["role"].as_str().unwrap() {
                "system" | "developer" => ChatMessage::system(text(&message["content"])),
                "user" => ChatMessage::new(Role::User, parts(&message["content"])),
                other => panic!("a conversation that begins with `{other}`"),
            })
            .collect()
    }

    fn functions(&self, request: &Value) -> Vec<Function> {
        let functions = list(request, "tools").map(|tool| &tool["function"]);
        functions.map(|it| Function::new(it, it["parameters"].clone())).collect()
    }

    fn tool_choice(&self, request: &Value) -> Option<ToolChoice> {
        let choice = &request["tool_choice"];
        let named = || ToolChoice::Specific {
            tool_name: choice["function"]["name"].as_str().unwrap_or_default().to_owned(),
        };
        match choice.as_str() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("required") => Some(ToolChoice::Required),
            Some("none") => Some(ToolChoice::None),
            _ => choice.is_object().then(named),
        }
    }

    fn system(&self, request: &Value) -> Vec<String> {
        let system = list(request, "messages").filter(|it| is_system(it));
        system.map(|message| text(&message["content"])).collect()
    }

    fn turns(&self, request: &Value) -> Vec<Value> {
        list(request, "messages").filter(|it| !is_system(it)).flat_map(turn).collect()
    }

    fn history_field(&self) -> &'static str {
        "messages"
    }

    fn reply(&self, text: &str, calls: usize) -> Answer {
        let function = |at| json!({ "name": "add", "arguments": json!({ "a": at }).to_string() });
        let calls: Vec<_> = (0..calls)
            .map(|at| json!({ "id": format!("c{at}"), "type": "function", "function": function(at) }))
            .collect();
        let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
        let message = json!({
            "role": "assistant", "content": text, "reasoning_content": "hm", "tool_calls": calls,
        });
        let body = json!({ "choices": [{ "message": message, "finish_reason": reason }] });
        Answer::new(200, "application/json", body.to_string())
    }
}

fn is_system(message: &Value) -> bool {
    matches!(message["role"].as_str(), Some("system" | "developer"))
}

fn parts(content: &Value) -> Vec<ContentPart> {
    let parts = content.as_array().into_iter().flatten().map(|part| match picture(part) {
        Value::Null => ContentPart::text(part["text"].as_str().unwrap()),
        url => ContentPart::image(Media::url(url.as_str().unwrap())),
    });
    content.as_str().map_or_else(|| parts.collect(), |text| vec![ContentPart::text(text)])
}

fn picture(part: &Value) -> &Value {
    let picture = &part["image_url"];
    picture.get("url").unwrap_or(picture)
}

/// What a message says, piece by piece.
fn turn(message: &Value) -> Vec<Value> {
    let role = &message["role"];
    if role == "tool" {
        return vec![
            json!({ "answers": message["tool_call_id"], "output": text(&message["content"]) }),
        ];
    }
    let mut said = Vec::new();
    // Servers, and clients of them, have more than one name for it.
    let thought = ["reasoning", "reasoning_content"].map(|name| message[name].as_str());
    if let Some(thought) = thought.into_iter().flatten().find(|it| !it.is_empty()) {
        said.push(json!({ "thought": thought }));
    }
    // A block's number and format say nothing to the model.
    said.extend(list(message, "reasoning_details").map(|block| {
        let fields = ["type", "text", "summary", "data", "signature"];
        let block: Vec<_> = fields.iter().map(|name| block[*name].clone()).collect();
        json!({ "signed thought": block })
    }));
    said.push(json!({ "role": role, "text": text(&message["content"]) }));
    let pictures = message["content"].as_array().into_iter().flatten().map(picture);
    let pictures = pictures.filter(|it| !it.is_null());
    said.extend(pictures.map(|url| json!({ "role": role, "picture": url })));
    said.extend(list(message, "tool_calls").map(|call| {
        let function = &call["function"];
        let arguments = parsed(function["arguments"].as_str().unwrap());
        json!({ "call": call["id"], "name": function["name"], "arguments": arguments })
    }));
    said
}

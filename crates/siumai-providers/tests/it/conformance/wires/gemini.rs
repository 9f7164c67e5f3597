//! Gemini's generateContent.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind,
    model::LanguageModel,
    types::{ChatMessage, ContentPart, ToolChoice},
};
use siumai_providers::{Gemini, http::Transport};

use super::{Function, Wire, list, parsed, text};
use crate::{
    conformance::{counting, words},
    support::Answer,
};

pub(crate) struct GenerateContent;

impl Wire for GenerateContent {
    fn model(
        &self,
        _: &str,
        model: &str,
        _: Option<&Value>,
        transport: Arc<dyn Transport>,
    ) -> Box<dyn LanguageModel> {
        let builder = Gemini::builder().api_key("test-key").model(model);
        Box::new(builder.transport(transport).build().unwrap())
    }

    /// There is no marker: the last event that tells why the reply ended is its end.
    fn last_event(&self, data: &[String]) -> Option<usize> {
        data.iter().rposition(|data| {
            let event = parsed(data);
            let reasons = [
                &event["candidates"][0]["finishReason"],
                &event["promptFeedback"]["blockReason"],
                &event["error"],
            ];
            reasons.iter().any(|it| !it.is_null())
        })
    }

    fn end(&self, expected: &Value) -> Value {
        words::end_of_gemini(expected)
    }

    fn usage(&self, usage: &Value) -> Value {
        counting::gemini(usage)
    }

    /// How many signatures, and what is neither text nor a call in the words of the provider's client.
    fn kept(&self, message: &ChatMessage) -> Value {
        const KINDS: [(&str, &str); 4] = [
            ("executableCode", "executable_code"),
            ("codeExecutionResult", "code_execution_result"),
            ("inlineData", "inline_data"),
            ("fileData", "file_data"),
        ];
        let parts = parsed(message.origin("gemini").unwrap_or("[]"));
        let parts = parts.as_array().unwrap();
        let signed = parts.iter().filter(|it| it["thoughtSignature"].is_string());
        let kind = |part: &Value| KINDS.iter().find(|(it, _)| !part[*it].is_null()).map(|it| it.1);
        let media = message.content().iter();
        let media =
            media.filter(|it| matches!(it, ContentPart::Image { .. } | ContentPart::File { .. }));
        json!({
            "signatures": signed.count(),
            "others": parts.iter().filter_map(kind).collect::<Vec<_>>(),
            "media": media.count(),
        })
    }

    fn recorded_as_kept(&self, expected: &Value, _: &ChatMessage) -> Value {
        let others = &expected["other_parts"];
        let kinds = others.as_array().into_iter().flatten().filter_map(Value::as_str);
        json!({
            "signatures": expected["thought_signatures"],
            "others": others,
            "media": kinds.filter(|kind| kind.ends_with("_data")).count(),
        })
    }

    fn is_kind(&self, kind: ErrorKind, failure: &Value) -> bool {
        words::is_of_status(kind, failure)
    }

    fn told<'a>(&self, failure: &'a Value) -> (Option<&'a str>, Option<&'a str>) {
        (failure["type"].as_str(), failure["message"].as_str())
    }

    fn model_of(&self, _: &Value, path: &str) -> String {
        let (_, model) = path.rsplit_once('/').unwrap();
        model.split(':').next().unwrap().to_owned()
    }

    fn opening(&self, request: &Value) -> Vec<ChatMessage> {
        let system = self.system(request).into_iter().filter(|it| !it.is_empty());
        let contents = list(request, "contents").map(|content| {
            assert_eq!(content["role"], "user");
            ChatMessage::user(text(&content["parts"]))
        });
        system.map(ChatMessage::system).chain(contents).collect()
    }

    fn functions(&self, request: &Value) -> Vec<Function> {
        let functions = list(request, "tools").flat_map(|it| list(it, "functionDeclarations"));
        functions.map(|it| Function::new(it, schema(it))).collect()
    }

    /// `VALIDATED` is the default of a recorded client, and a mode that ours does not have.
    fn tool_choice(&self, request: &Value) -> Option<ToolChoice> {
        let calling = &request["toolConfig"]["functionCallingConfig"];
        let name = list(calling, "allowedFunctionNames").find_map(Value::as_str);
        match calling["mode"].as_str()? {
            "AUTO" => Some(ToolChoice::Auto),
            "ANY" => Some(name.map_or(ToolChoice::Required, |name| ToolChoice::Specific {
                tool_name: name.to_owned(),
            })),
            "NONE" => Some(ToolChoice::None),
            _ => None,
        }
    }

    /// It is recorded as the JSON of an object.
    fn output(&self, recorded: &Value) -> Value {
        parsed(recorded.as_str().unwrap())
    }

    fn system(&self, request: &Value) -> Vec<String> {
        vec![text(&request["systemInstruction"]["parts"])]
    }

    fn turns(&self, request: &Value) -> Vec<Value> {
        list(request, "contents").flat_map(turns).collect()
    }

    fn history_field(&self) -> &'static str {
        "contents"
    }

    fn reply(&self, text: &str, calls: usize) -> Answer {
        let call = |at| {
            let call = json!({ "name": "add", "args": { "a": at } });
            json!({ "functionCall": call, "thoughtSignature": "abc" })
        };
        let mut parts = vec![json!({ "text": "hm", "thought": true }), json!({ "text": text })];
        parts.extend((0..calls).map(call));
        let content = json!({ "role": "model", "parts": parts });
        let body = json!({ "candidates": [{ "content": content, "finishReason": "STOP" }] });
        Answer::new(200, "application/json", body.to_string())
    }
}

/// The schema in whichever field a client has it.
fn schema(function: &Value) -> Value {
    let fields = ["parametersJsonSchema", "parameters_json_schema", "parameters"];
    let schema = fields.iter().find_map(|it| function.get(it).filter(|it| !it.is_null()));
    schema.cloned().unwrap_or_else(|| json!({ "type": "object", "properties": {} }))
}

/// What a content says. Ids are left out: one recorded client made its own where the provider
/// had none. Pictures in a response are, too: our tools' results are JSON.
fn turns(content: &Value) -> Vec<Value> {
    let role = &content["role"];
    let turn = |part: &Value| {
        let mut turn = if let Some(call) = part.get("functionCall") {
            json!({ "call": call["name"], "arguments": call["args"] })
        } else if let Some(response) = part.get("functionResponse") {
            json!({ "answers": response["name"], "output": response["response"] })
        } else if part["thought"] == true {
            json!({ "thought": part["text"] })
        } else {
            json!({ "role": role, "text": part["text"] })
        };
        if let Some(signature) = part["thoughtSignature"].as_str() {
            turn["signature"] = standard_base64(signature).into();
        }
        turn
    };
    let mut turns: Vec<_> = list(content, "parts").map(turn).collect();
    // One recorded client answered two calls the other way round.
    turns.sort_by_key(|turn| turn["output"].to_string());
    turns
}

/// One recorded client writes the bytes of a signature in the alphabet for URLs.
fn standard_base64(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

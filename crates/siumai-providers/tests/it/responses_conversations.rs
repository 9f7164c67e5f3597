//! Every recorded tool loop over Responses, run by the orchestrator on both of its surfaces: the
//! answers are the recorded ones, and each request that we send must mean what the recorded one
//! meant.
use std::{collections::BTreeSet, sync::Arc};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    orchestrator::{
        OrchestratorOptions, PrepareStepResult, RunOutput, StepResult, generate_stream_owned, run,
        step_count_is,
    },
    types::{ChatMessage, ContentPart, Role, Tool, ToolCall, ToolChoice, ToolResult},
};
use siumai_providers::{OpenAiResponses, OpenAiResponsesBuilder};

use crate::{
    conversations::Recording,
    schema::RequestSchema,
    support::{Canned, cases, wire_folder},
};

#[tokio::test]
async fn every_recorded_conversation_of_responses_goes_on_as_it_did() {
    every_conversation("openai-responses", RequestSchema::of("openai-responses").as_ref()).await;
}

#[tokio::test]
async fn every_recorded_conversation_of_servers_like_it_goes_on_as_it_did() {
    every_conversation("responses-compatible", None).await;
}

async fn every_conversation(api: &str, schema: Option<&RequestSchema>) {
    let Some(folder) = wire_folder(&format!("conversations/{api}")) else { return };
    let cases = cases(&folder);
    for case in &cases {
        println!("{}", case.display());
        let recorded = Conversation(Recording::read(case));
        for (sent, text, steps) in [recorded.generate().await, recorded.stream().await] {
            recorded.check(&sent, text.as_deref(), &steps);
            if let Some(schema) = schema {
                sent.bodies().iter().for_each(|it| schema.check(it));
            }
        }
    }
    println!("conversations/{api}: {} conversations, {} passed", cases.len(), cases.len());
}

struct Conversation(Recording);

type Outcome = (Canned, Option<String>, Vec<StepResult>);

impl Conversation {
    fn model(&self) -> (OpenAiResponses, Canned) {
        let first = &self.0.requests[0];
        let transport = Canned::new(self.0.answers.clone());
        let builder = match self.0.meta["provider"].as_str().unwrap() {
            "openai" => OpenAiResponses::openai().api_key("sk-test"),
            other => OpenAiResponses::compatible(other, "https://example.com/v1"),
        };
        let builder = if first["store"] == false { builder } else { builder.stored() };
        let builder = builder.model(first["model"].as_str().unwrap());
        let hosted = tools(first).filter(|it| it["type"] != "function").cloned();
        let builder = hosted.fold(builder, OpenAiResponsesBuilder::hosted_tool);
        (builder.transport(transport.clone()).build().unwrap(), transport)
    }

    async fn generate(&self) -> Outcome {
        let (model, transport) = self.model();
        let resolver = self.0.resolver();
        let stop = step_count_is(20);
        let output: RunOutput = run(
            &model,
            self.messages(),
            Some(self.tools()),
            Some(&resolver),
            &[&*stop],
            self.options(),
        )
        .await
        .unwrap();
        (transport, output.response.content_text().map(str::to_owned), output.steps)
    }

    async fn stream(&self) -> Outcome {
        let (model, transport) = self.model();
        let run = generate_stream_owned(
            model,
            self.messages(),
            Some(self.tools()),
            self.0.resolver(),
            vec![step_count_is(20)],
            self.options(),
        );
        let mut run = run.await.unwrap();
        while let Some(event) = run.stream.next().await {
            event.unwrap();
        }
        let steps = run.steps.await.unwrap();
        let said = steps.last().unwrap().messages[0].text().map(str::to_owned);
        (transport, said, steps)
    }

    fn messages(&self) -> Vec<ChatMessage> {
        let first = &self.0.requests[0];
        let instructions = first["instructions"].as_str().map(ChatMessage::system);
        instructions.into_iter().chain(items(first).filter_map(message)).collect()
    }

    /// The tools of all requests, those that come in later included.
    fn tools(&self) -> Vec<Tool> {
        let mut found: Vec<Tool> = Vec::new();
        for tool in self.0.requests.iter().flat_map(offered) {
            let name = tool["name"].as_str().unwrap();
            if found.iter().all(|tool| tool.name() != name) {
                let description = tool["description"].as_str().unwrap_or_default();
                found.push(Tool::function_with_schema(
                    name,
                    description,
                    tool["parameters"].clone(),
                ));
            }
        }
        found
    }

    /// What each request offers and says about the choice.
    fn options(&self) -> OrchestratorOptions {
        let requests = self.0.requests.clone();
        OrchestratorOptions {
            prepare_step: Some(Arc::new(move |step| {
                let request = &requests[step.step_number];
                let auto = request["tool_choice"].is_string().then_some(ToolChoice::Auto);
                let names = offered(request).map(|it| it["name"].as_str().unwrap().to_owned());
                let active_tools = Some(names.collect());
                PrepareStepResult { tool_choice: auto, active_tools, ..Default::default() }
            })),
            ..Default::default()
        }
    }

    fn check(&self, sent: &Canned, text: Option<&str>, steps: &[StepResult]) {
        let sent = sent.bodies();
        assert_eq!(sent.len(), self.0.requests.len());
        for (ours, recorded) in sent.iter().zip(&self.0.requests) {
            assert_eq!(meaning(ours), meaning(recorded));
            let (ours, theirs) = (hosted_items(ours), hosted_items(recorded));
            assert!(ours.is_superset(&theirs), "{ours:?} {theirs:?}");
        }
        for pair in sent.windows(2) {
            let [before, after] = pair else { unreachable!() };
            let (before, after) = (before["input"].to_string(), after["input"].to_string());
            assert!(after.starts_with(before.trim_end_matches(']')), "{after}");
        }
        let end = &self.0.meta["final"];
        assert_eq!(json!(text), end["text"]);
        assert_eq!(steps.last().unwrap().finish_reason, siumai_core::types::FinishReason::Stop);
        assert_eq!(end["finish_reason"], "completed");
        assert_eq!(json!(steps.len()), end["steps"]);
        let calls: usize = steps.iter().map(|it| it.tool_calls.len()).sum();
        assert_eq!(json!(calls), end["tool_calls"]);
        // Responses counts as siumai does.
        let usage = json!(StepResult::merge_usage(steps));
        for (name, sum) in end["usage_sum"].as_object().unwrap() {
            assert_eq!(&usage[name], sum, "{name}");
        }
    }
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
            let arguments = serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
            let call = ContentPart::ToolCall(Arc::new(call(arguments)));
            ChatMessage::new(Role::Assistant, vec![call])
        }
        ("function_call_output", _) => {
            ChatMessage::tool(ToolResult::executed(&call(json!({})), item["output"].clone()))
        }
        // That recorder's way to offer a tool in the midst of a conversation.
        ("additional_tools", _) => return None,
        other => panic!("a conversation that begins with {other:?}"),
    };
    Some(message)
}

fn items(request: &Value) -> impl Iterator<Item = &Value> {
    request["input"].as_array().unwrap().iter()
}

fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    request["tools"].as_array().into_iter().flatten()
}

/// The functions that are on offer, wherever the request says so.
fn offered(request: &Value) -> impl Iterator<Item = &Value> {
    let later = items(request).filter(|it| it["type"] == "additional_tools");
    tools(request).chain(later.flat_map(tools)).filter(|it| it["type"] == "function")
}

/// What a request means: who says what, what is called with which arguments, what is on offer.
fn meaning(request: &Value) -> Value {
    let is_system = |it: &Value| matches!(it["role"].as_str(), Some("system" | "developer"));
    let system = items(request).filter(|it| is_system(it)).map(|it| text(&it["content"]));
    let instructions = request["instructions"].as_str().map(str::to_owned);
    let system: Vec<_> =
        instructions.into_iter().chain(system).filter(|it| !it.is_empty()).collect();
    let mut functions: Vec<_> = offered(request)
        .map(|it| json!({ "name": it["name"], "schema": it["parameters"] }))
        .collect();
    functions.sort_by_key(|it| it["name"].to_string());
    functions.dedup();
    json!({
        "model": request["model"],
        "system": system,
        "items": items(request).filter(|it| !is_system(it)).filter_map(item_meaning).collect::<Vec<_>>(),
        "tools": functions,
        "tool_choice": request.get("tool_choice"),
    })
}

fn item_meaning(item: &Value) -> Option<Value> {
    let texts = |parts: &Value| {
        let parts = parts.as_array().into_iter().flatten();
        parts.map(|part| part["text"].clone()).collect::<Vec<_>>()
    };
    let kind = item["type"].as_str().unwrap_or("message");
    let meaning = match kind {
        "message" => json!({ "role": item["role"], "text": text(&item["content"]) }),
        "function_call" => {
            let arguments: Value =
                serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
            json!({ "call": item["call_id"], "name": item["name"], "arguments": arguments })
        }
        "function_call_output" => json!({ "answers": item["call_id"], "output": item["output"] }),
        "reasoning" => json!({
            "reasoning": texts(&item["content"]),
            "summary": texts(&item["summary"]),
            "encrypted": item.get("encrypted_content").filter(|it| !it.is_null()),
        }),
        _ => return None,
    };
    // One recorder lets a model say nothing before it calls a tool.
    (meaning["text"] != "").then_some(meaning)
}

/// What was done by tools that the provider executes.
fn hosted_items(request: &Value) -> BTreeSet<String> {
    let known =
        ["message", "function_call", "function_call_output", "reasoning", "additional_tools"];
    let hosted =
        items(request).filter(|it| !known.contains(&it["type"].as_str().unwrap_or("message")));
    hosted.map(|it| format!("{} {}", it["type"], it["id"])).collect()
}

/// Text, or the text of parts.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    let parts: String = parts.map(|part| part["text"].as_str().unwrap()).collect();
    content.as_str().map_or(parts, str::to_owned)
}

//! Every recorded tool loop, run by the orchestrator on both of its surfaces: the answers are
//! the recorded ones, and each request that we send must mean what the recorded one meant.
use std::{collections::HashMap, path::Path, sync::Arc};

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    orchestrator::{
        OrchestratorOptions, PrepareStepResult, RunError, StepResult, StreamEvent, ToolResolver,
        generate_stream_owned, run,
    },
    tool::ToolContext,
    types::{
        ChatMessage, ChatResponse, ContentPart, Origin, Role, Settings, Tool, ToolCall, ToolChoice,
        ToolResult, ToolStatus,
    },
};
use siumai_providers::Anthropic;

use super::{expected_usage, finish_reason};
use crate::{
    differences::apart_from_listed,
    support::{Answer, Canned, cases, json, wire_folder},
};

#[tokio::test]
async fn every_recorded_conversation_of_messages_goes_on_as_it_did() {
    let Some(folder) = wire_folder("conversations/anthropic") else { return };
    let cases = cases(&folder);
    let mut failed = Vec::new();
    for case in &cases {
        let recorded = Recording::read(case);
        let wrong = apart_from_listed(&recorded.id, recorded.check().await);
        if !wrong.is_empty() {
            failed.push(format!("{}:\n  {}", case.display(), wrong.join("\n  ")));
        }
    }
    let passed = cases.len() - failed.len();
    println!("conversations/anthropic: {} conversations, {passed} passed", cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A recorded conversation.
struct Recording {
    id: String,
    steps: Vec<Value>,
    requests: Vec<Value>,
    answers: Vec<Answer>,
    end: Value,
}

impl Recording {
    fn read(case: &Path) -> Self {
        let meta = json(&case.join("meta.json"));
        let steps = meta["steps"].as_array().unwrap();
        let file = |step: &Value, field: &str| case.join(step[field].as_str().unwrap());
        let answer = |step: &Value| {
            Answer::recorded(&step["http"], std::fs::read(file(step, "response_file")).unwrap())
        };
        Self {
            id: meta["id"].as_str().unwrap_or_default().to_owned(),
            requests: steps.iter().map(|step| json(&file(step, "request_file"))).collect(),
            answers: steps.iter().map(answer).collect(),
            steps: steps.clone(),
            end: meta["final"].clone(),
        }
    }

    fn model(&self) -> (Anthropic, Canned) {
        let transport = Canned::new(self.answers.clone());
        let model = Anthropic::builder().api_key("sk-ant-test");
        let model = model.model(self.requests[0]["model"].as_str().unwrap());
        let tools = self.requests[0]["tools"].as_array().into_iter().flatten();
        let provided = tools.filter(|tool| !is_function(tool)).cloned();
        let model = provided.fold(model, siumai_providers::AnthropicBuilder::hosted_tool);
        (model.transport(transport.clone()).build().unwrap(), transport)
    }

    /// What goes otherwise than it was recorded.
    async fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (surface, went) in [("run", self.run().await), ("stream", self.stream().await)] {
            let found = match went {
                (sent, Ok((response, steps))) => self.compare(&sent, &response, &steps),
                (_, Err(error)) => vec![format!("end: failed with {error}")],
            };
            wrong.extend(found.into_iter().map(|it| format!("{it} ({surface})")));
        }
        wrong
    }

    async fn run(&self) -> (Canned, Result<(ChatResponse, Vec<StepResult>), RunError>) {
        let (model, transport) = self.model();
        let (tools, resolver) = (self.tools(), self.resolver());
        let options = self.options();
        let output = run(&model, self.messages(), Some(tools), Some(&resolver), &[], options).await;
        (transport, output.map(|it| (it.response, it.steps)))
    }

    async fn stream(&self) -> (Canned, Result<(ChatResponse, Vec<StepResult>), RunError>) {
        let (model, transport) = self.model();
        let run = generate_stream_owned(
            model,
            self.messages(),
            Some(self.tools()),
            self.resolver(),
            vec![],
            self.options(),
        );
        let mut run = run.await.unwrap();
        let mut end = None;
        while let Some(event) = run.stream.next().await {
            match event {
                Ok(StreamEvent::End { response, .. }) => end = Some(*response),
                Ok(_) => {}
                Err(error) => return (transport, Err(error)),
            }
        }
        let steps = run.steps.await;
        (transport, steps.map(|steps| (end.unwrap(), steps)))
    }

    fn messages(&self) -> Vec<ChatMessage> {
        let request = &self.requests[0];
        let system = parts(&request["system"]);
        let system = (!system.is_empty()).then(|| ChatMessage::new(Role::System, system));
        let messages = request["messages"].as_array().unwrap().iter().flat_map(messages);
        system.into_iter().chain(messages).collect()
    }

    /// The tools of all requests, those that come in later included.
    fn tools(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = Vec::new();
        for tool in self.requests.iter().filter_map(|it| it["tools"].as_array()).flatten() {
            let name = tool["name"].as_str().unwrap();
            if is_function(tool) && tools.iter().all(|tool| tool.name() != name) {
                let description = tool["description"].as_str().unwrap_or_default();
                let schema = tool["input_schema"].clone();
                tools.push(Tool::function_with_schema(name, description, schema));
            }
        }
        tools
    }

    /// What each request offers and says about the choice.
    fn options(&self) -> OrchestratorOptions {
        let requests = self.requests.clone();
        let one_at_a_time = requests[0]["tool_choice"]["disable_parallel_tool_use"] == true;
        let parallel_tool_calls = one_at_a_time.then_some(false);
        OrchestratorOptions {
            settings: Settings { parallel_tool_calls, ..Settings::default() },
            prepare_step: Some(Arc::new(move |step| {
                let request = &requests[step.step_number];
                let names = function_tools(request);
                let names = names.iter().map(|it| it["name"].as_str().unwrap().to_owned());
                PrepareStepResult {
                    tool_choice: tool_choice(&request["tool_choice"]),
                    active_tools: Some(names.collect()),
                    system: (request["system"] != requests[0]["system"])
                        .then(|| text(&request["system"])),
                    messages: None,
                }
            })),
            ..Default::default()
        }
    }

    fn resolver(&self) -> Recorded {
        let steps = self.steps.iter().enumerate();
        let results = steps.flat_map(|(number, step)| {
            let results = step["tool_results"].as_array().into_iter().flatten();
            results.map(move |it| {
                let call = (number, it["id"].as_str().unwrap().to_owned());
                (call, (it["name"].clone(), it["arguments"].clone(), it["output"].clone()))
            })
        });
        let failed = self.requests.iter().flat_map(|it| it["messages"].as_array().unwrap());
        let failed = failed.flat_map(|it| it["content"].as_array().into_iter().flatten());
        let failed = failed.filter(|block| block["is_error"] == true);
        let failed = failed.map(|block| block["tool_use_id"].as_str().unwrap().to_owned());
        Recorded { results: results.collect(), failed: failed.collect() }
    }

    fn compare(&self, sent: &Canned, response: &ChatResponse, steps: &[StepResult]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |fact: String, ours: Value, recorded: Value| {
            if ours != recorded {
                wrong.push(format!("{fact}: ours {ours}, recorded {recorded}"));
            }
        };
        let sent = sent.bodies();
        compare("requests".to_owned(), json!(sent.len()), json!(self.requests.len()));
        for (number, (ours, recorded)) in sent.iter().zip(&self.requests).enumerate() {
            let sent_back = kinds(recorded);
            let (ours, recorded) = (meaning(ours, &sent_back), meaning(recorded, &sent_back));
            for (name, value) in ours {
                compare(format!("{name} of request {number}"), value, recorded[&name].clone());
            }
        }
        let text = response.content_text().unwrap_or_default();
        compare("text".to_owned(), json!(text), self.end["text"].clone());
        let reason = finish_reason(self.end["finish_reason"].as_str().unwrap_or_default());
        compare("finish_reason".to_owned(), json!(response.finish_reason), json!(reason));
        compare("steps".to_owned(), json!(steps.len()), self.end["steps"].clone());
        let calls: usize = steps.iter().map(|it| it.tool_calls.len()).sum();
        compare("tool_calls".to_owned(), json!(calls), self.end["tool_calls"].clone());
        for (number, (step, recorded)) in steps.iter().zip(&self.steps).enumerate() {
            let counts = expected_usage(&recorded["expected"]["usage"]);
            for (name, count) in counts.as_object().into_iter().flatten() {
                let ours = json!(step.usage)[name].clone();
                compare(format!("{name} of step {number}"), ours, count.clone());
            }
        }
        wrong
    }
}

/// Answers each call as the recorded client did.
struct Recorded {
    /// By step and id: name, arguments and output.
    results: HashMap<(usize, String), (Value, Value, Value)>,
    /// The ids of the calls whose output is an error.
    failed: Vec<String>,
}

#[async_trait]
impl ToolResolver for Recorded {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        panic!("`{name}` was called without its context")
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let (named, given, output) = &self.results[&(context.step_number, context.call_id.clone())];
        assert_eq!((&json!(name), &arguments), (named, given));
        if self.failed.contains(&context.call_id) {
            return Err(LlmError::new(ErrorKind::Tool, output.as_str().unwrap()));
        }
        Ok(output.clone())
    }
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
    let blocks = content.as_array().into_iter().flatten();
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
    blocks.filter_map(part).collect()
}

fn tool_choice(choice: &Value) -> Option<ToolChoice> {
    Some(match choice["type"].as_str()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        _ => ToolChoice::Specific { tool_name: choice["name"].as_str().unwrap().to_owned() },
    })
}

/// The kinds of blocks in a request. A client may send back less than it was told, such as
/// no thinking; what it sends of a kind it sends whole.
fn kinds(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().unwrap().iter();
    let blocks = messages.flat_map(|it| it["content"].as_array().into_iter().flatten());
    let kinds = blocks.map(|block| block["type"].as_str().unwrap().to_owned());
    kinds.chain(["text", "tool_use", "tool_result"].map(str::to_owned)).collect()
}

/// What a request means: who says what, what is called with which arguments, what is on offer.
/// Of the messages, blocks of these kinds.
fn meaning(request: &Value, kinds: &[String]) -> Map<String, Value> {
    let mut said: Vec<(Value, Value)> = Vec::new();
    for message in request["messages"].as_array().unwrap() {
        let whole = json!([{ "type": "text", "text": message["content"] }]);
        let content = Some(&message["content"]).filter(|it| it.is_array()).unwrap_or(&whole);
        for block in content.as_array().unwrap() {
            if !kinds.iter().any(|kind| block["type"] == **kind) {
                continue;
            }
            let (role, block) = (message["role"].clone(), block_meaning(block));
            match said.last_mut() {
                // Messages of one side in a row are one turn, and texts in a row one text.
                Some((before, last))
                    if *before == role && last["type"] == "text" && block["type"] == "text" =>
                {
                    last["text"] = [text(&json!([last])), text(&json!([block]))].concat().into();
                }
                _ => said.push((role, block)),
            }
        }
    }
    let choice = &request["tool_choice"];
    Map::from_iter([
        ("model".to_owned(), request["model"].clone()),
        ("system".to_owned(), text(&request["system"]).into()),
        ("messages".to_owned(), json!(said)),
        ("tools".to_owned(), tools_meaning(request).into()),
        ("tool_choice".to_owned(), json!([choice["type"], choice["name"]])),
    ])
}

/// A block without what is about it, and with only one way to say each thing.
fn block_meaning(block: &Value) -> Value {
    let mut block = block.clone();
    let fields = block.as_object_mut().unwrap();
    for ignored in ["cache_control", "caller", "citations"] {
        fields.remove(ignored);
    }
    if fields["type"] == "tool_result" {
        let content = fields.get("content").map(text).unwrap_or_default();
        fields.insert("content".to_owned(), content.into());
        fields.entry("is_error").or_insert(false.into());
    }
    block
}

/// Text, or the text of blocks; nothing said is no text.
fn text(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten();
    let blocks: String = blocks.filter_map(|block| block["text"].as_str()).collect();
    content.as_str().map_or(blocks, str::to_owned)
}

fn is_function(tool: &Value) -> bool {
    tool["type"].is_null() || tool["type"] == "custom"
}

fn function_tools(request: &Value) -> Vec<&Value> {
    request["tools"].as_array().into_iter().flatten().filter(|tool| is_function(tool)).collect()
}

fn tools_meaning(request: &Value) -> Vec<Value> {
    let tools = request["tools"].as_array().into_iter().flatten();
    let mut tools: Vec<_> = tools
        .map(|it| {
            let description = it["description"].as_str().unwrap_or_default();
            json!([it["name"], it["type"], description, it["input_schema"]])
        })
        .collect();
    tools.sort_by_key(ToString::to_string);
    tools
}

//! Every recorded tool loop, run by the orchestrator on both of its surfaces: the answers are
//! the recorded ones, and each request that we send must mean what the recorded one meant.
use std::{collections::HashMap, path::Path, sync::Arc};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    LlmError, async_trait,
    orchestrator::{
        OrchestratorOptions, PrepareStepResult, StepResult, StreamEvent, ToolResolver, generate,
        generate_stream_owned, step_count_is,
    },
    tool::ToolContext,
    types::{ChatMessage, ChatResponse, ContentPart, Media, Role, Tool, ToolChoice},
};
use siumai_providers::OpenAiChat;

use crate::{
    schema::RequestSchema,
    support::{Answer, Canned, cases, json, wire_folder},
};

#[tokio::test]
async fn every_recorded_conversation_of_chat_completions_goes_on_as_it_did() {
    every_conversation("openai-chat", RequestSchema::load().as_ref()).await;
}

/// Replays the conversations of an API that is Chat Completions.
pub(crate) async fn every_conversation(api: &str, schema: Option<&RequestSchema>) {
    let Some(folder) = wire_folder(&format!("conversations/{api}")) else { return };
    let cases = cases(&folder);
    for case in &cases {
        println!("{}", case.display());
        let recorded = Recording::read(case);
        let (generated, response, steps) = recorded.generate().await;
        recorded.check(&generated, &response, &steps);
        let (streamed, response, steps) = recorded.stream().await;
        recorded.check(&streamed, &response, &steps);
        if let Some(schema) = schema {
            generated.bodies().iter().chain(&streamed.bodies()).for_each(|it| schema.check(it));
        }
    }
    println!("conversations/{api}: {} conversations, {} passed", cases.len(), cases.len());
}

/// A recorded conversation.
pub(crate) struct Recording {
    pub(crate) meta: Value,
    pub(crate) requests: Vec<Value>,
    pub(crate) answers: Vec<Answer>,
}

impl Recording {
    pub(crate) fn read(case: &Path) -> Self {
        let meta = json(&case.join("meta.json"));
        let steps = meta["steps"].as_array().unwrap();
        let file = |step: &Value, field: &str| case.join(step[field].as_str().unwrap());
        let answer = |step: &Value| {
            Answer::recorded(&step["http"], std::fs::read(file(step, "response_file")).unwrap())
        };
        Self {
            requests: steps.iter().map(|step| json(&file(step, "request_file"))).collect(),
            answers: steps.iter().map(answer).collect(),
            meta,
        }
    }

    fn model(&self) -> (OpenAiChat, Canned) {
        let transport = Canned::new(self.answers.clone());
        let model = match self.meta["provider"].as_str().unwrap() {
            "openai" => OpenAiChat::openai().api_key("sk-test"),
            other => OpenAiChat::compatible(other, "https://example.com/v1"),
        };
        let model = model.model(self.requests[0]["model"].as_str().unwrap());
        (model.transport(transport.clone()).build().unwrap(), transport)
    }

    async fn generate(&self) -> (Canned, ChatResponse, Vec<StepResult>) {
        let (model, transport) = self.model();
        let (response, steps) = generate(
            &model,
            self.messages(),
            Some(self.tools()),
            Some(&self.resolver()),
            &[&*step_count_is(20)],
            self.options(),
        )
        .await
        .unwrap();
        (transport, response, steps)
    }

    async fn stream(&self) -> (Canned, ChatResponse, Vec<StepResult>) {
        let (model, transport) = self.model();
        let run = generate_stream_owned(
            model,
            self.messages(),
            Some(self.tools()),
            self.resolver(),
            vec![step_count_is(20)],
            self.options(),
        );
        let mut run = run.await.unwrap();
        let mut end = None;
        while let Some(event) = run.stream.next().await {
            if let StreamEvent::End { response, .. } = event.unwrap() {
                end = Some(*response);
            }
        }
        (transport, end.unwrap(), run.steps.await.unwrap())
    }

    fn messages(&self) -> Vec<ChatMessage> {
        let messages = self.requests[0]["messages"].as_array().unwrap().iter();
        messages
            .map(|message| match message["role"].as_str().unwrap() {
                "system" => ChatMessage::system(text(&message["content"])),
                "user" => ChatMessage::new(Role::User, parts(&message["content"])),
                other => panic!("a conversation that begins with `{other}`"),
            })
            .collect()
    }

    /// The tools of all requests, those that come in later included.
    fn tools(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = Vec::new();
        for tool in self.requests.iter().flat_map(|it| it["tools"].as_array().unwrap()) {
            let function = &tool["function"];
            let name = function["name"].as_str().unwrap();
            if tools.iter().all(|tool| tool.name() != name) {
                let description = function["description"].as_str().unwrap_or_default();
                let schema = function["parameters"].clone();
                tools.push(Tool::function_with_schema(name, description, schema));
            }
        }
        tools
    }

    /// What each request offers and says about the choice.
    fn options(&self) -> OrchestratorOptions {
        let requests = self.requests.clone();
        OrchestratorOptions {
            prepare_step: Some(Arc::new(move |step| {
                let request = &requests[step.step_number];
                let auto = request["tool_choice"].is_string().then_some(ToolChoice::Auto);
                let active_tools = Some(tool_names(request));
                PrepareStepResult { tool_choice: auto, active_tools, ..Default::default() }
            })),
            ..Default::default()
        }
    }

    pub(crate) fn resolver(&self) -> Recorded {
        let steps = self.meta["steps"].as_array().unwrap().iter();
        let results = steps.enumerate().flat_map(|(number, step)| {
            let results = step["tool_results"].as_array().into_iter().flatten();
            results.map(move |it| {
                let call = (number, it["id"].as_str().unwrap().to_owned());
                (call, (it["name"].clone(), it["arguments"].clone(), it["output"].clone()))
            })
        });
        Recorded(results.collect())
    }

    fn check(&self, sent: &Canned, response: &ChatResponse, steps: &[StepResult]) {
        let sent = sent.bodies();
        assert_eq!(sent.len(), self.requests.len());
        for (ours, recorded) in sent.iter().zip(&self.requests) {
            let (ours_means, recorded_means) = (meaning(ours), meaning(recorded));
            let messages = |meaning: &Value| meaning["messages"].as_array().unwrap().clone();
            for pair in messages(&ours_means).iter().zip(&messages(&recorded_means)) {
                assert_eq!(pair.0, pair.1);
            }
            assert_eq!(ours_means, recorded_means);
            check_reasoning(ours, recorded);
        }
        let end = &self.meta["final"];
        assert_eq!(json!(response.content_text()), end["text"]);
        assert_eq!(json!(response.finish_reason), end["finish_reason"]);
        assert_eq!(json!(steps.len()), end["steps"]);
        let calls: usize = steps.iter().map(|it| it.tool_calls.len()).sum();
        assert_eq!(json!(calls), end["tool_calls"]);
        let usage = json!(StepResult::merge_usage(steps));
        for (name, sum) in end["usage_sum"].as_object().unwrap() {
            assert_eq!(&usage[name], sum, "{name}");
        }
    }
}

/// Answers each call as the recorded client did: step, id, then name, arguments and output.
pub(crate) struct Recorded(HashMap<(usize, String), (Value, Value, Value)>);

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
        let (named, given, output) = &self.0[&(context.step_number, context.call_id.clone())];
        // A tool is given no fields where the model wrote `null`.
        let given = if given.is_null() { &json!({}) } else { given };
        assert_eq!((&json!(name), &arguments), (named, given));
        Ok(output.clone())
    }
}

/// What a request means: who says what, what is called with which arguments, what is on offer.
fn meaning(request: &Value) -> Value {
    let messages = request["messages"].as_array().unwrap().iter();
    json!({
        "model": request["model"],
        "messages": messages.map(message_meaning).collect::<Vec<_>>(),
        "tools": tool_names(request),
        "tool_choice": request.get("tool_choice"),
    })
}

fn message_meaning(message: &Value) -> Value {
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
        let function = &call["function"];
        let arguments = function["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        json!({ "id": call["id"], "name": function["name"], "arguments": arguments })
    });
    json!({
        "role": message["role"],
        "text": text(&message["content"]),
        "pictures": pictures(&message["content"]),
        "tool_calls": calls.collect::<Vec<_>>(),
        "answers": message["tool_call_id"],
    })
}

/// What a recorded client sent back of the model's thinking we send back too; its number and
/// format of a signed block say nothing to the model.
fn check_reasoning(ours: &Value, recorded: &Value) {
    let said = |request: &Value| request["messages"].as_array().unwrap().clone();
    for (ours, recorded) in said(ours).iter().zip(&said(recorded)) {
        // The recorded client gives it one name, we the one that it came under.
        let thought = |message: &Value| {
            let fields = [&message["reasoning"], &message["reasoning_content"]];
            let text = fields.into_iter().find_map(Value::as_str).unwrap_or_default();
            text.to_owned()
        };
        if !thought(recorded).is_empty() {
            assert_eq!(thought(ours), thought(recorded));
        }
        let blocks = |message: &Value| -> Vec<Value> {
            let blocks = message["reasoning_details"].as_array().into_iter().flatten();
            let fields = ["type", "text", "summary", "data", "signature"];
            blocks.map(|block| fields.iter().map(|it| block[*it].clone()).collect()).collect()
        };
        if recorded["reasoning_details"].is_array() {
            assert_eq!(blocks(ours), blocks(recorded));
        }
    }
}

/// Text, or the text of parts; nothing said is no text.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    let parts: String = parts.filter_map(|part| part["text"].as_str()).collect();
    content.as_str().map_or(parts, str::to_owned)
}

fn parts(content: &Value) -> Vec<ContentPart> {
    let parts = content.as_array().into_iter().flatten().map(|part| match &part["image_url"] {
        Value::Null => ContentPart::text(part["text"].as_str().unwrap()),
        url => ContentPart::image(Media::url(url["url"].as_str().or(url.as_str()).unwrap())),
    });
    content.as_str().map_or_else(|| parts.collect(), |text| vec![ContentPart::text(text)])
}

fn pictures(content: &Value) -> Vec<&Value> {
    let parts = content.as_array().into_iter().flatten().filter(|it| it["type"] == "image_url");
    parts.map(|part| part["image_url"].get("url").unwrap_or(&part["image_url"])).collect()
}

fn tool_names(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().into_iter().flatten();
    let mut names: Vec<_> =
        tools.map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

//! Every recorded tool loop of Gemini: the answers are the recorded ones, and each request that
//! we send must mean what the recorded one meant.
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
    types::{ChatMessage, ChatResponse, Tool, ToolChoice},
};
use siumai_providers::Gemini;

use super::{expected_usage, is_reason};
use crate::support::{Answer, Canned, cases, json, wire_folder};

#[tokio::test]
async fn every_recorded_conversation_of_gemini_goes_on_as_it_did() {
    let Some(folder) = wire_folder("conversations/gemini") else { return };
    let cases = cases(&folder);
    for case in &cases {
        println!("{}", case.display());
        let recorded = Recording::read(case);
        let (generated, response, steps) = recorded.generate().await;
        recorded.check(&generated, &response, &steps);
        let (streamed, response, steps) = recorded.stream().await;
        recorded.check(&streamed, &response, &steps);
    }
    println!("conversations/gemini: {} conversations, {} passed", cases.len(), cases.len());
}

/// A recorded conversation.
struct Recording {
    meta: Value,
    requests: Vec<Value>,
    answers: Vec<Answer>,
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
            requests: steps.iter().map(|step| json(&file(step, "request_file"))).collect(),
            answers: steps.iter().map(answer).collect(),
            meta,
        }
    }

    fn model(&self) -> (Gemini, Canned) {
        let transport = Canned::new(self.answers.clone());
        let path = self.meta["steps"][0]["http"]["path"].as_str().unwrap();
        let (_, model) = path.rsplit_once('/').unwrap();
        let (model, _) = model.split_once(':').unwrap();
        let model = Gemini::builder().api_key("test-key").model(model);
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
        let request = &self.requests[0];
        let system = text(&request["systemInstruction"]["parts"]);
        let system = (!system.is_empty()).then(|| ChatMessage::system(system));
        let contents = request["contents"].as_array().unwrap().iter().map(|content| {
            assert_eq!(content["role"], "user");
            ChatMessage::user(text(&content["parts"]))
        });
        system.into_iter().chain(contents).collect()
    }

    /// The tools of all requests, those that come in later included.
    fn tools(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = Vec::new();
        for function in self.requests.iter().flat_map(functions) {
            let name = function["name"].as_str().unwrap();
            if tools.iter().all(|tool| tool.name() != name) {
                let description = function["description"].as_str().unwrap_or_default();
                let schema = schema(function);
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
                let auto = (mode(request) == "AUTO").then_some(ToolChoice::Auto);
                let active_tools = Some(tool_names(request));
                PrepareStepResult { tool_choice: auto, active_tools, ..Default::default() }
            })),
            ..Default::default()
        }
    }

    fn resolver(&self) -> Recorded {
        let steps = self.meta["steps"].as_array().unwrap().iter();
        let results = steps.enumerate().flat_map(|(number, step)| {
            let results = step["tool_results"].as_array().into_iter().flatten();
            results.map(move |it| {
                (
                    (number, it["name"].to_string(), it["arguments"].to_string()),
                    it["output"].clone(),
                )
            })
        });
        Recorded(results.collect())
    }

    fn check(&self, sent: &Canned, response: &ChatResponse, steps: &[StepResult]) {
        let bodies = sent.bodies();
        assert_eq!(bodies.len(), self.requests.len());
        for (ours, recorded) in bodies.iter().zip(&self.requests) {
            assert_eq!(meaning(ours), meaning(recorded));
            assert_eq!(called(ours, "functionResponse"), called(ours, "functionCall"));
        }
        sent_to_recorded_paths(sent, &self.meta["steps"]);
        let end = &self.meta["final"];
        assert_eq!(json!(response.content_text()), end["text"]);
        assert!(is_reason(&response.finish_reason, end), "{:?}", response.finish_reason);
        assert_eq!(json!(steps.len()), end["steps"]);
        let calls: usize = steps.iter().map(|it| it.tool_calls.len()).sum();
        assert_eq!(json!(calls), end["tool_calls"]);
        for (step, recorded) in steps.iter().zip(self.meta["steps"].as_array().unwrap()) {
            let expected = expected_usage(&recorded["expected"]["usage"]);
            let usage = json!(step.usage);
            for (name, count) in expected.as_object().unwrap() {
                assert_eq!(&usage[name], count, "{name}");
            }
        }
    }
}

/// Each request goes where the recorded one went in that form, without the key in its URL, and
/// begins with the very bytes of the one before, up to where that one's contents end.
fn sent_to_recorded_paths(sent: &Canned, steps: &Value) {
    sent.with_requests(|requests| {
        for (step, request) in requests.iter().enumerate() {
            let url = request.url.as_str();
            let recorded = steps[step]["http"]["path"].as_str().unwrap();
            let (model, _) = recorded.rsplit_once(':').unwrap();
            let base = "https://generativelanguage.googleapis.com";
            let whole = format!("{base}{model}:generateContent");
            let streamed = format!("{base}{model}:streamGenerateContent?alt=sse");
            assert!(url == whole || url == streamed, "{url}");
            assert_eq!(request.headers["x-goog-api-key"], "test-key");
        }
        let bodies: Vec<_> =
            requests.iter().map(|it| std::str::from_utf8(&it.body).unwrap()).collect();
        for pair in bodies.windows(2) {
            let (contents, _) = pair[0].rsplit_once("],\"tools\":").unwrap();
            assert!(pair[1].starts_with(contents), "{}\n{}", pair[0], pair[1]);
        }
    });
}

/// Answers each call as the recorded client did: step, name and arguments, then the output.
/// Most calls have no id of the provider's.
struct Recorded(HashMap<(usize, String, String), Value>);

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
        let call = (context.step_number, json!(name).to_string(), arguments.to_string());
        let output = self.0[&call].as_str().unwrap();
        Ok(serde_json::from_str(output).unwrap())
    }
}

/// What a request means: who says what, what is called with which arguments and signatures,
/// what is on offer.
fn meaning(request: &Value) -> Value {
    let contents = request["contents"].as_array().unwrap().iter();
    let functions: Vec<_> = functions(request).into_iter().map(|it| {
        json!({ "name": it["name"], "description": it["description"], "schema": schema(it) })
    }).collect();
    json!({
        "system": text(&request["systemInstruction"]["parts"]),
        "contents": contents.map(content_meaning).collect::<Vec<_>>(),
        "functions": functions,
        "is_auto": mode(request) == "AUTO",
    })
}

/// Ids are left out: one recorded client made its own where the provider had none. Pictures in
/// a response are, too: our tools' results are JSON.
fn content_meaning(content: &Value) -> Value {
    let parts = content["parts"].as_array().unwrap().iter().map(|part| {
        let call = part.get("functionCall");
        let response = part.get("functionResponse");
        json!({
            "text": part.get("text"),
            "is_thought": part["thought"] == true,
            "signature": part["thoughtSignature"].as_str().map(standard_base64),
            "call": call.map(|it| json!({ "name": it["name"], "args": it["args"] })),
            "response": response.map(|it| json!({ "name": it["name"], "response": it["response"] })),
        })
    });
    let mut parts: Vec<_> = parts.collect();
    // One recorded client answered two calls the other way round.
    parts.sort_by_key(|part| part["response"].to_string());
    json!({ "role": content["role"], "parts": parts })
}

/// One recorded client writes the bytes of a signature in the alphabet for URLs.
fn standard_base64(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

/// Name and, where there is one, id of the calls or of the responses, which must be alike.
fn called(request: &Value, kind: &str) -> Vec<(Value, Value)> {
    let contents = request["contents"].as_array().unwrap().iter();
    let parts = contents.flat_map(|it| it["parts"].as_array().unwrap());
    let named = parts.filter_map(|part| part.get(kind));
    named.map(|it| (it["name"].clone(), it["id"].clone())).collect()
}

fn text(parts: &Value) -> String {
    let parts = parts.as_array().into_iter().flatten();
    parts.map(|part| part["text"].as_str().unwrap()).collect()
}

fn functions(request: &Value) -> Vec<&Value> {
    let tools = request["tools"].as_array().into_iter().flatten();
    tools.flat_map(|it| it["functionDeclarations"].as_array().into_iter().flatten()).collect()
}

/// The schema in whichever field a client has it.
fn schema(function: &Value) -> Value {
    let fields = ["parametersJsonSchema", "parameters_json_schema", "parameters"];
    let schema = fields.iter().find_map(|it| function.get(it).filter(|it| !it.is_null()));
    schema.cloned().unwrap_or_else(|| json!({ "type": "object", "properties": {} }))
}

/// `VALIDATED` is the default of the recorded client and a mode that ours does not have.
fn mode(request: &Value) -> &str {
    request["toolConfig"]["functionCallingConfig"]["mode"].as_str().unwrap_or_default()
}

fn tool_names(request: &Value) -> Vec<String> {
    functions(request).iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

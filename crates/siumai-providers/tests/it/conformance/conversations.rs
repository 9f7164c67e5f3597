//! A recorded tool loop, run by the orchestrator on both of its surfaces: the answers are the
//! recorded ones, and each request that we send must mean what the recorded one meant.
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::LanguageModel,
    orchestrator::{
        OrchestratorOptions, PrepareStepResult, RunError, StepResult, StreamEvent, ToolResolver,
        generate_stream_owned, run,
    },
    tool::ToolContext,
    types::{ChatResponse, Tool},
};
use siumai_providers::http::Transport;

use super::{
    counting,
    differences::Difference,
    facts::{self, Reply},
    meaning, prefix,
    wires::{Function, Wire},
};
use crate::{
    schema::RequestSchema,
    support::{Answer, Canned, json},
};

/// What goes otherwise than it was recorded.
pub(super) async fn check(folder: &Path, wire: &dyn Wire, api: &str) -> Vec<Difference> {
    let recording = Recording::read(folder, wire);
    let run = recording.check(&recording.run().await, api);
    let stream = recording.check(&recording.stream().await, api);
    let (both, run): (Vec<_>, Vec<_>) = run.into_iter().partition(|it| stream.contains(it));
    let stream: Vec<_> = stream.into_iter().filter(|it| !both.contains(it)).collect();
    let told = |surface: &'static str| move |it: Difference| it.within(surface);
    let run = run.into_iter().map(told("run, "));
    let stream = stream.into_iter().map(told("stream, "));
    both.into_iter().chain(run).chain(stream).collect()
}

/// What the provider publishes, or its documentation says, of a request.
fn schema(api: &str) -> Option<&'static RequestSchema> {
    static SCHEMAS: OnceLock<Vec<(&str, Option<RequestSchema>)>> = OnceLock::new();
    let apis = ["openai-chat", "openai-responses", "anthropic", "gemini"];
    let schemas = SCHEMAS.get_or_init(|| apis.map(|api| (api, RequestSchema::of(api))).into());
    schemas.iter().find(|(name, _)| *name == api)?.1.as_ref()
}

/// A recorded conversation.
struct Recording<'a> {
    wire: &'a dyn Wire,
    meta: Value,
    requests: Vec<Value>,
    answers: Vec<Answer>,
}

/// How a conversation went.
struct Went {
    sent: Canned,
    end: Result<(ChatResponse, Vec<StepResult>), RunError>,
}

impl<'a> Recording<'a> {
    fn read(folder: &Path, wire: &'a dyn Wire) -> Self {
        let meta = json(&folder.join("meta.json"));
        let steps = meta["steps"].as_array().unwrap();
        let file = |step: &Value, field: &str| folder.join(step[field].as_str().unwrap());
        let answer = |step: &Value| {
            Answer::recorded(&step["http"], std::fs::read(file(step, "response_file")).unwrap())
        };
        Self {
            wire,
            requests: steps.iter().map(|step| json(&file(step, "request_file"))).collect(),
            answers: steps.iter().map(answer).collect(),
            meta,
        }
    }

    fn check(&self, went: &Went, api: &str) -> Vec<Difference> {
        let mut wrong = match &went.end {
            Ok((response, steps)) => self.compare(response, steps),
            Err(error) => vec![Difference::new("end", error.to_string())],
        };
        wrong.extend(self.check_requests(&went.sent));
        if let Some(schema) = schema(api) {
            let bodies = went.sent.bodies();
            let errors = bodies.iter().filter_map(|body| schema.errors(body));
            wrong.extend(errors.map(|error| Difference::new("schema", error)));
        }
        wrong
    }

    async fn run(&self) -> Went {
        let sent = Canned::new(self.answers.clone());
        let (model, resolver) = (self.model(Arc::new(sent.clone())), self.resolver());
        let messages = self.wire.opening(&self.requests[0]);
        let tools = Some(self.tools());
        let end = run(&*model, messages, tools, Some(&resolver), &[], self.options()).await;
        Went { sent, end: end.map(|output| (output.response, output.steps)) }
    }

    async fn stream(&self) -> Went {
        let sent = Canned::new(self.answers.clone());
        let messages = self.wire.opening(&self.requests[0]);
        let (model, tools) = (self.model(Arc::new(sent.clone())), Some(self.tools()));
        let run = generate_stream_owned(
            model,
            messages,
            tools,
            self.resolver(),
            Vec::new(),
            self.options(),
        );
        let mut run = run.await.unwrap();
        let mut last = None;
        while let Some(event) = run.stream.next().await {
            match event {
                Ok(StreamEvent::End { response, .. }) => last = Some(*response),
                Ok(_) => {}
                Err(error) => return Went { sent, end: Err(error) },
            }
        }
        Went { sent, end: run.steps.await.map(|steps| (last.unwrap(), steps)) }
    }

    fn model(&self, transport: Arc<dyn Transport>) -> Box<dyn LanguageModel> {
        let first = &self.requests[0];
        let path = self.meta["steps"][0]["http"]["path"].as_str().unwrap_or_default();
        let model = self.wire.model_of(first, path);
        let provider = self.meta["provider"].as_str().unwrap();
        self.wire.model(provider, &model, Some(first), transport)
    }

    /// The tools of all requests, those that come in later included.
    fn tools(&self) -> Vec<Tool> {
        let mut found: Vec<Tool> = Vec::new();
        for function in self.requests.iter().flat_map(|it| self.wire.functions(it)) {
            let Function { name, description, schema } = function;
            if found.iter().all(|tool| tool.name() != name) {
                found.push(Tool::function_with_schema(name, description, schema));
            }
        }
        found
    }

    /// What each request offers, and what it says beside the messages.
    fn options(&self) -> OrchestratorOptions {
        let requests = self.requests.iter();
        let system = self.wire.system(&self.requests[0]);
        let steps: Vec<_> = requests
            .map(|request| {
                let names = self.wire.functions(request).into_iter().map(|it| it.name);
                let told = self.wire.system(request);
                let system = (told != system).then(|| told.concat());
                (self.wire.tool_choice(request), names.collect::<Vec<_>>(), system)
            })
            .collect();
        OrchestratorOptions {
            settings: self.wire.settings(&self.requests[0]),
            prepare_step: Some(Arc::new(move |step| {
                let (tool_choice, active, system) = steps[step.step_number].clone();
                PrepareStepResult {
                    tool_choice,
                    active_tools: Some(active),
                    system,
                    messages: None,
                }
            })),
            ..Default::default()
        }
    }

    fn resolver(&self) -> Recorded {
        let steps = self.meta["steps"].as_array().unwrap().iter().enumerate();
        let results = steps.flat_map(|(step, recorded)| {
            let results = recorded["tool_results"].as_array().into_iter().flatten();
            results.map(move |result| Given {
                step,
                id: result["id"].as_str().map(str::to_owned),
                name: result["name"].clone(),
                // A tool is given no fields where the model wrote `null`.
                arguments: Some(&result["arguments"])
                    .filter(|it| !it.is_null())
                    .cloned()
                    .unwrap_or_else(|| json!({})),
                output: self.wire.output(&result["output"]),
            })
        });
        let failed = self.requests.iter().flat_map(|request| self.wire.failed_calls(request));
        Recorded { results: results.collect(), failed: failed.collect() }
    }

    /// What differs in the replies and in the end.
    fn compare(&self, response: &ChatResponse, steps: &[StepResult]) -> Vec<Difference> {
        let recorded = self.meta["steps"].as_array().unwrap();
        let mut wrong = Vec::new();
        for (number, (step, recorded)) in steps.iter().zip(recorded).enumerate() {
            let reply = Reply {
                message: &step.messages[0],
                finish_reason: &step.finish_reason,
                usage: step.usage.as_ref(),
            };
            let found = facts::check_step(self.wire, &recorded["expected"], &reply);
            wrong.extend(found.into_iter().map(|it| it.within(&format!("step {number}, "))));
        }
        let last = &recorded.last().unwrap()["expected"];
        wrong.extend(facts::check_step(self.wire, last, &Reply::from(response)));
        let end = &self.meta["final"];
        let calls: usize = steps.iter().map(|it| it.tool_calls.len()).sum();
        let usages = recorded.iter().map(|step| self.wire.usage(&step["expected"]["usage"]));
        let usage = counting::ours(Some(&StepResult::merge_usage(steps)));
        let compared = [
            ("final text", json!(response.content_text().unwrap_or_default()), end["text"].clone()),
            ("steps", json!(steps.len()), end["steps"].clone()),
            ("calls", json!(calls), end["tool_calls"].clone()),
            ("sum of usage", usage, counting::sum(&usages.collect::<Vec<_>>())),
        ];
        let unlike = compared.into_iter().filter(|(_, ours, recorded)| ours != recorded);
        wrong.extend(unlike.map(|(name, ours, recorded)| {
            Difference::new(name, format!("ours {ours}, recorded {recorded}"))
        }));
        wrong
    }

    /// What differs in the requests: their number, where they go, what they mean, and whether
    /// each begins as the one before.
    fn check_requests(&self, sent: &Canned) -> Vec<Difference> {
        let ours = sent.bodies();
        let mut wrong = Vec::new();
        if ours.len() != self.requests.len() {
            let what = format!("ours {}, recorded {}", ours.len(), self.requests.len());
            wrong.push(Difference::new("requests", what));
        }
        for (number, (ours, recorded)) in ours.iter().zip(&self.requests).enumerate() {
            let found = meaning::check(self.wire, ours, recorded);
            wrong.extend(found.into_iter().map(|it| it.within(&format!("request {number}, "))));
        }
        let bodies: Vec<Bytes> =
            sent.with_requests(|requests| requests.iter().map(|it| it.body.to_bytes()).collect());
        // What stands before the messages may change only if the recorded client changed it.
        let is_like = |pair: &[Value]| {
            let [before, after] = pair else { return false };
            let before_messages = |it: &Value| (self.wire.system(it), self.wire.functions(it));
            before_messages(before) == before_messages(after)
        };
        for (number, pair) in bodies.windows(2).enumerate() {
            if self.requests.get(number..number + 2).is_some_and(is_like) {
                wrong.extend(prefix::check(self.wire, pair));
            }
        }
        wrong
    }
}

/// Answers each call as the recorded client did.
struct Recorded {
    results: Vec<Given>,
    /// The ids of the calls whose output is an error.
    failed: Vec<String>,
}

/// What a call was answered with. Some providers have no ids of calls.
struct Given {
    step: usize,
    id: Option<String>,
    name: Value,
    arguments: Value,
    output: Value,
}

#[async_trait]
impl ToolResolver for Recorded {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        Err(LlmError::fatal(format!("`{name}` was called without its context")))
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let found = self.results.iter().find(|it| {
            it.step == context.step_number
                && it.id.as_ref().is_none_or(|id| *id == context.call_id)
                && (&it.name, &it.arguments) == (&json!(name), &arguments)
        });
        let Some(Given { output, .. }) = found else {
            let call = format!("{name}({arguments}), {}", context.call_id);
            return Err(LlmError::fatal(format!("there was no call {call}")));
        };
        if self.failed.contains(&context.call_id) {
            return Err(LlmError::new(ErrorKind::Tool, output.as_str().unwrap()));
        }
        Ok(output.clone())
    }
}

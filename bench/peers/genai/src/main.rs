//! genai: it has no loop, so this is the one of its examples.
use futures_util::StreamExt;
use genai::{
    Client as GenAi, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatOptions, ChatRequest, ChatStreamEvent, Tool, ToolCall, ToolResponse},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use harness::{Client, Desk, Error, Job, Outcome, script};

fn main() -> Result<(), Error> {
    harness::main::<Loop>()
}

struct Loop {
    client: GenAi,
    tools: Vec<Tool>,
    options: ChatOptions,
    desk: Desk,
    is_streamed: bool,
    steps: usize,
}

impl Client for Loop {
    fn new(job: &Job) -> Result<Self, Error> {
        let url = format!("{}/", job.base_url());
        let target = move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(&*url),
                auth: AuthData::from_single(script::API_KEY),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        };
        let resolver = ServiceTargetResolver::from_resolver_fn(target);
        let client = GenAi::builder().with_service_target_resolver(resolver).build()?;
        let tools = script::tools().into_iter().map(|it| {
            Tool::new(it.name).with_description(it.description).with_schema(it.parameters)
        });
        Ok(Self {
            client,
            tools: tools.collect(),
            options: ChatOptions::default().with_capture_tool_calls(true).with_capture_usage(true),
            desk: Desk::new(&job.script),
            is_streamed: job.script.is_streamed,
            steps: job.script.steps,
        })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let desk = self.desk.fresh();
        let mut request = ChatRequest::from_user(script::PROMPT)
            .with_system(script::SYSTEM)
            .with_tools(self.tools.clone());
        for _ in 0..=self.steps {
            let (text, calls) = self.ask(request.clone()).await?;
            if calls.is_empty() {
                return Ok(Outcome::new(&desk, text));
            }
            let mut results = Vec::new();
            for call in &calls {
                let result = desk.call_json(&call.fn_name, &call.fn_arguments)?;
                results.push(ToolResponse::new(call.call_id.clone(), result));
            }
            request = request.append_message(calls);
            for result in results {
                request = request.append_message(result);
            }
        }
        Err("the model does not come to an end".into())
    }
}

impl Loop {
    async fn ask(&self, request: ChatRequest) -> Result<(String, Vec<ToolCall>), Error> {
        if !self.is_streamed {
            let reply = self.client.exec_chat(script::MODEL, request, Some(&self.options)).await?;
            let text = reply.first_text().unwrap_or_default().to_owned();
            return Ok((text, reply.into_tool_calls()));
        }
        let reply =
            self.client.exec_chat_stream(script::MODEL, request, Some(&self.options)).await?;
        let (mut events, mut text, mut calls) = (reply.stream, String::new(), Vec::new());
        while let Some(event) = events.next().await {
            match event? {
                ChatStreamEvent::Chunk(chunk) => text.push_str(&chunk.content),
                ChatStreamEvent::End(end) => {
                    calls = end.captured_into_tool_calls().unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok((text, calls))
    }
}

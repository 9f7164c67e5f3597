//! siumai, as a program would use it: `generate`, or `generate_stream_owned` with all its events.
use harness::{Client, Desk, Error, Job, Outcome, Wire, script};
use siumai::{
    orchestrator::{OrchestratorOptions, ToolResolver, generate, generate_stream_owned},
    prelude::*,
    stream::StreamEvent,
};

fn main() -> Result<(), Error> {
    harness::main::<Loop>()
}

struct Loop {
    client: Siumai,
    tools: Vec<Tool>,
    desk: Desk,
    is_streamed: bool,
    steps: usize,
}

struct Resolver(Arc<Desk>);

#[async_trait]
impl ToolResolver for Resolver {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let result = self.0.call_json(name, &arguments);
        result.map(Value::String).map_err(|error| LlmError::ToolExecutionError(error.to_string()))
    }
}

impl Client for Loop {
    fn new(job: &Job) -> Result<Self, Error> {
        let builder = Siumai::builder();
        let builder = match job.wire {
            Wire::Chat => builder.openai(),
            Wire::Responses => builder.openai_responses(),
            Wire::Messages => builder.anthropic(),
        };
        let builder = builder.api_key(script::API_KEY).model(script::MODEL);
        let client = builder.base_url(job.base_url()).max_retries(0).build()?;
        let tools = script::tools();
        let tools = tools
            .into_iter()
            .map(|it| Tool::function_with_schema(it.name, it.description, it.parameters))
            .collect();
        let (desk, is_streamed) = (Desk::new(&job.script), job.script.is_streamed);
        Ok(Self { client, tools, desk, is_streamed, steps: job.script.steps })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let desk = Arc::new(self.desk.fresh());
        let resolver = Resolver(Arc::clone(&desk));
        let messages = vec![system!(script::SYSTEM), user!(script::PROMPT)];
        let tools = Some(self.tools.clone());
        let options = OrchestratorOptions { max_steps: self.steps + 1, ..Default::default() };
        if !self.is_streamed {
            let (response, _steps) =
                generate(&self.client, messages, tools, Some(&resolver), &[], options).await?;
            return Ok(Outcome::new(&desk, response.content_text().unwrap_or_default()));
        }
        let client = self.client.clone();
        let run = generate_stream_owned(client, messages, tools, resolver, vec![], options).await?;
        let (mut events, mut answer) = (run.stream, String::new());
        while let Some(event) = events.next().await {
            match event? {
                StreamEvent::StepStart { .. } => answer.clear(),
                StreamEvent::Delta { delta, .. } => {
                    if let Some(text) = delta.content {
                        answer.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        let _steps = run.steps.await?;
        Ok(Outcome::new(&desk, answer))
    }
}

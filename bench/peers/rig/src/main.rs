//! rig: an agent that is made once and prompted for each run.
use std::sync::Arc;

use futures_util::StreamExt;
use harness::{Client, Desk, Error, Job, Outcome, script};
use rig::{
    Agent, AgentBuilder,
    agent::MultiTurnStreamItem,
    completion::message::ToolName,
    providers::openai::OpenAIConfig,
    streaming::{Item, StreamEvent},
    tool::{DynamicTool, ToolExecutionError, ToolOutput},
};

fn main() -> Result<(), Error> {
    harness::main::<Loop>()
}

struct Loop {
    agent: Agent,
    desk: Arc<Desk>,
    is_streamed: bool,
    steps: usize,
    calls: usize,
}

impl Client for Loop {
    fn new(job: &Job) -> Result<Self, Error> {
        let config = OpenAIConfig::new(script::API_KEY).with_base_url(job.base_url());
        let model = config.client().chat(script::MODEL);
        let desk = Arc::new(Desk::new(&job.script));
        let mut tools = Vec::new();
        for tool in script::tools() {
            let desk = Arc::clone(&desk);
            let callback = move |arguments: serde_json::Value| {
                let result = desk.call_json(tool.name, &arguments);
                let result = result
                    .map(ToolOutput::text)
                    .map_err(|error| ToolExecutionError::other(error.to_string()));
                Box::pin(std::future::ready(result)) as _
            };
            let name = ToolName::new(tool.name)?;
            tools.push(DynamicTool::new(name, tool.description, tool.parameters, callback));
        }
        let agent = AgentBuilder::new(model).preamble(script::SYSTEM).dynamic_tools(tools).build();
        let job = job.script;
        Ok(Self { agent, desk, is_streamed: job.is_streamed, steps: job.steps, calls: job.calls })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let run = self.agent.prompt(script::PROMPT);
        let run = run.max_turns(self.steps + 1).tool_concurrency(self.calls);
        if !self.is_streamed {
            return Ok(Outcome::new(&self.desk, run.run().await?.output()));
        }
        let (mut events, mut answer) = (run.stream(), String::new());
        while let Some(event) = events.next().await {
            match event? {
                MultiTurnStreamItem::StreamAssistantItem(Item::Event(StreamEvent::Text {
                    text,
                    ..
                })) => answer.push_str(&text),
                _ => {}
            }
        }
        Ok(Outcome::new(&self.desk, answer))
    }
}

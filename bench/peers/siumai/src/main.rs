//! The siumai of the package registry: its tool loop, which streams whether it is asked to or not.
use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use harness::{Client, Desk, Error, Job, Outcome, script};
use siumai::{
    CallOptions, LanguageRequest, LanguageStreamEvent, Message, MessageRole, ProviderId,
    ReplayDomainId, RunBudget, RunTimeouts, Runtime, Siumai, ToolOutcome, ToolSpec,
    providers::openai_compatible::{OpenAiCompatibleApiMode, OpenAiCompatibleProfile},
};
use siumai_runtime::{
    RunEvent, RunTerminal, ToolLoop,
    tool::{ApprovalPolicy, ToolBinding, ToolSet},
};

fn main() -> Result<(), Error> {
    harness::main::<Loop>()
}

struct Loop {
    tool_loop: ToolLoop,
    desk: Arc<Desk>,
}

impl Client for Loop {
    fn new(job: &Job) -> Result<Self, Error> {
        let mut job = job.clone();
        job.script.is_streamed = true;
        let profile = OpenAiCompatibleProfile::custom(
            ProviderId::new("script")?,
            &job.base_url(),
            ReplayDomainId::new("script")?,
            OpenAiCompatibleApiMode::ChatCompletions,
        )?;
        let provider = Siumai::builder().openai_compatible().profile(profile);
        let model = provider.api_key(script::API_KEY).build()?.language(script::MODEL)?;
        let desk = Arc::new(Desk::new(&job.script));
        let tools = script::tools().into_iter().map(|tool| {
            let desk = Arc::clone(&desk);
            let spec =
                ToolSpec::new(tool.name, Some(tool.description.to_owned()), tool.parameters)?;
            let execute = move |request: siumai_runtime::tool::ToolExecutionRequest| {
                let result = desk.call_json(tool.name, request.arguments());
                let result = result.map(|text| ToolOutcome::Success { value: text.into() });
                let failed = |error: Error| ToolOutcome::ExecutionFailed {
                    message: error.to_string(),
                    retryable: false,
                    details: None,
                };
                std::future::ready(Ok(result.unwrap_or_else(failed)))
            };
            let tool = ToolBinding::from_fn(spec, "1", |_| Ok(()), execute)?;
            Ok::<_, Error>(tool.with_approval_policy(ApprovalPolicy::NotRequired))
        });
        let tools = ToolSet::from_bindings(tools.collect::<Result<Vec<_>, Error>>()?)?;
        let tool_loop = runtime(&job)?.tool_loop(Arc::new(model), tools);
        Ok(Self { tool_loop, desk })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        let messages = vec![
            Message::text(MessageRole::System, script::SYSTEM),
            Message::text(MessageRole::User, script::PROMPT),
        ];
        let request = LanguageRequest::new(messages);
        let mut events = self.tool_loop.stream(request, CallOptions::default()).await?;
        let mut answer = String::new();
        while let Some(event) = events.next().await {
            match event {
                RunEvent::Model { event: LanguageStreamEvent::TextDelta { delta, .. }, .. } => {
                    answer.push_str(&delta);
                }
                RunEvent::Terminal(RunTerminal::Completed { .. }) => {}
                RunEvent::Terminal(other) => {
                    return Err(format!("{other:.300?}").into());
                }
                _ => {}
            }
        }
        Ok(Outcome::new(&self.desk, answer))
    }
}

/// Without its limits, which are lower than what is measured.
fn runtime(job: &Job) -> Result<Runtime, Error> {
    const LONG: Duration = Duration::from_secs(600);
    const MUCH: usize = 1 << 30;
    let results = u32::try_from(job.script.results())?;
    let budget = RunBudget::builder()
        .max_model_steps(u32::try_from(job.script.steps)? + 1)
        .max_tool_calls(results.max(1))
        .max_argument_bytes(MUCH, MUCH)
        .max_result_bytes(MUCH, MUCH)
        .max_snapshot_bytes(MUCH)
        .timeouts(RunTimeouts::new(LONG, LONG, LONG, LONG, LONG)?)
        .build()?;
    Ok(Runtime::builder().with_run_budget(budget).build())
}

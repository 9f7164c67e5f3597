//! A run, watched while it happens: text as it is written, calls and results as they come.
//!
//! The tools of a step execute side by side, so the fastest result comes first.
//!
//! `cargo run -p siumai-examples --example streaming-orchestrator`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use siumai::{
    orchestrator::{OrchestratorStreamOptions, ToolResolver, generate_stream_owned, step_count_is},
    prelude::*,
    stream::StreamEvent,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let task = "Compare the weather in Tokyo, Lima and Zürich";
    println!("task: {task}");
    let get_weather = Tool::function("get_weather", "Get the weather of a city")
        .parameter("city", "string", "City name", true)
        .build();
    let options = OrchestratorStreamOptions { max_steps: 10, ..Default::default() };

    let orchestration = generate_stream_owned(
        siumai_examples::client()?,
        vec![user!(task)],
        Some(vec![get_weather]),
        Weather,
        vec![step_count_is(10)],
        options,
    )
    .await?;

    let mut stream = orchestration.stream;
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::StepStart { step_number, .. } => println!("[step {step_number}]"),
            StreamEvent::Delta { delta, .. } => print!("{}", delta.content.unwrap_or_default()),
            StreamEvent::ToolCall { call, .. } => println!("-> {} {}", call.name, call.arguments),
            StreamEvent::ToolResult { result, .. } => println!("<- {}", result.output),
            StreamEvent::End { stopped_by, .. } => println!("\n[the end: {stopped_by:?}]"),
            _ => {}
        }
    }

    let steps = orchestration.steps.await?;
    let cities = steps[0].tool_results.iter().filter_map(|it| it.output["city"].as_str());
    println!("the history keeps the order of the calls: {}", cities.collect::<Vec<_>>().join(", "));
    Ok(())
}

struct Weather;

#[async_trait]
impl ToolResolver for Weather {
    async fn call_tool(&self, _name: &str, arguments: Value) -> Result<Value, LlmError> {
        let city = arguments["city"].as_str().unwrap_or_default();
        let (answers_after, temperature) = match city {
            "Tokyo" => (60, 22),
            "Lima" => (20, 17),
            _ => (40, 11),
        };
        tokio::time::sleep(Duration::from_millis(answers_after)).await;
        Ok(json!({ "city": city, "temperature": temperature }))
    }
}

//! Two agents: one that knows nothing but whom to ask, and one that knows the weather.
//!
//! `cargo run -p siumai-examples --example agents`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{StreamEvent, ToolLoopAgent},
    prelude::*,
    tool::ToolSet,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let get_weather = Tool::function("get_weather", "Get the weather of a city")
        .parameter("city", "string", "City name", true)
        .read_only();
    let weather_tools = ToolSet::new().tool(get_weather, |arguments, _| async move {
        match arguments["city"].as_str().unwrap_or_default() {
            "Oslo" => Ok(json!({ "temperature": 3, "condition": "snow" })),
            city => Err(LlmError::ToolExecutionError(format!("No weather is known for {city}."))),
        }
    });
    let weather = ToolLoopAgent::with_tools(siumai_examples::client()?, weather_tools)
        .with_system("You know the weather. Answer in one sentence.");

    let tools =
        ToolSet::new().add(weather.as_tool("ask_weather_agent", "Give the weather agent a task"));
    let planner = ToolLoopAgent::with_tools(siumai_examples::client()?, tools)
        .with_system("You plan journeys. Leave the weather to the agent that knows it.");

    let question = "Give the weather agent the task \"Get the weather of Oslo\"";
    println!("you: {question}");
    let mut run = planner.stream(vec![user!(question)]).await?.stream;
    while let Some(event) = run.next().await {
        match event? {
            StreamEvent::ToolCall { call, .. } => println!("planner calls {}", call.name),
            StreamEvent::ToolProgress { name, value, .. } if value["type"] == "tool_call" => {
                println!("  {name} calls {}", value["name"].as_str().unwrap_or_default());
            }
            StreamEvent::ToolResult { result, .. } => {
                println!("planner hears: {}", result.output_text());
            }
            StreamEvent::End { response, usage, agents_usage, .. } => {
                println!("planner: {}", response.content_text().unwrap_or("nothing"));
                println!(
                    "{} tokens, and {} of the agent",
                    usage.total_tokens, agents_usage.total_tokens
                );
            }
            _ => {}
        }
    }
    Ok(())
}

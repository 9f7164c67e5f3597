//! One agent, used again and again: for a conversation that goes on, and for another one.
//!
//! `cargo run -p siumai-examples --example agent-pattern`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{ToolLoopAgent, ToolResolver, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let get_weather = Tool::function("get_weather", "Get the weather of a city")
        .parameter("city", "string", "City name", true)
        .build();
    let agent =
        ToolLoopAgent::new(siumai_examples::client()?, vec![get_weather], vec![step_count_is(10)])
            .with_system("You are a weather assistant. Answer in one sentence.")
            .with_id("weather-agent")
            .on_step_finish(Arc::new(|step| {
                for call in &step.tool_calls {
                    println!("  step {}: {}({})", step.step_number, call.name, call.arguments);
                }
            }));
    println!("agent: {}", agent.id().unwrap_or_default());

    let mut history = ask(&agent, vec![], "What is the weather in Tokyo?").await?;
    history = ask(&agent, history, "And in Osaka?").await?;
    println!("messages so far: {}", history.len());

    ask(&agent, vec![], "Compare the weather in Oslo and Lisbon").await?;
    Ok(())
}

/// Asks the agent, and returns the conversation with its answer.
async fn ask(
    agent: &ToolLoopAgent<Siumai>,
    mut history: Vec<ChatMessage>,
    question: &str,
) -> Result<Vec<ChatMessage>, LlmError> {
    println!("you: {question}");
    history.push(user!(question));
    let output = agent.run(history, &Weather).await?;
    println!("agent: {}", output.response.content_text().unwrap_or("nothing"));
    Ok(output.messages)
}

struct Weather;

#[async_trait]
impl ToolResolver for Weather {
    async fn call_tool(&self, _name: &str, arguments: Value) -> Result<Value, LlmError> {
        match arguments["city"].as_str().unwrap_or_default() {
            "Tokyo" => Ok(json!({ "temperature": 22, "condition": "sunny" })),
            "Osaka" => Ok(json!({ "temperature": 24, "condition": "hazy" })),
            "Oslo" => Ok(json!({ "temperature": 3, "condition": "snow" })),
            "Lisbon" => Ok(json!({ "temperature": 19, "condition": "windy" })),
            city => Err(LlmError::ToolExecutionError(format!("No weather is known for {city}."))),
        }
    }
}

//! Tools, somebody who executes them, and one call of `generate`.
//!
//! The second step works with what the first one found out.
//!
//! `cargo run -p siumai-examples --example basic-orchestrator`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{OrchestratorOptions, ToolResolver, generate, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let client = siumai_examples::client()?;
    let task = "Add 15 and 27, then multiply it by 2";
    println!("task: {task}");

    let (response, steps) = generate(
        &client,
        vec![user!(task)],
        Some(vec![
            of_two_numbers(Tool::function("add", "Add two numbers")),
            of_two_numbers(Tool::function("multiply", "Multiply two numbers")),
        ]),
        Some(&Arithmetic),
        &[&*step_count_is(10)],
        OrchestratorOptions::default(),
    )
    .await?;

    for step in &steps {
        for (call, result) in step.tool_calls.iter().zip(&step.tool_results) {
            println!(
                "step {}: {}({}) = {}",
                step.step_number, call.name, call.arguments, result.output
            );
        }
    }
    println!("answer: {}", response.content_text().unwrap_or("none"));
    Ok(())
}

fn of_two_numbers(tool: Tool) -> Tool {
    tool.parameter("a", "integer", "First number", true)
        .parameter("b", "integer", "Second number", true)
        .build()
}

struct Arithmetic;

#[async_trait]
impl ToolResolver for Arithmetic {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let (Some(a), Some(b)) = (arguments["a"].as_i64(), arguments["b"].as_i64()) else {
            return Err(LlmError::ToolExecutionError(
                "Write whole numbers without a point.".to_owned(),
            ));
        };
        match name {
            "add" => Ok(json!(a + b)),
            "multiply" => Ok(json!(a * b)),
            _ => Err(LlmError::ToolExecutionError(format!("There is no tool `{name}`."))),
        }
    }
}

//! Code from a model is executed only if it is safe.
//!
//! The code is written in postfix notation: `3 4 + 12 *` is 84. It can calculate, and it can read
//! files, which nobody here lets it do.
//!
//! `cargo run -p siumai-examples --example code-generator`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{OrchestratorOptions, ToolApproval, ToolLoopAgent, ToolResolver, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let options = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|tool, arguments| {
            let code = arguments["code"].as_str().unwrap_or_default();
            if tool != "execute_code" || is_safe(code) {
                return ToolApproval::Approve(arguments.clone());
            }
            ToolApproval::Deny { reason: "the code does more than calculate".to_owned() }
        })),
        ..Default::default()
    };
    let execute_code = Tool::function("execute_code", "Execute code in postfix notation")
        .parameter("code", "string", "Code to execute, such as 1 2 +", true);
    let agent =
        ToolLoopAgent::new(siumai_examples::client()?, vec![execute_code], vec![step_count_is(10)])
            .with_options(options);

    for task in [
        "Execute the code '3 4 + 12 *'",
        "Execute the code 'passwords.txt read'",
        "Execute the code '1 +'",
    ] {
        println!("task: {task}");
        let (response, steps) = agent.generate(vec![user!(task)], &Interpreter).await?;
        for result in steps.iter().flat_map(|step| &step.tool_results) {
            println!("  {:?}: {}", result.status, result.output_text());
        }
        println!("  answer: {}", response.content_text().unwrap_or("none"));
    }
    Ok(())
}

fn is_safe(code: &str) -> bool {
    code.split_whitespace().all(|word| operator(word).is_some() || word.parse::<f64>().is_ok())
}

fn operator(word: &str) -> Option<fn(f64, f64) -> f64> {
    match word {
        "+" => Some(|a, b| a + b),
        "-" => Some(|a, b| a - b),
        "*" => Some(|a, b| a * b),
        "/" => Some(|a, b| a / b),
        _ => None,
    }
}

struct Interpreter;

#[async_trait]
impl ToolResolver for Interpreter {
    async fn call_tool(&self, _name: &str, arguments: Value) -> Result<Value, LlmError> {
        let mut stack: Vec<f64> = Vec::new();
        for word in arguments["code"].as_str().unwrap_or_default().split_whitespace() {
            match (operator(word), word.parse()) {
                (Some(operator), _) => {
                    let (Some(b), Some(a)) = (stack.pop(), stack.pop()) else {
                        return Err(lacks_numbers(word));
                    };
                    stack.push(operator(a, b));
                }
                (None, Ok(number)) => stack.push(number),
                // `read` would be here, if approval let it come this far.
                (None, Err(_)) => {
                    return Err(LlmError::ToolExecutionError(format!("Unknown word `{word}`.")));
                }
            }
        }
        Ok(json!(stack))
    }
}

fn lacks_numbers(operator: &str) -> LlmError {
    LlmError::ToolExecutionError(format!(
        "`{operator}` needs two numbers before it. Add what is missing."
    ))
}

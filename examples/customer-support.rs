//! A customer support bot that keeps a conversation and logs what it does as lines of JSON.
//!
//! `cargo run -p siumai-examples --example customer-support`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{StepResult, ToolLoopAgent, ToolResolver, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let bot = ToolLoopAgent::new(siumai_examples::client()?, tools(), vec![step_count_is(15)])
        .with_system("You are a customer support agent. Look things up before you answer.")
        .with_id("support")
        .on_step_finish(Arc::new(|step| {
            let names: Vec<_> = step.tool_calls.iter().map(|call| &call.name).collect();
            log("step", &json!({ "number": step.step_number, "tool_calls": names }));
        }))
        .on_finish(Arc::new(|steps| {
            let usage = StepResult::merge_usage(steps);
            let tokens = json!({ "total": usage.total_tokens, "estimated": usage.estimated });
            log("complete", &json!({ "steps": steps.len(), "tokens": tokens }));
        }));

    let mut conversation = Vec::new();
    for message in [
        "Where is my order A-1042?",
        "Open a high priority ticket: \"Screen is broken\"",
        "Search the help articles for how to return a parcel",
    ] {
        println!("customer: {message}");
        conversation.push(user!(message));
        let output = bot.run(conversation, &Desk).await?;
        println!("support: {}", output.response.content_text().unwrap_or("nothing"));
        conversation = output.messages;
    }
    println!("the conversation has {} messages", conversation.len());
    Ok(())
}

fn log(event: &str, details: &Value) {
    println!("{}", json!({ "event": event, "details": details }));
}

fn tools() -> Vec<Tool> {
    let ticket = json!({
        "type": "object",
        "properties": {
            "title": { "type": "string", "description": "The problem in a few words" },
            "priority": { "type": "string", "enum": ["low", "normal", "high"], "description": "How urgent it is" }
        },
        "required": ["title"]
    });
    vec![
        Tool::function("lookup_order", "Look up the status of an order").parameter(
            "order_id",
            "string",
            "Order number, such as A-1042",
            true,
        ),
        Tool::function_with_schema("create_ticket", "Open a support ticket", ticket),
        Tool::function("search_help", "Search the help articles").parameter(
            "question",
            "string",
            "What the customer wants to know",
            true,
        ),
    ]
}

struct Desk;

#[async_trait]
impl ToolResolver for Desk {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        match name {
            "lookup_order" => match arguments["order_id"].as_str() {
                Some("A-1042") => Ok(json!({ "status": "shipped", "arrives": "2026-03-04" })),
                _ => Err(LlmError::ToolExecutionError(
                    "There is no such order. Ask for its number.".to_owned(),
                )),
            },
            "create_ticket" => Ok(json!({ "ticket": 7731, "title": arguments["title"] })),
            "search_help" => {
                Ok(json!("Returns: pack it, print the label, hand it in within 30 days."))
            }
            _ => Err(LlmError::ToolExecutionError(format!("There is no tool `{name}`."))),
        }
    }
}

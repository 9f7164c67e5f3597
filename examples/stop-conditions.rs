//! The same task under six rules of when to stop.
//!
//! `cargo run -p siumai-examples --example stop-conditions`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{
        StepResult, StopCondition, ToolLoopAgent, ToolResolver, all_of, any_of, custom_condition,
        has_tool_call, step_count_is,
    },
    prelude::*,
};

const TASK: &str = "Find a hotel in Lyon, then check the forecast there, then book a flight from Berlin to Lyon on 2026-05-04";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let client = siumai_examples::client()?;
    println!("task: {TASK}");
    for (rule, stop_conditions) in rules() {
        let agent = ToolLoopAgent::new(client.clone(), tools(), stop_conditions);
        let output = agent.run(vec![user!(TASK)], &TravelAgency).await?;
        let calls: Vec<_> = output.steps.iter().flat_map(|step| &step.tool_calls).collect();
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        println!("{rule}");
        println!("  steps: {}, tools: {}", output.steps.len(), names.join(", "));
        println!("  stopped by {:?}", output.stopped_by);
    }
    Ok(())
}

fn rules() -> Vec<(&'static str, Vec<Box<dyn StopCondition>>)> {
    vec![
        ("the model decides", vec![]),
        ("two steps are enough", vec![step_count_is(2)]),
        ("the forecast is what matters", vec![has_tool_call("get_weather")]),
        (
            "a flight, or five steps",
            vec![any_of(vec![has_tool_call("book_flight"), step_count_is(5)])],
        ),
        (
            "a flight, but not before the third step",
            vec![all_of(vec![has_tool_call("book_flight"), step_count_is(3)])],
        ),
        ("something costs more than 90", vec![custom_condition(costs_more_than_90)]),
    ]
}

fn costs_more_than_90(steps: &[StepResult]) -> bool {
    let mut results = steps.iter().flat_map(|step| &step.tool_results);
    results.any(|result| result.output["price"].as_f64().is_some_and(|price| price > 90.0))
}

fn tools() -> Vec<Tool> {
    vec![
        Tool::function("find_hotels", "Find hotels in a city")
            .parameter("city", "string", "City", true),
        Tool::function("get_weather", "Weather forecast of a place")
            .parameter("location", "string", "City", true),
        Tool::function("book_flight", "Book a flight")
            .parameter("from", "string", "City of departure", true)
            .parameter("to", "string", "City of arrival", true)
            .parameter("date", "string", "Day of departure", true),
    ]
}

struct TravelAgency;

#[async_trait]
impl ToolResolver for TravelAgency {
    async fn call_tool(&self, name: &str, _arguments: Value) -> Result<Value, LlmError> {
        match name {
            "find_hotels" => Ok(json!({ "name": "Hotel Adler", "price": 120 })),
            "get_weather" => Ok(json!({ "temperature": 18, "condition": "cloudy" })),
            "book_flight" => Ok(json!({ "confirmation": "QX7K2", "price": 80 })),
            _ => Err(LlmError::ToolExecutionError(format!("There is no tool `{name}`."))),
        }
    }
}

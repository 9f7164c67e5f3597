//! Answers as values of a type: checked before they come back, and seen while they grow.
//!
//! `cargo run -p siumai-examples --example structured-answer`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use schemars::JsonSchema;
use serde::Deserialize;
use siumai::{
    orchestrator::{AnswerEvent, ToolLoopAgent},
    prelude::*,
    tool::ToolSet,
};

/// What the model is asked for. What is said of a field here, it is told.
#[derive(Debug, Deserialize, JsonSchema)]
struct Report {
    /// City name
    city: String,
    /// Temperature in degrees Celsius
    temperature: f64,
    /// What to say to somebody who asks
    answer: String,
}

#[derive(Deserialize, JsonSchema)]
struct Place {
    /// City name
    city: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let tools = ToolSet::new()
        .function("get_weather", "Get the weather of a city", |place: Place| async move {
            weather(&place.city)
        })
        .build()?;
    let agent = ToolLoopAgent::with_tools(siumai_examples::client()?, tools)
        .with_system("You are a weather assistant.");

    let report = agent.generate_as::<Report>(vec![user!("What is the weather in Tokyo?")]).await?;
    println!("{:#?}", report.value);
    println!("steps: {}", report.output.steps.len());

    let question = user!("What is the weather in Oslo?");
    let mut stream = agent.stream_as::<Report>(vec![question]).await?;
    while let Some(event) = stream.next().await {
        match event? {
            AnswerEvent::Partial(so_far) => println!("so far: {so_far}"),
            AnswerEvent::Answer(report) => {
                let Report { city, temperature, answer } = report.value;
                println!("in the end: {city}, {temperature} °C; {answer}");
            }
            _ => {}
        }
    }
    Ok(())
}

fn weather(city: &str) -> Value {
    let (temperature, condition) = if city == "Oslo" { (-3, "snow") } else { (22, "sunny") };
    json!({ "temperature": temperature, "condition": condition })
}

//! A run that is written to a file, and played again without a model.
//!
//! `cargo run -p siumai-examples --example record-replay`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, fs::File};

use siumai::{
    model::{LanguageModel, layers::Replay},
    orchestrator::{OrchestratorOptions, RunOutput, ToolResolver, run, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run.jsonl");

    // The client sees to it that its own key is not written; `.scrub(secret)` takes others out.
    let recorder = siumai_examples::client()?.record(File::create_new(&path)?);
    let first = ask(&recorder).await?;
    // From here on the file is whole. Whoever needs it hears what went wrong.
    recorder.finish()?;

    // No key, no network, no cost; and the same words every time.
    let replay = Replay::from_reader(File::open(&path)?)?;
    let again = ask(&replay).await?;
    assert_eq!((&again.response, &again.messages), (&first.response, &first.messages));

    println!("answer: {}", first.response.content_text().unwrap_or("none"));
    println!("steps: {} recorded, {} replayed", first.steps.len(), again.steps.len());
    println!("still to be played: {}", replay.remaining());

    // What nobody recorded is an error that says where it differs.
    let other = ChatRequest::new(vec![user!("What is the weather in Oslo?")]);
    if let Err(error) = replay.stream(other).await {
        println!("another question: {error}");
    }
    Ok(())
}

async fn ask(model: &impl LanguageModel) -> Result<RunOutput, LlmError> {
    let tools = vec![
        Tool::function("get_weather", "Get the weather of a city")
            .parameter("city", "string", "City name", true)
            .build(),
    ];
    let messages = vec![user!("What is the weather in Tokyo?")];
    let options = OrchestratorOptions::default();
    let stop = step_count_is(5);
    Ok(run(model, messages, Some(tools), Some(&Weather), &[&*stop], options).await?)
}

struct Weather;

#[async_trait]
impl ToolResolver for Weather {
    async fn call_tool(&self, _name: &str, arguments: Value) -> Result<Value, LlmError> {
        Ok(json!({ "city": arguments["city"], "temperature": 22, "condition": "sunny" }))
    }
}

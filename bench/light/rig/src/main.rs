//! The least that asks a model with rig: what building it costs is measured, it is never run.
use std::{error::Error, io::Write};

use rig::{AgentBuilder, providers::openai::OpenAI};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let agent = AgentBuilder::new(OpenAI::new("key").chat("gpt-4.1-mini")).build();
    let text = agent.prompt("Hello").await?.output();
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

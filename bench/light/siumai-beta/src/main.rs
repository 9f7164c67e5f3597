//! The least that asks a model with the siumai of the package registry: what building it costs is
//! measured, it is never run.
use std::{error::Error, io::Write};

use siumai::Siumai;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Siumai::builder().openai().api_key("key").build()?;
    let reply = client.chat_completions("gpt-4.1-mini")?.generate("Hello").await?;
    let text = reply.output_text().unwrap_or_default();
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

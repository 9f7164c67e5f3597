//! The least that asks a model with siumai: what building it costs is measured, it is never run.
use std::{error::Error, io::Write};

use siumai::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Siumai::builder().openai().api_key("key").model("gpt-4.1-mini").build()?;
    let reply = client.chat_request(ChatRequest::new(vec![user!("Hello")])).await?;
    let text = reply.content_text().unwrap_or_default();
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

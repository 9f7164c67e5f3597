//! The least that asks a model with genai: what building it costs is measured, it is never run.
use std::{error::Error, io::Write};

use genai::{Client, chat::ChatRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let request = ChatRequest::from_user("Hello");
    let reply = Client::new()?.exec_chat("gpt-4.1-mini", request, None).await?;
    let text = reply.first_text().unwrap_or_default();
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

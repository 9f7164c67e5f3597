//! The least that asks a model, without a library: what building it costs is measured, it is never run.
use std::{error::Error, io::Write};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let body = r#"{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hello"}]}"#;
    let request = reqwest::Client::new().post("https://api.openai.com/v1/chat/completions");
    let request = request.header("authorization", "Bearer key").body(body);
    let text = request.send().await?.text().await?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

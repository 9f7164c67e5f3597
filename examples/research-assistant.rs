//! A research assistant: it searches, reads, and hands in its answer through a tool.
//!
//! The web is three pages long here.
//!
//! `cargo run -p siumai-examples --example research-assistant`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siumai::{
    orchestrator::{ToolLoopAgent, ToolResolver, any_of, has_tool_call, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let assistant = ToolLoopAgent::new(
        siumai_examples::client()?,
        vec![
            Tool::function("search_web", "Search the web").parameter(
                "query",
                "string",
                "What to look for",
                true,
            ),
            Tool::function("read_article", "Read the content of an article").parameter(
                "url",
                "string",
                "Address of the article",
                true,
            ),
            Tool::function("finalAnswer", "Provide the final answer").parameter(
                "answer",
                "string",
                "The answer",
                true,
            ),
        ],
        vec![any_of(vec![has_tool_call("finalAnswer"), step_count_is(20)])],
    )
    .with_system(
        "You are a research assistant. Search, read what you find, then give the final answer.",
    )
    .on_step_finish(Arc::new(|step| {
        for (call, result) in step.tool_calls.iter().zip(&step.tool_results) {
            println!("{}({})", call.name, call.arguments);
            println!("  {}", result.output);
        }
    }));

    let question = "Research how bees count";
    println!("question: {question}");
    let (response, _) = assistant.generate(vec![user!(question)], &Web).await?;

    let answer = response.tool_calls.iter().find(|call| call.name == "finalAnswer");
    let answer = answer.and_then(|call| call.arguments["answer"].as_str());
    println!("answer: {}", answer.or(response.content_text()).unwrap_or("none"));
    Ok(())
}

/// Address, title and text of each page.
const PAGES: [(&str, &str, &str); 3] = [
    (
        "https://example.com/bees",
        "Bees that count",
        "Bees count up to four. They were trained to fly past four landmarks and look for food after the third.",
    ),
    (
        "https://example.com/fish",
        "Fish and numbers",
        "Some fish tell a larger shoal from a smaller one.",
    ),
    ("https://example.com/hives", "Building a hive", "Use untreated wood."),
];

struct Web;

#[async_trait]
impl ToolResolver for Web {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let argument = |name: &str| arguments[name].as_str().unwrap_or_default().to_lowercase();
        match name {
            "search_web" => Ok(json!(search(&argument("query")))),
            "read_article" => {
                let url = argument("url");
                let page = PAGES.iter().find(|(address, ..)| *address == url);
                page.map(|(.., text)| json!(text)).ok_or_else(|| {
                    LlmError::ToolExecutionError(format!("There is no page {url}. Search for one."))
                })
            }
            "finalAnswer" => Ok(json!("received")),
            _ => Err(LlmError::ToolExecutionError(format!("There is no tool `{name}`."))),
        }
    }
}

fn search(query: &str) -> Vec<Value> {
    let is_found = |title: &str| {
        let title = title.to_lowercase();
        query.split_whitespace().filter(|word| word.len() > 3).any(|word| title.contains(word))
    };
    let found = PAGES.iter().filter(|(_, title, _)| is_found(title));
    found.map(|(url, title, _)| json!({ "title": title, "url": url })).collect()
}

//! Somebody decides on each call before it executes: it passes, its arguments change, or it is denied.
//!
//! The files are in memory, so nothing of yours is touched.
//!
//! `cargo run -p siumai-examples --example tool-approval`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use siumai::{
    orchestrator::{OrchestratorOptions, ToolApproval, ToolResolver, generate, step_count_is},
    prelude::*,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let client = siumai_examples::client()?;
    let task = "Read notes.txt, write 'hello' to /etc/motd and delete old.log";
    println!("task: {task}");
    let options = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|tool, arguments| match tool {
            "delete_file" => {
                ToolApproval::Deny { reason: "files are deleted by people only".to_owned() }
            }
            "write_file" if is_outside(arguments) => {
                let mut inside = arguments.clone();
                inside["path"] = json!("drafts/motd");
                ToolApproval::Modify(inside)
            }
            _ => ToolApproval::Approve(arguments.clone()),
        })),
        ..Default::default()
    };

    let files = Files::default();
    let (response, steps) = generate(
        &client,
        vec![user!(task)],
        Some(tools()),
        Some(&files),
        &[&*step_count_is(10)],
        options,
    )
    .await?;

    for result in steps.iter().flat_map(|step| &step.tool_results) {
        println!("{}: {:?}: {}", result.name, result.status, result.output_text());
        if let Some(arguments) = &result.modified_arguments {
            println!("  executed with {arguments}");
        }
    }
    println!("answer: {}", response.content_text().unwrap_or("none"));
    println!("files: {:?}", files.names());
    Ok(())
}

fn is_outside(arguments: &Value) -> bool {
    arguments["path"].as_str().is_none_or(|path| path.starts_with('/'))
}

fn tools() -> Vec<Tool> {
    let with_path = |tool: Tool| tool.parameter("path", "string", "Path of the file", true);
    vec![
        with_path(Tool::function("read_file", "Read a text file")),
        with_path(Tool::function("write_file", "Write text to a file")).parameter(
            "content",
            "string",
            "The new content",
            true,
        ),
        with_path(Tool::function("delete_file", "Delete a file")),
    ]
}

struct Files(Mutex<BTreeMap<String, String>>);

impl Files {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl Default for Files {
    fn default() -> Self {
        let files = [("notes.txt", "Buy milk."), ("old.log", "Nothing happened.")];
        Self(Mutex::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into()))
    }
}

#[async_trait]
impl ToolResolver for Files {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let argument = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        let path = argument("path");
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || LlmError::ToolExecutionError(format!("There is no file `{path}`."));
        match name {
            "read_file" => files.get(&path).map(|text| json!(text)).ok_or_else(missing),
            "delete_file" => files.remove(&path).map(|_| json!("deleted")).ok_or_else(missing),
            "write_file" => {
                files.insert(path, argument("content"));
                Ok(json!("written"))
            }
            _ => Err(LlmError::ToolExecutionError(format!("There is no tool `{name}`."))),
        }
    }
}

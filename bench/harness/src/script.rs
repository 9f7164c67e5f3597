//! What the model says, what the tools say, and what is the right answer.
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{Error, Script};

pub const MODEL: &str = "gpt-4.1-mini";
pub const API_KEY: &str = "a-key-that-opens-nothing";
pub const SYSTEM: &str = "You are a careful engineer. You read what there is before you answer, \
                          one piece at a time, and you say where you found it.";
pub const PROMPT: &str = "Find out where the connection pool is shut down, and what happens to \
                          requests that still wait for a connection then.";

/// The end of every tool result. The server counts it in a request to know which step it is in, so
/// a client gets on only if it sent every result in full.
pub const MARK: &str = "zqEndOfResultqz";

/// The tool that the model calls. The others are only offered.
pub const TOOL: &str = "read_file";

/// A tool, as it is offered to the model.
#[derive(Clone, Debug)]
pub struct ToolSpec {
    pub name: &'static str,
    pub description: &'static str,
    pub parameters: Value,
}

/// The tools on offer.
pub fn tools() -> Vec<ToolSpec> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let number = |description: &str| json!({ "type": "integer", "description": description });
    vec![
        ToolSpec {
            name: TOOL,
            description: "Reads lines of a file",
            parameters: schema(
                json!({
                    "path": text("Path of the file, from the root of the project"),
                    "line": number("The first line, from 0"),
                    "limit": number("How many lines"),
                }),
                &["path", "line"],
            ),
        },
        ToolSpec {
            name: "list_files",
            description: "Lists the files below a folder",
            parameters: schema(json!({ "path": text("Path of the folder") }), &["path"]),
        },
        ToolSpec {
            name: "search",
            description: "Searches all files for a regular expression",
            parameters: schema(
                json!({
                    "pattern": text("What to look for"),
                    "path": text("Where to look; everywhere if left out"),
                }),
                &["pattern"],
            ),
        },
        ToolSpec {
            name: "run_command",
            description: "Runs a command and returns what it prints",
            parameters: schema(
                json!({ "command": text("The command"), "seconds": number("How long it may take") }),
                &["command"],
            ),
        },
    ]
}

fn schema(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The arguments of the call with this number, as the model writes them.
pub fn arguments(number: usize) -> String {
    format!(r#"{{"path":"src/client/part_{number}.rs","line":{number},"limit":40}}"#)
}

/// The id of the call with this number.
pub fn call_id(number: usize) -> String {
    format!("call_Zx81kQpT4mWv7Lr2Nb{number:06}")
}

/// The piece of the answer with this number.
pub fn word(number: usize) -> &'static str {
    const WORDS: [&str; 16] = [
        "The", " pool", " is", " closed", " when", " its", " last", " owner", " goes", ";",
        " whoever", " waits", " is", " told", " so", ".\n",
    ];
    WORDS[number % WORDS.len()]
}

/// The answer at the end of a run.
pub fn answer(deltas: usize) -> String {
    (0..deltas).map(word).collect()
}

/// Executes the tools, and keeps count.
#[derive(Debug)]
pub struct Desk {
    /// What follows the number in a result.
    rest: Arc<str>,
    calls: AtomicU64,
    lines: AtomicU64,
}

impl Desk {
    pub fn new(script: &Script) -> Self {
        const LINE: &str =
            "    if let Some(idle) = pool.take(\"example.com:443\") { return Ok(idle); }\n";
        let length = script.result.saturating_sub(MARK.len() + 7);
        let mut rest: String = LINE.chars().cycle().take(length).collect();
        rest.push_str(MARK);
        Self { rest: rest.into(), calls: AtomicU64::new(0), lines: AtomicU64::new(0) }
    }

    /// One for another run, with nothing counted yet.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { rest: Arc::clone(&self.rest), calls: AtomicU64::new(0), lines: AtomicU64::new(0) }
    }

    /// Executes one call.
    ///
    /// # Errors
    ///
    /// If it is not one of those that the model makes.
    pub fn call(&self, name: &str, path: &str, line: u64) -> Result<String, Error> {
        if name != TOOL || !path.starts_with("src/client/part_") {
            return Err(format!("the model did not call {name} with {path}").into());
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.lines.fetch_add(line, Ordering::Relaxed);
        Ok(self.result(line))
    }

    /// The same with the arguments as JSON.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_json(&self, name: &str, arguments: &Value) -> Result<String, Error> {
        let path = arguments["path"].as_str().unwrap_or_default();
        self.call(name, path, arguments["line"].as_u64().unwrap_or_default())
    }

    /// The result of the call with this number, without counting it.
    pub fn result(&self, line: u64) -> String {
        let mut text = String::with_capacity(self.rest.len() + 7);
        // Writing to a string can't fail.
        let _infallible = write!(text, "{line:06}\n");
        text.push_str(&self.rest);
        text
    }

    /// How many calls were executed, and the sum of their lines, since this was last asked.
    pub fn tally(&self) -> (u64, u64) {
        (self.calls.swap(0, Ordering::Relaxed), self.lines.swap(0, Ordering::Relaxed))
    }
}

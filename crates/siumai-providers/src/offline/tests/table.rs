//! Plays every task of `tasks.json` to its end with the tools of `toolboxes.json`.
use std::{collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use siumai_core::types::{ChatMessage, ChatRequest, Tool, ToolCall, ToolResult, ToolStatus};

use super::reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Tasks of the turns before.
    #[serde(default)]
    before: Vec<String>,
    task: String,
    tools: String,
    /// The calls of each step, as name and arguments.
    steps: Vec<Vec<(String, Map<String, Value>)>>,
    /// What tools return instead of what the toolbox says; an array is one result a call.
    #[serde(default)]
    returns: BTreeMap<String, Value>,
    /// What the answer must contain.
    #[serde(default)]
    says: Vec<String>,
    /// Why the model can't do it.
    known_miss: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: String,
    description: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    destructive: bool,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
    returns: Value,
}

#[test]
fn every_task_of_the_table_is_done_but_the_known_misses() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../tasks.json")).unwrap();
    let boxes: BTreeMap<String, Vec<Definition>> =
        serde_json::from_str(include_str!("../toolboxes.json")).unwrap();
    let mut wrong = String::new();
    let mut done = 0;
    for row in &rows {
        match (play(row, &boxes[&row.tools]), &row.known_miss) {
            (Ok(()), None) => done += 1,
            (Ok(()), Some(_)) => {
                writeln!(wrong, "{:?}: no miss any more, take the mark away", row.task).unwrap();
            }
            (Err(_), Some(_)) => {}
            (Err(why), None) => writeln!(wrong, "{:?}: {why}", row.task).unwrap(),
        }
    }
    println!("offline: {done} of {} tasks", rows.len());
    let misses = rows.iter().filter(|it| it.known_miss.is_some()).count();
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        misses * 10 <= rows.len(),
        "{misses} known misses of {} tasks are too many",
        rows.len()
    );
}

fn play(row: &Row, tools: &[Definition]) -> Result<(), String> {
    let mut messages = Vec::new();
    for task in &row.before {
        turn(&mut messages, task, tools, row)?;
    }
    let (steps, answer) = turn(&mut messages, &row.task, tools, row)?;
    let is_alike = steps.len() == row.steps.len()
        && steps.iter().zip(&row.steps).all(|(made, wanted)| {
            made.len() == wanted.len()
                && made.iter().zip(wanted).all(|(made, wanted)| is_wanted(made, wanted))
        });
    if !is_alike {
        let shown: Vec<String> = steps
            .iter()
            .map(|step| {
                step.iter()
                    .map(|it| format!("{}{}", it.name, it.arguments))
                    .collect::<Vec<_>>()
                    .join(" + ")
            })
            .collect();
        return Err(format!("it called [{}] and said {answer:?}", shown.join("; ")));
    }
    match row.says.iter().find(|it| !answer.contains(it.as_str())) {
        Some(missing) => Err(format!("{missing:?} is not in {answer:?}")),
        None => Ok(()),
    }
}

type Steps = Vec<Vec<ToolCall>>;

/// One user message and everything up to the answer.
fn turn(
    messages: &mut Vec<ChatMessage>,
    task: &str,
    tools: &[Definition],
    row: &Row,
) -> Result<(Steps, String), String> {
    const MOST_STEPS: usize = 8;
    let definitions: Vec<Tool> = tools.iter().map(Definition::tool).collect();
    messages.push(ChatMessage::user(task));
    let mut steps = Steps::new();
    let mut counts = BTreeMap::new();
    for _ in 0..MOST_STEPS {
        let reply = reply(ChatRequest::new(messages.clone()).with_tools(definitions.clone()));
        messages.push(reply.message.clone());
        if reply.tool_calls.is_empty() {
            return Ok((steps, reply.content_text().unwrap_or_default().to_owned()));
        }
        for call in &reply.tool_calls {
            let tool = tools.iter().find(|it| it.name == call.name).unwrap();
            let count = counts.entry(call.name.clone()).or_insert(0);
            messages.push(ChatMessage::tool(executed(call, tool, *count, row)));
            *count += 1;
        }
        steps.push(reply.tool_calls.iter().map(|it| (**it).clone()).collect());
    }
    Err(format!("it goes on after {MOST_STEPS} steps: {steps:?}"))
}

fn executed(call: &ToolCall, tool: &Definition, count: usize, row: &Row) -> ToolResult {
    let output = match row.returns.get(&call.name) {
        Some(Value::Array(each)) => each.get(count).unwrap_or(&tool.returns),
        Some(value) => value,
        None => &tool.returns,
    };
    match output.get("error").and_then(Value::as_str) {
        Some(error) => ToolResult::unexecuted(call, ToolStatus::Failed, error),
        None => ToolResult::executed(call, output.clone()),
    }
}

/// Blanks in expressions don't matter; `contains` wants a part of a text.
fn is_wanted(made: &ToolCall, (name, arguments): &(String, Map<String, Value>)) -> bool {
    let Some(given) = made.arguments.as_object() else { return false };
    let is_alike = |key: &String, wanted: &Value| match (given.get(key), wanted) {
        (Some(Value::String(given)), Value::String(wanted)) if key == "expression" => {
            given.replace(' ', "") == wanted.replace(' ', "")
        }
        (Some(Value::String(given)), Value::Object(wanted)) => {
            wanted["contains"].as_str().is_some_and(|it| given.contains(it))
        }
        (given, wanted) => given == Some(wanted),
    };
    made.name == *name
        && given.len() == arguments.len()
        && arguments.iter().all(|(key, wanted)| is_alike(key, wanted))
}

impl Definition {
    fn tool(&self) -> Tool {
        let schema = json!({
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        });
        let tool = Tool::function_with_schema(&self.name, &self.description, schema);
        let tool = if self.read_only { tool.read_only() } else { tool };
        if self.destructive { tool.destructive() } else { tool }
    }
}

//! A server's tool as one of a run.
use rmcp::model::{Tool as Described, ToolAnnotations};
use serde_json::Value;
use siumai_core::{LlmError, tool::ToolSet, types::Tool};

/// The tool under the name that models call it by.
///
/// As MCP has it, a tool of which nothing is said can destroy something.
pub(crate) fn tool(name: &str, described: &Described, believes_hints: bool) -> Tool {
    let title = || described.title.clone().or(described.annotations.as_ref()?.title.clone());
    let description = described.description.as_deref().map(str::to_owned).or_else(title);
    let description = description.unwrap_or_else(|| format!("The tool `{}`", described.name));
    let mut schema = described.input_schema.as_ref().clone();
    schema.entry("type").or_insert_with(|| "object".into());
    let tool = Tool::function_with_schema(name, description, Value::Object(schema));
    let hints = described.annotations.clone().filter(|_| believes_hints).unwrap_or_default();
    marked(tool, &hints)
}

/// Whether the tool can be offered.
pub(crate) fn check(tool: &Tool) -> Result<(), LlmError> {
    let set = ToolSet::new().tool(tool.clone(), |_, _| async { Ok(Value::Null) });
    set.build().map(drop)
}

fn marked(tool: Tool, hints: &ToolAnnotations) -> Tool {
    if hints.read_only_hint == Some(true) {
        return tool.read_only();
    }
    let tool = if hints.is_idempotent() { tool.idempotent() } else { tool };
    if hints.is_destructive() { tool.destructive() } else { tool }
}

#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use siumai_core::types::Tool;

fn described(tool: Value) -> rmcp::model::Tool {
    serde_json::from_value(tool).unwrap()
}

fn marks(tool: &Tool) -> (bool, bool, bool) {
    (tool.is_read_only(), tool.is_destructive(), tool.is_idempotent())
}

fn with_hints(hints: &Value) -> Tool {
    let tool = json!({ "name": "read", "inputSchema": { "type": "object" }, "annotations": hints });
    super::tool("s__read", &described(tool), true)
}

#[test]
fn a_tool_is_offered_as_the_server_describes_it() {
    let schema = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    let tool = described(json!({ "name": "read", "description": "Reads", "inputSchema": schema }));
    let tool = super::tool("files__read", &tool, true);
    assert_eq!((tool.name(), tool.description()), ("files__read", "Reads"));
    assert_eq!(tool.parameters(), &schema);
}

#[test]
fn hints_become_marks() {
    assert_eq!(marks(&with_hints(&json!({ "readOnlyHint": true }))), (true, false, true));
    assert_eq!(marks(&with_hints(&json!({ "destructiveHint": false }))), (false, false, false));
    let hints = json!({ "destructiveHint": true, "idempotentHint": true });
    assert_eq!(marks(&with_hints(&hints)), (false, true, true));
}

#[test]
fn a_tool_without_hints_can_destroy_something() {
    assert_eq!(marks(&with_hints(&json!({}))), (false, true, false));
}

#[test]
fn hints_of_strangers_count_for_nothing() {
    let tool =
        json!({ "name": "read", "inputSchema": {}, "annotations": { "readOnlyHint": true } });
    let tool = super::tool("s__read", &described(tool), false);
    assert_eq!(marks(&tool), (false, true, false));
    assert_eq!(tool.parameters(), &json!({ "type": "object" }));
}

use serde_json::json;
use siumai::{mcp::McpServers, types::ToolChoice};
use tempfile::TempDir;

use super::*;

fn all() -> (TempDir, BuiltIns) {
    let folder = TempDir::new().unwrap();
    let root = Root::open(folder.path()).unwrap();
    let tools = BuiltIns::new(&root, &Clock::stopped("2026-03-28T22:15:30+01:00[Europe/Berlin]"));
    (folder, tools)
}

#[test]
fn the_tools_that_change_something_are_marked() {
    let (_folder, tools) = all();
    let marks: Vec<_> =
        tools.definitions().map(|it| (it.name(), it.is_read_only(), it.is_destructive())).collect();
    let expected = [
        ("calculator", true, false),
        ("current_time", true, false),
        ("convert_time", true, false),
        ("date_add", true, false),
        ("date_difference", true, false),
        ("list_files", true, false),
        ("search_files", true, false),
        ("read_file", true, false),
        ("write_file", false, true),
        ("run_command", false, true),
    ];
    assert_eq!(marks, expected);
}

/// The program's own tools, without servers.
async fn offered() -> (TempDir, Offered) {
    let (folder, own) = all();
    let (offered, failed) = Offered::with_servers(own, McpServers::new([]).unwrap()).await;
    assert!(failed.is_empty(), "{failed:?}");
    (folder, offered)
}

#[tokio::test]
async fn a_choice_of_tools_keeps_their_order() {
    let (_folder, tools) = offered().await;
    let chosen = tools.only(&["read_file".to_owned(), "calculator".to_owned()]).unwrap();
    let names: Vec<_> = chosen.definitions().map(Tool::name).collect();
    assert_eq!(names, ["calculator", "read_file"]);
    assert!(!chosen.has_tool("write_file"));
}

#[tokio::test]
async fn an_unknown_tool_is_named_with_the_nearest() {
    let (_folder, tools) = offered().await;
    let error = tools.only(&["calculater".to_owned()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no tool named `calculater`; did you mean `calculator`? there are: `calculator`, \
         `current_time`, `convert_time`, `date_add`, `date_difference`, `list_files`, \
         `search_files`, `read_file`, `write_file`, `run_command`"
    );
}

#[tokio::test]
async fn a_tool_is_called_by_its_name() {
    let (_folder, tools) = all();
    let answer = tools.call_tool("calculator", json!({ "expression": "2 + 2" })).await.unwrap();
    assert_eq!(answer["result"], "4");
    let error = tools.call_tool("calc", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), siumai::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told() {
    let (_folder, tools) = all();
    let told = tools.call_tool("calculator", json!({})).await.unwrap_err();
    assert_eq!(
        told.message(),
        "The arguments do not fit: missing field `expression`. Call the tool again with ones that do."
    );
}

#[tokio::test]
async fn a_run_takes_the_definitions() {
    use siumai::{
        orchestrator::{OrchestratorOptions, run},
        testing::ScriptedModel,
        user,
    };

    let (_folder, tools) = all();
    let model = ScriptedModel::new()
        .calls("calculator", json!({ "expression": "12% of 250" }))
        .reply("It is 30.");
    let options = OrchestratorOptions { tool_choice: Some(ToolChoice::Auto), ..Default::default() };
    let definitions = tools.definitions().cloned().collect();
    let output =
        run(&model, vec![user!("12% of 250?")], Some(definitions), Some(&tools), &[], options)
            .await
            .unwrap();
    assert_eq!(output.steps[0].tool_results[0].output["result"], "30");
}

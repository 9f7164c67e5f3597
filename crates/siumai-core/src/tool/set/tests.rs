use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{
    ErrorKind,
    orchestrator::{OrchestratorOptions, ToolLoopAgent, run},
    testing::ScriptedModel,
    user,
};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: Option<i64>,
}

fn adding(set: ToolSet, name: &str) -> ToolSet {
    set.function(name, "Adds", |it: Add| async move { it.a + it.b.unwrap_or_default() })
}

#[tokio::test]
async fn a_function_gets_its_arguments_and_its_answer_is_the_result() {
    let set = adding(ToolSet::new(), "add");
    assert_eq!(set.call_tool("add", json!({ "a": 1, "b": 2 })).await.unwrap(), json!(3));
    assert_eq!(set.call_tool("add", json!({ "a": 1 })).await.unwrap(), json!(1));
}

#[tokio::test]
async fn arguments_that_a_function_cannot_take_are_told_to_the_model() {
    let set = adding(ToolSet::new(), "add");
    let error = set.call_tool("add", json!({ "a": "one" })).await.unwrap_err();
    assert_eq!(
        error.message(),
        "The arguments can't be used: invalid type: string \"one\", expected i64. \
         Call the tool again with others."
    );
    assert_eq!(set.call_tool("add", json!({})).await.unwrap_err().kind(), ErrorKind::Tool);
}

#[tokio::test]
async fn every_mistake_is_told_at_once_and_again_by_each_run() {
    let set = adding(adding(adding(ToolSet::new(), "add"), "add"), "a d")
        .tool(Tool::function_with_schema("odd", "", json!({ "type": 7 })), |it, _| async { Ok(it) })
        .function("list", "", |_: Vec<String>| async {});
    let told = set.clone().build().unwrap_err().to_string();
    let mistakes = ["two tools are named `add`", "`a d`", "tool `odd` are no JSON", "tool `list`"];
    assert!(mistakes.iter().all(|it| told.contains(it)), "{told}");

    let model = ScriptedModel::new().reply("Hi.");
    let options = OrchestratorOptions::default();
    for tools in [None, Some(vec![])] {
        let failed = run(&model, vec![user!("Hi")], tools, Some(&set), &[], options.clone())
            .await
            .unwrap_err();
        assert_eq!(failed.error().to_string(), told);
    }
    assert_eq!(model.remaining(), 1);
    let failed = ToolLoopAgent::with_tools(model, set).stream(vec![user!("Hi")]).await.unwrap_err();
    assert_eq!(failed.error().to_string(), told);
}

#[test]
fn a_set_that_was_checked_is_checked_again_when_it_has_more() {
    let set = adding(ToolSet::new(), "add").build().unwrap();
    assert!(adding(set.clone(), "add").build().is_err());
    assert!(set.build().is_ok());
}

#[tokio::test]
async fn a_set_has_what_was_added_to_it() {
    let others = adding(ToolSet::new(), "sum").marked(Tool::read_only);
    let set = adding(ToolSet::new(), "add").add(others).build().unwrap();
    let names: Vec<_> = set.definitions().iter().map(|it| (it.name(), it.is_read_only())).collect();
    assert_eq!(names, [("add", false), ("sum", true)]);
    assert_eq!(set.call_tool("sum", json!({ "a": 2, "b": 2 })).await.unwrap(), json!(4));
    assert!(set.has_tool("sum") && !set.has_tool("times"));
    assert_eq!(format!("{set:?}"), r#"ToolSet(["add", "sum"])"#);
}

#[tokio::test]
async fn a_tool_sees_the_history_and_what_the_user_gave() {
    struct Tenant(&'static str);

    let set = ToolSet::new().function_with("look", "Looks", |(): (), context| async move {
        let said: Vec<_> =
            context.messages().iter().map(|it| format!("{:?}", it.role()).to_lowercase()).collect();
        (said, context.get::<Tenant>().map(|it| it.0), context.step_number)
    });
    let model = ScriptedModel::new().calls("look", json!({})).calls("look", json!({})).reply("Ok.");
    let agent =
        ToolLoopAgent::with_tools(model, set).with_system("Be brief.").with_context(Tenant("acme"));
    let (_, steps) = agent.generate(vec![user!("Look")]).await.unwrap();
    let seen: Vec<_> =
        steps.iter().filter_map(|it| Some(&it.tool_results.first()?.output)).collect();
    assert_eq!(
        seen,
        [
            &json!([["user", "assistant"], "acme", 0]),
            &json!([["user", "assistant", "tool", "assistant"], "acme", 1]),
        ]
    );
}

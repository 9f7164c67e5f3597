//! Results that are too large: what is cut off, what the model is told, what is left alone.
use std::sync::Arc;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
};
use serde_json::{Value, json};
use siumai_core::{
    LlmError,
    orchestrator::OrchestratorOptions,
    testing::RecordingResolver,
    types::{ChatMessage, ToolResult, ToolStatus},
};

use crate::fixtures::{Played, Scene, call, play, script, tool};

fn at_most(max_result_bytes: usize) -> OrchestratorOptions {
    OrchestratorOptions { max_result_bytes, ..Default::default() }
}

/// A run whose one call of `look` returns `output`.
async fn returning(output: &Value, options: &OrchestratorOptions) -> Played {
    play(|_| {
        let resolver = RecordingResolver::new().returning("look", output.clone());
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        scene.tools([tool("look")]).resolver(resolver).options(options.clone())
    })
    .await
}

fn note(kept: usize, size: usize) -> String {
    format!(
        "The output of `look` is too large: these are the first {kept} of its {size} bytes. \
         If the rest matters, call the tool again in a way that gives less, or another part."
    )
}

/// What stands in the history, in the events and in the next request, which is one and the same.
#[track_caller]
fn the_result(played: &Played) -> &ToolResult {
    let result = &played.steps()[0].tool_results[0];
    let message = ChatMessage::tool(Arc::clone(result));
    assert_eq!(played.messages()[2], message);
    assert_eq!(played.requests[1].messages[2], message);
    let event = json!({ "type": "tool_result", "step_number": 0, "result": **result });
    assert!(played.events.iter().any(|it| serde_json::to_value(it).unwrap() == event));
    result
}

/// The result of which `output` is left of `size` bytes.
fn cut(output: &str, size: usize) -> ToolResult {
    let mut result = ToolResult::executed(&call("call_1", "look", json!({})), json!(output));
    result.truncated_from = Some(size as u64);
    result.note = Some(note(output.len(), size));
    result
}

#[tokio::test(start_paused = true)]
async fn t10_a_result_up_to_the_limit_is_told_as_it_is() {
    for output in [json!("0123456789"), json!([1, 2, 3, 45]), json!("0123456é"), json!({ "a": [] })]
    {
        let played = returning(&output, &at_most(10)).await;
        let whole = ToolResult::executed(&call("call_1", "look", json!({})), output);
        assert_eq!(*the_result(&played), whole);
    }
}

#[tokio::test(start_paused = true)]
async fn t10_a_larger_text_is_cut_off_and_the_model_is_told() {
    let played = returning(&json!("0123456789a"), &at_most(10)).await;
    assert_eq!(*the_result(&played), cut("0123456789", 11));
    assert_eq!(played.told(0), [("executed", format!("0123456789\n\n{}", note(10, 11)))]);
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn t10_a_json_value_that_is_too_large_becomes_the_beginning_of_its_json() {
    let played = returning(&json!({ "rows": [1, 2, 3], "more": null }), &at_most(12)).await;
    assert_eq!(*the_result(&played), cut("{\"rows\":[1,2", 28));
}

#[tokio::test(start_paused = true)]
async fn t10_nothing_is_cut_inside_a_character() {
    for (limit, kept) in [(8, "né€"), (7, "né€"), (6, "né€"), (5, "né"), (2, "n"), (0, "")]
    {
        let played = returning(&json!("né€🦉"), &at_most(limit)).await;
        assert_eq!(*the_result(&played), cut(kept, 10), "{limit}");
    }
    let played = returning(&json!(["né€🦉"]), &at_most(7)).await;
    assert_eq!(*the_result(&played), cut("[\"né", 14));
}

#[tokio::test(start_paused = true)]
async fn t10_the_limit_is_one_mebibyte_if_nobody_says_otherwise() {
    let limit = 1024 * 1024;
    let options = OrchestratorOptions::default();
    let fits = returning(&json!("x".repeat(limit)), &options).await;
    assert_eq!(the_result(&fits).truncated_from, None);
    let larger = returning(&json!("x".repeat(limit + 1)), &options).await;
    assert_eq!(*the_result(&larger), cut(&"x".repeat(limit), limit + 1));
    let unlimited = returning(&json!("x".repeat(limit + 1)), &at_most(usize::MAX)).await;
    assert_eq!(the_result(&unlimited).truncated_from, None);
}

#[tokio::test(start_paused = true)]
async fn t10_a_limit_of_the_tool_counts_instead_of_the_runs() {
    let played = play(|_| {
        let resolver = ["look", "read"]
            .into_iter()
            .fold(RecordingResolver::new(), |all, name| all.returning(name, json!("0123456789")));
        let model = script().calls("look", json!({})).calls("read", json!({})).reply("Done.");
        let tools = [tool("look").max_result_bytes(4), tool("read").max_result_bytes(usize::MAX)];
        Scene::new(model).tools(tools).resolver(resolver).options(at_most(1))
    })
    .await;
    let told = format!("0123\n\n{}", note(4, 10));
    assert_eq!(played.told(0), [("executed", told)]);
    assert_eq!(played.told(1), [("executed", "0123456789".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn t10_an_error_that_is_too_long_is_cut_off_too() {
    let played = play(|_| {
        let error = LlmError::ToolExecutionError("no such page".to_owned());
        let resolver = RecordingResolver::new().failing("look", error);
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        scene.tools([tool("look")]).resolver(resolver).options(at_most(2))
    })
    .await;
    let result = the_result(&played);
    assert_eq!((result.status, result.truncated_from), (ToolStatus::Failed, Some(12)));
    assert_eq!((&result.output, &result.note), (&json!("no"), &Some(note(2, 12))));
}

#[test]
fn t10_what_else_the_model_is_told_stays_beside_the_note() {
    let mut result = ToolResult::executed(&call("a", "look", json!({})), json!("0123"));
    result.note = Some("You have seen that before.".to_owned());
    result.truncate(2);
    let told = format!("01\n\nYou have seen that before.\n\n{}", note(2, 4));
    assert_eq!(result.output_text(), told);
}

fn values() -> impl Strategy<Value = Value> {
    let text = "[ -~é€🦉\\x00-\\x1f\"\\\\]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text, inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn t10_a_result_is_cut_off_if_and_only_if_it_is_larger_than_the_limit(
        output in values(),
        limit in 0..120_usize,
    ) {
        let mut result = ToolResult::executed(&call("a", "look", json!({})), output);
        let (whole, size) = (result.clone(), result.output_size());
        let text = whole.output_text();
        assert_eq!(size, text.len());
        result.truncate(limit);
        if size <= limit {
            assert_eq!(result, whole);
            return Ok(());
        }
        let kept = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        assert_eq!(result.output, json!(text[..kept]));
        assert_eq!(result.output_text(), format!("{}\n\n{}", &text[..kept], note(kept, size)));
        assert_eq!(result.truncated_from, Some(size as u64));

        let once = result.clone();
        result.truncate(limit);
        assert_eq!(result, once, "it is cut off once");
    }
}

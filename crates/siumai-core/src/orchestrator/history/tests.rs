//! Mending, tried on any jumble of messages.
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest},
    sample::select,
};
use serde_json::json;

use super::*;

fn call(id: &str) -> Arc<ToolCall> {
    Arc::new(ToolCall { id: id.into(), name: "look".into(), arguments: json!({}) })
}

fn part() -> impl Strategy<Value = ContentPart> {
    let id = || select(&["a", "b", "c"][..]);
    prop_oneof![
        select(&["one", "two"][..]).prop_map(ContentPart::text),
        id().prop_map(|id| ContentPart::ToolCall(call(id))),
        id().prop_map(|id| ContentPart::ToolResult(Arc::new(ToolResult::executed(
            &call(id),
            json!(1)
        )))),
    ]
}

fn message() -> impl Strategy<Value = ChatMessage> {
    let role = prop_oneof![Just(Role::User), Just(Role::Assistant), Just(Role::Tool)];
    (role, vec(part(), 0..4)).prop_map(|(role, parts)| ChatMessage::new(role, parts))
}

fn texts(messages: &[ChatMessage]) -> Vec<&str> {
    messages.iter().filter_map(ChatMessage::text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_mended_history_is_sound_and_mending_it_again_changes_nothing(
        messages in vec(message(), 0..8),
    ) {
        let (mended, warnings) = mend(messages.clone());
        assert!(is_sound(&mended), "{mended:#?}");
        assert_eq!(mend(mended.clone()), (mended.clone(), vec![]));
        assert_eq!(mend(messages.clone()), (mended.clone(), warnings.clone()), "every time the same");
        assert_eq!(texts(&mended), texts(&messages), "no word is lost");

        let calls = |of: &[ChatMessage]| {
            let of = of.iter().filter(|it| it.role() == Role::Assistant);
            of.flat_map(ChatMessage::tool_calls).count()
        };
        let results = |of: &[ChatMessage]| of.iter().flat_map(ChatMessage::tool_results).count();
        assert_eq!(calls(&mended), calls(&messages), "no call of the model is lost");
        assert_eq!(results(&mended), calls(&mended), "and each has one result");
        let missing = |it: &&Warning| matches!(it, Warning::CallWithoutResult { .. });
        let missing = warnings.iter().filter(missing).count();
        let misplaced = messages.iter().flat_map(misplaced_calls).count();
        let stray = warnings.len() - missing - misplaced;
        assert_eq!(results(&messages) + missing, calls(&messages) + stray, "all is reported");
    }
}

#[test]
fn a_result_that_stands_somewhere_after_its_call_is_never_lost() {
    let result = |id: &str| ChatMessage::tool(ToolResult::executed(&call(id), json!(id)));
    let calling =
        |id: &str| ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(call(id))]);
    let jumble = vec![
        calling("a"),
        calling("b"),
        ChatMessage::user("so?"),
        calling("c"),
        result("c"),
        result("a"),
        ChatMessage::user("well?"),
        result("b"),
    ];
    let mended = vec![
        calling("a"),
        result("a"),
        calling("b"),
        result("b"),
        ChatMessage::user("so?"),
        calling("c"),
        result("c"),
        ChatMessage::user("well?"),
    ];
    assert_eq!(mend(jumble), (mended, vec![]));
}

//! Mending, tried on any jumble of messages.
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, prop_oneof, proptest},
    sample::select,
};
use serde_json::json;

use super::*;

fn call(id: &str) -> Arc<ToolCall> {
    Arc::new(ToolCall { id: id.into(), name: "look".into(), arguments: json!({}) })
}

fn result(id: &str, output: usize) -> ContentPart {
    ContentPart::ToolResult(Arc::new(ToolResult::executed(&call(id), json!(output))))
}

/// Any part under any role: a history may come from anywhere.
fn part() -> impl Strategy<Value = ContentPart> {
    let id = || select(&["a", "b", "a_2", "call_1", ""][..]);
    prop_oneof![
        select(&["one", "two"][..]).prop_map(ContentPart::text),
        id().prop_map(|id| ContentPart::ToolCall(call(id))),
        (id(), 0..1000_usize).prop_map(|(id, output)| result(id, output)),
    ]
}

fn message() -> impl Strategy<Value = ChatMessage> {
    let role =
        select(&[Role::System, Role::User, Role::Assistant, Role::Assistant, Role::Tool][..]);
    (role, vec(part(), 0..5)).prop_map(|(role, parts)| ChatMessage::new(role, parts))
}

fn texts(messages: &[ChatMessage]) -> Vec<ContentPart> {
    let parts = messages.iter().flat_map(ChatMessage::content);
    parts.filter(|part| is_word(part)).cloned().collect()
}

fn outputs(messages: &[ChatMessage]) -> Vec<String> {
    let results = messages.iter().flat_map(ChatMessage::tool_results);
    let executed = results.filter(|it| it.status == ToolStatus::Executed);
    let mut outputs: Vec<_> = executed.map(|it| it.output_text().into_owned()).collect();
    outputs.sort_unstable();
    outputs
}

fn count(warnings: &[Warning], is_such: impl Fn(&Warning) -> bool) -> usize {
    warnings.iter().filter(|it| is_such(it)).count()
}

/// What a provider demands of a history, said another way than by the code under test.
fn check_accepted(messages: &[ChatMessage]) {
    let mut at = 0;
    while let Some(message) = messages.get(at) {
        assert_ne!(message.role(), Role::Tool, "a tool speaks unasked at {at} of {messages:#?}");
        assert_eq!(message.tool_results().count(), 0);
        let ids: Vec<_> = message.tool_calls().map(|it| it.id.clone()).collect();
        assert!(ids.is_empty() || message.role() == Role::Assistant, "the model alone calls");
        let tools = messages[at + 1..].iter().take_while(|it| it.role() == Role::Tool);
        at += 1 + tools.clone().count();
        let results = tools.flat_map(ChatMessage::content).map(|part| match part {
            ContentPart::ToolResult(result) => result.call_id.clone(),
            other => panic!("{other:?} in a message of a tool"),
        });
        let mut answered: Vec<_> = results.collect();
        answered.sort_unstable();
        let mut asked = ids;
        asked.sort_unstable();
        assert_eq!(answered, asked);
        asked.dedup();
        assert_eq!(asked.len(), answered.len(), "ids tell the calls of a message apart");
        assert!(asked.iter().all(|id| !id.is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_comes_in_is_made_acceptable_and_nothing_but_stray_results_is_lost(
        messages in vec(message(), 0..8),
    ) {
        let (mended, warnings) = mend(messages.clone());
        check_accepted(&mended);
        assert_eq!(mend(mended.clone()), (mended.clone(), vec![]), "once is enough");
        assert_eq!(mend(messages.clone()), (mended.clone(), warnings.clone()), "every time the same");
        assert_eq!(texts(&mended), texts(&messages), "no word is lost");

        let calls = |of: &[ChatMessage], is_models: bool| {
            let of = of.iter().filter(|it| (it.role() == Role::Assistant) == is_models);
            of.flat_map(ChatMessage::tool_calls).count()
        };
        assert_eq!(calls(&mended, true), calls(&messages, true), "no call of the model is lost");
        let misplaced = count(&warnings, |it| matches!(it, Warning::MisplacedCall { .. }));
        assert_eq!(misplaced, calls(&messages, false), "and what nobody but it may do is reported");
        let missing = count(&warnings, |it| matches!(it, Warning::CallWithoutResult { .. }));
        let stray = count(&warnings, |it| matches!(it, Warning::ResultWithoutCall { .. }));
        let (before, after) = (outputs(&messages), outputs(&mended));
        assert_eq!(after.len() + stray, before.len(), "what is left out is reported");
        assert_eq!(after.len() + missing, calls(&messages, true), "and so is what is made up");
        let is_known = |output: &String| before.contains(output);
        assert!(after.iter().all(is_known), "what a tool returned stays as it was");
    }

    #[test]
    fn a_history_that_is_acceptable_is_left_alone(messages in vec(message(), 0..8)) {
        let (sound, _) = mend(messages);
        let (same, warnings) = mend(sound.clone());
        assert_eq!(warnings, []);
        assert!(same.iter().zip(&sound).all(|(same, sound)| same.is_same(sound)));
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

#[test]
fn mending_a_long_history_takes_one_look_at_each_message() {
    let calling = |at: usize| {
        ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(call(&at.to_string()))])
    };
    // Looking through all that follows for each of them would take minutes.
    let (mended, warnings) = mend((0..100_000).map(calling).collect());
    assert_eq!((mended.len(), warnings.len()), (200_000, 100_000));
}

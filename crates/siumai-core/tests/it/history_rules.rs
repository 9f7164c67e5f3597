//! Histories that come in: whatever they lack is mended, the same way every time, and reported.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    orchestrator::{
        OrchestratorOptions, PrepareStepContext, PrepareStepResult, RunOutput, StreamEvent,
    },
    system,
    types::{ChatMessage, ContentPart, Role, ToolCall, ToolResult, ToolStatus, Warning},
    user,
};

use crate::fixtures::{Played, Scene, assert_answered_once, call, calling, play, script};

async fn with(messages: &[ChatMessage]) -> Played {
    play(|_| Scene::new(script().reply("Done.")).messages(messages.to_vec())).await
}

fn answer(call: &ToolCall, output: &str) -> ChatMessage {
    ChatMessage::tool(ToolResult::executed(call, json!(output)))
}

fn interrupted(call: &ToolCall) -> ChatMessage {
    let told = "No result of this call was recorded. It may or may not have been executed.";
    ChatMessage::tool(ToolResult::unexecuted(call, ToolStatus::Interrupted, told))
}

fn unanswered(call: &ToolCall) -> Warning {
    Warning::CallWithoutResult { call_id: call.id.clone(), name: call.name.clone() }
}

fn mended(what: &str) -> Warning {
    Warning::HistoryMended { what: what.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn h1_a_sound_history_is_sent_as_it_is() {
    let (a, b) = (call("a", "look", json!({})), call("b", "look", json!({})));
    let both = ChatMessage::new(
        Role::Tool,
        vec![
            ContentPart::ToolResult(Arc::new(ToolResult::executed(&b, json!(2)))),
            ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!(1)))),
        ],
    );
    let messages = [system!("Be brief."), user!("go"), calling([&a, &b]), both, user!("on")];
    let played = with(&messages).await;
    assert_eq!(played.output().warnings, []);
    assert_eq!(played.requests[0].messages, messages[1..]);
    let sent = played.requests[0].messages.iter().zip(&messages[1..]);
    assert!(sent.into_iter().all(|(sent, given)| sent.is_same(given)), "nothing is copied");
}

#[tokio::test(start_paused = true)]
async fn h1_a_call_without_a_result_is_answered_as_interrupted_and_reported() {
    let (a, b) = (call("a", "look", json!({})), call("b", "hear", json!({})));
    let messages = [user!("go"), calling([&a, &b]), answer(&b, "heard"), user!("on")];
    let played = with(&messages).await;
    let mended =
        [user!("go"), calling([&a, &b]), interrupted(&a), answer(&b, "heard"), user!("on")];
    assert_eq!(played.requests[0].messages, mended);
    assert_eq!(played.messages()[..5], mended, "the history that comes back is the mended one");
    assert_eq!(played.output().warnings, [unanswered(&a)]);
    let told = played.events.iter().filter_map(|event| match event {
        StreamEvent::Warning { warning, .. } => Some(warning.clone()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [unanswered(&a)]);
    assert_eq!(played.event_types()[..3], ["start", "warning", "step_start"]);
}

#[tokio::test(start_paused = true)]
async fn h1_what_was_mended_is_reported_by_a_run_that_fails_too() {
    let a = call("a", "look", json!({}));
    let messages = [user!("go"), calling([&a]), user!("on")];
    let played = play(|_| Scene::new(script()).messages(messages.to_vec())).await;
    assert_eq!(played.failed().warnings, [unanswered(&a)]);
    assert_answered_once(played.messages());
}

#[tokio::test(start_paused = true)]
async fn h1_a_history_that_ends_with_a_call_is_mended_too() {
    let a = call("a", "look", json!({}));
    let played = with(&[user!("go"), calling([&a])]).await;
    assert_eq!(played.requests[0].messages, [user!("go"), calling([&a]), interrupted(&a)]);
}

#[tokio::test(start_paused = true)]
async fn h1_a_result_that_comes_late_is_moved_to_its_call() {
    let (a, b) = (call("a", "look", json!({})), call("b", "hear", json!({})));
    let messages =
        [calling([&a]), user!("meanwhile"), calling([&b]), answer(&b, "heard"), answer(&a, "seen")];
    let played = with(&messages).await;
    let mended =
        [calling([&a]), answer(&a, "seen"), user!("meanwhile"), calling([&b]), answer(&b, "heard")];
    assert_eq!(played.requests[0].messages, mended);
    assert_eq!(played.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn h1_a_result_is_never_taken_from_a_later_call_of_the_same_id() {
    let a = call("a", "look", json!({}));
    let messages = [calling([&a]), user!("again"), calling([&a]), answer(&a, "seen")];
    let played = with(&messages).await;
    let mended =
        [calling([&a]), interrupted(&a), user!("again"), calling([&a]), answer(&a, "seen")];
    assert_eq!(played.requests[0].messages, mended);
    assert_eq!(played.output().warnings, [unanswered(&a)]);
}

#[tokio::test(start_paused = true)]
async fn h1_a_result_that_answers_nothing_is_left_out_and_reported() {
    let (a, b) = (call("a", "look", json!({})), call("b", "hear", json!({})));
    let messages =
        [answer(&b, "early"), user!("go"), calling([&a]), answer(&a, "seen"), answer(&a, "twice")];
    let played = with(&messages).await;
    assert_eq!(played.requests[0].messages, [user!("go"), calling([&a]), answer(&a, "seen")]);
    let left_out = |id: &str| Warning::ResultWithoutCall { call_id: id.to_owned() };
    assert_eq!(played.output().warnings, [left_out("b"), left_out("a")]);
}

#[tokio::test(start_paused = true)]
async fn h1_a_call_that_the_model_did_not_make_is_left_out_and_reported() {
    let a = call("a", "look", json!({}));
    let said = ContentPart::text("please look");
    let parts = vec![said.clone(), ContentPart::ToolCall(Arc::clone(&a))];
    let played = with(&[ChatMessage::new(Role::User, parts), answer(&a, "seen")]).await;
    assert_eq!(played.requests[0].messages, [ChatMessage::new(Role::User, vec![said])]);
    let (call_id, name) = ("a".to_owned(), "look".to_owned());
    let left_out = Warning::ResultWithoutCall { call_id: "a".to_owned() };
    let expected = [Warning::MisplacedCall { call_id, name }, left_out];
    assert_eq!(played.output().warnings, expected);
}

#[tokio::test(start_paused = true)]
async fn h1_a_result_in_a_leading_system_message_is_left_out_and_reported() {
    let a = call("a", "look", json!({}));
    let said = ContentPart::text("Be brief.");
    let result = ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!("seen"))));
    let torn = ChatMessage::new(Role::System, vec![said.clone(), result]);
    let played = with(&[torn, user!("go")]).await;
    let mended = [ChatMessage::new(Role::System, vec![said]), user!("go")];
    assert_eq!(played.requests[0].messages, mended);
    let left_out = Warning::ResultWithoutCall { call_id: "a".to_owned() };
    assert_eq!(played.output().warnings, [left_out]);
}

#[tokio::test(start_paused = true)]
async fn h1_words_that_stand_beside_a_result_are_kept() {
    let (a, b) = (call("a", "look", json!({})), call("b", "hear", json!({})));
    let result =
        |call, output| ContentPart::ToolResult(Arc::new(ToolResult::executed(call, json!(output))));
    let said = ContentPart::text("and I say");
    let mixed =
        ChatMessage::new(Role::User, vec![result(&a, "seen"), said.clone(), result(&b, "lost")]);
    let played = with(&[user!("go"), calling([&a]), mixed]).await;
    let mended =
        [user!("go"), calling([&a]), answer(&a, "seen"), ChatMessage::new(Role::User, vec![said])];
    assert_eq!(played.requests[0].messages, mended);
    assert_eq!(played.output().warnings, [Warning::ResultWithoutCall { call_id: "b".into() }]);
}

#[tokio::test(start_paused = true)]
async fn h1_words_of_a_tool_are_sent_as_the_users() {
    let a = call("a", "look", json!({}));
    let result = ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!("seen"))));
    let said = ContentPart::text("and I say");
    let mixed = ChatMessage::new(Role::Tool, vec![result, said.clone()]);
    let nothing = ChatMessage::new(Role::Tool, vec![]);
    let played = with(&[user!("go"), calling([&a]), mixed, nothing]).await;
    let users = ChatMessage::new(Role::User, vec![said]);
    assert_eq!(
        played.requests[0].messages,
        [user!("go"), calling([&a]), answer(&a, "seen"), users]
    );
    assert_eq!(
        played.output().warnings,
        [mended("words in a message of a tool were sent as the user's")]
    );
}

#[tokio::test(start_paused = true)]
async fn h1_calls_get_ids_that_tell_them_apart_and_results_follow() {
    let (a, nameless) = (call("a", "look", json!({})), call("", "hear", json!({})));
    let (first, second, third) = (json!({ "n": 1 }), json!({ "n": 2 }), answer(&nameless, "third"));
    let (first, second) = (call("a", "look", first), call("a", "look", second));
    let both = ChatMessage::new(
        Role::Tool,
        vec![
            ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!("first")))),
            ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!("second")))),
        ],
    );
    let played = with(&[user!("go"), calling([&first, &second, &nameless]), both, third]).await;
    let renamed = [call("a_2", "look", json!({ "n": 2 })), call("call_1", "hear", json!({}))];
    let expected = [
        user!("go"),
        calling([&first, &renamed[0], &renamed[1]]),
        answer(&first, "first"),
        answer(&renamed[0], "second"),
        answer(&renamed[1], "third"),
    ];
    assert_eq!(played.requests[0].messages, expected);
    let warnings = [
        "a call of `look` had an id that is empty or another call's; it is `a_2` instead",
        "a call of `hear` had an id that is empty or another call's; it is `call_1` instead",
    ];
    assert_eq!(played.output().warnings, warnings.map(mended));
}

#[tokio::test(start_paused = true)]
async fn h1_a_result_in_the_message_of_its_call_answers_it() {
    let a = call("a", "look", json!({}));
    let result = ContentPart::ToolResult(Arc::new(ToolResult::executed(&a, json!("seen"))));
    let (before, after) = (ContentPart::text("I look."), ContentPart::text("I saw it."));
    let made = ContentPart::ToolCall(Arc::clone(&a));
    let all = vec![before.clone(), made.clone(), result, after.clone()];
    let played = with(&[user!("go"), ChatMessage::new(Role::Assistant, all)]).await;
    let said = ChatMessage::new(Role::Assistant, vec![before, made, after]);
    assert_eq!(played.requests[0].messages, [user!("go"), said, answer(&a, "seen")]);
    assert_eq!(played.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn h1_roles_in_any_order_keep_their_order() {
    let messages = [
        ChatMessage::assistant("Hi."),
        ChatMessage::assistant("Anybody?"),
        system!("It is night."),
        user!("go"),
        user!("on"),
        system!("It is day."),
        ChatMessage::assistant("So it is."),
    ];
    let played = with(&messages).await;
    assert_eq!(played.requests[0].messages, messages);
    assert_eq!(played.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn h1_a_history_that_comes_to_nothing_is_an_error_before_the_model_is_asked() {
    let a = call("a", "look", json!({}));
    let played = with(&[answer(&a, "seen")]).await;
    assert_eq!(played.failed().text, "there are no messages; pass at least one");
    assert!(played.requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn h1_mending_is_the_same_every_time_and_changes_nothing_twice() {
    let (a, b) = (call("a", "look", json!({})), call("b", "hear", json!({})));
    let messages = [calling([&a, &b]), user!("on"), answer(&b, "heard"), answer(&b, "again")];
    let (once, again) = (with(&messages).await, with(&messages).await);
    assert_eq!(once.ended, again.ended);
    assert_answered_once(once.messages());
    let twice = with(&once.requests[0].messages).await;
    assert_eq!(twice.requests[0].messages, once.requests[0].messages);
    assert_eq!(twice.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn h1_messages_of_prepare_step_are_mended_for_their_step() {
    let a = call("a", "look", json!({}));
    let played = play(|_| {
        let orphan = call("a", "look", json!({}));
        let prepare = move |_: PrepareStepContext<'_>| PrepareStepResult {
            messages: Some(vec![calling([&orphan]), user!("so?")]),
            ..Default::default()
        };
        let options =
            OrchestratorOptions { prepare_step: Some(Arc::new(prepare)), ..Default::default() };
        Scene::new(script().reply("Done.")).options(options)
    })
    .await;
    assert_eq!(played.requests[0].messages, [calling([&a]), interrupted(&a), user!("so?")]);
    assert_eq!(played.output().warnings, [unanswered(&a)]);
    assert_eq!(played.event_types()[..3], ["start", "warning", "step_start"]);
    assert_eq!(played.messages()[0], user!("go"), "the history stays whole");
}

#[tokio::test(start_paused = true)]
async fn h1_histories_that_come_back_serialise_without_loss() {
    let played = play(|_| {
        let model = script()
            .calls("look", json!({ "n": 1 }))
            .calls("look", json!({ "n": "x", "float": 0.1 + 0.2, "large": u64::MAX }))
            .reply("Done.");
        Scene::new(model).echoing(["look"])
    })
    .await;
    let text = serde_json::to_string(played.messages()).unwrap();
    let back: Vec<ChatMessage> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, played.messages());
    let output = serde_json::to_string(played.output()).unwrap();
    assert_eq!(serde_json::from_str::<RunOutput>(&output).unwrap(), *played.output());
}

//! Histories that are kept: what is written, and what of it is read again.
use std::{fs, path::Path};

use proptest::prelude::{ProptestConfig, proptest};
use serde_json::{Value, json};
use siumai_core::{history::History, types::ChatMessage, user};

use crate::{
    fixtures::{Scene, play, script},
    histories::{histories, one_of_everything},
};

fn read(file: &str) -> History {
    serde_json::from_str(&text_of(file)).unwrap()
}

fn text_of(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/histories");
    fs::read_to_string(folder.join(file)).unwrap()
}

/// All that a history is, with what two equal messages may differ in.
fn all_of(messages: &[ChatMessage]) -> Value {
    serde_json::to_value(messages).unwrap()
}

fn refusal(history: Value) -> String {
    serde_json::from_value::<History>(history).unwrap_err().to_string()
}

#[test]
fn h4_a_history_of_version_1_is_read_for_ever() {
    let history = read("version_1.json");
    assert_eq!(history.messages, one_of_everything());
    assert_eq!(all_of(&history.messages), all_of(&one_of_everything()));
}

#[test]
fn h4_a_list_of_messages_without_a_version_is_read_for_ever() {
    assert_eq!(read("without_version.json").messages, one_of_everything());
    assert_eq!(serde_json::from_str::<History>("[]").unwrap(), History::default());
}

#[test]
fn h4_what_is_written_is_version_1() {
    let written = serde_json::to_value(History::new(one_of_everything())).unwrap();
    let known: Value = serde_json::from_str(&text_of("version_1.json")).unwrap();
    assert_eq!(written, known, "what an older siumai can't read needs a new version");
}

#[test]
fn h4_a_newer_version_is_refused_with_the_way_out() {
    let newer = "the history is of version 2, and this siumai reads up to version 1; update siumai";
    assert_eq!(refusal(json!({ "version": 2, "messages": [] })), newer);
    // Wherever the version stands, and whatever the messages have become.
    assert_eq!(refusal(json!({ "messages": [{ "words": 1 }], "version": 2 })), newer);
    assert_eq!(refusal(json!({ "version": 2 })), newer);
}

#[test]
fn h4_what_is_no_history_is_refused() {
    let versionless = "the history has no `version` that is a number from 1";
    assert_eq!(refusal(json!({ "messages": [] })), versionless);
    assert_eq!(refusal(json!({ "version": 0, "messages": [] })), versionless);
    assert_eq!(refusal(json!({ "version": "1", "messages": [] })), versionless);
    assert_eq!(refusal(json!({ "version": 1 })), "the history has no list of `messages`");
    assert_eq!(refusal(json!("Hi")), "a history is an object or a list of messages");
}

#[test]
fn h4_a_field_that_is_unknown_is_left_out() {
    let message = json!({ "role": "user", "content": [{ "type": "text", "text": "Hi", "size": 2 }], "at": 5 });
    let history = json!({ "version": 1, "messages": [message], "title": "Greetings" });
    let history: History = serde_json::from_value(history).unwrap();
    assert_eq!(history.messages, [user!("Hi")]);
}

#[test]
fn h4_a_part_a_role_or_a_status_that_is_unknown_is_refused_rather_than_lost() {
    let messages = |second: Value| json!({ "version": 1, "messages": [user!("Hi"), second] });
    let with_part = |part: Value| messages(json!({ "role": "user", "content": [part] }));
    let told = refusal(with_part(json!({ "type": "smell", "like": "roses" })));
    assert!(told.starts_with("message 1 of the history: unknown variant `smell`"), "{told}");
    let told = refusal(messages(json!({ "role": "muse", "content": [] })));
    assert!(told.starts_with("message 1 of the history: unknown variant `muse`"), "{told}");
    let result = json!({ "type": "tool_result", "call_id": "a", "name": "b", "output": 1, "status": "dreamt" });
    let told = refusal(with_part(result));
    assert!(told.starts_with("message 1 of the history: unknown variant `dreamt`"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn h4_a_run_goes_on_from_a_history_that_was_read() {
    let first = play(|_| {
        let model = script().calls("look", json!({ "n": 1 })).reply("Done.");
        Scene::new(model).echoing(["look"])
    })
    .await;
    let kept = serde_json::to_string(&History::new(first.messages().to_vec())).unwrap();
    let messages =
        [serde_json::from_str::<History>(&kept).unwrap().messages, vec![user!("And?")]].concat();
    let second =
        play(|_| Scene::new(script().reply("That's all.")).messages(messages.clone())).await;
    assert_eq!(second.requests[0].messages, messages);
    assert_eq!(second.output().warnings, []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn h4_histories_go_through_json_without_loss(messages in histories()) {
        let text = serde_json::to_string(&History::new(messages.clone())).unwrap();
        let back: History = serde_json::from_str(&text).unwrap();
        assert_eq!(back.messages, messages);
        assert_eq!(all_of(&back.messages), all_of(&messages), "origins included");
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }
}

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{assistant, user};

fn framed(summary: &str) -> ChatMessage {
    ChatMessage::user(format!("{FRAME}{summary}"))
}

fn one(_: &ChatMessage) -> u64 {
    1
}

fn step(id: &str, output: &str) -> [ChatMessage; 2] {
    let call = ToolCall { id: id.into(), name: "look".into(), arguments: json!({ "at": "owl" }) };
    let result = ChatMessage::tool(ToolResult::executed(&call, json!(output)));
    [ChatMessage::new(Role::Assistant, vec![ContentPart::ToolCall(Arc::new(call))]), result]
}

#[test]
fn exchanges_go_first_and_the_summary_stands_in_their_place() {
    let all = [user!("a"), assistant!("b"), user!("c"), assistant!("d"), user!("e")];
    let parted = Parted::new(&all, 3, one).unwrap();
    assert_eq!(parted.transcript(), "User: a\n\nAssistant: b\n\n");
    let shorter = parted.with(" In short. \n");
    assert_eq!(shorter[0], framed("In short."));
    assert_eq!(shorter[1..], all[2..]);
    assert_eq!(Parted::new(&all, 5, one), None, "it is short enough");
    assert_eq!(Parted::new(&all[4..], 0, one), None, "nothing can go");
}

#[test]
fn then_steps_of_the_last_exchange_go_and_what_the_user_said_stays_before_the_summary() {
    let [first, second, third] = ["a", "b", "c"].map(|id| step(id, id));
    let all = [&[user!("go")][..], &first, &second, &third].concat();
    let parted = Parted::new(&all, 3, one).unwrap();
    let told = "Assistant calls `look` with {\"at\":\"owl\"}\n\nResult of `look`: a\n\n";
    assert!(parted.transcript().starts_with(told), "{}", parted.transcript());
    let shorter = parted.with("Looked twice.");
    let expected = [&[user!("go"), framed("Looked twice.")][..], &third].concat();
    assert_eq!(shorter, expected);

    let again = [&shorter[..], &first, &second].concat();
    let parted = Parted::new(&again, 3, one).unwrap();
    assert!(parted.transcript().starts_with(&format!("User: {FRAME}Looked twice.\n\n")));
    let expected = [&[user!("go"), framed("Looked more.")][..], &second].concat();
    assert_eq!(parted.with("Looked more."), expected);
}

#[test]
fn a_long_result_is_told_in_part() {
    let long = "é".repeat(3_000);
    let told = transcript(&step("a", &long));
    assert!(told.ends_with("é … (2000 more bytes were left out)\n\n"), "{told}");
    assert_eq!(beginning(&long[..4_000]), long[..4_000]);
}

//! What may happen to a step before its model answers, and in which order.
use super::*;
use crate::types::{ToolCall, ToolResult};

fn asking() -> Asking {
    let mut asking = Asking::new(StepPlan::default());
    asking.ask().unwrap();
    asking
}

fn break_off(asking: &mut Asking, attempt: usize, usage: Option<Usage>) {
    asking.break_off(attempt, usage).unwrap();
    asking.ask().unwrap();
}

fn failed(kind: ErrorKind) -> LlmError {
    LlmError::new(kind, "it failed")
}

#[test]
fn attempts_end_in_their_order() {
    let mut asking = asking();
    assert_eq!(asking.attempt(), 1);
    assert_eq!(asking.break_off(2, None).unwrap_err().kind(), ErrorKind::OutOfOrder);
    break_off(&mut asking, 1, None);
    assert_eq!(asking.attempt(), 2);
    assert_eq!(asking.break_off(1, None).unwrap_err().kind(), ErrorKind::OutOfOrder);
}

#[test]
fn a_step_begins_again_as_often_as_it_may() {
    let mut asking = asking();
    let cut = failed(ErrorKind::IncompleteReply);
    assert!(!asking.begins_again(&cut, true, 0));
    assert!(asking.begins_again(&cut, false, 1));
    break_off(&mut asking, 1, None);
    assert!(!asking.begins_again(&cut, true, 1));
    assert!(asking.begins_again(&cut, true, 2));
}

#[test]
fn a_request_has_one_answer() {
    let mut asking = asking();
    assert_eq!(asking.ask().unwrap_err().kind(), ErrorKind::OutOfOrder);
    asking.close().unwrap();
    assert_eq!(asking.close().unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(asking.lose().unwrap_err().kind(), ErrorKind::OutOfOrder);
}

#[test]
fn a_reply_that_is_lost_is_no_attempt_of_those_that_are_allowed() {
    let mut asking = asking();
    asking.lose().unwrap();
    asking.ask().unwrap();
    assert_eq!((asking.attempt(), asking.request_number()), (2, 2));
    assert!(asking.begins_again(&failed(ErrorKind::IncompleteReply), true, 1));
    assert_eq!(asking.usage(Some(Usage::new(1, 1))).unwrap().total_tokens.get(), None);
}

#[test]
fn a_failure_that_may_pass_begins_it_again_only_if_the_reply_had_begun() {
    let busy = failed(ErrorKind::Overloaded);
    assert!(asking().begins_again(&busy, true, 1));
    assert!(!asking().begins_again(&busy, false, 1));
    assert!(!asking().begins_again(&busy.with_retryable(false), true, 1));
}

#[test]
fn a_history_is_shortened_once_and_sent_mended() {
    let mut asking = asking();
    let too_long = failed(ErrorKind::ContextTooLong);
    assert!(asking.may_shorten(&too_long));
    assert!(!asking.may_shorten(&failed(ErrorKind::InvalidRequest)));

    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: serde_json::json!({}) };
    let orphan = ChatMessage::tool(ToolResult::executed(&call, serde_json::json!("seen")));
    let shorter = vec![ChatMessage::system("Be brief."), orphan, ChatMessage::user("go")];
    let warnings = asking.shorten(shorter.clone()).unwrap();
    assert_eq!(warnings, [Warning::ResultWithoutCall { call_id: "a".into() }]);
    assert_eq!(*asking.plan.system.clone().unwrap(), [ChatMessage::system("Be brief.")]);
    assert_eq!(*asking.plan.messages.clone().unwrap(), [ChatMessage::user("go")]);

    assert!(!asking.may_shorten(&too_long));
    assert_eq!(asking.shorten(shorter).unwrap_err().kind(), ErrorKind::OutOfOrder);
}

#[test]
fn what_a_step_cost_is_the_sum_of_its_attempts() {
    let usage = |input| Some(Usage::new(input, 1));
    let mut asking = asking();
    assert_eq!(asking.usage(None), None);
    assert_eq!(asking.usage(usage(1)), usage(1));
    break_off(&mut asking, 1, usage(2));
    assert_eq!(asking.usage(usage(1)), Some(Usage::new(3, 2)));
    assert_eq!(asking.usage(None), Some(Usage::default() + Usage::new(2, 1)));
    break_off(&mut asking, 2, None);
    assert_eq!(asking.usage(usage(1)).unwrap().total_tokens.get(), None);
}

#[test]
fn it_comes_back_from_json_as_it_was() {
    let mut asking = asking();
    break_off(&mut asking, 1, Some(Usage::new(2, 1)));
    asking.shorten(vec![ChatMessage::user("go")]).unwrap();
    let json = serde_json::to_string(&asking).unwrap();
    assert_eq!(serde_json::from_str::<Asking>(&json).unwrap(), asking);
}

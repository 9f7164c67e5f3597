//! What counts toward a limit, and from where on it is reached.
use serde_json::json;

use super::*;
use crate::types::{ChatMessage, ToolCall};

fn spent(usages: &[Option<Usage>]) -> Spent {
    let mut spent = Spent::default();
    for usage in usages {
        spent.ask();
        spent.pay(usage.as_ref());
    }
    spent
}

fn all(limit: u64) -> UsageLimits {
    UsageLimits {
        input_tokens: Some(limit),
        output_tokens: Some(limit),
        total_tokens: Some(limit),
        requests: None,
        tool_calls: None,
    }
}

#[test]
fn a_limit_is_reached_when_as_much_is_used_and_not_before() {
    let used = spent(&[Some(Usage::new(60, 40))]);
    let only = |of: fn(&mut UsageLimits) -> &mut Option<u64>, limit| {
        let mut limits = UsageLimits::default();
        *of(&mut limits) = Some(limit);
        limits.reached(&used)
    };
    assert_eq!(only(|it| &mut it.input_tokens, 61), None);
    assert_eq!(only(|it| &mut it.input_tokens, 60), Some(UsageLimit::InputTokens));
    assert_eq!(only(|it| &mut it.output_tokens, 41), None);
    assert_eq!(only(|it| &mut it.output_tokens, 40), Some(UsageLimit::OutputTokens));
    assert_eq!(only(|it| &mut it.total_tokens, 101), None);
    assert_eq!(only(|it| &mut it.total_tokens, 100), Some(UsageLimit::TotalTokens));
    let requests = |limit| UsageLimits { requests: Some(limit), ..Default::default() };
    assert_eq!(requests(2).reached(&used), None);
    assert_eq!(requests(1).reached(&used), Some(UsageLimit::Requests));
}

#[test]
fn what_nobody_says_counts_as_nothing_but_the_request_counts() {
    let silent = spent(&[None, Some(Usage::default())]);
    assert_eq!(all(1).reached(&silent), None);
    assert_eq!(silent.requests, 2);
    let half = Usage { output_tokens: 7.into(), ..Usage::default() };
    let known = spent(&[None, Some(half)]);
    assert_eq!((known.input_tokens, known.output_tokens, known.total_tokens), (0, 7, 7));
}

#[test]
fn what_was_spent_saturates() {
    let much = spent(&[Some(Usage::new(u64::MAX, 1)), Some(Usage::new(1, u64::MAX))]);
    assert_eq!(
        (much.input_tokens, much.output_tokens, much.total_tokens),
        (u64::MAX, u64::MAX, u64::MAX)
    );
}

#[test]
fn calls_that_are_as_many_as_are_left_are_not_too_many() {
    let limits = UsageLimits { tool_calls: Some(5), ..Default::default() };
    let overshoots = |executed, more| limits.overshot(executed, more).is_some();
    assert!(!overshoots(3, 2));
    assert!(overshoots(3, 3));
    assert!(overshoots(usize::MAX, 1));
    assert!(!overshoots(9, 0), "nothing more is nothing too much");
    assert_eq!(UsageLimits::default().overshot(usize::MAX, usize::MAX), None);
}

/// A step whose calls came to these.
fn step(statuses: &[ToolStatus]) -> StepResult {
    let mut step = StepResult { messages: vec![ChatMessage::assistant("")], ..Default::default() };
    for (place, status) in statuses.iter().enumerate() {
        let (id, name) = (place.to_string(), "look".to_owned());
        let call = ToolCall { id, name, arguments: json!({}) };
        step.tool_results.push(ToolResult::unexecuted(&call, *status, "").into());
        step.tool_calls.push(call.into());
    }
    step
}

#[test]
fn invalid_calls_in_a_row_are_counted_by_steps_and_begin_anew_with_a_valid_one() {
    use ToolStatus::{Denied, Executed, Invalid};
    let count = |steps: &[&[ToolStatus]]| {
        invalid_in_a_row(&steps.iter().map(|it| step(it)).collect::<Vec<_>>())
    };
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&[&[Invalid], &[Invalid, Invalid, Invalid]]), 2);
    assert_eq!(count(&[&[Invalid], &[Invalid, Executed], &[Invalid]]), 1);
    assert_eq!(count(&[&[Invalid], &[Denied]]), 0, "a denied call could have been executed");
    assert_eq!(count(&[&[Invalid], &[]]), 0, "a paused turn called nothing");
}

#[test]
fn calls_that_were_refused_are_not_among_the_executed() {
    use ToolStatus::{
        Cancelled, Denied, Executed, Failed, Interrupted, Invalid, Skipped, TimedOut,
    };
    let ran = [Executed, Failed, TimedOut, Cancelled, Interrupted];
    assert_eq!(executed(&[step(&ran), step(&[Invalid, Denied, Skipped])]), ran.len());
}

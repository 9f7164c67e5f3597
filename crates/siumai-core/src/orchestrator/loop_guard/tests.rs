//! What is a circle: the same calls again, alone or in turns of two or three.
use serde_json::{Value, json};

use super::*;
use crate::types::ToolStatus;

/// A step that makes these calls, each of which comes to its own name.
fn step(calls: &[(&str, Value)]) -> StepResult {
    let mut step = StepResult::default();
    for (place, (name, arguments)) in calls.iter().enumerate() {
        let id = format!("call_{place}");
        let call = ToolCall { id, name: (*name).to_owned(), arguments: arguments.clone() };
        step.tool_results.push(ToolResult::executed(&call, json!(name)).into());
        step.tool_calls.push(call.into());
    }
    step
}

/// Steps with one call each, named by a letter; a dash is a step without calls.
fn steps(letters: &str) -> Vec<StepResult> {
    let mut name = [0; 4];
    let one = |letter: char| match letter {
        '-' => StepResult::default(),
        letter => step(&[(letter.encode_utf8(&mut name), json!({}))]),
    };
    letters.chars().map(one).collect()
}

/// From how many steps on `times` rounds are seen, if at all.
fn seen_at(letters: &str, times: usize) -> Option<usize> {
    let steps = steps(letters);
    (0..=steps.len()).find(|count| is_repeated(&steps[..*count], times))
}

#[test]
fn the_same_call_is_seen_when_it_comes_as_often_as_asked_and_not_before() {
    assert_eq!(seen_at("aaaa", 3), Some(3));
    assert_eq!(seen_at("aa", 3), None);
    assert_eq!(seen_at("baaab", 3), Some(4));
    assert_eq!(seen_at("aabaa", 3), None, "it is not in a row");
    assert_eq!(seen_at("aa", 2), Some(2));
}

#[test]
fn two_or_three_that_take_turns_are_seen_and_four_are_not() {
    assert_eq!(seen_at("ababab", 3), Some(6));
    assert_eq!(seen_at("abcabcabc", 3), Some(9));
    assert_eq!(seen_at("xabcabca", 2), Some(7));
    assert_eq!(seen_at("abcdabcdabcd", 3), None);
    assert_eq!(seen_at("aabaabaab", 3), Some(9));
}

#[test]
fn one_time_is_any_call_and_no_time_is_never() {
    assert_eq!(seen_at("-a", 1), Some(2));
    assert_eq!(seen_at("aaaa", 0), None);
    assert_eq!(seen_at("aaaa", usize::MAX), None);
}

#[test]
fn steps_without_calls_are_no_circle() {
    assert_eq!(seen_at("----", 2), None);
    assert_eq!(seen_at("a-a-", 2), None);
}

#[test]
fn neither_the_order_of_fields_nor_that_of_calls_makes_a_difference() {
    let one = step(&[("a", json!({ "x": 1, "y": { "p": 1, "q": 2 } })), ("b", json!({}))]);
    let other = step(&[("b", json!({})), ("a", json!({ "y": { "q": 2, "p": 1 }, "x": 1 }))]);
    assert!(is_repeated(&[one.clone(), other], 2));
    for different in [
        step(&[("a", json!({ "x": 2, "y": { "p": 1, "q": 2 } })), ("b", json!({}))]),
        step(&[("a", json!({ "x": 1, "y": { "p": 1, "q": 2 } }))]),
        step(&[("b", json!({})), ("b", json!({}))]),
    ] {
        assert!(!is_repeated(&[one.clone(), different], 2));
    }
}

#[test]
fn no_arguments_are_the_same_however_they_are_written() {
    let written = [json!({}), json!(null), json!(" null")].map(|it| step(&[("look", it)]));
    let circle = written.iter().all(|it| same_calls(&it.tool_calls, &written[0].tool_calls));
    assert!(circle);
    let other = step(&[("look", json!("nul"))]);
    assert!(!same_calls(&other.tool_calls, &written[0].tool_calls));
}

#[test]
fn a_guard_that_stops_wants_the_same_results_too() {
    let guard = LoopGuard::Stop { times: 3 };
    let same = steps("abababab");
    let stops: Vec<_> = (0..=8).map(|count| guard.stops(&same[..count])).collect();
    assert_eq!(stops, [false, false, false, false, false, false, true, true, true]);

    let mut changing = steps("aaa");
    let last = Arc::make_mut(&mut changing[2].tool_results[0]);
    last.output = json!("another");
    assert!(!guard.stops(&changing));
    let mut failing = steps("aaa");
    Arc::make_mut(&mut failing[2].tool_results[0]).status = ToolStatus::Failed;
    assert!(!guard.stops(&failing));
    assert!(!LoopGuard::Tell { times: 3 }.stops(&same));
    assert!(!LoopGuard::Off.stops(&same));
}

#[test]
fn a_note_is_for_the_calls_whose_results_came_before() {
    let made = [("a", json!({})), ("b", json!({}))];
    let before = [step(&made), step(&made)];
    let third = step(&made);
    let circle = LoopGuard::Tell { times: 3 }.told(&before, &third.tool_calls).unwrap();
    let note = |call: usize, output: Value| {
        let result = ToolResult::executed(&third.tool_calls[call], output);
        circle.note(&before, &third.tool_calls[call], &result)
    };
    assert!(note(0, json!("a")).is_some_and(|it| it.starts_with("The last 3 times that `a`")));
    assert_eq!(note(1, json!("something new")), None);
    assert!(LoopGuard::Tell { times: 3 }.told(&before[..1], &third.tool_calls).is_none());
    assert!(LoopGuard::Stop { times: 2 }.told(&before, &third.tool_calls).is_none());
}

#[test]
fn a_call_to_be_asked_about_is_one_more_than_so_many_with_the_same_result() {
    let guard = LoopGuard::Ask { times: 2 };
    let asked = |before: &str, call: &str| {
        let (before, now) = (steps(before), steps(call));
        let circle = guard.asked(&before, &now[0].tool_calls);
        circle.is_some_and(|it| it.is_stale(&before, &now[0].tool_calls[0]))
    };
    assert!(asked("aa", "a"));
    assert!(asked("abab", "a"));
    assert!(!asked("a", "a"));
    assert!(!asked("aa", "b"));
    assert!(!asked("aba", "b"));

    let mut changing = steps("aa");
    Arc::make_mut(&mut changing[0].tool_results[0]).output = json!("another");
    let circle = guard.asked(&changing, &changing[0].tool_calls).unwrap();
    assert!(!circle.is_stale(&changing, &changing[0].tool_calls[0]));
    assert!(LoopGuard::Tell { times: 2 }.asked(&steps("aa"), &changing[0].tool_calls).is_none());
}

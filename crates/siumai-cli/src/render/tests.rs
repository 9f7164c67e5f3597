use serde_json::{Value, json};

use super::*;
use crate::run::Durations;

#[test]
fn nothing_that_moves_the_cursor_is_shown() {
    assert_eq!(printable("plain é"), "plain é");
    assert_eq!(printable("a\u{1b}[2J\nb\u{202e}c\u{9b}"), "a\\u{1b}[2J\\nb\\u{202e}c\\u{9b}");
    assert_eq!(printable_lines("a\n\tb\r"), "a\n\tb\\r");
}

#[test]
fn what_a_tool_reports_is_a_line_with_the_last_of_what_it_says() {
    let report = |value: Value| -> StreamEvent {
        let event = json!({
            "type": "tool_progress", "step_number": 0, "call_id": "a", "name": "run_command", "value": value,
        });
        serde_json::from_value(event).unwrap()
    };
    let mut err = Vec::new();
    let out = anstream::StripStream::new(&mut err);
    let mut progress = Progress::new(out, Detail::Verbose, Durations::default());
    progress.event(&report(json!("Compiling a\nCompiling b\n")));
    progress.event(&report(json!({ "done": 0.5 })));
    drop(progress);
    let shown = String::from_utf8(err).unwrap();
    assert_eq!(shown, ".. run_command: Compiling b\n.. run_command: {\"done\":0.5}\n");
}

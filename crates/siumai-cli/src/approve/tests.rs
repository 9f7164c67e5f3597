use serde_json::json;

use super::*;
use crate::stop::{Stopped, stopper};

/// Says what it was told to say, in order; then it was not to be asked.
struct Person(Vec<Reply>);

impl Ask for Person {
    fn ask(&mut self, _: &Tool, _: &Value) -> Reply {
        self.0.remove(0)
    }
}

fn tools() -> [Tool; 3] {
    [
        Tool::function("look", "Looks").read_only(),
        Tool::function("touch", "Changes something"),
        Tool::function("smash", "Destroys something").destructive(),
    ]
}

fn approver(mode: Approve, replies: Option<Vec<Reply>>) -> (Arc<Approver>, Stopped) {
    let (stopper, listener) = stopper();
    let person = replies.map(|it| Box::new(Person(it)) as Box<dyn Ask>);
    (Approver::new(mode, tools(), person, stopper), listener)
}

fn decide(approver: &Approver, name: &str) -> ToolApproval {
    approver.decide(name, &json!({ "a": 1 }))
}

fn approved() -> ToolApproval {
    ToolApproval::Approve(json!({ "a": 1 }))
}

#[test]
fn every_mode_has_a_rule_for_every_sort_of_tool() {
    let no_tool = Rule::Refuse("no tool may run (--approve none)");
    let reads_only = Rule::Refuse("only tools that change nothing may run (--approve read-only)");
    for (mode, expected) in [
        (Approve::Ask, [Rule::Run, Rule::Ask, Rule::Ask]),
        (Approve::ReadOnly, [Rule::Run, reads_only, reads_only]),
        (Approve::All, [Rule::Run, Rule::Run, Rule::Ask]),
        (Approve::Pause, [Rule::Run, Rule::Pause, Rule::Pause]),
        (Approve::None, [no_tool, no_tool, no_tool]),
    ] {
        assert_eq!(tools().map(|tool| rule(mode, &tool)), expected, "{mode:?}");
    }
}

#[test]
fn without_a_terminal_what_would_be_asked_is_denied() {
    for mode in [Approve::Ask, Approve::All] {
        let (approver, _stopped) = approver(mode, None);
        assert_eq!(decide(&approver, "look"), approved());
        let reason = "it needs approval, and nobody is at a terminal to give it";
        assert_eq!(decide(&approver, "smash"), deny(reason));
    }
}

#[test]
fn the_persons_word_decides() {
    let replies = vec![
        Reply::Yes,
        Reply::Edited(json!({ "a": 2 })),
        Reply::No("too risky ".to_owned()),
        Reply::No(" ".to_owned()),
    ];
    let (approver, _stopped) = approver(Approve::Ask, Some(replies));
    assert_eq!(decide(&approver, "smash"), approved());
    assert_eq!(decide(&approver, "smash"), ToolApproval::Modify(json!({ "a": 2 })));
    assert_eq!(decide(&approver, "smash"), deny("the user said no: too risky"));
    assert_eq!(decide(&approver, "smash"), deny("the user said no"));
}

#[test]
fn always_holds_for_that_tool_alone() {
    let replies = vec![Reply::Always, Reply::No(String::new())];
    let (approver, _stopped) = approver(Approve::Ask, Some(replies));
    assert_eq!(decide(&approver, "smash"), approved());
    assert_eq!(decide(&approver, "smash"), approved());
    assert_eq!(decide(&approver, "touch"), deny("the user said no"));
}

#[tokio::test]
async fn quitting_ends_the_run_and_denies_the_rest() {
    let replies = vec![Reply::End(Cause::Quit)];
    let (approver, mut listener) = approver(Approve::Ask, Some(replies));
    assert_eq!(decide(&approver, "touch"), deny("the user ended the run"));
    assert_eq!(decide(&approver, "smash"), deny("the user ended the run"));
    assert_eq!(listener.wait().await, Cause::Quit);
}

#[test]
fn a_question_shows_every_argument_whole_and_harmless() {
    let arguments = json!({
        "path": "a\u{1b}[2Kb.txt",
        "content": "one\ntwo\u{202e}",
        "append": true,
    });
    let expected =
        "  path: a\\u{1b}[2Kb.txt\n  content:\n    one\n    two\\u{202e}\n  append: true\n";
    let shown = |arguments: &Value| {
        let mut out = Vec::new();
        show(&mut out, arguments).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(&arguments), expected);
    assert_eq!(shown(&json!({})), "  no arguments\n");
}

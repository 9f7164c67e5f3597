use super::{Joint, Task};

fn clauses(source: &str) -> Vec<(String, Joint)> {
    let task = Task::new(source);
    let clauses = task.clauses().into_iter();
    clauses.map(|it| (task.text.written(it.tokens).to_owned(), it.joint)).collect()
}

fn texts(source: &str) -> Vec<String> {
    clauses(source).into_iter().map(|it| it.0).collect()
}

#[test]
fn a_task_is_cut_at_sentences_and_joints() {
    let expected = [
        ("Read a.txt".to_owned(), Joint::Sentence),
        ("list src".to_owned(), Joint::And),
        ("add 1".to_owned(), Joint::Then),
        ("Thanks".to_owned(), Joint::Sentence),
    ];
    assert_eq!(clauses("Read a.txt and list src, then add 1. Thanks!"), expected);
}

#[test]
fn lists_are_cut_at_their_items() {
    assert_eq!(texts("1. Read a.txt\n2) list src\n- stop"), ["Read a.txt", "list src", "stop"]);
}

#[test]
fn what_belongs_together_is_not_cut() {
    for whole in [
        "add 5 and 7",
        "set it to 2 hours and 30 minutes",
        "say 'you and me. Then us'",
        "send a note saying we come and bring cake",
        "days between 2026-01-01 and 2026-03-15",
        "run this:\n```\na\nb\n```",
    ] {
        assert_eq!(texts(whole), [whole]);
    }
}

#[test]
fn a_pasted_text_does_not_become_hundreds_of_wishes() {
    assert!(clauses(&"one, two and three. ".repeat(500)).len() <= 49);
}

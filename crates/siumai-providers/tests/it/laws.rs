//! Laws that hold for whatever comes from outside, tried for a few seconds with made-up bytes.
//!
//! `fuzz/` tries the same laws for hours; what it found lies in its corpus and is tried here.
mod history;
mod reading;
mod replies;
mod runs;
mod sending;

use std::path::Path;

use proptest::{collection::vec, prelude::*, sample::Index};

use self::reading::{Answer, Wire};

/// The inputs in a folder of the corpus of `fuzz/`, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn target(wire: Wire) -> &'static str {
    match wire {
        Wire::OpenAiChat => "openai_chat",
        Wire::OpenAiResponses => "openai_responses",
        Wire::Anthropic => "anthropic",
        Wire::Gemini => "gemini",
    }
}

fn check_reply(wire: Wire, data: &[u8]) {
    if let Some(answer) = Answer::read(data) {
        replies::check(wire, &answer);
    }
}

/// A change of an input.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    /// A line of another input comes in between.
    Line(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop::sample::select(
        &["\n\n", "\"", "null", "{}", "[]", "\\u0000", "data: ", "event: error\n", "-1", "é"][..],
    );
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), word).prop_map(|(at, word)| Change::Insert(at, word.into())),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Remove(from, to)),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Repeat(from, to)),
        any::<(Index, Index, Index)>().prop_map(|(input, line, at)| Change::Line(input, line, at)),
    ]
}

fn changed(corpus: &[Vec<u8>], mut data: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &Index, data: &[u8]| at.index(data.len() + 1);
        let between = |from: &Index, to: &Index, data: &[u8]| {
            let (from, to) = (place(from, data), place(to, data));
            from.min(to)..from.max(to)
        };
        match change {
            Change::Replace(at, byte) => {
                let at = place(at, &data);
                data.splice(at..data.len().min(at + 1), [*byte]);
            }
            Change::Insert(at, word) => {
                let at = place(at, &data);
                data.splice(at..at, word.iter().copied());
            }
            Change::Remove(from, to) => drop(data.drain(between(from, to, &data))),
            Change::Repeat(from, to) => data.extend_from_within(between(from, to, &data)),
            Change::Line(input, line, at) => {
                let lines: Vec<_> = input.get(corpus).split_inclusive(|it| *it == b'\n').collect();
                let starts: Vec<_> = (0..=data.len())
                    .filter(|at| *at == data.len() || *at > 0 && data[at - 1] == b'\n')
                    .collect();
                let at = *at.get(&starts);
                data.splice(at..at, line.get(&lines).iter().copied());
            }
        }
    }
    data
}

/// Inputs that are almost those of the corpus.
fn almost(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let corpus = corpus(target);
    (any::<Index>(), vec(change(), 1..6))
        .prop_map(move |(input, changes)| changed(&corpus, input.get(&corpus).clone(), &changes))
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 192, ..Default::default() }
}

#[test]
fn what_fuzzing_begins_with_and_what_it_found_holds() {
    for wire in Wire::ALL {
        for data in corpus(target(wire)) {
            check_reply(wire, &data);
        }
    }
    for json in corpus("history") {
        history::check(&json);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_bytes_come_they_are_read_alike_in_any_pieces(data in vec(any::<u8>(), 0..200)) {
        for wire in Wire::ALL {
            check_reply(wire, &data);
        }
        history::check(&data);
    }

    #[test]
    fn almost_an_answer_of_chat_completions_breaks_no_law(data in almost("openai_chat")) {
        check_reply(Wire::OpenAiChat, &data);
    }

    #[test]
    fn almost_an_answer_of_responses_breaks_no_law(data in almost("openai_responses")) {
        check_reply(Wire::OpenAiResponses, &data);
    }

    #[test]
    fn almost_an_answer_of_anthropic_breaks_no_law(data in almost("anthropic")) {
        check_reply(Wire::Anthropic, &data);
    }

    #[test]
    fn almost_an_answer_of_gemini_breaks_no_law(data in almost("gemini")) {
        check_reply(Wire::Gemini, &data);
    }

    #[test]
    fn almost_a_history_breaks_no_law(json in almost("history")) {
        history::check(&json);
    }
}

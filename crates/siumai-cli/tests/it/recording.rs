//! Runs that are recorded, and replayed without the server.
use serde_json::{Value, json};

use crate::support::{Answer, Place, Seen, Server, interrupt, read_words, rest, says};

fn calculating() -> Server {
    Server::new([
        Answer::call("calculator", &json!({ "expression": "6*7" })),
        Answer::words(&["It is ", "42."]),
    ])
}

fn record(place: &Place, arguments: &[&str]) -> Seen {
    place.run(&[&["-m", "openai:test", "--record", "run.jsonl"][..], arguments].concat())
}

fn replay(place: &Place, arguments: &[&str]) -> Seen {
    place.run(&[&["--replay", "run.jsonl"][..], arguments].concat())
}

/// What is recorded of a run with a tool, and where. The server is gone.
fn recorded() -> (Place, Seen) {
    let server = calculating();
    let place = Place::with(&server);
    let seen = record(&place, &["6*7?"]);
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    (place, seen)
}

fn recording(place: &Place) -> String {
    std::fs::read_to_string(place.path("run.jsonl")).unwrap()
}

/// What is shown of a run, whichever it was and however long it took.
fn comparable(shown: &str) -> String {
    let differing = regex::Regex::new(r#"run-[0-9a-f]{32}|"(secs|nanos)": ?\d+"#).unwrap();
    differing.replace_all(shown, "IT").into_owned()
}

/// What failed, without the lines that say how far it came.
fn error(seen: &Seen) -> &str {
    assert_eq!(seen.out, "", "{seen:?}");
    seen.err.lines().find_map(|it| it.strip_prefix("error: ")).unwrap_or(&seen.err)
}

#[test]
fn a_recorded_run_is_replayed_without_the_server() {
    for format in ["text", "json", "jsonl"] {
        let arguments = ["-o", format, "6*7?"];
        let server = calculating();
        let (place, elsewhere) = (Place::with(&server), Place::new());
        let first = record(&place, &arguments);
        drop(server);
        elsewhere.write("run.jsonl", &recording(&place));
        let second = replay(&elsewhere, &arguments);
        let (expected, seen) = (comparable(&first.out), comparable(&second.out));
        assert_eq!((second.code, seen), (first.code, expected), "{}", second.err);
        let model = "model: openai:test (replayed from run.jsonl)\n";
        assert!(second.err.starts_with(model), "{}", second.err);
    }
}

#[test]
fn a_key_is_not_in_the_recording() {
    let server = Server::new([
        Answer::call("calculator", &json!({ "expression": "sk-canary" })),
        Answer::words(&["Your key is s", "k-can", "ary, and mine is gsk-canary."]),
        Answer::json(401, &json!({ "error": { "message": "wrong key: sk-canary" } })),
    ]);
    let place = Place::with(&server).set("GROQ_API_KEY", "gsk-canary");
    let seen = record(&place, &["is", "it", "gsk-canary?"]);
    assert_eq!(seen.out, "Your key is sk-canary, and mine is gsk-canary.\n");
    let first = recording(&place);
    record(&place, &["--overwrite", "sk-canary"]);
    for text in [first, recording(&place)] {
        assert!(!text.contains("canary") && text.contains("[secret]"), "{text}");
    }
}

#[test]
fn a_recording_is_json_lines() {
    let (place, _) = recorded();
    let text = recording(&place);
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines[0], json!({ "format": "siumai recording", "version": 1 }));
    assert_eq!(lines[2]["exchange"]["model"], "test");
    assert_eq!(lines[3..], [json!({ "end": { "exchanges": 2 } })]);
}

#[test]
fn what_was_not_played_is_counted() {
    let (place, _) = recorded();
    let seen = replay(&place, &["--max-steps", "1", "6*7?"]);
    assert_eq!(seen.code, Some(3));
    assert!(seen.err.contains("warning: 1 recorded exchange was not played\n"), "{}", seen.err);
}

#[test]
fn a_streamed_recording_is_replayed_in_one_piece_and_the_other_way_round() {
    let (place, _) = recorded();
    let whole = replay(&place, &["--no-stream", "6*7?"]);
    assert_eq!((whole.code, &*whole.out), (Some(0), "It is 42.\n"));
    let place = Place::new().set("SIUMAI_MODEL", "offline");
    let whole = place.run(&["--no-stream", "--record", "run.jsonl", "what is 6*7"]);
    let streamed = replay(&place, &["what is 6*7"]);
    assert_eq!((streamed.code, streamed.out), (Some(0), whole.out));
}

#[test]
fn a_request_that_was_not_recorded_is_an_error_with_the_difference() {
    let (place, _) = recorded();
    let seen = replay(&place, &["6*8?"]);
    let expected = "this request was not recorded; exchange 1, the nearest, differs in message 1 \
                    (user) at `content[0].text`, character 3; ask what was asked, or record again";
    assert_eq!((seen.code, error(&seen)), (Some(1), expected));
    let seen = replay(&place, &["-T", "calculator", "6*7?"]);
    assert!(error(&seen).contains("the tool `"), "{}", seen.err);
}

#[test]
fn a_failure_is_replayed_as_a_failure() {
    let refusal = json!({ "error": { "message": "no such model", "code": "model_not_found" } });
    let place = Place::with(&Server::new([Answer::json(404, &refusal)]));
    let (first, second) = (record(&place, &["hi"]), replay(&place, &["hi"]));
    assert_eq!((first.code, second.code), (Some(1), Some(1)));
    assert_eq!(error(&first), error(&second));
}

#[test]
fn an_interrupted_run_is_a_whole_recording() {
    let server = Server::new([Answer::Stall(vec![says("Well, ")])]);
    let place = Place::with(&server);
    let arguments = ["-m", "openai:test", "--record", "run.jsonl", "go"];
    let mut child = place.siumai(&arguments).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    read_words(&mut out, "Well, ");
    interrupt(&child);
    child.stdout = Some(out);
    assert_eq!(rest(child).code, Some(130));
    assert!(recording(&place).ends_with("\"ended\":\"dropped\"}}\n{\"end\":{\"exchanges\":1}}\n"));
    let seen = replay(&place, &["go"]);
    assert_eq!((seen.code, &*seen.out), (Some(1), "Well, \n"));
    assert!(seen.err.contains("error: the recording has no more of this reply"), "{}", seen.err);
}

#[test]
fn a_recording_that_broke_off_plays_with_a_warning() {
    let (place, _) = recorded();
    let text = recording(&place);
    let (before_end, _) = text.rsplit_once("{\"end\"").unwrap();
    place.write("run.jsonl", before_end);
    let seen = replay(&place, &["6*7?"]);
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    let warning = "warning: the recording is not whole: it has no end; ";
    assert!(seen.err.contains(warning), "{}", seen.err);
    place.write("run.jsonl", &text[..text.len() - 100]);
    let seen = replay(&place, &["6*7?"]);
    assert_eq!(seen.code, Some(1));
    assert!(error(&seen).ends_with("the recording is not whole: line 3, the last, is cut off"));
}

#[test]
fn a_file_that_exists_is_replaced_only_if_that_is_said() {
    let (place, _) = recorded();
    let before = recording(&place);
    let seen = place.run(&["-m", "offline", "--record", "run.jsonl", "what is 1+1"]);
    let expected = "the file run.jsonl exists; give --record another name, or add --overwrite to \
                    replace it";
    assert_eq!((seen.code, error(&seen)), (Some(2), expected));
    let arguments = ["--record", "run.jsonl", "--overwrite", "-m"];
    let seen = place.run(&[&arguments[..], &["groq:x", "what is 1+1"]].concat());
    assert_eq!((seen.code, recording(&place)), (Some(2), before), "without a key nothing is lost");
    let seen = place.run(&[&arguments[..], &["offline", "what is 1+1"]].concat());
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    let seen = replay(&place, &["what is 1+1"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "1+1 = 2\n"));
    assert!(seen.err.starts_with("model: offline:"), "{}", seen.err);
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_way_out() {
    let place = Place::new();
    place.write("notes.txt", "Buy milk.\n");
    place.write("newer.jsonl", "{\"format\":\"siumai recording\",\"version\":9}\n");
    place.write("damaged.jsonl", "{\"format\":\"siumai recording\",\"version\":1}\n{\"canary\n");
    for (arguments, expected) in [
        (["--record", "no/such/run.jsonl"], "the recording no/such/run.jsonl can't be written: "),
        (
            ["--record", "."],
            "the recording . can't be written: it is a folder; give --record another name",
        ),
        (["--replay", "none.jsonl"], "the recording none.jsonl can't be opened: "),
        (
            ["--replay", "notes.txt"],
            "the recording notes.txt: line 1 does not say that this is a recording of siumai",
        ),
        (
            ["--replay", "newer.jsonl"],
            "the recording newer.jsonl: line 1: the recording is of version 9, ",
        ),
        (
            ["--replay", "damaged.jsonl"],
            "the recording damaged.jsonl: line 2 of the recording is damaged: it is no JSON at byte ",
        ),
        (["--replay", "."], "the recording .: the recording can't be read: "),
    ] {
        let seen = place.run(&[&arguments[..], &["what is 1+1"]].concat());
        assert_eq!(seen.code, Some(2), "{arguments:?}");
        assert!(error(&seen).starts_with(expected), "{}", seen.err);
        assert!(!seen.err.contains("canary"), "{}", seen.err);
    }
}

#[test]
fn flags_that_exclude_each_other_are_said_so() {
    let place = Place::new();
    for arguments in [
        &["--record", "a", "--replay", "b"][..],
        &["--replay", "a", "-m", "offline"],
        &["--replay", "a", "--base-url", "http://x"],
        &["--overwrite"],
        &["--overwrite", "--replay", "a"],
    ] {
        let seen = place.run(&[arguments, &["hi"]].concat());
        assert_eq!((seen.code, &*seen.out), (Some(2), ""), "{arguments:?}");
        let words = ["cannot be used with", "not provided"];
        assert!(words.iter().any(|it| seen.err.contains(it)), "{}", seen.err);
    }
}

#[test]
fn a_setting_of_the_model_does_not_hinder_a_replay() {
    let (place, _) = recorded();
    let again = Place::new().set("SIUMAI_MODEL", "groq:nothing");
    again.write("run.jsonl", &recording(&place));
    assert_eq!(replay(&again, &["6*7?"]).code, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_takes_no_answer_away_and_is_a_failure() {
    let place = Place::new();
    let seen = place.run(&["-m", "offline", "--record", "/dev/full", "what is 1+1"]);
    assert_eq!((seen.code, &*seen.out), (Some(1), "1+1 = 2\n"));
    assert!(
        seen.err.contains("warning: this exchange was not recorded: No space left"),
        "{}",
        seen.err
    );
    let last = seen.err.lines().last().unwrap();
    assert!(last.starts_with("error: the recording /dev/full is not whole: No space"), "{last}");
    let seen = place.run(&["-q", "-m", "offline", "--record", "/dev/null", "what is 1+1"]);
    assert_eq!((seen.code, &*seen.err), (Some(0), ""));
}

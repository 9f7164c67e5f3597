use serde_json::json;

use super::*;
use crate::model::{Delta, ToolCallDelta};

fn secrets(secrets: &[&str]) -> Secrets {
    let mut all = Secrets::default();
    for secret in secrets {
        all.add(&SecretString::from(*secret));
    }
    all
}

fn scrubbed(secret: &str, text: &str) -> String {
    let mut value = Value::from(text);
    secrets(&[secret]).scrub(&mut value);
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_secret_is_taken_out_wherever_it_stands() {
    assert_eq!(scrubbed("sk-1", "sk-1"), "[secret]");
    assert_eq!(scrubbed("sk-1", "a sk-1sk-1 b sk- 1 sk-1"), "a [secret][secret] b sk- 1 [secret]");
    assert_eq!(scrubbed(" sk-1\n", "é sk-1é"), "é [secret]é");
    assert_eq!(scrubbed("", "nothing"), "nothing");
    assert_eq!(scrubbed(" \n", "nothing at all"), "nothing at all");
    assert_eq!(scrubbed("schlüssel", "der schlüssel"), "der [secret]");
}

#[test]
fn a_secret_is_found_however_often_it_was_escaped() {
    let secret = "a/b\"c\n=ü🔑";
    let mut text = secret.to_owned();
    for _ in 0..4 {
        assert_eq!(scrubbed(secret, &format!("x {text} y")), "x [secret] y", "{text}");
        let quoted = Value::from(text).to_string();
        text = quoted[1..quoted.len() - 1].to_owned();
    }
    for text in [r#"a\/b\"c\n\u003d\u00fc\ud83d\udd11"#, r#"\u0061/b\\\"c\\n=\\u00FC🔑"#] {
        assert_eq!(scrubbed(secret, text), "[secret]");
    }
    for text in [r"a\", r"a\u", r"a\u00", r"a\u00é", "a/b\\\"c\\n=ü\\ud83d"] {
        assert_eq!(scrubbed(secret, text), text);
    }
}

#[test]
fn the_longest_secret_is_taken_out_whole() {
    let mut value = json!("key-12, key-1");
    secrets(&["key-1", "key-12"]).scrub(&mut value);
    assert_eq!(value, json!("[secret], [secret]"));
}

#[test]
fn names_and_values_of_fields_are_scrubbed_and_the_words_of_the_format_stay() {
    let mut value = json!({
        "role": "none", "type": "text", "text": "none of it",
        "extra": { "sk-1": ["sk-1", 1, null], "type": "sk-1", "kind": { "none": "none" } },
    });
    secrets(&["none", "sk-1", "text"]).scrub(&mut value);
    let expected = json!({
        "role": "none", "type": "text", "text": "[secret] of it",
        "extra": { "[secret]": ["[secret]", 1, null], "type": "[secret]", "kind": { "none": "[secret]" } },
    });
    assert_eq!(value, expected);
}

#[test]
fn a_secret_in_pieces_is_taken_out_of_all_of_them() {
    let call =
        |index, text| ModelEvent::Delta(Delta::tool_call(ToolCallDelta::arguments(index, text)));
    let thought = |text| ModelEvent::Delta(Delta::reasoning(text));
    let mut events = [
        ModelEvent::content("It is s"),
        thought("Say s"),
        call(0, r#"{"key": "sk"#),
        ModelEvent::content("k-"),
        call(1, "sk"),
        thought("k-1?"),
        call(0, r#"-1"}"#),
        ModelEvent::content("1. And sk-1sk-"),
        ModelEvent::content("1"),
    ];
    secrets(&["sk-1"]).scrub_events(&mut events);
    let expected = [
        ModelEvent::content("It is [secret]"),
        thought("Say [secret]"),
        call(0, r#"{"key": "[secret]"#),
        ModelEvent::content(""),
        call(1, "sk"),
        thought("?"),
        call(0, r#""}"#),
        ModelEvent::content(". And [secret][secret]"),
        ModelEvent::content(""),
    ];
    assert_eq!(events, expected);
}

#[test]
fn debug_shows_how_many_there_are() {
    assert_eq!(format!("{:?}", secrets(&["canary", "b"])), "2 secrets");
}

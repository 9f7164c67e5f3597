use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn each_beginning_says_what_is_certain() {
    let cases = [
        ("", None),
        ("  ", None),
        ("Let me see", None),
        ("\"text", None),
        ("{", Some(json!({}))),
        ("{\"na", Some(json!({}))),
        ("{\"name\"", Some(json!({}))),
        ("{\"name\":", Some(json!({}))),
        ("{\"name\":\"", Some(json!({ "name": "" }))),
        ("{\"name\": \"he\\", Some(json!({ "name": "he" }))),
        ("{\"name\":\"he\\u00", Some(json!({ "name": "he" }))),
        ("{\"name\":\"he\\ud83d", Some(json!({ "name": "he" }))),
        ("{\"name\":\"he\\ud83d\\ude", Some(json!({ "name": "he" }))),
        ("{\"name\":\"he\\ud83d\\ude00", Some(json!({ "name": "he\u{1f600}" }))),
        ("{\"name\":\"he\\\\ud83d", Some(json!({ "name": "he\\ud83d" }))),
        ("{\"a\":1", Some(json!({}))),
        ("{\"a\":1,", Some(json!({ "a": 1 }))),
        ("{\"a\":1 ", Some(json!({ "a": 1 }))),
        ("{\"a\":tru", Some(json!({}))),
        ("{\"a\":true}", Some(json!({ "a": true }))),
        ("[1, 2", Some(json!([1]))),
        ("[{\"a\":[\"x\",\"y", Some(json!([{ "a": ["x", "y"] }]))),
        ("{\"a\":{\"b\":null},\"c", Some(json!({ "a": { "b": null } }))),
        ("{\"a\" \"b\"", Some(json!({}))),
        ("{\"a\":1}}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(complete(text), expected, "{text}");
    }
}

/// Whether `part` may grow into `whole`.
fn grows_into(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(a, b)| grows_into(a, b))
        }
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, a)| whole.get(key).is_some_and(|b| grows_into(a, b)))
        }
        _ => part == whole,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,6}|[\\\\\"\u{1f600}\u{e9}]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\"\\\\]{0,3}", inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_beginning_of_json_grows_into_all_of_it(value in value(), is_pretty in any::<bool>()) {
        let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
        let cuts = (0..text.len()).filter(|it| text.is_char_boundary(*it));
        for cut in cuts {
            if let Some(part) = complete(&text[..cut]) {
                prop_assert!(grows_into(&part, &value), "{}: {part}", &text[..cut]);
            }
        }
        if value.is_object() || value.is_array() {
            prop_assert_eq!(complete(&text), Some(value));
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "[\\[\\]{}:,\"\\\\u0d8a1 tn\u{e9}]{0,24}") {
        complete(&text);
    }
}

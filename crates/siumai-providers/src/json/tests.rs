use super::*;

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> T {
    serde_json::from_str(json).unwrap()
}

#[test]
fn text_without_escapes_is_borrowed() {
    assert!(matches!(
        read::<Option<Text<'_>>>(r#""plain ☃""#),
        Some(Text(Cow::Borrowed("plain ☃")))
    ));
    assert_eq!(read::<Text<'_>>(r#""a\nb☃""#).as_str(), "a\nb☃");
}

#[test]
fn a_number_may_stand_for_text() {
    let texts = ["7", "-7", "7.5"].map(|json| String::from(read::<Text<'_>>(json)));
    assert_eq!(texts, ["7", "-7", "7.5"]);
}

#[test]
fn json_may_come_as_text_or_as_itself() {
    let text = |json| String::from(read::<JsonText<'_>>(json));
    assert_eq!(text(r#""{\"a\": 1}""#), r#"{"a": 1}"#);
    assert_eq!(text(r#"{"b": [1, "x"], "a": null}"#), r#"{"b":[1,"x"],"a":null}"#);
    assert_eq!(text(r#"[1, {"a": 2}]"#), r#"[1,{"a":2}]"#);
    assert_eq!(text("null"), "");
}

#[test]
fn a_count_that_is_no_whole_number_is_unknown() {
    let counts =
        ["7", "7.0", "null", "-1", "1.5", "\"7\"", "1e300"].map(|json| read::<Count>(json).0);
    assert_eq!(counts, [Some(7), Some(7), None, None, None, None, None]);
}

#[test]
fn few_keeps_all_of_them_in_order() {
    let items = |json| read::<Few<u8>>(json).into_iter().collect::<Vec<_>>();
    assert_eq!(items("null"), Vec::<u8>::new());
    assert_eq!(items("[]"), Vec::<u8>::new());
    assert_eq!(items("[1]"), [1]);
    assert_eq!(items("[1, 2, 3]"), [1, 2, 3]);
}

#[test]
fn anything_but_text_is_no_text() {
    let text = |json| read::<MaybeText<'_>>(json).filled();
    assert_eq!(text(r#""a\nb""#).as_deref(), Some("a\nb"));
    let others = [r#""""#, "null", "true", "7", "-7", "7.5", r#"["a", 1]"#, r#"{"a": {"b": []}}"#];
    assert_eq!(others.map(text), [const { None }; 8]);
    assert!(matches!(read::<MaybeText<'_>>(r#""a""#), MaybeText(Some(Text(Cow::Borrowed("a"))))));
}

#[test]
fn only_plain_words_are_logged() {
    assert_eq!(plain_word("response.output_item.done"), "response.output_item.done");
    assert_eq!(plain_word("sk-canary-4f1d2b"), "no plain word");
    assert_eq!(plain_word(&"a".repeat(65)), "no plain word");
}

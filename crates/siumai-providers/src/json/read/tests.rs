use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

/// An object with a field of each sort.
#[derive(Debug, Default, PartialEq)]
struct Sample<'a> {
    text: Option<Text<'a>>,
    word: MaybeText<'a>,
    json: JsonText<'a>,
    count: Count,
    raw: Option<String>,
    value: Option<Box<Value>>,
    inner: Option<Inner>,
    list: Vec<u64>,
}

#[derive(Debug, Default, PartialEq)]
struct Inner(Count);

impl<'a> Fields<'a> for Sample<'a> {
    fn read(&mut self, name: &str, json: &mut Json<'a>) -> serde_json::Result<()> {
        match name {
            "text" => self.text.read(json),
            "word" => self.word.read(json),
            "json" => self.json.read(json),
            "count" => self.count.read(json),
            "value" => self.value.read(json),
            "inner" => self.inner.read(json),
            "raw" => {
                let mut raw = None::<&RawValue>;
                raw.read(json)?;
                self.raw = raw.map(|it| it.get().to_owned());
                Ok(())
            }
            "list" => {
                let mut few = Few::<Inner>::default();
                few.read(json)?;
                self.list = few.into_iter().filter_map(|it| it.0.0).collect();
                Ok(())
            }
            _ => json.skip(),
        }
    }
}

impl<'a> Fields<'a> for Inner {
    fn read(&mut self, name: &str, json: &mut Json<'a>) -> serde_json::Result<()> {
        if name == "count" { self.0.read(json) } else { json.skip() }
    }
}

fn read(json: &str) -> Result<Sample<'_>, String> {
    let mut sample = Sample::default();
    read_into(&mut sample, json).map_err(|error| error.to_string())?;
    Ok(sample)
}

#[test]
fn each_field_is_read_and_others_are_passed_over() {
    let json = r#" { "text" : "a", "other": [{"x": "\u0041"}, 1.5], "word":"b☃","json":{"c": 1},
        "c\u006funt": 4e1, "raw": [1, 2 ], "value": {"d": null}, "inner": {"x": -1, "count": 7},
        "list": [{"count": 1}, {}, { "count":2 }] } "#;
    let expected = Sample {
        text: Some("a".into()),
        word: "b☃".into(),
        json: JsonText(Text(Cow::Owned(r#"{"c":1}"#.to_owned()))),
        count: Count(Some(40)),
        raw: Some("[1, 2 ]".to_owned()),
        value: Some(Box::new(serde_json::json!({ "d": null }))),
        inner: Some(Inner(Count(Some(7)))),
        list: vec![1, 2],
    };
    assert_eq!(read(json), Ok(expected));
    assert_eq!(read("{}"), Ok(Sample::default()));
}

#[test]
fn null_stands_for_absent() {
    let names = ["text", "word", "json", "count", "raw", "value", "inner", "list", "other"];
    let fields = names.map(|name| format!("\"{name}\": null"));
    assert_eq!(read(&format!("{{{}}}", fields.join(","))), Ok(Sample::default()));
}

#[test]
fn of_fields_of_one_name_the_last_counts() {
    let json = r#"{"text": "a", "text": "b", "list": [{"count": 1}], "list": [{"count": 2}],
        "inner": {"count": 1}, "inner": {}, "count": 1, "count": null}"#;
    let expected = Sample {
        text: Some("b".into()),
        inner: Some(Inner::default()),
        list: vec![2],
        ..Sample::default()
    };
    assert_eq!(read(json), Ok(expected));
}

#[test]
fn text_is_borrowed_unless_it_has_escapes() {
    let text = |json| {
        let mut sample = Sample::default();
        read_into(&mut sample, json).unwrap();
        sample.text.unwrap().0
    };
    assert!(matches!(text(r#"{"text":"plain ☃ and so on"}"#), Cow::Borrowed("plain ☃ and so on")));
    assert_eq!(text(r#"{"text":"not \"plain\" \ud83d\ude00"}"#), "not \"plain\" 😀");
    assert_eq!(text(r#"{"text":17}"#), "17");
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    let error = |json: &str| read(json).unwrap_err();
    assert_eq!(error(r#"{"text": nul}"#), "expected ident at line 1 column 13");
    assert_eq!(error("{\"count\": 1"), "EOF while parsing an object at line 1 column 11");
    assert_eq!(error(r#"{"count": 1} x"#), "trailing characters at line 1 column 14");
    assert_eq!(error(r#"{"count": 01}"#), "invalid number at line 1 column 12");
    assert_eq!(error("[]"), "expected an object");
    assert_eq!(error(r#"{"inner": 1}"#), "expected an object");
    assert_eq!(error(r#"{"list": {}}"#), "expected a list");
}

proptest! {
    #[test]
    fn plain_text_ends_where_it_must(text in "[ -~\u{0}-\u{1f}\u{7f}é☃😀]{0,40}") {
        let is_special = |it: u8| it < b' ' || it == b'"' || it == b'\\';
        let expected = text.bytes().position(is_special).unwrap_or(text.len());
        prop_assert_eq!(plain_length(text.as_bytes()), expected);
    }

    #[test]
    fn escapes_mean_what_serde_holds_them_for(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "a", "plain words ", "é", "😀", "\\n", "\\t", "\\r", "\\b", "\\f", "\\/", "\\\"",
                "\\\\", "\\u00e9", "\\ud83d", "\\ude00", "\\x", "\\", "\"", "\n",
            ]),
            0..8,
        ),
    ) {
        let json = format!("\"{}\"", pieces.concat());
        let expected = serde_json::from_str::<String>(&json).map_err(drop);
        let object = format!("{{\"text\":{json}}}");
        let ours = read(&object).map(|it| it.text.map(String::from)).map_err(drop);
        prop_assert_eq!(ours, expected.map(Some));
    }

    /// What is in no field that is known is read as serde reads it, wherever it is cut or spoiled.
    #[test]
    fn json_is_what_serde_holds_for_json(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", " ", "\n", "\"", "\"a\"", "\"\\n\"", "\"\\x\"", "null",
                "nul", "true", "0", "01", "12", "-1", "1.5", "1e2", "123456789012345678901", "\t",
            ]),
            0..12,
        ),
        is_field in any::<bool>(),
    ) {
        let json = pieces.concat();
        let json = if is_field { format!("{{\"a\":{json}}}") } else { json };
        let ours = read(&json);
        let is_object = json.trim_start().starts_with('{');
        let error = serde_json::from_str::<IgnoredAny>(&json).err().map(|it| it.to_string());
        let expected = error.or_else(|| (!is_object).then(|| "expected an object".to_owned()));
        prop_assert_eq!(ours.err(), expected);
    }
}

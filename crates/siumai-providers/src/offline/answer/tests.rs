use serde_json::{Value, json};

use super::values;

fn shown(name: &str, arguments: &Value, output: &Value) -> String {
    values::shown(&values::title(name, arguments), arguments, output).unwrap_or_default()
}

#[test]
fn a_calculation_is_an_equation() {
    let arguments = json!({ "expression": "6 * 7" });
    assert_eq!(shown("calculator", &arguments, &json!(42)), "6 * 7 = 42");
    assert_eq!(
        shown("calculator", &arguments, &json!({ "expression": "6 * 7", "result": "42" })),
        "6 * 7 = 42"
    );
}

#[test]
fn a_small_object_is_a_line_and_a_large_one_a_list() {
    let arguments = json!({ "city": "Oslo" });
    let small = json!({ "city": "Oslo", "windSpeed": 3, "is_dry": true });
    assert_eq!(shown("get_weather", &arguments, &small), "**Oslo**: wind speed: 3, is dry: yes");
    let large = json!({ "days": ["mon", "tue"], "sun": { "rise": "6:10", "set": "20:00" } });
    let expected = "**Oslo**:\n\n- days: mon, tue\n- sun:\n  - rise: 6:10\n  - set: 20:00";
    assert_eq!(shown("get_weather", &arguments, &large), expected);
}

#[test]
fn a_list_names_its_items() {
    let found = json!([{ "name": "Adler", "price": 120 }, { "name": "Rossa" }, "other"]);
    let expected = "**find hotels**:\n\n- **Adler**: price: 120\n- name: Rossa\n- other";
    assert_eq!(shown("find_hotels", &json!({}), &found), expected);
    assert_eq!(shown("find_hotels", &json!({}), &json!([])), "**find hotels**: nothing found");
}

#[test]
fn a_file_stands_as_it_is_in_a_fence_that_holds_it() {
    let expected = "**a.md**:\n\n````\n# A\n```\nx\n```\n````";
    assert_eq!(
        shown("read_file", &json!({ "path": "a.md" }), &json!("# A\n```\nx\n```\n")),
        expected
    );
}

#[test]
fn what_is_long_in_an_object_stands_by_itself() {
    let file = json!({ "path": "a", "text": "one\ntwo\n", "lines": "1-2" });
    let expected = "**a** (lines: 1-2):\n\n```\none\ntwo\n```";
    assert_eq!(shown("read_file", &json!({ "path": "a" }), &file), expected);
    let matches = json!({ "matches": [{ "path": "a", "line": 7 }], "files": 3 });
    let expected = "**x** (files: 3):\n\n- **a**: line: 7";
    assert_eq!(shown("search_files", &json!({ "text": "x" }), &matches), expected);
    let listed = json!({ "path": "", "entries": ["a", "b"] });
    assert_eq!(shown("list_files", &json!({}), &listed), "**list files**:\n\n- a\n- b");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let text = "ä\n".repeat(5000);
    let said = shown("read_file", &json!({ "path": "a" }), &json!(text));
    assert!(said.ends_with("more bytes)"), "{}", &said[said.len() - 40..]);
}

#[test]
fn nothing_is_told_as_nothing() {
    assert_eq!(shown("ping", &json!({}), &json!(null)), "**ping**: done, without a result");
    assert_eq!(shown("ping", &json!({}), &json!(" ")), "**ping**: it is empty");
}

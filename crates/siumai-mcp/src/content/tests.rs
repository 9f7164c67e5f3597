use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::value;

fn answered(result: Value) -> Result<Value, String> {
    value(serde_json::from_value::<CallToolResult>(result).unwrap())
}

#[test]
fn text_is_the_value() {
    let parts = json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]);
    assert_eq!(answered(json!({ "content": parts })), Ok(json!("one\n\ntwo")));
    assert_eq!(answered(json!({ "content": [] })), Ok(json!("")));
}

#[test]
fn structured_content_comes_before_the_same_as_text() {
    let parts = json!([{ "type": "text", "text": "{\"sum\":3}" }]);
    let result = json!({ "content": parts, "structuredContent": { "sum": 3 } });
    assert_eq!(answered(result), Ok(json!({ "sum": 3 })));
}

#[test]
fn what_can_not_be_shown_is_described() {
    let image = json!({ "type": "image", "data": "aGVsbG8=", "mimeType": "image/png" });
    let result = json!({ "content": [{ "type": "text", "text": "here" }, image] });
    let told = "here\n\n(an image, image/png, 5 bytes, which can't be shown here)";
    assert_eq!(answered(result), Ok(json!(told)));

    let result = json!({ "content": [image], "structuredContent": [1] });
    let told = "[1]\n\n(an image, image/png, 5 bytes, which can't be shown here)";
    assert_eq!(answered(result), Ok(json!(told)));
}

#[test]
fn resources_are_told_with_their_addresses() {
    let text = json!({ "uri": "file:///a", "text": "sea" });
    let file = json!({ "uri": "file:///b", "blob": "aGVsbG8=" });
    let link =
        json!({ "type": "resource_link", "uri": "file:///c", "name": "c", "description": "third" });
    let result = json!({ "content": [
        { "type": "resource", "resource": text }, { "type": "resource", "resource": file }, link
    ] });
    let told = "file:///a:\nsea\n\n(a file, file:///b, of unknown type, 5 bytes, which can't be shown \
                here)\n\n(c at file:///c: third)";
    assert_eq!(answered(result), Ok(json!(told)));
}

#[test]
fn an_error_is_what_the_server_says() {
    let parts = json!([{ "type": "text", "text": "no such file" }]);
    let result = json!({ "content": parts, "isError": true });
    assert_eq!(answered(result), Err("no such file".to_owned()));
    let silent = answered(json!({ "content": [], "isError": true })).unwrap_err();
    assert!(silent.contains("does not say why"), "{silent}");
}

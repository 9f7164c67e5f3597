use serde_json::json;

use super::*;

#[test]
fn a_piece_that_is_not_known_renames_no_call() {
    let call = json!({ "type": "tool_use", "id": "t1", "name": "add", "input": {} });
    let (mut block, _) = Block::open(0, Some(0), &to_raw_value(&call).unwrap()).unwrap();
    let piece = json!({ "delta": { "type": "other_delta", "id": "x", "name": "y", "more": true } });
    let told = block.add(wire::Delta::default(), piece.to_string().as_bytes());
    assert_eq!(told.unwrap(), None);
    let kept = r#"{"id":"t1","input":{},"more":true,"name":"add","type":"tool_use"}"#;
    assert_eq!(block.to_json().unwrap().get(), kept);
    assert_eq!(block.call_id(), Some("t1"));
}

use serde_json::json;

use super::*;

fn taken(arguments: &Value) -> Option<Value> {
    let schema = json!({
        "type": "object",
        "properties": {
            "limit": { "type": "integer" },
            "note": { "type": ["string", "null"] },
            "kind": { "enum": ["a", "b"] },
            "any": {},
            "must": { "type": "string" },
            "either": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
            "at": { "$ref": "#/$defs/place" },
            "list": { "type": "array", "items": { "$ref": "#/$defs/place" } },
        },
        "required": ["must"],
        "$defs": { "place": { "type": "object", "properties": { "x": { "type": "number" } } } },
    });
    without_nulls(&schema, arguments)
}

#[test]
fn a_null_goes_where_nothing_may_stand_and_null_may_not() {
    let arguments = json!({
        "limit": null, "kind": null, "note": "n",
        "at": { "x": null }, "list": [{ "x": null }, { "x": 1 }],
    });
    let expected = json!({ "note": "n", "at": {}, "list": [{}, { "x": 1 }] });
    assert_eq!(taken(&arguments), Some(expected));
}

#[test]
fn a_null_stays_that_is_a_value_or_that_nobody_may_leave_out() {
    let kept = json!({ "note": null, "any": null, "must": null, "either": null, "more": null });
    assert_eq!(taken(&kept), None);
    assert_eq!(taken(&json!({ "at": null })), Some(json!({})));
    assert_eq!(taken(&json!({})), None);
}

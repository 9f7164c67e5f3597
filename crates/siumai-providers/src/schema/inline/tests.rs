use serde_json::json;

use super::*;

#[test]
fn a_reference_is_replaced_by_what_it_refers_to_and_keeps_what_stands_beside_it() {
    let schema = json!({
        "type": "object",
        "properties": {
            "at": { "$ref": "#/$defs/Point", "description": "Where." },
            "$ref": { "type": "string" },
        },
        "$defs": {
            "Point": { "type": "object", "description": "A point.", "properties": { "x": { "$ref": "#/definitions/X" } } },
        },
        "definitions": { "X": { "type": "number" } },
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "at": { "type": "object", "description": "Where.", "properties": { "x": { "type": "number" } } },
            "$ref": { "type": "string" },
        },
    });
    assert_eq!(inlined(&schema), expected);
    assert!(!has_references(&expected));
}

#[test]
fn a_reference_that_comes_back_stays() {
    let tree = json!({
        "type": "object",
        "properties": { "branches": { "type": "array", "items": { "$ref": "#" } } },
    });
    let branches = json!({
        "type": "object",
        "properties": { "branches": { "type": "array", "items": { "$ref": "#/$defs/arguments" } } },
    });
    let mut expected = branches.clone();
    expected["$defs"] = json!({ "arguments": branches });
    assert_eq!(inlined(&tree), expected);
    assert!(has_references(&expected));

    let list = json!({ "$defs": { "L": { "anyOf": [{ "$ref": "#/$defs/L" }, { "type": "null" }] } }, "$ref": "#/$defs/L" });
    let round = json!({ "anyOf": [{ "$ref": "#/$defs/L" }, { "type": "null" }] });
    assert_eq!(inlined(&list), json!({ "anyOf": round["anyOf"], "$defs": { "L": round } }));
}

#[test]
fn a_schema_that_would_grow_without_bounds_keeps_its_references() {
    let twice = |n: u32| {
        let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
        json!({ "type": "object", "properties": { "a": next, "b": next } })
    };
    let definitions: Map<_, _> = (0..30).map(|n| (n.to_string(), twice(n))).collect();
    let schema = json!({ "$ref": "#/$defs/0", "$defs": definitions });
    assert_eq!(inlined(&schema), schema);
}

#[test]
fn a_reference_to_nothing_stays_as_it_is() {
    let schema = json!({ "items": { "$ref": "#/$defs/gone" } });
    assert_eq!(inlined(&schema), schema);
}

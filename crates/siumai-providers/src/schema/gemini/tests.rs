use serde_json::{Value, json};

use super::Schema;

fn written(schema: &Value) -> Value {
    serde_json::to_value(Schema(schema)).unwrap()
}

#[test]
fn words_that_gemini_lacks_become_those_that_it_has() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "kind": { "const": "circle" },
            "both": { "const": "a", "enum": ["a", "b"] },
            "at": { "$ref": "#/definitions/Point", "title": "At", "description": "Where." },
            "next": { "$ref": "#/$defs/Point" },
            "list": { "type": "array", "items": { "anyOf": [{ "const": 1 }, true] } },
        },
        "definitions": { "Point": { "type": "object", "additionalProperties": { "const": null } } },
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "kind": { "enum": ["circle"] },
            "both": { "enum": ["a", "b"] },
            "at": { "$ref": "#/$defs/Point" },
            "next": { "$ref": "#/$defs/Point" },
            "list": { "type": "array", "items": { "anyOf": [{ "enum": [1] }, true] } },
        },
        "$defs": { "Point": { "type": "object", "additionalProperties": { "const": null } } },
    });
    assert_eq!(written(&schema), expected);
}

#[test]
fn a_parameter_may_be_called_like_a_word_of_the_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "const": { "type": "string" },
            "$ref": { "type": "string" },
            "$schema": { "type": "string", "default": { "const": 1 }, "enum": [{ "const": 1 }] },
        },
        "required": ["const"],
    });
    assert_eq!(written(&schema), schema);
}

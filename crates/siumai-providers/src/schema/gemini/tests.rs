use super::*;

fn written(schema: &Value) -> Value {
    serde_json::to_value(Schema(Cow::Borrowed(schema))).unwrap()
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

#[test]
fn a_word_that_gemini_does_not_heed_is_told_and_the_run_is_warned() {
    let tool = Tool::function_with_schema(
        "look",
        "Looks",
        json!({
            "type": "object",
            "properties": { "what": { "type": "string", "pattern": "^[a-z]+$", "description": "A word." } },
            "required": ["what"],
        }),
    );
    let offer = offer(&tool);
    let what = json!({
        "type": "string",
        "pattern": "^[a-z]+$",
        "description": "A word.\n\nIt must fit {\"pattern\":\"^[a-z]+$\"}.",
    });
    assert_eq!(offer.parameters["properties"]["what"], what);
    let lost = "Gemini has no word for `pattern` in the parameters of tool `look`; the model is told in \
                the description";
    assert_eq!(offer.lost, [lost]);
}

#[test]
fn a_reference_that_comes_back_stands_where_nothing_is_required() {
    let tool = Tool::function_with_schema(
        "plant",
        "Plants",
        json!({
            "type": "object",
            "properties": { "name": { "type": "string" }, "left": { "$ref": "#" } },
            "required": ["name", "left"],
        }),
    );
    let offer = offer(&tool);
    assert_eq!(offer.parameters["required"], json!(["name"]));
    assert_eq!(offer.parameters["$defs"]["arguments"]["required"], json!(["name"]));
    assert_eq!(offer.parameters["properties"]["left"], json!({ "$ref": "#/$defs/arguments" }));
    assert_eq!(offer.lost.len(), 1);
}

use serde_json::json;

use super::*;

#[test]
fn a_schema_in_words_that_there_are_stays_as_it_is() {
    let schema = json!({
        "type": "object",
        "properties": {
            "city": { "type": "string", "description": "Its name" },
            "when": { "type": ["string", "null"], "format": "date-time" },
            "tags": { "type": "array", "items": { "$ref": "#/$defs/Tag" }, "minItems": 1 },
        },
        "required": ["city"],
        "additionalProperties": false,
        "$defs": { "Tag": { "enum": ["a", "b"] } },
    });
    assert_eq!(fitted(&schema), (schema, BTreeSet::new()));
}

#[test]
fn objects_are_closed_and_what_there_is_no_word_for_is_told() {
    let (schema, lost) = fitted(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "age": { "type": "integer", "minimum": 0, "description": "In years" },
            "name": { "type": "string", "maxLength": 9 },
            "pet": { "oneOf": [{ "type": "object", "additionalProperties": true }, { "type": "null" }] },
            "self": { "$ref": "#", "description": "Again" },
        },
    }));
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "age": { "type": "integer", "description": "In years\n\nIt must fit {\"minimum\":0}." },
                "name": { "type": "string", "description": "It must fit {\"maxLength\":9}." },
                "pet": { "anyOf": [
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "description": "It must fit {\"additionalProperties\":true}.",
                    },
                    { "type": "null" },
                ] },
                "self": { "$ref": "#" },
            },
            "additionalProperties": false,
        })
    );
    let words = ["additionalProperties", "maxLength", "minimum"].map(str::to_owned);
    assert_eq!(lost, BTreeSet::from(words));
}

#[test]
fn a_strict_tool_is_closed_and_one_that_cannot_be_is_offered_without() {
    let tool = |schema| Tool::function_with_schema("look", "Looks", schema);
    let closed = tool(
        json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/A" } }, "$defs": { "A": { "type": "string" } } }),
    );
    let offered = offer(&closed, "anthropic", true);
    let expected = json!({
        "type": "object",
        "properties": { "a": { "type": "string" } },
        "additionalProperties": false,
    });
    assert_eq!((&*offered.parameters, offered.is_strict, offered.lost.len()), (&expected, true, 0));

    let map = json!({ "type": "object", "additionalProperties": { "type": "number" } });
    let open = tool(json!({ "type": "object", "properties": { "a": map } }));
    let tree = tool(json!({ "type": "object", "properties": { "a": { "$ref": "#" } } }));
    for (tool, why) in
        [(open, "properties that are not named"), (tree, "types that hold themselves")]
    {
        let offered = offer(&tool, "anthropic", true);
        let lost = format!(
            "anthropic's strict mode has no words for {why} in the parameters of tool `look`; it is offered \
             without"
        );
        assert_eq!((&*offered.parameters, offered.is_strict), (tool.parameters(), false));
        assert_eq!(offered.lost, [lost]);
    }
}

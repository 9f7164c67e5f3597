use super::*;

fn tool(schema: Value) -> Tool {
    Tool::function_with_schema("look", "Looks", schema)
}

#[test]
fn strict_parameters_are_closed_and_required_and_those_that_may_be_left_out_are_null() {
    let tool = tool(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": "Look",
        "properties": {
            "what": { "type": "string", "minLength": 1, "format": "email" },
            "limit": { "type": "integer", "minimum": 0, "default": 10, "description": "How many." },
            "kind": { "type": "string", "enum": ["a", "b"] },
            "note": { "type": ["string", "null"] },
            "at": { "$ref": "#/definitions/Point", "description": "Where." },
            "shape": { "oneOf": [{ "const": "round" }, { "type": "number" }] },
        },
        "required": ["what"],
        "definitions": { "Point": { "type": "object", "properties": { "x": { "type": "number" } } } },
    }));
    let expected = json!({
        "type": "object",
        "properties": {
            "what": { "type": "string", "format": "email", "description": "It must fit {\"minLength\":1}." },
            "limit": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "How many.\n\nBy default it is 10.",
            },
            "kind": { "type": ["string", "null"], "enum": ["a", "b", null] },
            "note": { "type": ["string", "null"] },
            "at": {
                "type": ["object", "null"],
                "description": "Where.",
                "properties": { "x": { "type": ["number", "null"] } },
                "required": ["x"],
                "additionalProperties": false,
            },
            "shape": { "anyOf": [{ "enum": ["round"] }, { "type": "number" }, { "type": "null" }] },
        },
        "required": ["what", "limit", "kind", "note", "at", "shape"],
        "additionalProperties": false,
    });
    let lost = "OpenAI has no word for `minLength` in the parameters of tool `look`; the model is told in \
                the description";
    let offer = offer(&tool, "OpenAI", true);
    assert_eq!((&*offer.parameters, offer.is_strict), (&expected, true));
    assert_eq!(offer.lost, [lost]);
}

#[test]
fn a_type_that_holds_itself_is_strict_too() {
    let tree = json!({
        "type": "object",
        "properties": { "left": { "$ref": "#" } },
        "additionalProperties": false,
    });
    let strict = json!({
        "type": "object",
        "properties": { "left": { "anyOf": [{ "$ref": "#/$defs/arguments" }, { "type": "null" }] } },
        "required": ["left"],
        "additionalProperties": false,
    });
    let mut expected = strict.clone();
    expected["$defs"] = json!({ "arguments": strict });
    let tool = tool(tree);
    let offer = offer(&tool, "OpenAI", true);
    assert_eq!((&*offer.parameters, offer.is_strict), (&expected, true));
}

#[test]
fn what_strict_mode_cannot_say_is_offered_without_and_told() {
    let property = |schema: Value| json!({ "type": "object", "properties": { "a": schema } });
    let deep = (0..12).fold(json!({ "type": "object", "properties": {} }), |it, _| property(it));
    let wide = property(json!({ "enum": (0..1_001).collect::<Vec<_>>() }));
    let cases = [
        (property(json!({})), "a value of any type"),
        (
            property(json!({ "type": "object", "additionalProperties": { "type": "number" } })),
            "properties that are not named",
        ),
        (property(json!({ "type": "array" })), "lists of anything"),
        (property(json!({ "allOf": [{ "type": "string" }] })), "`allOf` or `prefixItems`"),
        (deep, "objects that lie so deep in each other"),
        (wide, "so many values of an `enum`"),
    ];
    for (schema, why) in cases {
        let tool = tool(schema);
        let offer = offer(&tool, "OpenAI", true);
        let lost = format!(
            "OpenAI's strict mode has no words for {why} in the parameters of tool `look`; it is offered without"
        );
        assert_eq!((offer.lost, offer.is_strict), (vec![lost], false), "{}", tool.parameters());
        assert_eq!(&*offer.parameters, tool.parameters());
    }
}

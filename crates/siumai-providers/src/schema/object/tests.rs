use super::*;

#[test]
fn an_object_with_properties_stays_as_it_is() {
    let schema = json!({ "type": "object", "properties": { "a": { "anyOf": [true] } } });
    assert!(matches!(as_object(&schema), (Cow::Borrowed(_), odd) if odd.is_empty()));
}

#[test]
fn whatever_there_is_becomes_an_object() {
    let empty = json!({ "type": "object", "properties": {} });
    for schema in [json!(true), json!({}), json!({ "type": ["object", "null"] })] {
        assert_eq!(as_object(&schema).0, Cow::<Value>::Owned(empty.clone()), "{schema}");
    }
    let referring = json!({
        "$ref": "#/$defs/a",
        "$defs": { "a": { "type": "object", "properties": { "x": {} } } },
    });
    let expected = json!({
        "$defs": { "a": { "type": "object", "properties": { "x": {} } } },
        "type": "object",
        "properties": { "x": {} },
    });
    assert_eq!(as_object(&referring).0.into_owned(), expected);
}

#[test]
fn alternatives_at_the_top_are_merged_and_told() {
    let alternatives = json!([
        { "properties": { "kind": { "const": "a" }, "x": { "type": "number" } }, "required": ["kind", "x"] },
        { "properties": { "kind": { "const": "b" } }, "required": ["kind"] },
    ]);
    let schema = json!({
        "type": "object",
        "description": "Moves.",
        "properties": { "far": { "type": "boolean" } },
        "required": ["far"],
        "oneOf": alternatives,
    });
    let (object, odd) = as_object(&schema);
    let expected = json!({
        "type": "object",
        "description": format!("Moves.\n\nIt must fit {}.", json!({ "oneOf": alternatives })),
        "properties": {
            "far": { "type": "boolean" },
            "kind": { "anyOf": [{ "const": "a" }, { "const": "b" }] },
            "x": { "type": "number" },
        },
        "required": ["far", "kind"],
    });
    assert_eq!((object.into_owned(), odd), (expected, vec!["oneOf"]));
}

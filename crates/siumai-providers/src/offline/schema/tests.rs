use serde_json::{Value, json};
use siumai_core::types::Tool;

use super::{Meaning, Role, Shape, fits, slots};

fn tool(properties: &Value) -> Tool {
    Tool::function_with_schema(
        "tool",
        "",
        json!({ "type": "object", "properties": properties, "required": ["it"] }),
    )
}

fn meaning(name: &str, description: &str) -> Meaning {
    let tool = tool(&json!({ name: { "type": "string", "description": description } }));
    slots(&tool)[0].meaning
}

#[test]
fn a_slot_means_what_its_name_says_or_else_its_description() {
    for (name, description, expected) in [
        ("time_zone", "", Meaning::Zone),
        ("city_name", "", Meaning::Place),
        ("file_name", "", Meaning::Path),
        ("orderId", "", Meaning::Identifier),
        ("currency_code", "", Meaning::Currency),
        ("target_language", "", Meaning::Language),
        ("code", "The code to run", Meaning::Code),
        ("code", "Coupon", Meaning::Identifier),
        ("from", "Currency code, such as USD", Meaning::Currency),
        ("to", "Email address of the recipient", Meaning::Email),
        ("body", "Text of the email", Meaning::Prose),
        ("q", "", Meaning::Query),
        ("input", "The arithmetic expression", Meaning::Expression),
        ("room", "Which room", Meaning::Other),
    ] {
        assert_eq!(meaning(name, description), expected, "{name}: {description}");
    }
}

#[test]
fn a_format_says_more_than_a_name() {
    let tool = tool(&json!({ "to": { "type": "string", "format": "uri" } }));
    assert_eq!((slots(&tool)[0].meaning, slots(&tool)[0].role), (Meaning::Url, Role::Target));
}

#[test]
fn references_and_optional_wrappers_are_seen_through() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": { "$ref": "#/$defs/unit" },
            "b": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
            "c": { "oneOf": [{ "const": "x" }, { "const": "y" }] },
            "d": { "type": ["boolean", "null"] },
        },
        "$defs": { "unit": { "type": "string", "enum": ["m", "ft"] } },
    });
    let tool = Tool::function_with_schema("tool", "", schema);
    let slots = slots(&tool);
    assert!(matches!(&slots[0].shape, Shape::Choice(options) if options.len() == 2));
    assert!(matches!(slots[1].shape, Shape::Number { whole: true }));
    assert!(matches!(&slots[2].shape, Shape::Choice(options) if options.len() == 2));
    assert!(matches!(slots[3].shape, Shape::Flag));
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema = json!({
        "type": "object",
        "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" }, "value": { "type": "number" } },
    });
    assert_eq!(slots(&Tool::function_with_schema("tree", "", schema)).len(), 3);
}

#[test]
fn a_schema_reads_no_files() {
    let tool = Tool::function_with_schema("tool", "", json!({ "$ref": "file:///etc/hostname" }));
    assert!(!fits(&tool, &serde_json::Map::new()));
}

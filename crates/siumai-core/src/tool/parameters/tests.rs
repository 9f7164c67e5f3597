use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "its schema alone is looked at")]
/// Looks for something.
struct Search {
    /// Words to look for.
    query: String,
    /// How many at most.
    #[serde(default = "ten")]
    limit: u32,
    order: Option<Order>,
    near: Option<Place>,
    tags: Vec<Tag>,
    weights: BTreeMap<String, f64>,
}

fn ten() -> u32 {
    10
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
/// Which come first.
enum Order {
    /// The most alike.
    Best,
    /// The youngest.
    Newest,
    Any,
}

#[derive(Deserialize, JsonSchema)]
enum Tag {
    Red,
    Blue,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "its schema alone is looked at")]
enum Place {
    City(String),
    Point { x: f32, y: f32 },
}

#[test]
fn a_type_says_what_its_parameters_are_in_one_way() {
    let expected = json!({
        "type": "object",
        "description": "Looks for something.",
        "properties": {
            "query": { "description": "Words to look for.", "type": "string" },
            "limit": {
                "description": "How many at most.",
                "type": "integer",
                "minimum": 0,
                "default": 10,
            },
            "order": {
                "anyOf": [
                    {
                        "description": "Which come first.\n- `best`: The most alike.\n- `newest`: The youngest.",
                        "type": "string",
                        "enum": ["any", "best", "newest"],
                    },
                    { "type": "null" },
                ],
            },
            "near": {
                "anyOf": [
                    {
                        "anyOf": [
                            {
                                "type": "object",
                                "properties": { "City": { "type": "string" } },
                                "required": ["City"],
                                "additionalProperties": false,
                            },
                            {
                                "type": "object",
                                "properties": {
                                    "Point": {
                                        "type": "object",
                                        "properties": {
                                            "x": { "type": "number" },
                                            "y": { "type": "number" },
                                        },
                                        "required": ["x", "y"],
                                        "additionalProperties": false,
                                    },
                                },
                                "required": ["Point"],
                                "additionalProperties": false,
                            },
                        ],
                    },
                    { "type": "null" },
                ],
            },
            "tags": { "type": "array", "items": { "type": "string", "enum": ["Red", "Blue"] } },
            "weights": { "type": "object", "additionalProperties": { "type": "number" } },
        },
        "required": ["query", "tags", "weights"],
        "additionalProperties": false,
    });
    assert_eq!(parameters_of::<Search>(), expected);
}

#[test]
fn a_type_that_holds_itself_keeps_its_reference() {
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "its schema alone is looked at")]
    struct Tree {
        branches: Vec<Tree>,
    }

    let expected = json!({
        "type": "object",
        "properties": { "branches": { "type": "array", "items": { "$ref": "#" } } },
        "required": ["branches"],
        "additionalProperties": false,
    });
    assert_eq!(parameters_of::<Tree>(), expected);
}

#[test]
fn pieces_of_one_object_take_what_the_others_have() {
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "its schema alone is looked at")]
    struct Order {
        count: i64,
        #[serde(flatten)]
        way: Way,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "way", rename_all = "snake_case")]
    #[expect(dead_code, reason = "its schema alone is looked at")]
    enum Way {
        Pickup,
        Delivery { address: String },
    }

    let schema = parameters_of::<Order>();
    let tool = crate::types::Tool::function_with_schema("order", "", schema);
    let tools = crate::tool::Toolbox::new(vec![tool]).unwrap();
    let check = |arguments| tools.check("order", &arguments, None);
    assert_eq!(check(json!({ "count": 1, "way": "delivery", "address": "Main Street" })), Ok(()));
    assert_eq!(check(json!({ "count": 1, "way": "pickup" })), Ok(()));
    assert!(check(json!({ "count": 1, "way": "delivery" })).is_err());
}

#[test]
fn no_arguments_are_an_empty_object() {
    let expected = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    assert_eq!(parameters_of::<()>(), expected);
}

//! Which tools can be offered, and what a model is told of arguments that don't fit.
use serde_json::json;

use super::*;

fn tool(schema: Value) -> Tool {
    Tool::function_with_schema("look", "Looks", schema)
}

fn check(schema: Value, arguments: &Value) -> Result<(), String> {
    Toolbox::new(vec![tool(schema)]).unwrap().check("look", arguments, None)
}

fn refused(tools: Vec<Tool>) -> String {
    Toolbox::new(tools).unwrap_err().to_string()
}

#[test]
fn a_name_that_no_provider_takes_is_refused() {
    let name_of = |name: &str| refused(vec![Tool::function(name, "")]);
    for name in ["", "a b", "grüße", "a.b", &"a".repeat(65)] {
        let expected =
            format!("`{name}` can't be a tool's name; use 1 to 64 of a-z, A-Z, 0-9, `_` and `-`");
        assert_eq!(name_of(name), expected);
    }
    let longest = "a".repeat(64);
    let fine = [&*longest, "finalAnswer", "final_answer", "FINAL-ANSWER"];
    assert!(Toolbox::new(fine.map(|name| Tool::function(name, "")).into()).is_ok());
}

#[test]
fn two_tools_of_one_name_are_refused() {
    let look = || tool(json!({}));
    assert_eq!(refused(vec![look(), look()]), "two tools are named `look`; rename one");
}

#[test]
fn what_is_no_schema_is_refused_by_the_tools_name() {
    for schema in [json!({ "type": "strong" }), json!(7), json!({ "pattern": "(" })] {
        let error = refused(vec![tool(schema)]);
        assert!(error.starts_with("the parameters of tool `look` are no JSON Schema: "), "{error}");
    }
}

#[test]
fn a_schema_that_points_outside_itself_is_refused_and_nothing_is_read() {
    for place in ["file:///etc/passwd", "https://example.com/schema.json"] {
        let error = refused(vec![tool(json!({ "$ref": place }))]);
        let hint = format!("it refers to {place}; put that part into the schema itself");
        assert!(error.contains(&hint), "{error}");
    }
}

#[test]
fn a_schema_may_name_its_draft_and_refer_to_itself() {
    let tree = |draft: &str| {
        json!({
            "$schema": draft,
            "type": "object",
            "properties": { "children": { "type": "array", "items": { "$ref": "#" } } },
            "additionalProperties": false,
        })
    };
    for draft in [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        let fits = json!({ "children": [{ "children": [] }, {}] });
        assert_eq!(check(tree(draft), &fits), Ok(()), "{draft}");
        let misfit = json!({ "children": [{ "children": [{ "x": 1 }] }] });
        let told = check(tree(draft), &misfit).unwrap_err();
        assert!(told.contains("at `/children/0/children/0`: "), "{told}");
    }
}

#[test]
fn two_schemas_may_call_themselves_the_same() {
    let named = |name: &str, kind: &str| {
        let schema = json!({
            "$id": "https://example.com/arguments",
            "type": "object",
            "properties": { "n": { "$ref": "#/$defs/n" } },
            "$defs": { "n": { "type": kind } },
        });
        Tool::function_with_schema(name, "", schema)
    };
    let tools = Toolbox::new(vec![named("a", "integer"), named("b", "string")]).unwrap();
    let fits = |name: &str, n: Value| tools.check(name, &json!({ "n": n }), None).is_ok();
    let fitting =
        [fits("a", json!(1)), fits("a", json!("x")), fits("b", json!(1)), fits("b", json!("x"))];
    assert_eq!(fitting, [true, false, false, true]);
}

#[test]
fn each_misfit_is_told_with_its_place() {
    let schema = json!({
        "type": "object",
        "properties": {
            "n": { "type": "integer", "minimum": 1 },
            "unit": { "enum": ["celsius", "fahrenheit"] },
            "tags": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["n"],
    });
    let told = check(schema.clone(), &json!({ "n": 0, "unit": "kelvin", "tags": ["a", 2] }));
    let told = told.unwrap_err();
    for expected in ["at `/n`: ", "at `/unit`: ", "at `/tags/1`: want string, but got number"] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    let told = check(schema, &json!({})).unwrap_err();
    assert!(told.contains("at the top: missing properties 'n'"), "{told}");
}

#[test]
fn a_model_is_told_of_the_first_misfits_and_how_many_more_there_are() {
    let schema = json!({ "properties": { "tags": { "items": { "type": "string" } } } });
    let told = check(schema, &json!({ "tags": vec![7; 1000] })).unwrap_err();
    assert!(told.contains("at `/tags/7`: ") && !told.contains("at `/tags/8`: "), "{told}");
    assert!(told.contains("; and 992 more. Call it again"), "{told}");
}

#[test]
fn null_is_an_object_without_fields() {
    assert_eq!(check(json!({ "type": "object" }), &json!(null)), Ok(()));
    let wanting = json!({ "type": "object", "required": ["x"] });
    assert!(check(wanting, &json!(null)).is_err());
}

#[test]
fn arguments_must_be_an_object_whatever_the_schema_says() {
    for arguments in [json!([]), json!(1), json!(true)] {
        assert_eq!(
            check(json!(true), &arguments).unwrap_err(),
            "The arguments of `look` must be a JSON object. Call it again with one."
        );
    }
}

#[test]
fn names_are_matched_exactly_and_the_nearest_is_named() {
    let tools = Toolbox::new(["search", "Search", "read"].map(|it| Tool::function(it, "")).into());
    let tools = tools.unwrap();
    assert_eq!(tools.check("search", &json!({}), None), Ok(()));
    let active = ["read".to_owned()];
    assert_eq!(
        tools.check("search", &json!({}), Some(&active)).unwrap_err(),
        "There is no tool named `search` to call now. You can call: `read`."
    );
    assert_eq!(nearest("serch", ["read", "search"]), Some("search"));
    assert_eq!(nearest("xyz", ["read", "search"]), None);
    assert_eq!(nearest("", []), None);
}

//! What is called plain is well-formed, and checks arguments alike wherever it stands.
use proptest::prelude::*;
use serde_json::json;

use super::{
    super::{TRUSTED, Validator, compile, fits::Fits},
    *,
};

const ELSEWHERE: &str = "tool:///look";

/// What boon says of `value`, by a schema that stands at `place`.
fn verdict(place: &str, schema: &Value, value: &Value) -> Result<(), String> {
    let compiled = compile(place, schema).expect("what is plain is a schema");
    let (schema, fits) = (json!(true), Fits::new(&json!(false)));
    let validator = Validator { schema, fits, compiled: Ok(compiled).into() };
    validator.judge(value).map_err(|told| told.replace(place, ""))
}

fn any_of(values: &[Value]) -> impl Strategy<Value = Value> + use<> {
    prop::sample::select(values.to_vec())
}

fn a_value() -> impl Strategy<Value = Value> {
    let scalars = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(1.0),
        json!(-1),
        json!(2.5),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("a"),
        json!("ä𝄞"),
        json!("object"),
        json!("#"),
    ];
    any_of(&scalars).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            named(inner).prop_map(Value::from),
        ]
    })
}

fn named(
    of: impl Strategy<Value = Value>,
) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::btree_map("[abc]", of, 0..3).prop_map(|it| it.into_iter().collect())
}

/// A keyword, with a value that suits it or with any.
fn a_keyword(
    schema: impl Strategy<Value = Value> + Clone + 'static,
) -> BoxedStrategy<(String, Value)> {
    let kinds = prop::sample::subsequence(TYPES.to_vec(), 0..3);
    let lists = prop::collection::vec(schema.clone(), 0..3).prop_map(Value::from);
    let names = prop::collection::vec("[abc]", 0..3).prop_map(Value::from);
    let places =
        ["#", "#/$defs/a", "#/definitions/b", "#/properties/c", "#/not", "#a", "#/%61", "b"];
    let drafts = DRAFTS
        .map(Value::from)
        .into_iter()
        .chain([json!("http://json-schema.org/draft-04/schema#")]);
    let of = |keywords: &[&'static str], value: BoxedStrategy<Value>| {
        (prop::sample::select(keywords.to_vec()), value)
            .prop_map(|(it, value)| (it.to_owned(), value))
            .boxed()
    };
    prop_oneof![
        3 => of(&["properties", "$defs", "definitions"], named(schema.clone()).prop_map(Value::from).boxed()),
        2 => of(&["items", "additionalProperties", "not", "propertyNames"], schema.boxed()),
        2 => of(&["anyOf", "oneOf", "allOf", "prefixItems"], lists.boxed()),
        2 => of(&["type"], prop_oneof![any_of(&TYPES.map(Value::from)), kinds.prop_map(Value::from)].boxed()),
        2 => of(&["required"], names.boxed()),
        2 => of(&["enum", "examples"], prop::collection::vec(a_value(), 0..3).prop_map(Value::from).boxed()),
        1 => of(&["const", "default"], a_value().boxed()),
        1 => of(&["$ref"], any_of(&places.map(Value::from)).boxed()),
        1 => of(&["$schema"], any_of(&drafts.collect::<Vec<_>>()).boxed()),
        2 => of(&["minimum", "exclusiveMaximum", "maxLength", "minItems", "maxProperties"], (0..3).prop_map(Value::from).boxed()),
        1 => of(&["uniqueItems", "deprecated"], any::<bool>().prop_map(Value::from).boxed()),
        1 => of(&["format", "title"], any_of(&["date", "uint8", "email"].map(Value::from)).boxed()),
        1 => of(&["enum", "required", "type", "minimum", "minLength", "items", "title", "$ref", "x"], a_value().boxed()),
    ]
    .boxed()
}

fn a_schema() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::from).prop_recursive(4, 24, 4, |inner| {
        prop::collection::vec(a_keyword(inner), 0..4)
            .prop_map(|keywords| Value::Object(keywords.into_iter().collect()))
    })
}

proptest! {
    #[test]
    fn a_plain_schema_is_judged_alike_with_its_own_schema_and_without(
        schema in a_schema(),
        values in prop::collection::vec(a_value(), 8),
    ) {
        prop_assume!(is_plain(&schema));
        for value in values {
            prop_assert_eq!(
                verdict(TRUSTED, &schema, &value),
                verdict(ELSEWHERE, &schema, &value),
                "{} by {}", value, schema
            );
        }
    }
}

proptest! {
    #[test]
    fn what_certainly_fits_does(
        schema in a_schema(),
        values in prop::collection::vec(a_value(), 8),
    ) {
        prop_assume!(compile(ELSEWHERE, &schema).is_ok());
        for value in values.iter().filter(|it| Fits::new(&schema).takes(it)) {
            prop_assert_eq!(verdict(ELSEWHERE, &schema, value), Ok(()), "{} by {}", value, schema);
        }
    }
}

#[test]
fn a_schema_that_is_malformed_or_not_known_whole_is_not_plain() {
    let odd = [
        json!(null),
        json!([]),
        json!("string"),
        json!({ "type": "strong" }),
        json!({ "type": [] }),
        json!({ "type": ["null", "null"] }),
        json!({ "type": 1 }),
        json!({ "enum": [] }),
        json!({ "enum": [1, 1] }),
        json!({ "enum": [1, 1.0] }),
        json!({ "enum": "a" }),
        json!({ "required": ["a", "a"] }),
        json!({ "required": [1] }),
        json!({ "required": "a" }),
        json!({ "minimum": "1" }),
        json!({ "minLength": -1 }),
        json!({ "maxItems": 1.5 }),
        json!({ "title": 1 }),
        json!({ "uniqueItems": "yes" }),
        json!({ "examples": {} }),
        json!({ "anyOf": [] }),
        json!({ "anyOf": {} }),
        json!({ "items": [true] }),
        json!({ "properties": [] }),
        json!({ "$defs": { "a": { "properties": { "b": { "not": { "type": "strong" } } } } } }),
        json!({ "pattern": "(" }),
        json!({ "pattern": "a" }),
        json!({ "$id": "https://example.com/a" }),
        json!({ "$anchor": "a" }),
        json!({ "x-order": 1 }),
        json!({ "$vocabulary": {} }),
        json!({ "$schema": "http://json-schema.org/draft-04/schema#" }),
        json!({ "$schema": "https://example.com" }),
        json!({ "$ref": "https://json-schema.org/draft/2020-12/schema" }),
        json!({ "$ref": "a" }),
        json!({ "$ref": "#a" }),
        json!({ "$ref": "#/a b" }),
        json!({ "$ref": "#/%zz" }),
        json!({ "$ref": 1 }),
        json!({ "$ref": "#/$defs/gone" }),
        json!({ "$ref": "#/properties/a", "properties": { "a": true } }),
    ];
    for schema in odd {
        assert!(!is_plain(&schema), "{schema}");
    }
}

#[test]
fn the_schemas_of_common_tools_are_plain() {
    let common = [
        json!({}),
        json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false }),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Search",
            "type": "object",
            "properties": {
                "limit": { "type": ["integer", "null"], "format": "uint32", "minimum": 0, "default": 10 },
                "unit": { "enum": ["celsius", "fahrenheit", null] },
                "tree": { "anyOf": [{ "$ref": "#/$defs/Tree_of.a-b" }, { "type": "null" }] },
            },
            "required": ["limit"],
            "$defs": { "Tree_of.a-b": { "type": "array", "items": { "$ref": "#" } } },
        }),
    ];
    for schema in common {
        assert!(is_plain(&schema), "{schema}");
        assert!(compile(ELSEWHERE, &schema).is_ok(), "{schema}");
    }
}

#[test]
fn a_schema_too_deep_to_be_sure_of_is_not_plain() {
    let nested = |levels| (0..levels).fold(json!({}), |schema, _| json!({ "items": schema }));
    assert_eq!([LEVELS - 1, LEVELS].map(|it| is_plain(&nested(it))), [true, false]);
}

/// Else plain schemas would be compiled as dearly as all others.
#[test]
fn what_stands_at_the_trusted_place_is_not_checked_by_the_schemas_of_the_drafts() {
    let malformed = json!({ "type": "strong" });
    let is_taken = |place| compile(place, &malformed).is_ok();
    assert_eq!([TRUSTED, ELSEWHERE].map(is_taken), [true, false]);
}

#[test]
fn a_reference_to_nowhere_is_told_before_anything_is_checked() {
    let dangling = json!({ "properties": { "a": { "$ref": "#/$defs/gone" } } });
    let told = Validator::named(ELSEWHERE, &dangling).err();
    assert_eq!(told.as_deref(), Some("json-pointer in tool:///look#/$defs/gone not found"));
}

#[test]
fn a_plain_schema_is_compiled_for_the_first_value_that_may_not_fit() {
    let of = |schema| Validator::named(ELSEWHERE, &schema).unwrap();
    let validators = [of(json!({ "type": "object" })), of(json!({ "pattern": "a" }))];
    let are_compiled = || validators.each_ref().map(|it| it.compiled.get().is_some());
    assert_eq!(are_compiled(), [false, true]);
    assert_eq!(validators.each_ref().map(|it| it.check(&json!({})).is_ok()), [true, true]);
    assert_eq!(are_compiled(), [false, true]);
    assert_eq!(validators.each_ref().map(|it| it.check(&json!("b")).is_ok()), [false, false]);
    assert_eq!(are_compiled(), [true, true]);
}

#[test]
fn the_arguments_of_common_calls_certainly_fit() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "path": { "type": "string", "description": "Where it lies" },
            "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 9 },
            "unit": { "enum": ["celsius", "fahrenheit"] },
            "tree": { "anyOf": [{ "$ref": "#/$defs/Tree" }, { "type": "null" }] },
        },
        "required": ["path"],
        "additionalProperties": false,
        "$defs": { "Tree": { "type": "array", "items": { "$ref": "#/$defs/Tree" } } },
    });
    let whole = json!({ "path": "a", "limit": 9, "unit": "celsius", "tree": [[], [[]]] });
    for fitting in [whole, json!({ "path": "a", "limit": null, "tree": null })] {
        assert!(Fits::new(&schema).takes(&fitting), "{fitting}");
    }
    let odd = [
        json!({}),
        json!("a"),
        json!({ "path": 1 }),
        json!({ "path": "a", "limit": 10 }),
        json!({ "path": "a", "limit": 0 }),
        json!({ "path": "a", "unit": "kelvin" }),
        json!({ "path": "a", "tree": [1] }),
        json!({ "path": "a", "more": 1 }),
    ];
    for misfit in odd {
        assert!(!Fits::new(&schema).takes(&misfit), "{misfit}");
        assert!(verdict(ELSEWHERE, &schema, &misfit).is_err(), "{misfit}");
    }
}

/// Else it would be looked at in more ways than there is time for.
#[test]
fn a_schema_that_is_twice_itself_is_given_up_before_long() {
    let itself = json!({ "$ref": "#/$defs/Itself" });
    let schema = json!({ "anyOf": [itself], "$defs": { "Itself": { "anyOf": [itself, itself] } } });
    assert!(!Fits::new(&schema).takes(&json!(1)));
}

use serde::Deserialize;

use super::*;
use crate::{
    testing::ScriptedModel,
    types::{ChatMessage, Role},
};

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "its schema matters")]
struct Loose {
    name: Option<String>,
}

fn said(text: &str) -> StepResult {
    StepResult { messages: vec![ChatMessage::assistant(text)], ..Default::default() }
}

fn asked(schema: &AnswerSchema, model: &ScriptedModel) -> (Vec<Tool>, Settings) {
    let (mut tools, mut settings) = (Vec::new(), Settings::default());
    schema.ask_for(model, &mut tools, &mut settings).unwrap();
    (tools, settings)
}

#[test]
fn what_is_no_object_is_wrapped_into_one() {
    let schema = AnswerSchema::of::<Vec<u8>>().unwrap();
    let (tools, _) = asked(&schema, &ScriptedModel::new());
    let items = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
    let expected = json!({
        "type": "object",
        "properties": { "answer": { "type": "array", "items": items } },
        "required": ["answer"],
        "additionalProperties": false,
    });
    assert_eq!(tools[0].parameters(), &expected);
    assert_eq!(schema.read_step(&said(r#"{ "answer": [1, 2] }"#)), Ok(json!([1, 2])));
    assert_eq!(schema.partial(json!({ "answer": [1] })), Some(json!([1])));
    assert_eq!(schema.partial(json!({})), None);

    let shape = AnswerSchema::of::<Shape>().unwrap();
    let text = r#"{ "answer": { "kind": "Circle", "radius": 2 } }"#;
    assert_eq!(shape.read_step(&said(text)), Ok(json!({ "kind": "Circle", "radius": 2 })));
}

#[test]
fn definitions_stay_where_references_look_for_them() {
    let tree = json!({
        "$defs": { "tree": { "type": "array", "items": { "$ref": "#/$defs/tree" } } },
        "$ref": "#/$defs/tree",
    });
    let schema = AnswerSchema::new("tree", tree).unwrap();
    assert_eq!(schema.read_step(&said(r#"{"answer":[[],[[]]]}"#)), Ok(json!([[], [[]]])));
    assert!(schema.read_step(&said(r#"{"answer":[1]}"#)).is_err());
}

#[test]
fn a_fence_around_the_answer_is_no_part_of_it() {
    let schema = AnswerSchema::of::<bool>().unwrap();
    for text in
        ["```json\n{\"answer\":true}\n```", "```\n{\"answer\":true}```\n", " {\"answer\":true}"]
    {
        assert_eq!(schema.read_step(&said(text)), Ok(json!(true)), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let schema = AnswerSchema::of::<Vec<u8>>().unwrap();
    let misfit = |text: &str| match schema.read_step(&said(text)) {
        Err(Refused::Misfit(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        misfit(r#"{"answer":[1,"b"]}"#),
        "it does not fit the schema, at `/answer/1`: want integer, but got string (schema `/properties/answer/items`)"
    );
    assert!(misfit("Five.").starts_with("it is not JSON (expected value at line 1"));
    assert!(misfit(r#"{"answer":[1,"#).starts_with("it is not JSON (EOF"));
}

#[test]
fn an_answer_that_fits_the_schema_and_not_the_type_is_refused() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Even {
        #[serde(deserialize_with = "even")]
        #[expect(dead_code, reason = "only whether it can be read matters")]
        number: u32,
    }
    fn even<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if number.is_multiple_of(2) {
            Ok(number)
        } else {
            Err(serde::de::Error::custom("it is odd"))
        }
    }
    let schema = AnswerSchema::of::<Even>().unwrap();
    let expected = Refused::Misfit("it can't be read, it is odd".to_owned());
    assert_eq!(schema.read_step(&said(r#"{"number":3}"#)), Err(expected));
    assert_eq!(schema.read_step(&said(r#"{"number":4}"#)), Ok(json!({ "number": 4 })));
    let told = schema.check_call(&json!({ "number": 3 })).unwrap_err();
    assert_eq!(
        told,
        "The answer was not taken: it can't be read, it is odd. Call `final_answer` again with one that fits."
    );
}

#[test]
fn a_model_that_declines_is_not_asked_again() {
    let schema = AnswerSchema::of::<bool>().unwrap();
    let parts = vec![ContentPart::refusal("I would rather not.")];
    let message = ChatMessage::new(Role::Assistant, parts);
    let step = StepResult { messages: vec![message], ..Default::default() };
    let refused = schema.read_step(&step).unwrap_err();
    let sought = Sought { schema: &schema, by_tool: false };
    let error = sought.retry(&refused, 0).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidAnswer, Some("declined")));
    assert_eq!(error.to_string(), "the model declined to answer: I would rather not.");
}

#[test]
fn only_what_names_and_requires_every_property_is_strict() {
    let model = ScriptedModel::new().taking_schemas();
    let strict = |schema: &AnswerSchema| match asked(schema, &model).1.response_format {
        Some(ResponseFormat::JsonSchema { strict, name, .. }) => (strict, name),
        other => panic!("{other:?}"),
    };
    assert_eq!(strict(&AnswerSchema::of::<Shape>().unwrap()), (true, "Shape".to_owned()));
    assert_eq!(strict(&AnswerSchema::of::<Loose>().unwrap()), (false, "Loose".to_owned()));
    let open = AnswerSchema::new("a name", json!({ "type": "object" })).unwrap();
    assert_eq!(strict(&open), (false, "aname".to_owned()));
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let error = AnswerSchema::new("a", json!({ "type": "objekt" })).unwrap_err();
    assert!(
        error.to_string().starts_with("the schema of the answer is no JSON Schema: "),
        "{error}"
    );
    assert!(AnswerSchema::new("a", json!({ "$ref": "https://example.com/a" })).is_err());
}

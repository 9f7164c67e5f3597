//! Functions that are tools of their own.
use std::{io, time::Duration};

use serde::{Deserialize, Serialize};
use siumai::{prelude::*, tool::ToolResolver};

/// The definition and the set of what has one tool.
fn only(tools: impl siumai::tool::IntoToolSet) -> (Tool, ToolSet) {
    let set = ToolSet::new().add(tools);
    (set.definitions()[0].clone(), set)
}

/// Finds flights.
///
/// Prices are in euros.
#[tool]
async fn find_flights(
    /// Where from, as an airport's code.
    from: String,
    /// Where to.
    to: String,
    class: Option<Class>,
    /// How many people fly.
    #[tool(default = 1)]
    people: u8,
    #[tool(default)] via: Vec<String>,
    #[tool(rename = "type", default = "return")] kind: String,
) -> Vec<Flight> {
    let price = match class {
        Some(Class::Business) => 900.0,
        Some(Class::Economy) | None => 100.0,
    };
    let name = format!("{from}-{to} {kind}, {} stops", via.len());
    vec![Flight { name, price: price * f64::from(people) }]
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Class {
    Economy,
    Business,
}

#[derive(Serialize)]
struct Flight {
    name: String,
    price: f64,
}

#[test]
fn a_function_says_what_the_model_is_told() {
    let (tool, _) = only(find_flights);
    assert_eq!(tool.name(), "find_flights");
    assert_eq!(tool.description(), "Finds flights.\n\nPrices are in euros.");
    let expected = json!({
        "type": "object",
        "properties": {
            "from": { "type": "string", "description": "Where from, as an airport's code." },
            "to": { "type": "string", "description": "Where to." },
            "class": { "type": ["string", "null"], "enum": ["economy", "business", null] },
            "people": {
                "type": "integer",
                "minimum": 0,
                "maximum": 255,
                "description": "How many people fly.",
                "default": 1,
            },
            "via": { "type": "array", "items": { "type": "string" }, "default": [] },
            "type": { "type": "string", "default": "return" },
        },
        "required": ["from", "to"],
        "additionalProperties": false,
    });
    assert_eq!(*tool.parameters(), expected);
}

#[tokio::test]
async fn what_is_left_out_has_its_default() {
    let (_, set) = only(find_flights);
    let least = set.call_tool("find_flights", json!({ "from": "CDG", "to": "HND" })).await.unwrap();
    assert_eq!(least, json!([{ "name": "CDG-HND return, 0 stops", "price": 100.0 }]));
    let all = json!({
        "from": "CDG", "to": "HND", "class": "business", "people": 2, "via": ["SVO"], "type": "one way",
    });
    let most = set.call_tool("find_flights", all).await.unwrap();
    assert_eq!(most, json!([{ "name": "CDG-HND one way, 1 stops", "price": 1800.0 }]));
}

#[tokio::test]
async fn a_function_can_be_called_as_before() {
    let flights = find_flights("CDG".into(), "HND".into(), None, 3, vec![], "return".into()).await;
    assert_eq!(json!(flights)[0]["price"], json!(300.0));
}

/// Deletes a file.
#[tool(
    name = "rm",
    description = "Removes a file for good.",
    destructive,
    needs_approval,
    exclusive,
    idempotent,
    timeout = Duration::from_secs(20),
    max_result_bytes = 100
)]
async fn delete(path: String) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no {path}")))
}

/// Looks around.
#[tool(read_only)]
async fn look() {}

#[test]
fn marks_are_those_of_the_definition() {
    let parameters = json!({
        "type": "object",
        "properties": { "path": { "type": "string" } },
        "required": ["path"],
        "additionalProperties": false,
    });
    let expected = Tool::function_with_schema("rm", "Removes a file for good.", parameters)
        .destructive()
        .needs_approval()
        .exclusive()
        .idempotent()
        .timeout(Duration::from_secs(20))
        .max_result_bytes(100);
    assert_eq!(only(delete).0, expected);
    assert_eq!(only(look).0, Tool::function("look", "Looks around.").read_only());
}

#[tokio::test]
async fn a_result_is_an_answer_or_an_error() {
    let error = only(delete).1.call_tool("rm", json!({ "path": "a.txt" })).await.unwrap_err();
    assert_eq!(error.message(), "there is no a.txt");
    assert_eq!(only(look).1.call_tool("look", json!({})).await.unwrap(), json!(null));
}

/// Says who calls.
#[tool]
async fn whoami(context: &ToolContext, greeting: String) -> String {
    let who = context.get::<&str>().copied().unwrap_or("nobody");
    tokio::task::yield_now().await;
    format!("{greeting}, {who} in {}", context.call_id)
}

/// Says how far the run is.
#[tool]
async fn step(context: ToolContext) -> usize {
    context.step_number
}

#[tokio::test]
async fn a_context_is_no_argument() {
    let (tool, set) = only(whoami);
    assert_eq!(tool.parameters()["required"], json!(["greeting"]));
    let user = siumai::tool::UserContext::new().with("Ada");
    let context = ToolContext::new("call_7", 3).with_user(user);
    let set = set.add(step);
    let said =
        set.call_tool_with("whoami", json!({ "greeting": "Hello" }), &context).await.unwrap();
    assert_eq!(said, json!("Hello, Ada in call_7"));
    assert_eq!(set.call_tool_with("step", json!({}), &context).await.unwrap(), json!(3));
    assert_eq!(whoami(&context, "Hi".into()).await, "Hi, Ada in call_7");
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Point {
    /// To the right.
    x: i32,
    y: Option<i32>,
}

/// Goes there.
#[tool]
async fn go(Point { x, y }: Point) -> i32 {
    x + y.unwrap_or(100)
}

/// Draws there.
#[tool]
async fn draw(#[tool(flatten)] mut at: Point, _context: &ToolContext) -> i32 {
    at.x *= 2;
    at.x
}

#[tokio::test]
async fn a_type_can_be_all_the_arguments() {
    let parameters = json!({
        "type": "object",
        "properties": {
            "x": { "type": "integer", "description": "To the right." },
            "y": { "type": ["integer", "null"] },
        },
        "required": ["x"],
        "additionalProperties": false,
    });
    for tool in [only(go).0, only(draw).0] {
        assert_eq!(*tool.parameters(), parameters);
    }
    assert_eq!(only(go).1.call_tool("go", json!({ "x": 1 })).await.unwrap(), json!(101));
    assert_eq!(only(draw).1.call_tool("draw", json!({ "x": 1 })).await.unwrap(), json!(2));
}

#[tokio::test]
async fn an_argument_that_there_is_not_is_an_error_that_names_those_there_are() {
    let error = only(go).1.call_tool("go", json!({ "x": "far" })).await.unwrap_err();
    assert!(error.message().contains("invalid type: string \"far\""), "{error}");
    let error = only(delete).1.call_tool("rm", json!({ "pth": "a" })).await.unwrap_err();
    assert!(error.message().contains("unknown field `pth`, expected `path`"), "{error}");
}

#[tokio::test]
async fn a_function_of_a_function_is_a_tool_too() {
    /// Doubles.
    #[tool]
    async fn double(r#in: i64) -> i64 {
        r#in * factor()
    }

    fn factor() -> i64 {
        2
    }

    assert_eq!(only(double).1.call_tool("double", json!({ "in": 4 })).await.unwrap(), json!(8));
}

/// Is made for a program that knows the library by another name.
#[tool(crate = siumai_core)]
async fn elsewhere(a: u8) -> u8 {
    a
}

#[test]
fn the_library_may_go_by_another_name() {
    assert_eq!(only(elsewhere).0.name(), "elsewhere");
}

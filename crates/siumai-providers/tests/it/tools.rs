//! Tools that take a few lines to write, as each provider is told of them, against the rules by which it
//! would refuse them.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use siumai_core::{
    model::LanguageModel,
    orchestrator::ToolLoopAgent,
    testing::ScriptedModel,
    tool::ToolSet,
    types::{ChatRequest, Warning},
    user,
};
use siumai_macros::tool;
use siumai_providers::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};

use crate::{
    schema::{MODELS, Make, RequestSchema, boxed, posted},
    support::Canned,
};

/// Adds two numbers.
#[tool(crate = siumai_core)]
async fn add(a: f64, b: f64) -> f64 {
    a + b
}

/// Finds flights.
#[tool(crate = siumai_core)]
async fn find_flights(
    /// Where from, as an airport's code.
    from: String,
    class: Option<Class>,
    #[tool(default = 1)] people: u8,
    #[tool(default)] stops: Vec<Stop>,
) -> Vec<String> {
    let stops = stops.iter().map(|it| format!("{}{:?}", it.place, it.hours));
    stops.chain([format!("{from} {people} {}", class.is_some())]).collect()
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Class {
    /// The cheap one.
    Economy,
    Business,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Stop {
    place: String,
    hours: Option<f32>,
}

/// Looks around.
#[tool(crate = siumai_core)]
async fn look() {}

/// Plants a tree.
#[tool(crate = siumai_core)]
async fn plant(#[tool(flatten)] tree: Tree) -> usize {
    tree.branches.len()
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Tree {
    branches: Vec<Tree>,
}

/// Weighs things.
#[tool(crate = siumai_core)]
async fn weigh(weights: BTreeMap<String, f64>) -> f64 {
    weights.values().sum()
}

/// The models of each API, those that hold a model to its tools among them.
fn models() -> impl Iterator<Item = (&'static str, Make)> {
    let all = MODELS.into_iter().flat_map(|(api, makes)| makes.iter().map(move |it| (api, *it)));
    let strict_chat: Make = |transport| {
        let builder = OpenAiChat::openai().api_key("k").model("gpt-4o").strict_tools();
        boxed(builder.transport(transport).build())
    };
    all.chain([("openai-chat", strict_chat)])
}

#[tokio::test]
async fn a_tool_in_five_lines_fits_every_providers_rules() {
    let set = ToolSet::new().add(add).add(find_flights).add(look).add(plant).add(weigh);
    let set = set.build().unwrap();
    for (api, make) in models() {
        let request = ChatRequest::new(vec![user!("Hi")]).with_tools(set.definitions().to_vec());
        let body = posted(make, request).await;
        if let Some(schema) = RequestSchema::of(api) {
            schema.check(&body);
        }
        let told = told(&body);
        assert_eq!(told.len(), 5, "{body:#}");
        for (name, parameters, is_strict) in told {
            let wrong = match (api, is_strict) {
                ("gemini", _) => wrong(parameters, Rules::Gemini),
                ("anthropic", true) => wrong(parameters, Rules::StrictAnthropic),
                (_, true) => wrong(parameters, Rules::StrictOpenAi),
                _ => wrong(parameters, Rules::Any),
            };
            assert_eq!(wrong, None, "{api}: {name}: {parameters:#}");
        }
    }
}

#[test]
fn a_provider_says_what_it_cannot_be_told_before_a_run() {
    let key = "k";
    let plain = ToolSet::new().add(add).add(look);
    for (_, make) in models() {
        assert_eq!(plain.check_for(&make(Canned::new(Vec::new()))).unwrap(), []);
    }
    let lost = |set: &ToolSet, model: &dyn LanguageModel| {
        let told = |it: Warning| match it {
            Warning::Unsupported { what } => what.split(';').next().unwrap().to_owned(),
            other => format!("{other:?}"),
        };
        set.check_for(model).unwrap().into_iter().map(told).collect::<Vec<_>>()
    };
    let set = ToolSet::new().add(plant).add(weigh);
    let chat = OpenAiChat::openai().api_key(key).model("m").strict_tools().build().unwrap();
    let responses =
        OpenAiResponses::openai().api_key(key).model("m").strict_tools().build().unwrap();
    let claude = Anthropic::builder().api_key(key).model("m").strict_tools().build().unwrap();
    let gemini = Gemini::builder().api_key(key).model("m").build().unwrap();
    let strict = |provider: &str, what: &str, tool: &str| {
        format!(
            "{provider}'s strict mode has no words for {what} in the parameters of tool `{tool}`"
        )
    };
    let unnamed = "properties that are not named";
    assert_eq!(lost(&set, &chat), [strict("openai", unnamed, "weigh")]);
    assert_eq!(lost(&set, &responses), [strict("openai", unnamed, "weigh")]);
    assert_eq!(
        lost(&set, &claude),
        [
            strict("anthropic", "types that hold themselves", "plant"),
            strict("anthropic", unnamed, "weigh"),
        ]
    );
    assert_eq!(
        lost(&set, &gemini),
        ["Gemini has no word for `required` in the parameters of tool `plant`"]
    );
    let digit = ToolSet::new().function("2nd", "Comes second", |(): ()| async {});
    assert_eq!(
        digit.check_for(&gemini).unwrap_err().to_string(),
        "Gemini takes no tool named `2nd`; begin its name with a letter or `_`"
    );
}

#[tokio::test]
async fn what_a_strict_model_leaves_out_reaches_the_tool_as_left_out() {
    let arguments = json!({ "from": "CDG", "class": null, "people": null, "stops": null });
    let model = ScriptedModel::new().calls("find_flights", arguments).reply("Booked.");
    let agent = ToolLoopAgent::with_tools(model, ToolSet::new().add(find_flights));
    let (_, steps) = agent.generate(vec![user!("Fly")]).await.unwrap();
    assert_eq!(steps[0].tool_results[0].output, json!(["CDG 1 false"]));
}

/// The tools that a request tells of: name, parameters, and whether the model is held to them.
fn told(body: &Value) -> Vec<(&str, &Value, bool)> {
    let tools = match &body["tools"][0]["functionDeclarations"] {
        Value::Array(declared) => declared,
        _ => body["tools"].as_array().unwrap(),
    };
    let tools =
        tools.iter().map(|it| if it["function"].is_object() { &it["function"] } else { it });
    let names = ["parameters", "input_schema", "parametersJsonSchema"];
    tools
        .filter_map(|it| {
            let parameters = names.iter().find_map(|name| it.get(*name))?;
            Some((it["name"].as_str()?, parameters, it["strict"] == true))
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Rules {
    Any,
    StrictOpenAi,
    StrictAnthropic,
    Gemini,
}

/// What is wrong with parameters, by the provider's rules.
fn wrong(parameters: &Value, rules: Rules) -> Option<String> {
    if parameters["type"] != "object" || !parameters["properties"].is_object() {
        return Some("the top is no object with properties".to_owned());
    }
    let alternatives = ["anyOf", "oneOf", "allOf", "not", "enum"];
    if let Some(word) = alternatives.iter().find(|it| parameters.get(**it).is_some()) {
        return Some(format!("`{word}` at the top"));
    }
    wrong_within(parameters, rules)
}

fn wrong_within(schema: &Value, rules: Rules) -> Option<String> {
    let words = schema.as_object()?;
    let taken: &[&str] = match rules {
        Rules::Any => return None,
        Rules::StrictOpenAi => &[
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "anyOf",
            "enum",
            "description",
            "minimum",
            "maximum",
            "pattern",
            "$ref",
            "$defs",
        ],
        Rules::StrictAnthropic => &[
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "anyOf",
            "enum",
            "description",
            "default",
            "pattern",
        ],
        Rules::Gemini => &[
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "anyOf",
            "enum",
            "description",
            "minimum",
            "maximum",
            "default",
            "$ref",
            "$defs",
        ],
    };
    if let Some(word) = words.keys().find(|it| !taken.contains(&it.as_str())) {
        return Some(format!("`{word}` in {schema}"));
    }
    if words.contains_key("$ref") && words.len() > 1 {
        return Some(format!("more than a reference in {schema}"));
    }
    if let (Some(properties), true) = (words.get("properties"), rules != Rules::Gemini) {
        if words.get("additionalProperties") != Some(&json!(false)) {
            return Some(format!("an open object in {schema}"));
        }
        let required = words.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        if rules == Rules::StrictOpenAi && Some(required) != properties.as_object().map(Map::len) {
            return Some(format!("a property that may be left out in {schema}"));
        }
    }
    let named = ["properties", "$defs"].iter().filter_map(|it| words.get(*it)?.as_object());
    let within = named.flat_map(|it| it.values());
    let listed = words.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut within = within.chain(listed).chain(words.get("items"));
    within.find_map(|it| wrong_within(it, rules))
}

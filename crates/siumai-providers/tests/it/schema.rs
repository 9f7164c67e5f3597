//! Every request we write against a schema of it: OpenAI's are published; those of Anthropic and
//! Gemini are ours, written from their documentation, and refuse what those APIs refuse.
mod requests;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    types::{ChatRequest, Settings},
};
use siumai_providers::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};

use self::requests::requests;
use crate::support::{Answer, Canned, beside_recordings, json};

/// The schema of a request.
pub(crate) struct RequestSchema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl RequestSchema {
    /// The schema of the requests of an API, if it is there.
    pub(crate) fn of(api: &str) -> Option<Self> {
        let schema = match api {
            "anthropic" => serde_json::from_str(include_str!("schemas/anthropic.json")).unwrap(),
            "gemini" => serde_json::from_str(include_str!("schemas/gemini.json")).unwrap(),
            published => {
                // Whoever published them keeps their rights: they lie where the recordings do.
                let folder = beside_recordings("schemas")?;
                without_old_words(json(&folder.join(format!("{published}.openapi.json"))))
            }
        };
        let mut compiler = Compiler::new();
        compiler.add_resource("https://example.invalid/request.json", schema).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("https://example.invalid/request.json", &mut schemas).unwrap();
        Some(Self { schemas, index })
    }

    /// What is wrong with a request.
    pub(crate) fn errors(&self, request: &Value) -> Option<String> {
        let error = self.schemas.validate(request, self.index).err()?;
        // It goes on to tell of every alternative there is.
        Some(format!("{error:#}").lines().take(12).collect::<Vec<_>>().join("\n"))
    }

    pub(crate) fn check(&self, request: &Value) {
        if let Some(error) = self.errors(request) {
            panic!("{error}\n{request:#}");
        }
    }
}

/// A word of an older draft is not let be a boolean by this one.
fn without_old_words(mut schema: Value) -> Value {
    let definitions = schema["$defs"].as_object_mut().unwrap();
    for definition in definitions.values_mut().filter_map(Value::as_object_mut) {
        definition.remove("$recursiveAnchor");
    }
    schema
}

/// Makes a model that asks a transport.
pub(crate) type Make = fn(Canned) -> Box<dyn LanguageModel>;

/// Models of each API, built in all ways that change what is written.
pub(crate) const MODELS: [(&str, &[Make]); 4] = [
    (
        "openai-chat",
        &[|transport| {
            boxed(OpenAiChat::openai().api_key("k").model("gpt-4o").transport(transport).build())
        }],
    ),
    (
        "openai-responses",
        &[
            |transport| {
                let builder = OpenAiResponses::openai().api_key("k").model("gpt-5");
                boxed(builder.transport(transport).build())
            },
            |transport| {
                let builder = OpenAiResponses::openai().api_key("k").model("gpt-5").stored();
                let builder = builder.strict_tools().reasoning_summary("auto").system_as_messages();
                let builder = builder.hosted_tool(json!({ "type": "web_search" }));
                boxed(builder.transport(transport).build())
            },
        ],
    ),
    (
        "anthropic",
        &[
            |transport| claude("claude-3-5-haiku-20241022", transport),
            |transport| claude("claude-sonnet-4-5", transport),
            |transport| claude("claude-opus-4-8", transport),
            |transport| {
                let builder = Anthropic::builder().api_key("k").model("claude-sonnet-4-5");
                let builder = builder.strict_tools().prompt_caching(true).beta("one-2025-01-01");
                let search = json!({ "type": "web_search_20250305", "name": "web_search" });
                boxed(builder.hosted_tool(search).transport(transport).build())
            },
        ],
    ),
    (
        "gemini",
        &[
            |transport| gemini("gemini-2.0-flash", transport),
            |transport| gemini("gemini-2.5-pro", transport),
            |transport| gemini("gemini-3-pro-preview", transport),
        ],
    ),
];

fn claude(model: &str, transport: Canned) -> Box<dyn LanguageModel> {
    boxed(Anthropic::builder().api_key("k").model(model).transport(transport).build())
}

fn gemini(model: &str, transport: Canned) -> Box<dyn LanguageModel> {
    boxed(Gemini::builder().api_key("k").model(model).transport(transport).build())
}

pub(crate) fn boxed<M: LanguageModel + 'static>(
    built: Result<M, siumai_core::LlmError>,
) -> Box<dyn LanguageModel> {
    Box::new(built.unwrap())
}

#[tokio::test]
async fn whatever_is_asked_is_written_as_the_schema_wants() {
    for (api, makes) in MODELS {
        let Some(schema) = RequestSchema::of(api) else { continue };
        for request in requests() {
            for request in [request.clone(), request.whole()] {
                for make in makes {
                    schema.check(&posted(*make, request.clone()).await);
                }
            }
        }
    }
}

/// The body that `request` is posted as.
pub(crate) async fn posted(make: Make, request: ChatRequest) -> Value {
    let transport = Canned::new(vec![Answer::events("")]);
    let model = make(transport.clone());
    drop(model.stream(request).await.unwrap());
    transport.bodies().remove(0)
}

#[tokio::test]
async fn an_extra_of_the_user_goes_into_the_request_as_it_is() {
    for (_, makes) in MODELS {
        let extra = [("siumai_extra".to_owned(), json!({ "run": "7" }))];
        let settings = Settings { extra: extra.into_iter().collect(), ..Settings::default() };
        let request = ChatRequest::new(vec![siumai_core::user!("Hi")]).with_settings(settings);
        let body = posted(makes[0], request).await;
        assert_eq!(body["siumai_extra"], json!({ "run": "7" }));
    }
}

#[test]
fn a_schema_refuses_what_is_no_request() {
    let text = |content: Value| json!([{ "role": "user", "content": content }]);
    let parts = |parts: Value| json!([{ "role": "user", "parts": parts }]);
    let refused = [
        ("openai-chat", json!({ "messages": text(json!("Hi")) })),
        ("openai-chat", json!({ "model": "m", "messages": text(json!(7)) })),
        ("openai-responses", json!({ "model": "m", "input": 7 })),
        ("anthropic", json!({ "model": "m", "messages": text(json!("Hi")) })),
        ("anthropic", json!({ "model": "m", "max_tokens": 1, "messages": text(json!("")) })),
        (
            "anthropic",
            json!({ "model": "m", "max_tokens": 1, "messages": text(json!("Hi")), "seed": 7 }),
        ),
        (
            "anthropic",
            json!({ "model": "m", "max_tokens": 1, "messages": text(json!([
            { "type": "tool_use", "id": "a", "name": "b", "input": {} }
        ])) }),
        ),
        ("gemini", json!({ "contents": [] })),
        ("gemini", json!({ "contents": parts(json!([])) })),
        ("gemini", json!({ "contents": parts(json!([{ "txt": "Hi" }])) })),
        ("gemini", json!({ "contents": parts(json!([{ "text": "Hi" }])), "max_tokens": 7 })),
    ];
    for (api, request) in refused {
        let Some(schema) = RequestSchema::of(api) else { continue };
        assert!(schema.errors(&request).is_some(), "{request}");
    }
    let accepted = [
        ("anthropic", json!({ "model": "m", "max_tokens": 1, "messages": text(json!("Hi")) })),
        ("gemini", json!({ "contents": parts(json!([{ "text": "Hi" }])) })),
    ];
    for (api, request) in accepted {
        RequestSchema::of(api).unwrap().check(&request);
    }
}

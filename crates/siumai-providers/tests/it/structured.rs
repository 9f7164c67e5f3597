//! Answers of a shape on each wire: how they are asked for, natively or by a tool, and read.
use std::sync::Arc;

use serde_json::{Value, json};
use siumai_core::{
    model::LanguageModel,
    orchestrator::{AnswerSchema, OrchestratorOptions, RunOutput, StoppedBy, generate_stream, run},
    types::Tool,
    user,
};
use siumai_providers::{
    Anthropic, Gemini, OpenAiChat, OpenAiResponses, http::Transport, offline::OfflineModel,
};

use crate::support::{Answer, Canned};

/// A wire: a client of a model, a reply in words, a reply that calls a tool.
struct Wire {
    client: fn(&str, Canned) -> Box<dyn LanguageModel>,
    says: fn(&str) -> Value,
    calls: fn(&str, &Value) -> Value,
    /// A model that can be held to a schema, and where the schema stands in what is posted.
    native: (&'static str, &'static str),
    /// A model that can't, and where the tool's name stands.
    by_tool: (&'static str, &'static str),
}

fn shared(canned: Canned) -> Arc<dyn Transport> {
    Arc::new(canned)
}

const WIRES: [Wire; 4] = [
    Wire {
        client: |model, transport| {
            let builder = OpenAiChat::openai().api_key("sk-test").model(model);
            Box::new(builder.transport(shared(transport)).build().unwrap())
        },
        says: |text| {
            let message = json!({ "role": "assistant", "content": text });
            json!({ "choices": [{ "message": message, "finish_reason": "stop" }] })
        },
        calls: |name, arguments| {
            let function = json!({ "name": name, "arguments": arguments.to_string() });
            let call = json!({ "id": "call_1", "type": "function", "function": function });
            let message = json!({ "role": "assistant", "tool_calls": [call] });
            json!({ "choices": [{ "message": message, "finish_reason": "tool_calls" }] })
        },
        native: ("gpt-4.1-mini", "/response_format/json_schema/schema"),
        by_tool: ("gpt-3.5-turbo", "/tools/0/function/name"),
    },
    Wire {
        client: |model, transport| {
            let builder = OpenAiResponses::openai().api_key("sk-test").model(model);
            Box::new(builder.transport(shared(transport)).build().unwrap())
        },
        says: |text| {
            let part = json!({ "type": "output_text", "text": text, "annotations": [] });
            let item = json!({ "type": "message", "role": "assistant", "content": [part] });
            json!({ "id": "resp_1", "status": "completed", "output": [item] })
        },
        calls: |name, arguments| {
            let item = json!({
                "type": "function_call", "id": "fc_1", "call_id": "call_1",
                "name": name, "arguments": arguments.to_string(),
            });
            json!({ "id": "resp_1", "status": "completed", "output": [item] })
        },
        native: ("gpt-5-mini", "/text/format/schema"),
        by_tool: ("gpt-4-turbo", "/tools/0/name"),
    },
    Wire {
        client: |model, transport| {
            let builder = Anthropic::builder().api_key("sk-ant-test").model(model);
            Box::new(builder.transport(shared(transport)).build().unwrap())
        },
        says: |text| {
            let block = json!({ "type": "text", "text": text });
            json!({ "type": "message", "content": [block], "stop_reason": "end_turn" })
        },
        calls: |name, arguments| {
            let block =
                json!({ "type": "tool_use", "id": "call_1", "name": name, "input": arguments });
            json!({ "type": "message", "content": [block], "stop_reason": "tool_use" })
        },
        native: ("claude-sonnet-4-5", "/output_config/format/schema"),
        by_tool: ("claude-3-5-haiku-20241022", "/tools/0/name"),
    },
    Wire {
        client: |model, transport| {
            let builder = Gemini::builder().api_key("test").model(model);
            Box::new(builder.transport(shared(transport)).build().unwrap())
        },
        says: |text| {
            let content = json!({ "role": "model", "parts": [{ "text": text }] });
            json!({ "candidates": [{ "content": content, "finishReason": "STOP" }] })
        },
        calls: |name, arguments| {
            let part = json!({ "functionCall": { "name": name, "args": arguments } });
            let content = json!({ "role": "model", "parts": [part] });
            json!({ "candidates": [{ "content": content, "finishReason": "STOP" }] })
        },
        native: ("gemini-2.5-flash", "/generationConfig/responseJsonSchema"),
        // Only beside tools.
        by_tool: ("gemini-2.5-flash", "/tools/0/functionDeclarations/1/name"),
    },
];

fn schema() -> AnswerSchema {
    let schema = json!({
        "type": "object",
        "properties": { "species": { "type": "string" }, "count": { "type": "integer" } },
        "required": ["species", "count"],
        "additionalProperties": false,
    });
    AnswerSchema::new("bird", schema).unwrap()
}

fn heron() -> Value {
    json!({ "species": "heron", "count": 3 })
}

/// The same run on both surfaces: what came of it, and what was posted.
async fn runs(
    wire: &Wire,
    model: &str,
    replies: &[Value],
    tools: &[Tool],
) -> [(RunOutput, Vec<Value>); 2] {
    let canned = || {
        let replies = replies.iter();
        Canned::new(
            replies.map(|it| Answer::new(200, "application/json", it.to_string())).collect(),
        )
    };
    let options = || OrchestratorOptions { answer: Some(schema()), ..Default::default() };
    let (messages, tools) = (vec![user!("What stands in the pond?")], Some(tools.to_vec()));
    let (whole, streamed) = (canned(), canned());
    let client = (wire.client)(model, whole.clone());
    let output = run(&*client, messages.clone(), tools.clone(), None, &[], options());
    let output = output.await.unwrap();
    let client = (wire.client)(model, streamed.clone());
    let stream = generate_stream(&*client, messages, tools, None, &[], options()).unwrap();
    [(output, whole.bodies()), (stream.finish().await.unwrap(), streamed.bodies())]
}

#[tokio::test]
async fn a_model_that_is_held_to_a_schema_is_sent_it_and_corrected_by_words() {
    for wire in &WIRES {
        let (model, place) = wire.native;
        let wrong = json!({ "species": "heron", "count": "three" }).to_string();
        let replies = [(wire.says)(&wrong), (wire.says)(&heron().to_string())];
        for (output, bodies) in runs(wire, model, &replies, &[]).await {
            assert_eq!(schema().read(&output.steps).unwrap(), heron(), "{model}");
            assert_eq!((output.steps.len(), output.stopped_by), (2, StoppedBy::Answer), "{model}");
            for body in &bodies {
                let sent = body.pointer(place).unwrap_or_else(|| panic!("{model}: {body:#}"));
                assert_eq!(sent["required"], json!(["species", "count"]), "{model}");
                assert_eq!(body.get("tools"), None, "{model}");
            }
            let told = bodies[1].to_string();
            assert!(told.contains("want integer, but got string"), "{model}: {told}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_not_answers_by_a_tool() {
    for wire in &WIRES {
        let (model, place) = wire.by_tool;
        let beside = Tool::function("look", "Looks at the pond");
        let tools = if model.starts_with("gemini") { vec![beside] } else { vec![] };
        let replies = [(wire.calls)("final_answer", &heron())];
        for (output, bodies) in runs(wire, model, &replies, &tools).await {
            assert_eq!(schema().read(&output.steps).unwrap(), heron(), "{model}");
            assert_eq!(output.stopped_by, StoppedBy::Answer, "{model}");
            assert_eq!(bodies[0].pointer(place), Some(&json!("final_answer")), "{model}");
            assert!(wire.native.1 == place || bodies[0].pointer(wire.native.1).is_none());
        }
    }
}

#[test]
fn each_wire_knows_what_takes_a_schema() {
    let takes = |wire: usize, model: &str, tools: &[Tool]| {
        let client = (WIRES[wire].client)(model, Canned::default());
        client.takes_answer_schema(&json!({}), tools)
    };
    let look = [Tool::function("look", "Looks")];
    for (wire, model, alone, beside) in [
        (0, "gpt-4o", true, true),
        (0, "gpt-4", false, false),
        (1, "o3", true, true),
        (1, "o1-mini", false, false),
        (2, "claude-opus-4-5", true, true),
        (2, "claude-3-7-sonnet-latest", false, false),
        (3, "gemini-2.5-pro", true, false),
        (3, "gemini-3-pro-preview", true, true),
    ] {
        assert_eq!(
            (takes(wire, model, &[]), takes(wire, model, &look)),
            (alone, beside),
            "{model}"
        );
    }
    let server = |name: &str, tools: &[Tool]| {
        let builder = OpenAiChat::compatible(name, "http://localhost:1/v1").model("m");
        let client = builder.transport(shared(Canned::default())).build().unwrap();
        client.takes_answer_schema(&json!({}), tools)
    };
    assert_eq!((server("ollama", &[]), server("ollama", &look)), (true, false));
    assert_eq!((server("mine", &[]), server("mine", &look)), (false, false));
}

#[tokio::test]
async fn the_offline_model_gives_what_it_knows_by_name() {
    let options = OrchestratorOptions { answer: Some(schema()), ..Default::default() };
    let messages = vec![user!("Count 3 birds of the species \"heron\"")];
    let output = run(&OfflineModel::new(), messages, None, None, &[], options).await.unwrap();
    let answer = schema().read(&output.steps).unwrap();
    assert_eq!(answer, heron());
}

//! The bytes that a provider's prompt cache goes by: from step to step the conversation grows at
//! its end, and what was sent before is sent again as it was, to the byte.
use std::{collections::BTreeMap, ops::Range, sync::Arc};

use serde_json::{Value, value::RawValue};
use siumai_core::{
    LlmError, async_trait,
    orchestrator::{OrchestratorOptions, generate_stream_owned, run},
    tool::ToolResolver,
    types::{ChatMessage, Settings, Tool},
    user,
};

use super::{APIS, differences::Difference, wires::Wire};
use crate::support::Canned;

/// Where two bodies in a row are unlike before the end of the first one's conversation.
///
/// Compared are all bytes of the first body from its beginning to the end of the last element
/// of its messages, with the bytes of the second at the same place.
pub(super) fn check(wire: &dyn Wire, bodies: &[impl AsRef<[u8]>]) -> Vec<Difference> {
    let unlike = bodies.windows(2).enumerate().filter_map(|(number, pair)| {
        let (before, after) = (pair[0].as_ref(), pair[1].as_ref());
        let prefix = &before[..history(wire, before).end];
        if after.starts_with(prefix) {
            return None;
        }
        let at = prefix.iter().zip(after).take_while(|(a, b)| a == b).count();
        let shown =
            |body: &[u8]| String::from_utf8_lossy(&body[at..body.len().min(at + 60)]).into_owned();
        let what = format!("from byte {at} on `{}`, then `{}`", shown(before), shown(after));
        Some(Difference::new(format!("prefix of request {}", number + 1), what))
    });
    unlike.collect()
}

/// Where the elements of the conversation lie in `body`, without the brackets around them.
fn history(wire: &dyn Wire, body: &[u8]) -> Range<usize> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).unwrap();
    let list = fields[wire.history_field()].get();
    let start = list.as_ptr().addr() - body.as_ptr().addr();
    assert!(list.starts_with('[') && list.ends_with(']'));
    start + 1..start + list.len() - 1
}

/// How many steps the loop takes that is made for this.
const STEPS: usize = 6;

#[tokio::test]
async fn in_a_loop_of_six_steps_each_request_begins_with_the_bytes_of_the_one_before() {
    for (api, wire) in APIS {
        for provider in ["openai", "anthropic", "deepseek", "openrouter"] {
            for sent in [loop_run(wire, provider).await, loop_streamed(wire, provider).await] {
                let bodies: Vec<_> =
                    sent.with_requests(|all| all.iter().map(|it| it.body.to_bytes()).collect());
                assert_eq!(bodies.len(), STEPS);
                assert_eq!(check(wire, &bodies), [], "{api} {provider}");
                let lengths: Vec<_> = bodies.iter().map(|body| history(wire, body).len()).collect();
                assert!(lengths.is_sorted_by(|a, b| a < b), "it grows: {lengths:?}");
            }
        }
    }
}

#[test]
fn a_change_before_the_end_of_the_conversation_is_found_and_one_behind_it_is_not() {
    let body =
        |messages: &str, rest: &str| format!(r#"{{"model":"m","messages":[{messages}]{rest}}}"#);
    let found = |before: String, after: String| check(&super::wires::Chat, &[before, after]).len();
    assert_eq!(found(body(r#""a""#, ""), body(r#""a","b""#, "")), 0);
    assert_eq!(found(body(r#""a""#, r#","n":1"#), body(r#""a","b""#, r#","n":2"#)), 0);
    assert_eq!(found(body(r#""a""#, ""), body(r#""A","b""#, "")), 1);
    assert_eq!(found(body(r#""a""#, ""), body(r#" "a","b""#, "")), 1);
}

async fn loop_run(wire: &dyn Wire, provider: &str) -> Canned {
    let sent = answers(wire);
    let model = wire.model(provider, "test", None, Arc::new(sent.clone()));
    run(&*model, opening(), Some(tools()), Some(&Adds), &[], options()).await.unwrap();
    sent
}

async fn loop_streamed(wire: &dyn Wire, provider: &str) -> Canned {
    let sent = answers(wire);
    let model = wire.model(provider, "test", None, Arc::new(sent.clone()));
    let run = generate_stream_owned(model, opening(), Some(tools()), Adds, Vec::new(), options());
    run.await.unwrap().steps.await.unwrap();
    sent
}

/// Every reply but the last calls two tools.
fn answers(wire: &dyn Wire) -> Canned {
    let calls = (1..STEPS).map(|step| wire.reply(&format!("Step {step}."), 2));
    Canned::new(calls.chain([wire.reply("Done.", 0)]).collect())
}

fn opening() -> Vec<ChatMessage> {
    vec![ChatMessage::system("Be brief."), user!("Add")]
}

fn tools() -> Vec<Tool> {
    vec![Tool::function("add", "Adds").parameter("a", "integer", "What", true)]
}

fn options() -> OrchestratorOptions {
    let settings = Settings {
        temperature: Some(0.5),
        max_output_tokens: Some(2000),
        parallel_tool_calls: Some(true),
        ..Settings::default()
    };
    OrchestratorOptions { settings, ..Default::default() }
}

struct Adds;

#[async_trait]
impl ToolResolver for Adds {
    async fn call_tool(&self, _: &str, arguments: Value) -> Result<Value, LlmError> {
        match arguments["a"].as_u64() {
            Some(0) => Ok(serde_json::json!({ "sum": 1 })),
            _ => Err(LlmError::ToolExecutionError("It can't be added; try another.".to_owned())),
        }
    }
}

//! Replies of Messages.
use harness::script::{TOOL, answer, arguments, call_id, word};
use serde_json::{Value, json};

use crate::{
    Said,
    sse::{named, pieces},
};

pub fn json(said: &Said) -> String {
    let content: Vec<Value> = match said {
        Said::Calls(numbers) => numbers
            .clone()
            .map(|number| {
                let input: Value = serde_json::from_str(&arguments(number)).unwrap_or_default();
                json!({ "type": "tool_use", "id": call_id(number), "name": TOOL, "input": input })
            })
            .collect(),
        Said::Answer { deltas } => vec![json!({ "type": "text", "text": answer(*deltas) })],
    };
    message(&content, json!(reason(said))).to_string()
}

pub fn events(said: &Said) -> String {
    let mut text = String::new();
    let mut event = |data: Value| named(&mut text, &data);
    event(json!({ "type": "message_start", "message": message(&[], Value::Null) }));
    event(json!({ "type": "ping" }));
    match said {
        Said::Calls(numbers) => {
            for (index, number) in numbers.clone().enumerate() {
                let block =
                    json!({ "type": "tool_use", "id": call_id(number), "name": TOOL, "input": {} });
                event(
                    json!({ "type": "content_block_start", "index": index, "content_block": block }),
                );
                for piece in pieces(number) {
                    let delta = json!({ "type": "input_json_delta", "partial_json": piece });
                    event(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
                }
                event(json!({ "type": "content_block_stop", "index": index }));
            }
        }
        Said::Answer { deltas } => {
            let block = json!({ "type": "text", "text": "" });
            event(json!({ "type": "content_block_start", "index": 0, "content_block": block }));
            for number in 0..*deltas {
                let delta = json!({ "type": "text_delta", "text": word(number) });
                event(json!({ "type": "content_block_delta", "index": 0, "delta": delta }));
            }
            event(json!({ "type": "content_block_stop", "index": 0 }));
        }
    }
    event(json!({
        "type": "message_delta",
        "delta": { "stop_reason": reason(said), "stop_sequence": null },
        "usage": { "output_tokens": 40 },
    }));
    event(json!({ "type": "message_stop" }));
    text
}

fn reason(said: &Said) -> &'static str {
    match said {
        Said::Calls(_) => "tool_use",
        Said::Answer { .. } => "end_turn",
    }
}

fn message(content: &[Value], stop_reason: Value) -> Value {
    json!({
        "id": "msg_01AbCdEfGhIjKlMnOpQrStUv",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": 176,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 1024,
            "output_tokens": 40,
            "service_tier": "standard",
        },
    })
}

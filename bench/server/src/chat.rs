//! Replies of Chat Completions.
use harness::script::{MODEL, answer, arguments, call_id, word};
use serde_json::{Value, json};

use crate::{
    Said,
    sse::{pieces, unnamed},
};

const ID: &str = "chatcmpl-C1aVfB0pYyT2uKx9QwErTyUiOpAsD";

pub fn json(said: &Said) -> String {
    let (message, finish) = match said {
        Said::Calls(numbers) => {
            let calls: Vec<Value> = numbers.clone().map(call).collect();
            (json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls")
        }
        Said::Answer { deltas } => {
            (json!({ "role": "assistant", "content": answer(*deltas), "refusal": null }), "stop")
        }
    };
    let choice =
        json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
    json!({
        "id": ID,
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": MODEL,
        "choices": [choice],
        "usage": usage(),
        "service_tier": "default",
        "system_fingerprint": "fp_1a2b3c4d5e",
    })
    .to_string()
}

pub fn events(said: &Said) -> String {
    let mut text = String::new();
    let mut event = |delta: Value, finish: Value| {
        let choice =
            json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        unnamed(&mut text, &chunk(json!([choice]), Value::Null));
    };
    event(json!({ "role": "assistant", "content": null, "refusal": null }), Value::Null);
    let finish = match said {
        Said::Calls(numbers) => {
            for (index, number) in numbers.clone().enumerate() {
                let mut first = call(number);
                first["index"] = json!(index);
                first["function"]["arguments"] = json!("");
                event(json!({ "tool_calls": [first] }), Value::Null);
                for piece in pieces(number) {
                    let more = json!({ "index": index, "function": { "arguments": piece } });
                    event(json!({ "tool_calls": [more] }), Value::Null);
                }
            }
            "tool_calls"
        }
        Said::Answer { deltas } => {
            for number in 0..*deltas {
                event(json!({ "content": word(number) }), Value::Null);
            }
            "stop"
        }
    };
    event(json!({}), json!(finish));
    unnamed(&mut text, &chunk(json!([]), usage()));
    text.push_str("data: [DONE]\n\n");
    text
}

fn chunk(choices: Value, usage: Value) -> Value {
    json!({
        "id": ID,
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_1a2b3c4d5e",
        "choices": choices,
        "usage": usage,
        "obfuscation": "Yh3kQ",
    })
}

fn call(number: usize) -> Value {
    let function = json!({ "name": harness::script::TOOL, "arguments": arguments(number) });
    json!({ "id": call_id(number), "type": "function", "function": function })
}

fn usage() -> Value {
    json!({
        "prompt_tokens": 1200,
        "completion_tokens": 40,
        "total_tokens": 1240,
        "prompt_tokens_details": { "cached_tokens": 1024, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

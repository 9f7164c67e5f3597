//! Replies of Responses.
use harness::script::{MODEL, TOOL, answer, arguments, call_id, word};
use serde_json::{Value, json};

use crate::{
    Said,
    sse::{named, pieces},
};

const MESSAGE: &str = "msg_68e1b2c3d4f5a6978899aabbccddeeff";

pub fn json(said: &Said) -> String {
    response("completed", &items(said), usage()).to_string()
}

pub fn events(said: &Said) -> String {
    let mut text = String::new();
    let mut number = 0;
    let mut event = |mut data: Value| {
        data["sequence_number"] = json!(number);
        number += 1;
        named(&mut text, &data);
    };
    let started = response("in_progress", &[], Value::Null);
    event(json!({ "type": "response.created", "response": started }));
    event(json!({ "type": "response.in_progress", "response": started }));
    let items = items(said);
    match said {
        Said::Calls(numbers) => {
            for ((index, number), item) in numbers.clone().enumerate().zip(&items) {
                let mut begun = item.clone();
                begun["arguments"] = json!("");
                begun["status"] = json!("in_progress");
                event(
                    json!({ "type": "response.output_item.added", "output_index": index, "item": begun }),
                );
                let id = &item["id"];
                for piece in pieces(number) {
                    event(
                        json!({ "type": "response.function_call_arguments.delta", "item_id": id, "output_index": index, "delta": piece, "obfuscation": "Yh3kQ" }),
                    );
                }
                event(
                    json!({ "type": "response.function_call_arguments.done", "item_id": id, "output_index": index, "arguments": arguments(number) }),
                );
                event(
                    json!({ "type": "response.output_item.done", "output_index": index, "item": item }),
                );
            }
        }
        Said::Answer { deltas } => {
            let at = |kind: &str| json!({ "type": kind, "item_id": MESSAGE, "output_index": 0, "content_index": 0 });
            let begun = json!({ "id": MESSAGE, "type": "message", "status": "in_progress", "content": [], "role": "assistant" });
            event(
                json!({ "type": "response.output_item.added", "output_index": 0, "item": begun }),
            );
            let mut part = at("response.content_part.added");
            part["part"] =
                json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": "" });
            event(part);
            for number in 0..*deltas {
                let mut delta = at("response.output_text.delta");
                delta["delta"] = json!(word(number));
                delta["logprobs"] = json!([]);
                delta["obfuscation"] = json!("Yh3kQ");
                event(delta);
            }
            let mut done = at("response.output_text.done");
            done["text"] = json!(answer(*deltas));
            done["logprobs"] = json!([]);
            event(done);
            let mut part = at("response.content_part.done");
            part["part"] = items[0]["content"][0].clone();
            event(part);
            event(
                json!({ "type": "response.output_item.done", "output_index": 0, "item": items[0] }),
            );
        }
    }
    event(
        json!({ "type": "response.completed", "response": response("completed", &items, usage()) }),
    );
    text
}

fn items(said: &Said) -> Vec<Value> {
    match said {
        Said::Calls(numbers) => numbers
            .clone()
            .map(|number| {
                json!({
                    "id": format!("fc_68e1b2c3d4f5a6978899aabb{number:06}"),
                    "type": "function_call",
                    "status": "completed",
                    "arguments": arguments(number),
                    "call_id": call_id(number),
                    "name": TOOL,
                })
            })
            .collect(),
        Said::Answer { deltas } => {
            let part = json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": answer(*deltas) });
            vec![
                json!({ "id": MESSAGE, "type": "message", "status": "completed", "content": [part], "role": "assistant" }),
            ]
        }
    }
}

fn response(status: &str, output: &[Value], usage: Value) -> Value {
    json!({
        "id": "resp_68e1b2c3d4f5a6978899aabbccddeeff",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": null,
        "model": MODEL,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null },
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": { "format": { "type": "text" }, "verbosity": "medium" },
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "metadata": {},
    })
}

fn usage() -> Value {
    json!({
        "input_tokens": 1200,
        "input_tokens_details": { "cached_tokens": 1024 },
        "output_tokens": 40,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": 1240,
    })
}

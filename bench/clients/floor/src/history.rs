//! What is sent, of Chat Completions, written down before.
use bytes::Bytes;
use harness::{Desk, Job, script};
use serde_json::json;

pub struct History {
    /// A request that never ends: its beginning, then all messages.
    bytes: Bytes,
    /// Where each step's request is cut.
    ends: Vec<usize>,
    tail: Bytes,
}

impl History {
    pub fn of(job: &Job) -> Self {
        let system = json!({ "role": "system", "content": script::SYSTEM });
        let user = json!({ "role": "user", "content": script::PROMPT });
        let model = script::MODEL;
        let stream = if job.script.is_streamed {
            r#"true,"stream_options":{"include_usage":true}"#
        } else {
            "false"
        };
        let mut text =
            format!(r#"{{"model":"{model}","stream":{stream},"messages":[{system},{user}"#);
        let mut ends = vec![text.len()];
        let desk = Desk::new(&job.script);
        for step in 0..job.script.steps {
            let numbers = step * job.script.calls..(step + 1) * job.script.calls;
            let calls: Vec<_> = numbers
                .clone()
                .map(|number| {
                    let function =
                        json!({ "name": script::TOOL, "arguments": script::arguments(number) });
                    let id = script::call_id(number);
                    json!({ "type": "function", "id": id, "function": function })
                })
                .collect();
            let reply = json!({ "role": "assistant", "content": null, "tool_calls": calls });
            text.push_str(&format!(",{reply}"));
            for number in numbers {
                let (id, content) = (script::call_id(number), desk.result(number as u64));
                let result = json!({ "role": "tool", "tool_call_id": id, "content": content });
                text.push_str(&format!(",{result}"));
            }
            ends.push(text.len());
        }
        let tools: Vec<_> = script::tools()
            .iter()
            .map(|it| {
                let function = json!({
                    "name": it.name,
                    "description": it.description,
                    "parameters": it.parameters,
                });
                json!({ "type": "function", "function": function })
            })
            .collect();
        let tail = format!(r#"],"tools":{}}}"#, json!(tools));
        text.shrink_to_fit();
        Self { bytes: text.into(), ends, tail: tail.into() }
    }

    /// The body of the request of a step, in two pieces.
    pub fn request(&self, step: usize) -> [Bytes; 2] {
        [self.bytes.slice(..self.ends[step]), self.tail.clone()]
    }
}

//! The run as JSON: one object at the end, or one a line for each event.
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};
use siumai::orchestrator::StreamEvent;

use super::Answer;
use crate::run::{Ended, How};

/// Writes one object when the run has ended.
#[derive(Debug)]
pub(crate) struct Json<W>(pub(crate) W);

/// Writes each event as it happens; a run that breaks off ends with one of type `error`.
#[derive(Debug)]
pub(crate) struct JsonLines<W>(pub(crate) W);

impl<W: Write> Answer for Json<W> {
    fn event(&mut self, _: &StreamEvent) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, ended: &Ended) -> io::Result<()> {
        let mut object = json!({
            "text": ended.text(),
            "stopped_by": stopped_by(&ended.how),
            "steps": ended.steps,
            "usage": ended.usage,
            "messages": ended.messages,
        });
        if let Some(run_id) = &ended.run_id {
            object["run_id"] = json!(run_id);
        }
        if let Some(cost) = &ended.cost {
            object["cost_usd"] = json!(cost);
        }
        let waiting: Vec<_> = ended.waiting().collect();
        if !waiting.is_empty() {
            object["waiting"] = json!(waiting);
        }
        if let Some(error) = error(&ended.how) {
            object["error"] = error;
        }
        serde_json::to_writer_pretty(&mut self.0, &object)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}

impl<W: Write> JsonLines<W> {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        // In one piece: a reader never sees half a line of a run that goes on.
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}

impl<W: Write> Answer for JsonLines<W> {
    fn event(&mut self, event: &StreamEvent) -> io::Result<()> {
        self.line(event)
    }

    fn end(&mut self, ended: &Ended) -> io::Result<()> {
        let Some(mut error) = error(&ended.how) else { return Ok(()) };
        error["type"] = "error".into();
        error["usage"] = json!(ended.usage);
        self.line(&error)
    }
}

/// Why the run ended, in a word.
fn stopped_by(how: &How) -> Value {
    match how {
        How::Finished(stopped_by) => match json!(stopped_by) {
            Value::Object(named) => named.keys().next().cloned().into(),
            word => word,
        },
        How::OverCost => "max_cost".into(),
        How::Failed(_) => "error".into(),
        How::Stopped(cause) => format!("{cause:?}").to_lowercase().into(),
    }
}

fn error(how: &How) -> Option<Value> {
    match how {
        How::Finished(_) | How::OverCost => None,
        How::Failed(error) => Some(json!({
            "kind": format!("{:?}", error.kind()),
            "message": error.to_string(),
        })),
        How::Stopped(cause) => {
            let message = format!("{cause:?}").to_lowercase();
            Some(json!({ "kind": "Cancelled", "message": message }))
        }
    }
}

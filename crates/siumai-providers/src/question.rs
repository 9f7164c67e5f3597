//! The body of a request: fields, the messages of the run so far, and more fields.
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use siumai_core::{LlmError, types::Warning};

use crate::{
    http::Payload,
    transcript::{Transcript, Writer},
};

/// What is asked.
pub(crate) struct Question {
    /// The JSON.
    pub(crate) body: Payload,
    /// What could not be put into it.
    pub(crate) warnings: Vec<Warning>,
}

/// A body without its messages: what is small, and written for each request.
///
/// What may change from step to step stands behind the messages, so that their bytes stay where
/// they are.
pub(crate) struct Body<'a, H, T> {
    /// The fields before the messages.
    pub(crate) head: H,
    /// What the list of messages is called.
    pub(crate) list: &'static str,
    /// What stands in the list before the messages.
    pub(crate) lead: Option<&'a RawValue>,
    /// The fields behind the messages.
    pub(crate) tail: T,
}

/// How many bytes the fields before the messages have at most, most often.
const FIELDS: usize = 512;

/// Puts fields of the caller over those of a body.
pub(crate) type Merge = fn(body: &mut Map<String, Value>, extra: &Map<String, Value>);

impl<H: Serialize, T: Serialize> Body<'_, H, T> {
    /// The body with the messages of `transcript`, and the fields of `extra` over its own.
    ///
    /// # Errors
    ///
    /// If a field is nothing that JSON can say.
    pub(crate) fn around<W: Writer>(
        &self,
        transcript: &Transcript<W>,
        extra: &Map<String, Value>,
        merge: Merge,
    ) -> Result<Payload, LlmError> {
        let payload = if extra.is_empty() {
            self.plain(transcript)
        } else {
            self.overridden(transcript, extra, merge)
        };
        payload.map_err(|error| LlmError::invalid_input(error.to_string()))
    }

    fn plain<W: Writer>(&self, transcript: &Transcript<W>) -> serde_json::Result<Payload> {
        let mut head = Vec::with_capacity(FIELDS);
        serde_json::to_writer(&mut head, &self.head)?;
        self.join(transcript, head, &self.tail)
    }

    fn overridden<W: Writer>(
        &self,
        transcript: &Transcript<W>,
        extra: &Map<String, Value>,
        merge: Merge,
    ) -> serde_json::Result<Payload> {
        let mut body = to_map(&self.head)?;
        let list_at = body.len();
        body.insert(self.list.to_owned(), Value::Null);
        body.append(&mut to_map(&self.tail)?);
        merge(&mut body, extra);
        if !body[self.list].is_null() {
            return serde_json::to_vec(&body).map(|body| Payload::from_iter([body.into()]));
        }
        let mut fields = body.into_iter();
        let head: Map<_, _> = fields.by_ref().take(list_at).collect();
        let tail: Map<_, _> = fields.skip(1).collect();
        self.join(transcript, serde_json::to_vec(&head)?, &tail)
    }

    /// The body of its two halves, each an object.
    fn join<W: Writer>(
        &self,
        transcript: &Transcript<W>,
        mut head: Vec<u8>,
        tail: &impl Serialize,
    ) -> serde_json::Result<Payload> {
        head.pop();
        if head.len() > 1 {
            head.push(b',');
        }
        for part in ["\"", self.list, "\":["] {
            head.extend_from_slice(part.as_bytes());
        }
        transcript.between(head, self.lead, tail)
    }
}

/// Puts each field of `extra` over the one of its name.
pub(crate) fn replace(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    body.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
}

fn to_map(fields: &impl Serialize) -> serde_json::Result<Map<String, Value>> {
    match serde_json::to_value(fields)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

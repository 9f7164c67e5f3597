//! A history as it is kept: JSON with a version, which every later siumai reads.
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};
use serde_json::{Map, Value};

use crate::types::ChatMessage;

/// The version that is written.
const VERSION: u64 = 1;

/// A history to be kept: it goes through JSON without loss, and a later siumai still reads it.
///
/// In JSON it is `{"version": 1, "messages": [message, …]}`. A list of messages alone, as
/// `Vec<ChatMessage>` serialises, is read too. A history of a version that this siumai does not
/// know is refused, and so is one with a role, a part or a status that it does not know, rather than
/// be read in part. A field that it does not know is left out.
///
/// ```
/// use siumai_core::{assistant, history::History, user};
///
/// let history = History::new(vec![user!("Hi"), assistant!("Hello.")]);
/// let text = serde_json::to_string(&history)?;
/// assert_eq!(serde_json::from_str::<History>(&text)?, history);
///
/// let newer = serde_json::from_str::<History>(r#"{"version": 9, "messages": []}"#).unwrap_err();
/// assert_eq!(
///     newer.to_string(),
///     "the history is of version 9, and this siumai reads up to version 1; update siumai"
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The messages, in order.
    pub messages: Vec<ChatMessage>,
}

impl History {
    /// A history of these messages.
    pub fn new(messages: Vec<ChatMessage>) -> Self {
        Self { messages }
    }
}

impl From<Vec<ChatMessage>> for History {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self::new(messages)
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("History", 2)?;
        fields.serialize_field("version", &VERSION)?;
        fields.serialize_field("messages", &self.messages)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As a whole first: the version says how to read the messages, wherever it stands.
        let messages = match Value::deserialize(deserializer)? {
            Value::Array(messages) => messages,
            Value::Object(fields) => read_fields(fields).map_err(de::Error::custom)?,
            _ => return Err(de::Error::custom("a history is an object or a list of messages")),
        };
        let messages = messages.into_iter().enumerate().map(|(at, message)| {
            serde_json::from_value(message).map_err(|error| {
                de::Error::custom(format_args!("message {at} of the history: {error}"))
            })
        });
        Ok(Self { messages: messages.collect::<Result<_, _>>()? })
    }
}

fn read_fields(mut fields: Map<String, Value>) -> Result<Vec<Value>, Unreadable> {
    match fields.get("version").map(Value::as_u64) {
        Some(Some(VERSION)) => {}
        Some(Some(newer)) if newer > VERSION => return Err(Unreadable::Newer(newer)),
        _ => return Err(Unreadable::Unversioned),
    }
    match fields.remove("messages") {
        Some(Value::Array(messages)) => Ok(messages),
        _ => Err(Unreadable::Empty),
    }
}

/// Why a history can't be read.
enum Unreadable {
    Newer(u64),
    Unversioned,
    Empty,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(version) => write!(
                f,
                "the history is of version {version}, and this siumai reads up to version {VERSION}; update siumai"
            ),
            Self::Unversioned => {
                f.write_str("the history has no `version` that is a number from 1")
            }
            Self::Empty => f.write_str("the history has no list of `messages`"),
        }
    }
}

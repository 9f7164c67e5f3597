//! The JSON of Chat Completions, field for field: what is sent and what comes back.
//!
//! What comes back borrows its text from the bytes that arrived, and takes from a server
//! what can be understood: `null` for absent, numbers of any sort, ids that are missing.
use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, StrDeserializer},
    },
};
use serde_json::{Value, value::RawValue};

use crate::{
    http::Reported,
    json::{Count, Few, JsonText, MaybeText, Text},
};

/// The body of a request. The fields are in this order on the wire: what may change from
/// step to step comes after the messages, so that their bytes stay where they are.
#[derive(Serialize)]
pub(super) struct Request<'a, M> {
    pub(super) model: &'a str,
    #[serde(flatten)]
    pub(super) settings: Settings<'a>,
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) messages: M,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_completion_tokens: Option<u32>,
    /// The older name of the same, which most other servers know alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// What Mistral calls it, and refuses under its other name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) random_seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
pub(super) struct JsonSchema<'a> {
    pub(super) name: &'a str,
    pub(super) schema: &'a Value,
    pub(super) strict: bool,
}

#[derive(Serialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    System {
        content: Content<'a>,
    },
    User {
        content: Content<'a>,
    },
    Assistant {
        /// Null where the model only called tools, or declined.
        content: Option<Content<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refusal: Option<Cow<'a, str>>,
        /// What came with it that only this server understands.
        #[serde(flatten)]
        kept: BTreeMap<&'a str, &'a RawValue>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: Cow<'a, str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
    AsItCame(&'a RawValue),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
pub(super) struct ImageUrl<'a> {
    pub(super) url: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filename: Option<&'a str>,
    /// A `data:` URL.
    pub(super) file_data: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Call<'a> {
    Function {
        id: &'a str,
        function: FunctionCall<'a>,
        /// Where Gemini puts the signature of the thought that led to the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        extra_content: Option<&'a RawValue>,
    },
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) name: &'a str,
    /// JSON, as text.
    pub(super) arguments: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Tool<'a> {
    Function { function: Function<'a> },
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    pub(super) parameters: &'a Value,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolChoice<'a> {
    Mode(&'static str),
    Named(NamedTool<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum NamedTool<'a> {
    Function { function: Name<'a> },
}

#[derive(Serialize)]
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
}

/// A whole reply, or a piece of one: they differ in one field of a choice.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reply<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) choices: Choices<'a>,
    pub(super) usage: Option<Box<Usage>>,
    /// Where Groq tells the usage if it was not asked for.
    pub(super) x_groq: Option<Aside>,
    pub(super) error: Option<Box<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Aside {
    pub(super) usage: Option<Box<Usage>>,
}

/// Of the choices the first, which is the one with index 0.
#[derive(Debug, Default)]
pub(super) struct Choices<'a> {
    pub(super) first: Option<Choice<'a>>,
    /// Whether there was a list at all.
    pub(super) is_present: bool,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<u64>,
    /// The `delta` of a piece, the `message` of a whole reply. Some servers send with each
    /// piece all that was said so far, which says nothing new.
    pub(super) said: Option<Said<'a>>,
    pub(super) finish_reason: Option<Text<'a>>,
    /// Where Moonshot tells it.
    pub(super) usage: Option<Box<Usage>>,
    pub(super) error: Option<Box<Value>>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ChoiceField {
    Index,
    Delta,
    Message,
    FinishReason,
    Usage,
    Error,
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Spoken<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    /// The model's thinking, which OpenAI does not show and others name in two ways.
    #[serde(borrow, default)]
    pub(super) reasoning_content: MaybeText<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: MaybeText<'a>,
    /// The same with signatures, and thinking that is encrypted: a list of [`Detail`]s.
    #[serde(borrow)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Few<CallPiece<'a>>,
}

/// What was said: text, or with some servers parts of several sorts.
#[derive(Debug)]
pub(super) enum Spoken<'a> {
    Text(Text<'a>),
    Parts(Vec<&'a RawValue>),
}

/// A part of what was said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SpokenPart<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) text: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) refusal: MaybeText<'a>,
    /// Text, or a list of parts that are.
    #[serde(borrow)]
    pub(super) thinking: Option<Spoken<'a>>,
    #[serde(borrow)]
    pub(super) signature: MaybeText<'a>,
}

/// A block of the model's thinking, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: MaybeText<'a>,
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) format: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) text: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) summary: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) data: MaybeText<'a>,
    #[serde(borrow)]
    pub(super) signature: MaybeText<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct CallPiece<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<FunctionPiece<'a>>,
    #[serde(borrow)]
    pub(super) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FunctionPiece<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// JSON as text; some servers send the JSON itself.
    #[serde(borrow)]
    pub(super) arguments: Option<JsonText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Count,
    pub(super) completion_tokens: Count,
    pub(super) total_tokens: Count,
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    pub(super) completion_tokens_details: Option<CompletionDetails>,
    /// Where some servers tell what others tell in the details.
    pub(super) cached_tokens: Count,
    pub(super) prompt_cache_hit_tokens: Count,
    pub(super) reasoning_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PromptDetails {
    pub(super) cached_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CompletionDetails {
    pub(super) reasoning_tokens: Count,
}

impl<'de: 'a, 'a> Deserialize<'de> for Choice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Choice<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a choice")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut choice = Choice::default();
                while let Some(field) = map.next_key()? {
                    match field {
                        ChoiceField::Index => choice.index = map.next_value()?,
                        ChoiceField::Delta => {
                            choice.said = map.next_value::<Option<_>>()?.or(choice.said);
                        }
                        ChoiceField::Message if choice.said.is_none() => {
                            choice.said = map.next_value()?;
                        }
                        ChoiceField::FinishReason => choice.finish_reason = map.next_value()?,
                        ChoiceField::Usage => choice.usage = map.next_value()?,
                        ChoiceField::Error => choice.error = map.next_value()?,
                        ChoiceField::Message | ChoiceField::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(choice)
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Spoken<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Spoken<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a list of parts")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Text::deserialize(BorrowedStrDeserializer::new(text)).map(Spoken::Text)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Text::deserialize(StrDeserializer::new(text)).map(Spoken::Text)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Spoken::Parts(parts))
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Choices<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Choices::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut first = None;
                while let Some(choice) = seq.next_element::<Choice<'a>>()? {
                    if choice.index.unwrap_or(0) == 0 && first.is_none() {
                        first = Some(choice);
                    }
                }
                Ok(Choices { first, is_present: true })
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// What the body of a refusal, or an event that is an error, says.
///
/// It is `{"error": {…}}`, and with some servers `{"error": "…"}`, the error without
/// anything around it, a list of one, or `{"detail": …}`.
pub(crate) fn error(body: &Value) -> Option<Reported> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").filter(|it| !it.is_null()).unwrap_or(body);
    let words = [error, &error["message"], &error["detail"]].into_iter().find_map(Value::as_str);
    let reported = Reported {
        status: error["status_code"].as_u64().and_then(|it| it.try_into().ok()),
        code: word(&error["code"]),
        category: word(&error["type"]),
        message: words.map(str::to_owned).or_else(|| detail(&error["detail"])),
        ..Reported::default()
    };
    (reported != Reported::default()).then_some(reported)
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn detail(value: &Value) -> Option<String> {
    value.is_array().then(|| value.to_string())
}

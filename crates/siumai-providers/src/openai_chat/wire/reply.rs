//! The JSON of Chat Completions that comes back, which borrows its text from the bytes that
//! arrived, and takes from a server what can be understood: `null` for absent, numbers of any
//! sort, ids that are missing.
use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, StrDeserializer},
    },
};
use serde_json::{Value, value::RawValue};

use crate::json::{Count, Few, JsonText, MaybeText, Text};

/// A whole reply, or a piece of one: they differ in one field of a choice.
#[derive(Debug, Default, Deserialize)]
pub(in crate::openai_chat) struct Reply<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(in crate::openai_chat) model: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(in crate::openai_chat) choices: Choices<'a>,
    pub(in crate::openai_chat) usage: Option<Box<Usage>>,
    /// Where Groq tells the usage if it was not asked for, and why it stopped early.
    pub(in crate::openai_chat) x_groq: Option<Aside>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
    /// The pages that a search found, with titles; the other list has their addresses alone.
    #[serde(borrow)]
    pub(in crate::openai_chat) search_results: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(in crate::openai_chat) citations: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Aside {
    pub(in crate::openai_chat) usage: Option<Box<Usage>>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
}

/// Of the choices the first, which is the one with index 0.
#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Choices<'a> {
    pub(in crate::openai_chat) first: Option<Choice<'a>>,
    /// Whether there was a list at all.
    pub(in crate::openai_chat) is_present: bool,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Choice<'a> {
    pub(in crate::openai_chat) index: Count,
    /// The `delta` of a piece, the `message` of a whole reply. Some servers send with each
    /// piece all that was said so far, which says nothing new.
    pub(in crate::openai_chat) said: Option<Said<'a>>,
    pub(in crate::openai_chat) finish_reason: Option<Text<'a>>,
    /// Where Moonshot tells it.
    pub(in crate::openai_chat) usage: Option<Box<Usage>>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
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
#[serde(default)]
pub(in crate::openai_chat) struct Said<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) content: Option<Spoken<'a>>,
    #[serde(borrow)]
    pub(in crate::openai_chat) refusal: MaybeText<'a>,
    /// The model's thinking, which OpenAI does not show and others name in two ways.
    #[serde(borrow)]
    pub(in crate::openai_chat) reasoning_content: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) reasoning: MaybeText<'a>,
    /// The same with signatures, and thinking that is encrypted: a list of [`Detail`]s.
    #[serde(borrow)]
    pub(in crate::openai_chat) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(in crate::openai_chat) tool_calls: Few<CallPiece<'a>>,
    /// The only call, as it was told before there could be several.
    #[serde(borrow)]
    pub(in crate::openai_chat) function_call: Option<FunctionPiece<'a>>,
    /// Where the words are from: a list of [`Annotation`]s.
    #[serde(borrow)]
    pub(in crate::openai_chat) annotations: Option<&'a RawValue>,
    /// Pictures: a list of [`Picture`]s.
    #[serde(borrow)]
    pub(in crate::openai_chat) images: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(in crate::openai_chat) audio: Option<Sound<'a>>,
}

/// What was said: text, or with some servers parts of several sorts.
#[derive(Debug)]
pub(in crate::openai_chat) enum Spoken<'a> {
    Text(Text<'a>),
    Parts(Vec<&'a RawValue>),
}

/// A part of what was said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct SpokenPart<'a> {
    #[serde(borrow, rename = "type")]
    pub(in crate::openai_chat) kind: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) text: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) refusal: MaybeText<'a>,
    /// Text, or a list of parts that are.
    #[serde(borrow)]
    pub(in crate::openai_chat) thinking: Option<Spoken<'a>>,
    #[serde(borrow)]
    pub(in crate::openai_chat) signature: MaybeText<'a>,
}

/// A block of the model's thinking, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Detail<'a> {
    #[serde(borrow, rename = "type")]
    pub(in crate::openai_chat) kind: MaybeText<'a>,
    pub(in crate::openai_chat) index: Count,
    #[serde(borrow)]
    pub(in crate::openai_chat) id: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) format: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) text: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) summary: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) data: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) signature: MaybeText<'a>,
}

/// Where words are from. What a citation says may be in a frame of its own, or not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Annotation<'a> {
    #[serde(borrow, rename = "type")]
    pub(in crate::openai_chat) kind: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) url_citation: Option<Citation<'a>>,
}

/// A page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Citation<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) url: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) title: MaybeText<'a>,
    /// The words that were taken from it, under two names.
    #[serde(borrow)]
    pub(in crate::openai_chat) content: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) snippet: MaybeText<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Picture<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) image_url: Option<Citation<'a>>,
}

/// A spoken reply, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Sound<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) id: MaybeText<'a>,
    /// Its bytes, in Base64.
    #[serde(borrow)]
    pub(in crate::openai_chat) data: MaybeText<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct CallPiece<'a> {
    pub(in crate::openai_chat) index: Count,
    #[serde(borrow, rename = "type")]
    pub(in crate::openai_chat) kind: MaybeText<'a>,
    #[serde(borrow)]
    pub(in crate::openai_chat) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(in crate::openai_chat) function: Option<FunctionPiece<'a>>,
    #[serde(borrow)]
    pub(in crate::openai_chat) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct FunctionPiece<'a> {
    #[serde(borrow)]
    pub(in crate::openai_chat) name: MaybeText<'a>,
    /// JSON as text; some servers send the JSON itself.
    #[serde(borrow)]
    pub(in crate::openai_chat) arguments: Option<JsonText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct Usage {
    pub(in crate::openai_chat) prompt_tokens: Count,
    pub(in crate::openai_chat) completion_tokens: Count,
    pub(in crate::openai_chat) total_tokens: Count,
    pub(in crate::openai_chat) prompt_tokens_details: Option<PromptDetails>,
    pub(in crate::openai_chat) completion_tokens_details: Option<CompletionDetails>,
    /// Where some servers tell what others tell in the details.
    pub(in crate::openai_chat) cached_tokens: Count,
    pub(in crate::openai_chat) prompt_cache_hit_tokens: Count,
    pub(in crate::openai_chat) reasoning_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct PromptDetails {
    pub(in crate::openai_chat) cached_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::openai_chat) struct CompletionDetails {
    pub(in crate::openai_chat) reasoning_tokens: Count,
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
                    if choice.index.0.unwrap_or(0) == 0 && first.is_none() {
                        first = Some(choice);
                    }
                }
                Ok(Choices { first, is_present: true })
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

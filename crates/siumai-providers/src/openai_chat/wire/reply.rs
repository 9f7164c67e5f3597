//! The JSON of Chat Completions that comes back, which borrows its text from the bytes that
//! arrived, and takes from a server what can be understood: `null` for absent, numbers of any
//! sort, ids that are missing.
use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, StrDeserializer},
    },
};
use serde_json::{Value, value::RawValue};

use crate::json::{Count, Few, Json, JsonText, MaybeText, Read, Text, fields};

/// A whole reply, or a piece of one: they differ in one field of a choice.
#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Reply<'a> {
    pub(in crate::openai_chat) id: Option<Text<'a>>,
    pub(in crate::openai_chat) model: Option<Text<'a>>,
    pub(in crate::openai_chat) choices: Choices<'a>,
    pub(in crate::openai_chat) usage: Option<Usage>,
    /// Where Groq tells the usage if it was not asked for, and why it stopped early.
    pub(in crate::openai_chat) x_groq: Option<Aside>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
    /// The pages that a search found, with titles; the other list has their addresses alone.
    pub(in crate::openai_chat) search_results: Option<&'a RawValue>,
    pub(in crate::openai_chat) citations: Option<&'a RawValue>,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Aside {
    pub(in crate::openai_chat) usage: Option<Usage>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
}

/// Of the choices the first, which is the one with index 0.
#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Choices<'a> {
    pub(in crate::openai_chat) first: Option<Choice<'a>>,
    /// Whether there was a list at all.
    pub(in crate::openai_chat) is_present: bool,
    /// Where in the text the list begins, in bytes.
    pub(in crate::openai_chat) place: usize,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Choice<'a> {
    pub(in crate::openai_chat) index: Count,
    /// What a piece brings.
    pub(in crate::openai_chat) delta: Option<Said<'a>>,
    /// What a whole reply is. Some servers send with each piece all that was said so far, which
    /// says nothing new.
    pub(in crate::openai_chat) message: Option<Said<'a>>,
    pub(in crate::openai_chat) finish_reason: Option<Text<'a>>,
    /// Where Moonshot tells it.
    pub(in crate::openai_chat) usage: Option<Usage>,
    pub(in crate::openai_chat) error: Option<Box<Value>>,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Said<'a> {
    pub(in crate::openai_chat) content: Option<Spoken<'a>>,
    pub(in crate::openai_chat) refusal: MaybeText<'a>,
    /// The model's thinking, which OpenAI does not show and others name in two ways.
    pub(in crate::openai_chat) reasoning_content: MaybeText<'a>,
    pub(in crate::openai_chat) reasoning: MaybeText<'a>,
    /// The same with signatures, and thinking that is encrypted: a list of [`Detail`]s.
    pub(in crate::openai_chat) reasoning_details: Option<&'a RawValue>,
    pub(in crate::openai_chat) tool_calls: Few<CallPiece<'a>>,
    /// The only call, as it was told before there could be several.
    pub(in crate::openai_chat) function_call: Option<FunctionPiece<'a>>,
    /// Where the words are from: a list of [`Annotation`]s.
    pub(in crate::openai_chat) annotations: Option<&'a RawValue>,
    /// Pictures: a list of [`Picture`]s.
    pub(in crate::openai_chat) images: Option<&'a RawValue>,
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
#[derive(Debug, Default)]
pub(in crate::openai_chat) struct Sound<'a> {
    pub(in crate::openai_chat) id: MaybeText<'a>,
    /// Its bytes, in Base64.
    pub(in crate::openai_chat) data: MaybeText<'a>,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct CallPiece<'a> {
    pub(in crate::openai_chat) index: Count,
    pub(in crate::openai_chat) kind: MaybeText<'a>,
    pub(in crate::openai_chat) id: Option<Text<'a>>,
    pub(in crate::openai_chat) function: Option<FunctionPiece<'a>>,
    pub(in crate::openai_chat) extra_content: Option<&'a RawValue>,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct FunctionPiece<'a> {
    pub(in crate::openai_chat) name: MaybeText<'a>,
    /// JSON as text; some servers send the JSON itself.
    pub(in crate::openai_chat) arguments: JsonText<'a>,
}

#[derive(Debug, Default)]
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

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct PromptDetails {
    pub(in crate::openai_chat) cached_tokens: Count,
}

#[derive(Debug, Default)]
pub(in crate::openai_chat) struct CompletionDetails {
    pub(in crate::openai_chat) reasoning_tokens: Count,
}

fields!(Reply<'a>: id, model, choices, usage, x_groq, error, search_results, citations);

fields!(Choice<'a>: index, delta, message, finish_reason, usage, error);

fields!(Said<'a>: content, refusal, reasoning_content, reasoning, reasoning_details, tool_calls, function_call, annotations, images, audio);

fields!(CallPiece<'a>: index, kind as "type", id, function, extra_content);

fields!(FunctionPiece<'a>: name, arguments);

fields!(Aside: usage, error);

fields!(Sound<'a>: id, data);

fields!(Usage: prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details, completion_tokens_details, cached_tokens, prompt_cache_hit_tokens, reasoning_tokens);

fields!(PromptDetails: cached_tokens);

fields!(CompletionDetails: reasoning_tokens);

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

impl<'a> Read<'a> for Choices<'a> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        let Self { first, is_present, place } = self;
        (*first, *place) = (None, json.place());
        *is_present = json.items(|json| {
            if first.is_some() {
                return json.skip();
            }
            first.read(json)?;
            first.take_if(|it| it.index.0.unwrap_or(0) != 0);
            Ok(())
        })?;
        Ok(())
    }
}

impl<'a> Read<'a> for Option<Spoken<'a>> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        *self = match json.text() {
            Some(text) => Some(Spoken::Text(text)),
            None => json.value()?,
        };
        Ok(())
    }
}

//! The JSON, as far as the loop needs it.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Reply<'a> {
    #[serde(borrow)]
    pub choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
pub struct Choice<'a> {
    #[serde(borrow)]
    pub message: Said<'a>,
}

#[derive(Deserialize)]
pub struct Chunk<'a> {
    #[serde(borrow)]
    pub choices: Vec<ChunkChoice<'a>>,
}

#[derive(Deserialize)]
pub struct ChunkChoice<'a> {
    #[serde(borrow)]
    pub delta: Said<'a>,
}

#[derive(Deserialize)]
pub struct Said<'a> {
    #[serde(borrow, default)]
    pub content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub tool_calls: Vec<Call<'a>>,
}

#[derive(Deserialize)]
pub struct Call<'a> {
    #[serde(default)]
    pub index: usize,
    #[serde(borrow, default)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub function: Function<'a>,
}

#[derive(Deserialize)]
pub struct Function<'a> {
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub arguments: Cow<'a, str>,
}

#[derive(Deserialize)]
pub struct Arguments<'a> {
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    pub line: u64,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message<'a> {
    System { content: &'a str },
    User { content: &'a str },
    Assistant { content: Option<&'a str>, tool_calls: Vec<SentCall<'a>> },
    Tool { tool_call_id: &'a str, content: &'a str },
}

#[derive(Serialize)]
pub struct SentCall<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: &'a str,
    pub function: SentFunction<'a>,
}

#[derive(Serialize)]
pub struct SentFunction<'a> {
    pub name: &'a str,
    pub arguments: &'a str,
}

//! The wires of siumai: language models behind HTTP, and one that needs nothing.
//!
//! Each provider is a type that implements
//! [`LanguageModel`](siumai_core::model::LanguageModel). Below them lies one HTTP layer,
//! whose [`Transport`](http::Transport) can be exchanged, one reader of event streams and
//! one stream of a reply; a provider adds what its JSON looks like.
//! The [offline] model has no wire.
//!
//! Nothing here reads the environment, retries or spawns.
pub mod anthropic;
pub mod compatible;
pub mod gemini;
pub mod http;
mod json;
pub mod offline;
pub mod openai_chat;
pub mod openai_responses;
mod question;
mod reply;
mod schema;
mod sse;
mod transcript;

pub use self::{
    anthropic::{Anthropic, AnthropicBuilder},
    gemini::{Gemini, GeminiBuilder},
    offline::OfflineModel,
    openai_chat::{OpenAiChat, OpenAiChatBuilder},
    openai_responses::{OpenAiResponses, OpenAiResponsesBuilder},
};

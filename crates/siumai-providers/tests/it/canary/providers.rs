//! Every provider there is, built alike.
use std::sync::LazyLock;

use siumai_core::{LlmError, model::LanguageModel};
use siumai_providers::{
    Anthropic, Gemini, OpenAiChat, OpenAiResponses,
    compatible::{SERVERS, Server},
    http::Transport,
};

use super::KEY;

/// A provider: a wire, or a server that speaks one.
pub(super) struct Provider {
    pub(super) name: &'static str,
}

/// All of them.
pub(super) static PROVIDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    let own =
        ["openai", "openai-responses", "responses-compatible", "anthropic", "messages", "gemini"];
    let servers = SERVERS.iter().map(Server::name);
    own.into_iter().chain(servers).map(|name| Provider { name }).collect()
});

/// What a provider is told.
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) header_name: &'static str,
    pub(super) header: String,
    pub(super) base_url: String,
}

/// What its builder shows of itself, and what it makes.
type Built = Result<(String, Box<dyn LanguageModel>), (String, LlmError)>;

/// The builders are types of their own, with the same setters.
macro_rules! built {
    ($builder:expr, $asked:expr, $transport:expr) => {{
        let Asked { key, header_name, header, base_url } = $asked;
        let builder = $builder.api_key(key).header(header_name, header);
        let mut builder = builder.base_url(base_url).model("some-model");
        if let Some(transport) = $transport {
            builder = builder.transport(transport);
        }
        let shown = format!("{builder:?} {builder:#?}");
        match builder.build() {
            Ok(model) => Ok((format!("{shown} {model:?} {model:#?}"), Box::new(model))),
            Err(error) => Err((shown, error)),
        }
    }};
}

impl Provider {
    pub(super) fn build(&self, asked: Asked, transport: Option<Box<dyn Transport>>) -> Built {
        match self.name {
            "openai" => built!(OpenAiChat::openai(), asked, transport),
            "openai-responses" => built!(OpenAiResponses::openai(), asked, transport),
            "responses-compatible" => {
                built!(
                    OpenAiResponses::compatible("other", "https://other.example"),
                    asked,
                    transport
                )
            }
            "anthropic" => built!(Anthropic::builder(), asked, transport),
            "messages" => {
                built!(Anthropic::compatible("other", "https://other.example"), asked, transport)
            }
            "gemini" => built!(Gemini::builder(), asked, transport),
            server => built!(OpenAiChat::server(server).unwrap(), asked, transport),
        }
    }

    /// The header that the key travels in.
    pub(super) fn key_header(&self) -> (&'static str, String) {
        match self.name {
            "anthropic" | "messages" => ("x-api-key", KEY.to_owned()),
            "gemini" => ("x-goog-api-key", KEY.to_owned()),
            "azure" => ("api-key", KEY.to_owned()),
            _ => ("authorization", format!("Bearer {KEY}")),
        }
    }
}

//! The servers that speak Chat Completions, and in what each differs.
//!
//! | Name | Server | Key | Differs in |
//! | --- | --- | --- | --- |
//! | `ollama` | Ollama | none | gets back all that the model thought |
//! | `vllm` | vLLM | `VLLM_API_KEY`, if it was started with one | |
//! | `llamacpp` | llama.cpp | `LLAMA_API_KEY`, if it was started with one | |
//! | `lmstudio` | LM Studio | none | no JSON without a schema: it is sent one that any object fits |
//! | `groq` | Groq | `GROQ_API_KEY` | takes no reasoning back |
//! | `openrouter` | OpenRouter | `OPENROUTER_API_KEY` | gets back all that the model thought, signed or encrypted too; takes files by URL |
//! | `deepseek` | DeepSeek | `DEEPSEEK_API_KEY` | no JSON schemas; insists on the reasoning behind a call |
//! | `mistral` | Mistral | `MISTRAL_API_KEY` | `random_seed`; tells the usage of a stream unasked; thinks in its content; takes files by URL, and has words of its own for them |
//! | `xai` | xAI | `XAI_API_KEY` | takes no reasoning back |
//! | `together` | Together | `TOGETHER_API_KEY` | |
//! | `fireworks` | Fireworks | `FIREWORKS_API_KEY` | |
//! | `cerebras` | Cerebras | `CEREBRAS_API_KEY` | |
//! | `azure` | Azure OpenAI | `AZURE_OPENAI_API_KEY` | the key's header, the API's version, a URL for each deployment |
//!
//! Where nothing is said, the reasoning behind a call goes back with it, and no other, and
//! arguments that are no JSON go back as JSON that holds them: servers refuse them otherwise.
//!
//! An answer of a schema is asked of `ollama`, `vllm`, `llamacpp`, `lmstudio`, `mistral`,
//! `fireworks` and `cerebras` while no tools are on offer, of `xai` and `azure` always, and of the
//! others by a tool.
//!
//! Nothing here reads the variables; they are named for whoever does.
use siumai_core::LlmError;

use crate::{
    http::Url,
    openai_chat::dialect::{
        Address, Dialect, Files, Formats, LimitName, Reasoning, Schemas, SeedName,
    },
};

/// The version of Azure's API that is asked for if no other is named.
const AZURE_VERSION: &str = "2024-10-21";

/// How alike a name must be to be taken for a slip.
const ALIKE: f64 = 0.75;

/// A server that is known.
///
/// ```
/// use siumai_providers::compatible::find;
///
/// let groq = find("groq")?;
/// assert_eq!(groq.base_url(), Some("https://api.groq.com/openai/v1"));
/// assert_eq!((groq.key_variable(), groq.wants_key()), (Some("GROQ_API_KEY"), true));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Server {
    name: &'static str,
    base_url: Option<&'static str>,
    key: Key,
    dialect: Dialect,
}

/// Whether a server wants a key, and where it is usually found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    None,
    Optional(&'static str),
    Required(&'static str),
}

/// The servers that are known, those on this machine first.
pub static SERVERS: [Server; 13] = [
    OLLAMA,
    server("vllm", "http://localhost:8000/v1", Key::Optional("VLLM_API_KEY"), HOLDING),
    server("llamacpp", "http://localhost:8080/v1", Key::Optional("LLAMA_API_KEY"), HOLDING),
    server(
        "lmstudio",
        "http://localhost:1234/v1",
        Key::None,
        Dialect { formats: Formats::SchemasAlone, ..HOLDING },
    ),
    server(
        "groq",
        "https://api.groq.com/openai/v1",
        Key::Required("GROQ_API_KEY"),
        Dialect { reasoning: Reasoning::Never, ..WITH_NEW_LIMIT },
    ),
    server(
        "openrouter",
        "https://openrouter.ai/api/v1",
        Key::Required("OPENROUTER_API_KEY"),
        Dialect { reasoning: Reasoning::Always, files: Files::BytesOrUrl, ..Dialect::PLAIN },
    ),
    server(
        "deepseek",
        "https://api.deepseek.com/v1",
        Key::Required("DEEPSEEK_API_KEY"),
        Dialect { formats: Formats::JsonAlone, ..Dialect::PLAIN },
    ),
    server(
        "mistral",
        "https://api.mistral.ai/v1",
        Key::Required("MISTRAL_API_KEY"),
        Dialect {
            seed_name: SeedName::RandomSeed,
            asks_for_usage: false,
            files: Files::Documents,
            ..HOLDING
        },
    ),
    server(
        "xai",
        "https://api.x.ai/v1",
        Key::Required("XAI_API_KEY"),
        Dialect { schemas: Schemas::Always, reasoning: Reasoning::Never, ..WITH_NEW_LIMIT },
    ),
    server(
        "together",
        "https://api.together.xyz/v1",
        Key::Required("TOGETHER_API_KEY"),
        Dialect::PLAIN,
    ),
    server(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        Key::Required("FIREWORKS_API_KEY"),
        HOLDING,
    ),
    server(
        "cerebras",
        "https://api.cerebras.ai/v1",
        Key::Required("CEREBRAS_API_KEY"),
        Dialect { schemas: Schemas::WithoutTools, ..WITH_NEW_LIMIT },
    ),
    Server {
        name: "azure",
        base_url: None,
        key: Key::Required("AZURE_OPENAI_API_KEY"),
        dialect: Dialect { address: Address::Azure, ..Dialect::OPENAI },
    },
];

pub(crate) const OLLAMA: Server = server(
    "ollama",
    "http://localhost:11434/v1",
    Key::None,
    Dialect { reasoning: Reasoning::Always, ..HOLDING },
);

/// The dialect of a server that holds replies to a schema while there are no tools.
const HOLDING: Dialect = Dialect { schemas: Schemas::WithoutTools, ..Dialect::PLAIN };

/// For servers that have taken over OpenAI's newer name.
const WITH_NEW_LIMIT: Dialect =
    Dialect { limit_name: LimitName::MaxCompletionTokens, ..Dialect::PLAIN };

const fn server(name: &'static str, base_url: &'static str, key: Key, dialect: Dialect) -> Server {
    Server { name, base_url: Some(base_url), key, dialect }
}

impl Server {
    /// What it is called here and in errors.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where its API is, unless each customer has an address, as with Azure.
    pub fn base_url(&self) -> Option<&'static str> {
        self.base_url
    }

    /// The environment variable that usually holds its key.
    pub fn key_variable(&self) -> Option<&'static str> {
        match self.key {
            Key::None => None,
            Key::Optional(variable) | Key::Required(variable) => Some(variable),
        }
    }

    /// Whether it answers nobody without a key.
    pub fn wants_key(&self) -> bool {
        matches!(self.key, Key::Required(_))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The server of that name; case, dashes, dots and underscores do not matter.
///
/// # Errors
///
/// If there is none; the nearest is named.
pub fn find(name: &str) -> Result<&'static Server, LlmError> {
    let wanted = plain(name);
    if let Some(found) = SERVERS.iter().find(|it| it.name == wanted) {
        return Ok(found);
    }
    let scored = SERVERS.iter().map(|it| (it.name, strsim::jaro_winkler(&wanted, it.name)));
    let near = scored.max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, score)| *score >= ALIKE);
    let hint = near.map(|(near, _)| format!("did you mean `{near}`? ")).unwrap_or_default();
    let known: Vec<_> = SERVERS.iter().map(Server::name).collect();
    Err(LlmError::invalid_input(format!(
        "no server named `{name}`; {hint}there are: {}; any other takes a base URL",
        known.join(", ")
    )))
}

fn plain(name: &str) -> String {
    let letters = name.trim().chars().filter(|it| !matches!(it, '-' | '_' | '.' | ' '));
    letters.map(|it| it.to_ascii_lowercase()).collect()
}

/// The base URL of `deployment` at the resource that `base` names. A URL that says more than
/// the resource is taken as it is, but for the version.
pub(crate) fn azure_address(
    base: &str,
    deployment: &str,
    version: Option<&str>,
) -> Result<String, LlmError> {
    if base.trim().is_empty() {
        return Err(LlmError::invalid_input(
            "azure has no common address; pass yours with `base_url`, such as \
             `https://NAME.openai.azure.com`",
        ));
    }
    // What is no URL is told of where URLs are read.
    let Ok(mut url) = Url::parse(base.trim()) else { return Ok(base.to_owned()) };
    let is_resource = matches!(url.path().trim_end_matches('/'), "" | "/openai");
    if is_resource && let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(["openai", "deployments", deployment.trim()]);
    }
    let has_version = url.query_pairs().any(|(name, _)| name == "api-version");
    // The newest form of the API has its version in the path.
    let wanted = version.or((!url.path().contains("/openai/v1")).then_some(AZURE_VERSION));
    if let Some(version) = wanted.filter(|_| !has_version) {
        url.query_pairs_mut().append_pair("api-version", version);
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests;

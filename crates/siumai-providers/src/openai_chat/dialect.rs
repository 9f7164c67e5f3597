//! In what servers differ that speak Chat Completions.

/// What a server wants otherwise than others do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) limit_name: LimitName,
    pub(crate) seed_name: SeedName,
    /// Whether a stream tells the usage only if it is asked to.
    pub(crate) asks_for_usage: bool,
    pub(crate) formats: Formats,
    pub(crate) schemas: Schemas,
    pub(crate) reasoning: Reasoning,
    pub(crate) files: Files,
    /// Whether arguments of a call that are no JSON may go back as the model wrote them. Most
    /// servers read them again, and refuse what they can't read.
    pub(crate) takes_broken_arguments: bool,
    /// Whether the model is held to the schemas of the tools, which the user decides.
    pub(crate) strict_tools: bool,
    pub(crate) end: End,
    pub(crate) address: Address,
}

/// What the form of a reply can be held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Formats {
    Any,
    /// JSON, of whatever schema.
    JsonAlone,
    /// A JSON schema, but no JSON without one.
    SchemasAlone,
}

/// When a server itself holds a reply to a schema, so that the model need not be told of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Schemas {
    /// Never, or not of every model, or nobody knows.
    Never,
    /// While no tools are on offer: what is held to a schema calls none, or both are refused.
    WithoutTools,
    Always,
}

/// How files are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Files {
    /// By their bytes.
    Bytes,
    /// By their bytes or where they are.
    BytesOrUrl,
    /// As a document, by its bytes or where it is, and sound without its format.
    Documents,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum End {
    /// With its end marker. Without it, it broke off.
    #[default]
    Marker,
    /// With the connection, once it has said why.
    Connection,
}

/// What servers call the most tokens of a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LimitName {
    /// What `OpenAI` calls it, and refuses under its older name for models that reason.
    MaxCompletionTokens,
    MaxTokens,
}

/// What servers call the seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SeedName {
    Seed,
    RandomSeed,
}

/// When a server wants to see again what its model thought, as text. Thinking that is part of
/// the content, signed or encrypted goes back unless it is never.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reasoning {
    Never,
    /// With the calls that it led to, which is where a server may insist on it.
    WithCalls,
    Always,
}

/// How a server is addressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Address {
    /// The base URL is all there is, and the key is a bearer token.
    Plain,
    /// Each deployment has a URL, the version of the API is asked for, and the key has a
    /// header of its own.
    Azure,
}

impl Dialect {
    /// What a server understands of which nothing else is known.
    pub(crate) const PLAIN: Self = Self {
        limit_name: LimitName::MaxTokens,
        seed_name: SeedName::Seed,
        asks_for_usage: true,
        formats: Formats::Any,
        schemas: Schemas::Never,
        reasoning: Reasoning::WithCalls,
        files: Files::Bytes,
        takes_broken_arguments: false,
        strict_tools: false,
        end: End::Marker,
        address: Address::Plain,
    };

    pub(crate) const OPENAI: Self = Self {
        limit_name: LimitName::MaxCompletionTokens,
        schemas: Schemas::Always,
        reasoning: Reasoning::Never,
        takes_broken_arguments: true,
        ..Self::PLAIN
    };
}

/// Whether a model of `OpenAI` is older than its schemas for replies.
pub(crate) fn is_before_schemas(model: &str) -> bool {
    let older = ["gpt-3.5", "gpt-4-", "gpt-4o-2024-05-13", "chatgpt-4o", "o1-mini", "o1-preview"];
    model == "gpt-4" || older.iter().any(|it| model.starts_with(it))
}

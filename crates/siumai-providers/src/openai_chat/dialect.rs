//! In what servers differ that speak Chat Completions.

/// What a server wants otherwise than others do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) limit_name: LimitName,
    pub(crate) seed_name: SeedName,
    /// Whether a stream tells the usage only if it is asked to.
    pub(crate) asks_for_usage: bool,
    /// Whether a reply can be held to a JSON schema.
    pub(crate) has_schemas: bool,
    pub(crate) reasoning: Reasoning,
    pub(crate) address: Address,
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
        has_schemas: true,
        reasoning: Reasoning::WithCalls,
        address: Address::Plain,
    };

    pub(crate) const OPENAI: Self = Self {
        limit_name: LimitName::MaxCompletionTokens,
        reasoning: Reasoning::Never,
        ..Self::PLAIN
    };
}

//! What is known of a model by its name: how much it writes, how it thinks, what may be set.

/// Which Claude a model is; `None` for a model of somebody else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Version(Option<(u32, u32)>);

/// How a model is made to think.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Thinks {
    Never,
    /// It is told how many tokens it may think.
    InBudget,
    /// It is told how hard to try.
    Adaptively,
}

impl Version {
    /// The version in names such as `claude-3-7-sonnet-20250219`, `claude-opus-4@20250514`,
    /// `eu.anthropic.claude-sonnet-4-5-v1:0` and `anthropic/claude-sonnet-4.5`. A Claude
    /// without one is taken for the newest.
    pub(super) fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let Some((_, name)) = model.split_once("claude") else { return Self(None) };
        let numbers = name.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
        // What is longer is a date.
        let mut numbers = numbers.take_while(|it| it.len() <= 2).map_while(|it| it.parse().ok());
        let major = numbers.next().unwrap_or(u32::MAX);
        Self(Some((major, numbers.next().unwrap_or(0))))
    }

    pub(super) fn is_claude(self) -> bool {
        self.0.is_some()
    }

    /// How many tokens a reply may have where nobody says how many.
    pub(super) fn output_limit(self) -> u32 {
        match self.0 {
            None => 8_192,
            Some(version) if version < (3, 5) => 4_096,
            Some(version) if version < (3, 7) => 8_192,
            Some(version) if version < (4, 6) => 32_000,
            Some(_) => 64_000,
        }
    }

    pub(super) fn thinks(self) -> Thinks {
        match self.0 {
            Some(version) if version < (3, 7) => Thinks::Never,
            Some(version) if version >= (4, 6) => Thinks::Adaptively,
            _ => Thinks::InBudget,
        }
    }

    /// Whether it may be told to try harder than hard, but not as hard as it can.
    pub(super) fn tries_extra_hard(self) -> bool {
        self.0.is_none_or(|version| version >= (4, 7))
    }

    /// Whether it writes JSON by a schema.
    pub(super) fn takes_schemas(self) -> bool {
        self.0.is_none_or(|version| version >= (4, 1))
    }

    /// Whether it thinks unless it is told not to.
    pub(super) fn thinks_by_itself(self) -> bool {
        self.0.is_none_or(|version| version >= (5, 0))
    }

    /// Whether temperature and the like may be set at all.
    pub(super) fn takes_sampling(self) -> bool {
        self.0.is_none_or(|version| version < (4, 7))
    }

    /// Whether it takes a temperature and `top_p` together.
    pub(super) fn takes_both_samplings(self) -> bool {
        self.0.is_none_or(|version| version < (4, 1))
    }

    /// Whether a system message may come in the midst of a conversation.
    pub(super) fn takes_system_messages(self) -> bool {
        self.0.is_some_and(|version| version >= (4, 8))
    }
}

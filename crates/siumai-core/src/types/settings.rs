//! How a model is to write: sampling, limits, the shape of its answer.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a model is to write. What is not set is the provider's default.
///
/// What a provider can't do is left out of the request, and its reply carries a
/// [`Warning`](super::Warning) that says so.
///
/// ```
/// use siumai_core::types::Settings;
///
/// let settings = Settings { temperature: Some(0.2), max_output_tokens: Some(500), ..Default::default() };
/// assert_eq!(settings.seed, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// From 0, always the likeliest word, to about 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Only words among the likeliest that together have this probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The most tokens a reply may have, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// The reply ends before any of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// The same seed gives the same reply, as far as the provider can promise that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How much the model is to think: `none`, `minimal`, `low`, `medium`, `high`, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// Whether the model may call several tools in one reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// The shape of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Fields put into the request as they are, over what siumai writes: for what it has no name for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// The shape of a model's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseFormat {
    /// Any JSON object.
    Json,
    /// JSON that fits a schema.
    JsonSchema {
        /// A name for the schema: 1 to 64 of `a-z A-Z 0-9 _ -`.
        name: String,
        /// The JSON Schema of the answer.
        schema: Value,
        /// Whether the provider is to hold the model to it, where it can.
        strict: bool,
    },
}

//! How each provider counts tokens, told in siumai's way of counting: the input includes what
//! was cached, the output includes the reasoning, and what is not told is not known.
//!
//! This is the only place that turns a recorded `usage` into what we must read.
use serde_json::{Map, Value, json};
use siumai_core::types::{TokenCount, Usage};

const COUNTS: [&str; 5] =
    ["input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens"];

/// What we read.
pub(super) fn ours(usage: Option<&Usage>) -> Value {
    let Some(usage) = usage else { return Value::Null };
    let counts: [TokenCount; 5] = [
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
    ];
    named(counts.map(|count| json!(count)))
}

/// OpenAI counts as siumai does, in both of its APIs. xAI counts the reasoning beside the
/// output: it takes input, output and reasoning to make its total.
pub(super) fn openai(usage: &Value) -> Value {
    let count = |name: &str| usage[name].as_u64();
    let whole = count("output_tokens").zip(count("reasoning_tokens")).map(|(a, b)| a + b);
    let sum = count("input_tokens").zip(whole).map(|(a, b)| a + b);
    let is_apart = sum.is_some() && sum == count("total_tokens");
    told(usage, |name| match name {
        "output_tokens" if is_apart => json!(whole),
        name => usage[name].clone(),
    })
}

/// Anthropic counts the cached input beside the rest, tells no total, and the reasoning in its
/// own words only.
pub(super) fn anthropic(usage: &Value) -> Value {
    let count = |name: &str| usage[name].as_u64();
    let cached =
        count("cached_input_tokens").unwrap_or(0) + count("cache_write_input_tokens").unwrap_or(0);
    let input = count("input_tokens").map(|it| it + cached);
    let output = count("output_tokens");
    let thought = usage["raw"]["output_tokens_details"]["thinking_tokens"].as_u64();
    told(usage, |name| match name {
        "input_tokens" => json!(input),
        "total_tokens" => json!(input.zip(output).map(|(input, output)| input + output)),
        "reasoning_tokens" => json!(count(name).or(thought)),
        name => json!(count(name)),
    })
}

/// Gemini counts beside the input what the model read again after the provider's own tools ran,
/// and beside the output what it thought. Where one of two is not told, it is 0.
pub(super) fn gemini(usage: &Value) -> Value {
    let sum = |one: &Value, other: &Value| match (one.as_u64(), other.as_u64()) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    told(usage, |name| match name {
        "input_tokens" => json!(sum(&usage[name], &usage["raw"]["toolUsePromptTokenCount"])),
        "output_tokens" => json!(sum(&usage[name], &usage["reasoning_tokens"])),
        name => usage[name].clone(),
    })
}

/// The sum over the steps of a run: of a count that some step doesn't tell, it is not known.
pub(super) fn sum(steps: &[Value]) -> Value {
    let count = |name: &str| steps.iter().map(|step| step[name].as_u64()).sum::<Option<u64>>();
    named(COUNTS.map(|name| json!(count(name))))
}

fn told(usage: &Value, count: impl Fn(&str) -> Value) -> Value {
    if usage.is_null() { Value::Null } else { named(COUNTS.map(count)) }
}

fn named(counts: [Value; 5]) -> Value {
    COUNTS.into_iter().map(str::to_owned).zip(counts).collect::<Map<_, _>>().into()
}

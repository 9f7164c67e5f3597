//! Says in the words of the wire how the model is to write.
use std::borrow::Cow;

use serde_json::Value;
use siumai_core::types::{ChatMessage, ResponseFormat, Role, ToolChoice, Warning};

use super::{
    super::wire::{OutputConfig, OutputFormat, Thinking},
    Asked,
    claude::Thinks,
    history::begins_with_thinking,
};
use crate::schema::anthropic::fitted;

/// The fewest tokens that a model can be given to think.
const LEAST_BUDGET: u32 = 1_024;

/// The settings of a request, and what of them could not be told.
pub(super) struct Told<'a> {
    pub(super) max_tokens: u32,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) stop_sequences: Vec<&'a str>,
    pub(super) output_config: OutputConfig<'a>,
    pub(super) thinking: Option<Thinking>,
    pub(super) warnings: Vec<Warning>,
}

/// How the model is told the settings of the request.
pub(super) fn told<'a>(asked: &Asked<'a>) -> Told<'a> {
    let settings = asked.request.settings();
    let mut told = Told {
        max_tokens: settings.max_output_tokens.unwrap_or(asked.version.output_limit()),
        temperature: settings.temperature,
        top_p: settings.top_p,
        stop_sequences: settings.stop_sequences.iter().map(String::as_str).collect(),
        output_config: OutputConfig::default(),
        thinking: None,
        warnings: Vec::new(),
    };
    if let Some(effort) = settings.reasoning_effort.as_deref() {
        told.set_effort(effort, asked);
    }
    told.fit_sampling(asked);
    told.stop_sequences.retain(|it| !it.trim().is_empty());
    if told.stop_sequences.len() < settings.stop_sequences.len() {
        told.warn("Anthropic takes no stop sequence of white space alone; it was left out");
    }
    match &settings.response_format {
        Some(ResponseFormat::JsonSchema { .. }) if !asked.version.takes_schemas() => {
            told.warn(format!("`{}` writes no JSON by a schema; it was left out", asked.model));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let schema = told.fit_schema(schema, asked);
            told.output_config.format = Some(OutputFormat::JsonSchema { schema });
        }
        Some(_) => told.warn("Anthropic writes JSON by a schema alone; the format was left out"),
        None => {}
    }
    if settings.seed.is_some() {
        told.warn("Anthropic takes no seed; it was left out");
    }
    told
}

impl<'a> Told<'a> {
    fn set_effort(&mut self, effort: &'a str, asked: &Asked<'_>) {
        let (model, version) = (asked.model, asked.version);
        match (version.thinks(), effort) {
            (_, "none") => {
                self.thinking = version.thinks_by_itself().then_some(Thinking::Disabled);
            }
            (Thinks::Never, _) => {
                self.warn(format!("`{model}` can't think; the reasoning effort was left out"));
            }
            (Thinks::Adaptively, _) => {
                self.thinking = Some(Thinking::Adaptive);
                self.output_config.effort = Some(match effort {
                    "minimal" => "low",
                    "xhigh" if !version.tries_extra_hard() => "max",
                    effort => effort,
                });
            }
            (Thinks::InBudget, _) => match self.budget(effort, asked) {
                Ok(budget_tokens) => self.thinking = Some(Thinking::Enabled { budget_tokens }),
                Err(why) => self.warn(format!("{why}; `{model}` answers without thinking")),
            },
        }
    }

    /// How many tokens the model may think, or why it can't.
    fn budget(&self, effort: &str, asked: &Asked<'_>) -> Result<u32, String> {
        let request = asked.request;
        let share = match effort {
            "minimal" => 10,
            "low" => 20,
            "medium" => 50,
            "high" => 80,
            "xhigh" | "max" => 95,
            _ => return Err(format!("`{effort}` is no reasoning effort of `{}`", asked.model)),
        };
        let is_forced = matches!(
            request.tool_choice(),
            Some(ToolChoice::Required | ToolChoice::Specific { .. })
        );
        if is_forced && !request.tools().is_empty() {
            return Err("a tool call can't be forced on a model that thinks".to_owned());
        }
        if asked.version.is_claude() && began_without_thinking(asked) {
            return Err("a turn that began without thinking can't go on with it".to_owned());
        }
        let limit = self.max_tokens;
        let budget = (limit / 100 * share).max(LEAST_BUDGET);
        if budget < limit {
            return Ok(budget);
        }
        Err(format!("thinking takes {LEAST_BUDGET} tokens at least, of {limit} in all"))
    }

    /// Leaves out what the model refuses.
    fn fit_sampling(&mut self, asked: &Asked<'_>) {
        let (model, version) = (asked.model, asked.version);
        let thinks = matches!(self.thinking, Some(Thinking::Adaptive | Thinking::Enabled { .. }));
        if thinks || !version.takes_sampling() {
            // These say the same as nothing.
            self.temperature = self.temperature.filter(|it| (it - 1.0).abs() > f64::EPSILON);
            self.top_p = self.top_p.filter(|it| *it < 0.99);
            let why = if thinks { " while it thinks" } else { "" };
            for (set, name) in [(&mut self.temperature, "temperature"), (&mut self.top_p, "top_p")]
            {
                if set.take().is_some() {
                    let what = format!("`{model}` takes no {name}{why}; it was left out");
                    self.warnings.push(Warning::Unsupported { what });
                }
            }
        }
        if self.temperature.is_some_and(|it| it > 1.0) {
            self.temperature = Some(1.0);
            self.warn("Anthropic's temperature ends at 1, which was sent");
        }
        if self.temperature.is_some() && self.top_p.is_some() && !version.takes_both_samplings() {
            self.top_p = None;
            self.warn(format!(
                "`{model}` takes a temperature or top_p, not both; top_p was left out"
            ));
        }
    }

    /// The schema in words that the model can be held to.
    fn fit_schema(&mut self, schema: &'a Value, asked: &Asked<'_>) -> Cow<'a, Value> {
        if !asked.version.is_claude() {
            return Cow::Borrowed(schema);
        }
        let (schema, lost) = fitted(schema);
        if !lost.is_empty() {
            let lost: Vec<_> = lost.iter().map(|word| format!("`{word}`")).collect();
            let lost = lost.join(", ");
            self.warn(format!(
                "Anthropic holds no reply to {lost}; the model was told of it in words"
            ));
        }
        Cow::Owned(schema)
    }

    fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(Warning::Unsupported { what: what.into() });
    }
}

/// Whether the model is in the midst of a turn whose first message has no thinking: it was
/// made without, or by another provider's model. The provider refuses to begin there.
fn began_without_thinking(asked: &Asked<'_>) -> bool {
    let messages = asked.request.messages();
    let is_question =
        |it: &ChatMessage| it.role() == Role::User && it.tool_results().next().is_none();
    let turn = messages.iter().rposition(is_question).map_or(0, |at| at + 1);
    let mut turn = messages[turn..].iter();
    let first = turn.find(|it| it.role() == Role::Assistant);
    first.is_some_and(|it| !begins_with_thinking(it, asked.wire))
}

#[cfg(test)]
mod tests;

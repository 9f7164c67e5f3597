//! Writes a request as Messages wants it.
mod claude;
mod history;
mod settings;

use std::sync::Arc;

use serde_json::{Value, value::RawValue};
use siumai_core::{
    LlmError,
    types::{ChatMessage, ChatRequest, ContentPart, Tool, ToolChoice},
};

use self::{claude::Version, history::History};
use super::wire::{self, CacheControl};
use crate::{
    question::{Body, Question, replace},
    schema::anthropic::offer,
    transcript::{Transcript, Writer as _},
};

/// How a server is asked, whatever is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// What the origin of a message is called that the same server made.
    pub(super) wire: String,
    /// Tools that the provider executes, in its own JSON.
    pub(super) hosted_tools: Vec<Value>,
    pub(super) strict_tools: bool,
    pub(super) prompt_caching: bool,
}

impl Manner {
    /// The usual one.
    pub(super) fn of(wire: String) -> Self {
        Self { wire, hosted_tools: Vec::new(), strict_tools: false, prompt_caching: false }
    }
}

/// Whether a reply of `model` can be held to a schema.
pub(super) fn takes_schemas(model: &str) -> bool {
    let version = Version::of(model);
    version.is_claude() && version.takes_schemas()
}

/// What is asked, and of whom.
struct Asked<'a> {
    model: &'a str,
    version: Version,
    /// What the origin of a message is called that may go back as it came.
    wire: &'a str,
    request: &'a ChatRequest,
}

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(
    model: &str,
    manner: &Arc<Manner>,
    request: &ChatRequest,
) -> Result<Question, LlmError> {
    let version = Version::of(model);
    let mut transcript: Transcript<History> =
        Transcript::of(request, &(Arc::clone(manner), version))?;
    if transcript.is_empty() {
        return Err(LlmError::invalid_input("the request has no messages; add one to answer"));
    }
    let history = transcript.writer();
    let container = history.container().filter(|_| runs_code(request, manner)).map(str::to_owned);
    let mut warnings = history.warnings().to_vec();
    let told = settings::told(&Asked { model, version, wire: &manner.wire, request });
    warnings.extend(told.warnings);
    let mark = manner.prompt_caching.then_some(CacheControl::Ephemeral);
    let wire_system = transcript.system(request.system(), || system(request, mark))?;
    let wire_tools = transcript.tools(request.tools(), || tools(request, manner, mark))?;
    let is_filled = |list: &&RawValue| list.get() != "[]";
    let wire_tools = Some(&*wire_tools).filter(is_filled);
    let settings = request.settings();
    let body = Body {
        head: wire::Head {
            model,
            max_tokens: told.max_tokens,
            stream: !request.is_whole(),
            temperature: told.temperature,
            top_p: told.top_p,
            stop_sequences: told.stop_sequences,
            output_config: told.output_config,
            cache_control: mark,
            system: Some(&*wire_system).filter(is_filled),
        },
        list: "messages",
        lead: None,
        tail: wire::Tail {
            tools: wire_tools,
            // Without tools a choice is refused.
            tool_choice: tool_choice(request).filter(|_| wire_tools.is_some()),
            thinking: told.thinking,
            container: container.as_deref(),
        },
    };
    let body = body.around(&transcript, &settings.extra, replace)?;
    request.memo().put(transcript);
    Ok(Question { body, warnings })
}

/// Whether the provider may run code for the reply, which is the one use of a container.
fn runs_code(request: &ChatRequest, manner: &Manner) -> bool {
    !manner.hosted_tools.is_empty() || request.settings().extra.contains_key("tools")
}

/// The texts that hold for the whole conversation, the last of them marked.
fn system(request: &ChatRequest, mark: Option<CacheControl>) -> Vec<wire::System<'_>> {
    let parts = request.system().iter().flat_map(ChatMessage::content);
    let texts = parts.filter_map(|part| match part {
        ContentPart::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let texts = texts.filter(|text| !text.trim().is_empty());
    let mut system: Vec<_> = texts.map(|text| wire::System { text, cache_control: None }).collect();
    if let Some(last) = system.last_mut() {
        last.cache_control = mark;
    }
    system
}

/// The tools, the last of them marked. Those of the provider come first: they are the same in
/// every step. One that only the provider's words describe, and that is executed here, is there
/// twice and told in those words.
fn tools<'a>(
    request: &'a ChatRequest,
    manner: &'a Manner,
    mark: Option<CacheControl>,
) -> Vec<wire::Tool<'a>> {
    let hosted = manner.hosted_tools.iter().map(wire::Tool::Hosted);
    let is_told = |tool: &Tool| manner.hosted_tools.iter().any(|it| it["name"] == *tool.name());
    let ours = request.tools().iter().filter(|it| !is_told(it));
    let ours = ours.map(|it| tool(it, manner.strict_tools));
    let mut tools: Vec<_> = hosted.chain(ours).collect();
    if let Some(wire::Tool::Function { cache_control, .. }) = tools.last_mut() {
        *cache_control = mark;
    }
    tools
}

fn tool(tool: &Tool, strict: bool) -> wire::Tool<'_> {
    let offer = offer(tool, "", strict);
    wire::Tool::Function {
        name: tool.name(),
        description: tool.description(),
        input_schema: offer.parameters,
        strict: offer.is_strict,
        cache_control: None,
    }
}

fn tool_choice(request: &ChatRequest) -> Option<wire::ToolChoice<'_>> {
    let is_one_at_a_time = request.settings().parallel_tool_calls == Some(false);
    let (kind, name) = match request.tool_choice() {
        None if is_one_at_a_time => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Specific { tool_name }) => ("tool", Some(tool_name.as_str())),
    };
    let disable_parallel_tool_use = is_one_at_a_time && kind != "none";
    Some(wire::ToolChoice { kind, name, disable_parallel_tool_use })
}

#[cfg(test)]
mod tests;

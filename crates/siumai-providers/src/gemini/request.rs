//! Writes a request as Gemini wants it.
use std::borrow::Cow;

use serde_json::{Map, Value, value::RawValue};
use siumai_core::{
    LlmError,
    types::{
        ChatMessage, ChatRequest, ContentPart, Media, ResponseFormat, Role, Settings, Tool,
        ToolCall, ToolChoice, ToolResult, Warning,
    },
};

use super::{
    WIRE,
    wire::{self, Fields, Part, Parts},
};
use crate::{
    question::{Body, Question},
    schema::gemini::{Schema, offer},
    transcript::{Page, Piece, Transcript, Writer},
};

/// What stands for the signature of a call that no Gemini model made. Since Gemini 3 a call
/// without any is refused; this is the word documented for histories of other models.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// What is asked of `model`, and what could not be put into the question.
///
/// # Errors
///
/// If there is nothing to answer, or a message can't be told in this format.
pub(super) fn question(model: &str, request: &ChatRequest) -> Result<Question, LlmError> {
    let mut transcript: Transcript<Contents> = Transcript::of(request, &Generation::of(model))?;
    if transcript.is_empty() {
        let message = "the request has no messages beside the system's; add one to answer";
        return Err(LlmError::invalid_input(message));
    }
    let mut warnings = transcript.writer().warnings().to_vec();
    let (system, tools, settings) = (request.system(), request.tools(), request.settings());
    let instruction = transcript.system(system, || wire::Instruction {
        parts: system.iter().filter_map(text_part).collect(),
    })?;
    let instructs = system.iter().any(|it| it.text().is_some());
    let declared = transcript.tools(tools, || {
        [wire::Tools { function_declarations: tools.iter().map(function).collect() }]
    })?;
    let has_tools = !tools.is_empty();
    let config = generation_config(model, settings, &mut warnings);
    let body = Body {
        head: wire::Head {
            system_instruction: instructs.then_some(&instruction),
            generation_config: (config != wire::GenerationConfig::default()).then_some(config),
        },
        list: "contents",
        lead: None,
        tail: wire::Tail {
            tools: has_tools.then_some(&declared),
            tool_config: request.tool_choice().filter(|_| has_tools).map(tool_config),
        },
    };
    let body = body.around(&transcript, &settings.extra, merge_fields)?;
    request.memo().put(transcript);
    Ok(Question { body, warnings })
}

fn merge_fields(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (name.as_str(), body.entry(name).or_insert(Value::Null), value) {
            // The provider's own tools, such as its search, stand beside the functions.
            ("tools", Value::Array(tools), Value::Array(more)) => {
                tools.extend(more.iter().cloned());
            }
            (_, field, value) => merge(field, value),
        }
    }
}

/// Puts `value` over `field`: objects field by field, anything else as it is.
fn merge(field: &mut Value, value: &Value) {
    match (field, value) {
        (Value::Object(fields), Value::Object(over)) => {
            for (name, value) in over {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (field, value) => *field = value.clone(),
    }
}

/// What a model knows of thinking, told by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Generation {
    /// Before 2.5: nothing.
    Thoughtless,
    /// 2.5: so many tokens of it.
    Budget,
    /// Since 3: how much, in words.
    Level,
}

impl Generation {
    fn of(model: &str) -> Self {
        if model.contains("gemini-2.5") {
            Self::Budget
        } else if ["gemini-1", "gemini-2.0", "gemma"].iter().any(|it| model.contains(it)) {
            Self::Thoughtless
        } else {
            Self::Level
        }
    }
}

/// Whether a reply may be held to a schema while tools are on offer.
pub(super) fn joins_tools_and_schemas(model: &str) -> bool {
    Generation::of(model) == Generation::Level
}

/// The contents so far.
#[derive(Debug)]
struct Contents {
    generation: Generation,
    /// The calls of the last message of the model.
    calls: Vec<Call>,
    /// The results since then, each with the place of its call.
    results: Vec<(usize, Piece)>,
    /// What tools have brought beside their results.
    beside: Vec<Piece>,
    warnings: Vec<Warning>,
}

#[derive(Debug)]
struct Call {
    id: String,
    /// The id it had on this wire, where it had one.
    wire_id: Option<String>,
}

impl Writer for Contents {
    type Manner = Generation;

    fn new(generation: Generation) -> Self {
        let (calls, results) = (Vec::new(), Vec::new());
        Self { generation, calls, results, beside: Vec::new(), warnings: Vec::new() }
    }

    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        for result in message.tool_results() {
            self.push_result(message, result, page)?;
        }
        match message.role() {
            Role::Tool if message.tool_results().next().is_none() => Err(LlmError::invalid_input(
                "a message with the role `tool` has no tool result; make it with `ChatMessage::tool`",
            )),
            Role::Tool => {
                let mut parts = message.content().iter().filter_map(part);
                let beside = Page::piece_here(|items| parts.try_for_each(|it| items.push(&it)))?;
                self.beside.push(beside);
                Ok(())
            }
            Role::Assistant => self.push_model(message, page),
            Role::User => self.push_user(message, page),
            Role::System => {
                let what = "Gemini takes a system message only at the beginning; one was sent as the user's";
                self.warnings.push(Warning::Unsupported { what: what.to_owned() });
                self.push_user(message, page)
            }
        }
    }

    /// Results are in the order of their calls, and more of them may come.
    fn write_open(&self, page: &mut Page) {
        if self.results.is_empty() {
            return;
        }
        let mut results: Vec<_> = self.results.iter().collect();
        results.sort_by_key(|(place, _)| *place);
        let pieces = results.into_iter().map(|(_, piece)| piece).chain(&self.beside);
        page.place_within(r#"{"role":"user","parts":["#, pieces, "]}");
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Contents {
    fn push_result(
        &mut self,
        message: &ChatMessage,
        result: &ToolResult,
        page: &Page,
    ) -> Result<(), LlmError> {
        let place = self.calls.iter().position(|call| call.id == result.call_id);
        let id = place.and_then(|at| self.calls[at].wire_id.as_deref());
        let part = Part::FunctionResponse { function_response: function_response(id, result) };
        let piece = match (message.content(), id) {
            ([_], None) => page.piece(message, |items| items.push(&part))?,
            _ => Page::piece_here(|items| items.push(&part))?,
        };
        self.results.push((place.unwrap_or(self.calls.len()), piece));
        Ok(())
    }

    fn push_user(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        self.answer(page);
        let mut parts: Vec<_> = message.content().iter().filter_map(part).collect();
        let has_results = message.tool_results().next().is_some();
        if parts.is_empty() {
            if has_results {
                return Ok(());
            }
            // A content without parts is refused.
            parts.push(Part::Text { text: "" });
        }
        let content = wire::Content { role: "user", parts: Parts::Written(parts) };
        if has_results {
            page.write_here(|items| items.push(&content))
        } else {
            page.write(message, |items| items.push(&content))
        }
    }

    fn push_model(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        self.answer(page);
        let kept = message.origin(WIRE).and_then(|it| serde_json::from_str::<&RawValue>(it).ok());
        let (parts, wire_ids) = match kept {
            Some(kept) => (Parts::Kept(kept), wire_ids(kept)),
            None => (Parts::Written(self.model_parts(message)), Vec::new()),
        };
        let mut wire_ids = wire_ids.into_iter();
        self.calls = message
            .tool_calls()
            .map(|call| Call {
                id: call.id.clone(),
                wire_id: wire_ids.next().flatten().map(Cow::into_owned),
            })
            .collect();
        // A model that said nothing can't be told so: a content without parts is refused.
        if matches!(&parts, Parts::Written(parts) if parts.is_empty()) {
            return Ok(());
        }
        let content = wire::Content { role: "model", parts };
        page.write_here(|items| items.push(&content))
    }

    /// Puts the results since the last message of the model into one content.
    fn answer(&mut self, page: &mut Page) {
        self.write_open(page);
        if !self.results.is_empty() {
            self.results.clear();
            self.beside.clear();
        }
    }

    /// What a model said over another wire. Its reasoning is left out.
    fn model_parts<'a>(&self, message: &'a ChatMessage) -> Vec<Part<'a>> {
        let wants_signature = self.generation == Generation::Level;
        // Of parallel calls, the first alone has a signature.
        let mut signature = wants_signature.then_some(NO_SIGNATURE);
        let parts = message.content().iter().filter_map(|it| match it {
            ContentPart::ToolCall(call) => Some(Part::FunctionCall {
                function_call: function_call(call),
                thought_signature: signature.take(),
            }),
            other => part(other),
        });
        parts.collect()
    }
}

/// The ids that the calls among `parts` have on this wire, most often none.
fn wire_ids(parts: &RawValue) -> Vec<Option<Cow<'_, str>>> {
    let parts: Vec<wire::KeptPart<'_>> = serde_json::from_str(parts.get()).unwrap_or_default();
    let calls = parts.into_iter().filter_map(|part| part.function_call);
    calls.map(|call| call.id.filter(|id| !id.is_empty())).collect()
}

fn text_part(message: &ChatMessage) -> Option<Part<'_>> {
    message.text().map(|text| Part::Text { text })
}

fn part(part: &ContentPart) -> Option<Part<'_>> {
    match part {
        // The provider takes no empty part.
        ContentPart::Text { text, .. } | ContentPart::Refusal { text, .. } => {
            (!text.is_empty()).then_some(Part::Text { text })
        }
        ContentPart::Image { media, .. } | ContentPart::File { media, .. } => media_part(media),
        _ => None,
    }
}

fn media_part(media: &Media) -> Option<Part<'_>> {
    if let Media::Url { url, .. } = media {
        if let Some(inline_data) = of_data_url(url) {
            return Some(Part::InlineData { inline_data });
        }
        let file_data = wire::FileData { mime_type: media.media_type(), file_uri: url };
        return Some(Part::FileData { file_data });
    }
    let inline_data = wire::Blob { mime_type: media.media_type()?, data: media.base64()?.into() };
    Some(Part::InlineData { inline_data })
}

/// What a `data:` URL (RFC 2397) holds, which the provider does not fetch.
fn of_data_url(url: &str) -> Option<wire::Blob<'_>> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime_type = head.strip_suffix(";base64")?.split(';').next()?;
    Some(wire::Blob { mime_type, data: data.into() })
}

fn function_call(call: &ToolCall) -> wire::FunctionCall<'_> {
    let args = match &call.arguments {
        Value::Object(fields) => Fields::Object(fields),
        Value::Null => Fields::None {},
        // What was no JSON, or none that arguments can be.
        other => Fields::Arguments { arguments: other },
    };
    wire::FunctionCall { name: &call.name, args }
}

fn function_response<'a>(
    id: Option<&'a str>,
    result: &'a ToolResult,
) -> wire::FunctionResponse<'a> {
    let note = result.note.as_deref();
    let response = match &result.output {
        error if result.is_error() => Fields::Error { error, note },
        Value::Object(fields) if note.is_none() => Fields::Object(fields),
        other => Fields::Result { result: other, note },
    };
    wire::FunctionResponse { id: id.map(Cow::Borrowed), name: &result.name, response }
}

fn function(tool: &Tool) -> wire::Function<'_> {
    wire::Function {
        name: tool.name(),
        description: tool.description(),
        parameters_json_schema: Schema(offer(tool).parameters),
    }
}

fn tool_config(choice: &ToolChoice) -> wire::ToolConfig<'_> {
    let (mode, allowed_function_names) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Specific { tool_name } => ("ANY", Some([tool_name.as_str()])),
    };
    let function_calling_config = wire::FunctionCalling { mode, allowed_function_names };
    wire::ToolConfig { function_calling_config }
}

fn generation_config<'a>(
    model: &str,
    settings: &'a Settings,
    warnings: &mut Vec<Warning>,
) -> wire::GenerationConfig<'a> {
    let mut warn = |what: String| warnings.push(Warning::Unsupported { what });
    if settings.parallel_tool_calls == Some(false) {
        warn("Gemini can't be kept from calling several tools at once; it was not told so".into());
    }
    let seed = settings.seed.and_then(|seed| {
        let fits = i32::try_from(seed).ok();
        if fits.is_none() {
            warn(format!("Gemini takes seeds up to {}; {seed} was left out", i32::MAX));
        }
        fits
    });
    let thinking_config =
        settings.reasoning_effort.as_deref().and_then(|effort| thinking(model, effort, &mut warn));
    let (response_mime_type, response_json_schema) = match &settings.response_format {
        Some(ResponseFormat::Json) => (Some("application/json"), None),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            (Some("application/json"), Some(Schema(Cow::Borrowed(schema))))
        }
        _ => (None, None),
    };
    wire::GenerationConfig {
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_output_tokens: settings.max_output_tokens,
        stop_sequences: &settings.stop_sequences,
        seed,
        response_mime_type,
        response_json_schema,
        thinking_config,
    }
}

/// How much the model is to think; its thoughts are then shown. The budgets are those that
/// Google's own OpenAI-compatible API has for these words.
fn thinking(
    model: &str,
    effort: &str,
    warn: &mut impl FnMut(String),
) -> Option<wire::ThinkingConfig> {
    let generation = Generation::of(model);
    let is_pro = model.contains("-pro");
    if effort == "none" && (generation == Generation::Level || is_pro) {
        warn(format!("`{model}` can't be kept from thinking; it was told to think little"));
    }
    let (budget, level) = match effort {
        "none" if is_pro => (128, "LOW"),
        "none" => (0, "MINIMAL"),
        "minimal" if is_pro => (1024, "LOW"),
        "minimal" => (1024, "MINIMAL"),
        "low" => (1024, "LOW"),
        "medium" if model.contains("gemini-3-pro") => {
            warn(format!("`{model}` thinks little or much; it was told to think much"));
            (8192, "HIGH")
        }
        "medium" => (8192, "MEDIUM"),
        "high" => (24_576, "HIGH"),
        "xhigh" | "max" => {
            warn(format!(
                "Gemini's highest reasoning effort is `high`, which was sent for `{effort}`"
            ));
            (24_576, "HIGH")
        }
        other => {
            warn(format!("Gemini has no reasoning effort `{other}`; it was left out"));
            return None;
        }
    };
    let (thinking_budget, thinking_level) = match generation {
        Generation::Budget => (Some(budget), None),
        Generation::Level => (None, Some(level)),
        Generation::Thoughtless => {
            if effort != "none" {
                warn(format!("`{model}` does not reason; the reasoning effort was left out"));
            }
            return None;
        }
    };
    let include_thoughts = effort != "none";
    Some(wire::ThinkingConfig { include_thoughts, thinking_budget, thinking_level })
}

#[cfg(test)]
mod tests;

//! The shape that a run's answer is to have, and whether a step gave one.
use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    ErrorKind, LlmError,
    model::LanguageModel,
    orchestrator::StepResult,
    tool::{Validator, as_object, schema_of},
    types::{ContentPart, ResponseFormat, Settings, Tool, ToolCall, ToolResult, ToolStatus},
};

/// The shape that the answer of a run is to have: a JSON Schema.
///
/// Where the model's provider can hold it to a schema, it is asked to. Otherwise the model is
/// offered one more tool, [`final_answer`](Self::TOOL), whose call is the answer and ends the run;
/// no resolver sees it. What does not fit is told to the model, which tries again, up to
/// [`retries`](Self::with_retries) times; then the run fails with
/// [`InvalidAnswer`](ErrorKind::InvalidAnswer).
///
/// [`generate_as`](super::super::generate_as) does all of this by the type that is wanted.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{AnswerSchema, OrchestratorOptions, run},
///     testing::ScriptedModel,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let schema = AnswerSchema::new(
///     "weather",
///     json!({ "type": "object", "properties": { "celsius": { "type": "number" } }, "required": ["celsius"] }),
/// )?;
/// let options = OrchestratorOptions { answer: Some(schema.clone()), ..Default::default() };
/// let model = ScriptedModel::new()
///     .calls("final_answer", json!({ "celsius": "mild" }))
///     .calls("final_answer", json!({ "celsius": 21 }));
/// let output = run(&model, vec![user!("How warm is it?")], None, None, &[], options).await?;
/// assert_eq!(schema.read(&output.steps)?, json!({ "celsius": 21 }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AnswerSchema {
    parts: Arc<Parts>,
    retries: usize,
}

struct Parts {
    name: String,
    /// Of an object.
    schema: Value,
    /// Whether the answer is a field of that object, since it is no object itself.
    is_wrapped: bool,
    validator: Validator,
    /// What is wrong with a value that fits, if it can't be read all the same.
    read: fn(&Value) -> Result<(), String>,
}

/// The answer that a run seeks, and how.
#[derive(Clone, Copy)]
pub(in crate::orchestrator) struct Sought<'a> {
    pub(in crate::orchestrator) schema: &'a AnswerSchema,
    pub(in crate::orchestrator) by_tool: bool,
}

/// Why a step gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::orchestrator) enum Refused {
    /// Something is wrong with it.
    Misfit(String),
    /// The model declined to give one.
    Declined(String),
}

/// Where an answer is that is no object.
const FIELD: &str = "answer";

impl AnswerSchema {
    /// The name of the tool by which a model answers whose provider can't hold it to a schema.
    pub const TOOL: &str = "final_answer";

    /// The shape of `T`.
    ///
    /// # Errors
    ///
    /// If its schema is none.
    pub fn of<T: DeserializeOwned + JsonSchema>() -> Result<Self, LlmError> {
        Self::with(&T::schema_name(), schema_of::<T>(), |value| {
            T::deserialize(value).map(drop).map_err(|error| error.to_string())
        })
    }

    /// The shape that `schema` says, by a name that the provider may show the model.
    ///
    /// # Errors
    ///
    /// If `schema` is no JSON Schema, or refers to anything outside itself.
    pub fn new(name: &str, schema: Value) -> Result<Self, LlmError> {
        Self::with(name, schema, |_| Ok(()))
    }

    /// Lets the model try again this often after a first answer that does not fit; 2 by default.
    #[must_use]
    pub fn with_retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// The answer that the last of `steps` gave.
    ///
    /// # Errors
    ///
    /// Of kind [`InvalidAnswer`](ErrorKind::InvalidAnswer), if it gave none that fits.
    pub fn read(&self, steps: &[StepResult]) -> Result<Value, LlmError> {
        let Some(last) = steps.last() else { return Err(invalid("the run has no step yet")) };
        self.read_step(last).map_err(|refused| refused.error())
    }

    fn with(
        name: &str,
        schema: Value,
        read: fn(&Value) -> Result<(), String>,
    ) -> Result<Self, LlmError> {
        let is_wrapped = schema["type"] != "object";
        let schema = if is_wrapped { wrapped(schema) } else { schema };
        let validator = Validator::new(&schema).map_err(|why| {
            LlmError::invalid_input(format!("the schema of the answer is no JSON Schema: {why}"))
        })?;
        let is_plain = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
        let plain: String = name.chars().filter(is_plain).take(64).collect();
        let name = if plain.is_empty() { FIELD.to_owned() } else { plain };
        let parts = Parts { name, schema, is_wrapped, validator, read };
        Ok(Self { parts: Arc::new(parts), retries: 2 })
    }

    /// Sees to it that `model` is asked for the answer, natively or by one more tool.
    pub(in crate::orchestrator) fn ask_for(
        &self,
        model: &dyn LanguageModel,
        tools: &mut Vec<Tool>,
        settings: &mut Settings,
    ) -> Result<(), LlmError> {
        let (name, schema) = (&self.parts.name, &self.parts.schema);
        if settings.response_format.is_some() {
            return Err(LlmError::invalid_input(
                "both `answer` and `settings.response_format` give the answer a shape; leave one out",
            ));
        }
        if tools.iter().any(|it| it.name() == Self::TOOL) {
            let tool = Self::TOOL;
            return Err(LlmError::invalid_input(format!(
                "a tool is named `{tool}`, which is what a run's answer is given by; rename it"
            )));
        }
        if model.takes_answer_schema(schema, tools) {
            let (name, schema, strict) = (name.clone(), schema.clone(), is_strict(schema));
            settings.response_format = Some(ResponseFormat::JsonSchema { name, schema, strict });
        } else {
            tools.push(Tool::function_with_schema(Self::TOOL, DESCRIPTION, schema.clone()));
        }
        Ok(())
    }

    /// The answer that `step` gave: by a call of the tool, or in words.
    pub(in crate::orchestrator) fn read_step(&self, step: &StepResult) -> Result<Value, Refused> {
        if let Some(arguments) = called(step) {
            return self.read_object(&as_object(arguments)).map_err(Refused::Misfit);
        }
        let parts = step.messages.first().map_or(&[][..], |it| it.content());
        let declined = parts.iter().find_map(|part| match part {
            ContentPart::Refusal { text } => Some(text.clone()),
            _ => None,
        });
        if let Some(words) = declined {
            return Err(Refused::Declined(words));
        }
        if !step.tool_calls.is_empty() {
            return Err(Refused::Misfit("it called tools instead".to_owned()));
        }
        let object = serde_json::from_str(unfenced(step.text().unwrap_or_default()))
            .map_err(|error| Refused::Misfit(format!("it is not JSON ({error})")))?;
        self.read_object(&object).map_err(Refused::Misfit)
    }

    /// What `call` is to be told if it is no answer.
    pub(in crate::orchestrator) fn check_call(&self, arguments: &Value) -> Result<(), String> {
        let tool = Self::TOOL;
        self.read_object(&as_object(arguments)).map(drop).map_err(|why| {
            format!("The answer was not taken: {why}. Call `{tool}` again with one that fits.")
        })
    }

    /// What is shown of an answer that is still on its way.
    pub(super) fn partial(&self, object: Value) -> Option<Value> {
        if !self.parts.is_wrapped {
            return Some(object);
        }
        match object {
            Value::Object(mut fields) => fields.remove(FIELD),
            _ => None,
        }
    }

    fn read_object(&self, object: &Value) -> Result<Value, String> {
        let parts = &*self.parts;
        parts
            .validator
            .check(object)
            .map_err(|why| format!("it does not fit the schema, {why}"))?;
        let answer = if parts.is_wrapped { &object[FIELD] } else { object };
        (parts.read)(answer).map_err(|why| format!("it can't be read, {why}"))?;
        Ok(answer.clone())
    }
}

impl Sought<'_> {
    /// Whether `call` gives the answer, fit or not.
    pub(in crate::orchestrator) fn is_asked_by(self, name: &str) -> bool {
        self.by_tool && name == AnswerSchema::TOOL
    }

    /// Whether the last step was a call that gave the answer.
    pub(in crate::orchestrator) fn is_given_by(self, step: &StepResult) -> bool {
        self.by_tool && called(step).is_some()
    }

    /// Whether `step` tried to give the answer by a call that was refused.
    pub(in crate::orchestrator) fn is_refused_in(self, step: &StepResult) -> bool {
        let is_refused = |it: &ToolResult| {
            it.status == ToolStatus::Invalid && it.executed_name() == AnswerSchema::TOOL
        };
        self.by_tool && step.tool_results.iter().any(|it| is_refused(it))
    }

    /// What the model is told of an answer that does not fit, `refused` times before.
    ///
    /// # Errors
    ///
    /// If it was told so often enough.
    pub(in crate::orchestrator) fn retry(
        self,
        why: &Refused,
        refused: usize,
    ) -> Result<String, LlmError> {
        let Refused::Misfit(misfit) = why else { return Err(why.error()) };
        if refused >= self.schema.retries {
            return Err(why.error());
        }
        let way_out = if self.by_tool {
            format!("Give your answer by a call of `{}`.", AnswerSchema::TOOL)
        } else {
            "Answer again with one JSON object that fits the schema, and with nothing else."
                .to_owned()
        };
        Ok(format!("Your answer was not taken: {misfit}. {way_out}"))
    }

    /// How often the model may try again.
    pub(in crate::orchestrator) fn retries(self) -> usize {
        self.schema.retries
    }

    /// What becomes of a call that gives the answer: it is done.
    pub(in crate::orchestrator) fn taken(call: &ToolCall) -> ToolResult {
        ToolResult::executed(call, json!("The answer was taken."))
    }
}

impl Refused {
    pub(in crate::orchestrator) fn error(&self) -> LlmError {
        match self {
            Self::Misfit(why) => invalid(&format!("the model gave no answer that fits: {why}")),
            Self::Declined(words) => {
                invalid(&format!("the model declined to answer: {words}")).with_code("declined")
            }
        }
    }
}

impl fmt::Debug for AnswerSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerSchema")
            .field("name", &self.parts.name)
            .field("schema", &self.parts.schema)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

const DESCRIPTION: &str = "Gives the final answer and ends the work. Call it once, when nothing \
    else is left to do, in place of an answer in words.";

/// The arguments of the call that gave the answer, if one did.
fn called(step: &StepResult) -> Option<&Value> {
    let is_answer = |it: &&Arc<ToolResult>| {
        it.status == ToolStatus::Executed && it.executed_name() == AnswerSchema::TOOL
    };
    let result = step.tool_results.iter().find(is_answer)?;
    let call = step.tool_calls.iter().find(|it| it.id == result.call_id)?;
    Some(result.modified_arguments.as_ref().unwrap_or(&call.arguments))
}

/// An object whose one field is what `schema` says.
fn wrapped(mut schema: Value) -> Value {
    // References are from the root on.
    let definitions = schema.as_object_mut().and_then(|it| it.remove("$defs"));
    let properties = Map::from_iter([(FIELD.to_owned(), schema)]);
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "required": [FIELD],
        "additionalProperties": false,
    });
    if let Some(definitions) = definitions {
        object["$defs"] = definitions;
    }
    object
}

/// Whether a provider that holds its model strictly to a schema takes this one: every object names
/// all its properties, and requires them.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(words) => {
            let is_object = words.get("type").is_some_and(|it| *it == "object");
            let names = words.get("properties").and_then(Value::as_object);
            let required = words.get("required").and_then(Value::as_array).map_or(0, Vec::len);
            let is_closed = words.get("additionalProperties") == Some(&Value::Bool(false))
                && names.is_some_and(|it| it.len() == required);
            (!is_object || is_closed) && words.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

/// `text` without the fence of Markdown that some models put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|it| it.strip_suffix("```"));
    inside.map_or(text, |it| it.strip_prefix("json").unwrap_or(it))
}

fn invalid(why: &str) -> LlmError {
    LlmError::new(ErrorKind::InvalidAnswer, why)
}

#[cfg(test)]
mod tests;

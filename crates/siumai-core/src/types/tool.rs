//! Tools as a model sees them: definitions, calls and results.
use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ModelUsage;

/// The definition of a tool: what a model is told about it, and how it may be run.
///
/// ```
/// use siumai_core::types::Tool;
/// use serde_json::json;
///
/// let tool = Tool::function("get_weather", "Get the weather of a city")
///     .parameter("city", "string", "City name", true)
///     .parameter("unit", "string", "celsius or fahrenheit", false)
///     .build();
/// assert_eq!(tool.name(), "get_weather");
/// assert_eq!(tool.parameters()["required"], json!(["city"]));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool(Arc<Definition>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own, in JSON too")]
struct Definition {
    name: String,
    description: String,
    parameters: Value,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    destructive: bool,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    idempotent: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    needs_approval: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_limit: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result_limit: Option<usize>,
    #[serde(skip)]
    made: Made,
}

/// What was made of a definition, such as its compiled schema. It is no part of its value.
#[derive(Default)]
struct Made(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Clone for Made {
    /// Another definition is a changed one.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}

impl Tool {
    /// A tool without parameters; add them with [`parameter`](Self::parameter).
    pub fn function(name: impl Into<String>, description: impl Into<String>) -> Self {
        let parameters =
            json!({ "type": "object", "properties": {}, "additionalProperties": false });
        Self::function_with_schema(name, description, parameters)
    }

    /// A tool whose parameters are a whole JSON Schema of an object.
    ///
    /// The schema is looked at when a run begins; one that is no schema is an error then.
    pub fn function_with_schema(
        name: impl Into<String>,
        description: impl Into<String>,
        schema: Value,
    ) -> Self {
        Self(Arc::new(Definition {
            name: name.into(),
            description: description.into(),
            parameters: schema,
            read_only: false,
            destructive: false,
            exclusive: false,
            idempotent: false,
            needs_approval: false,
            time_limit: None,
            result_limit: None,
            made: Made::default(),
        }))
    }

    /// Adds a parameter; `kind` is a JSON Schema type: `string`, `number`, `integer`, `boolean`, `array`, `object`.
    #[must_use]
    pub fn parameter(self, name: &str, kind: &str, description: &str, required: bool) -> Self {
        self.with(|it| {
            let Value::Object(schema) = &mut it.parameters else { return };
            let property = json!({ "type": kind, "description": description });
            if let Value::Object(properties) =
                schema.entry("properties").or_insert_with(|| Value::Object(Map::new()))
            {
                properties.insert(name.to_owned(), property);
            }
            if !required {
                return;
            }
            if let Value::Array(names) =
                schema.entry("required").or_insert_with(|| Value::Array(Vec::new()))
            {
                names.push(Value::from(name));
            }
        })
    }

    /// The tool itself: a chain of setters may end with it or without.
    #[must_use]
    pub fn build(self) -> Self {
        self
    }

    /// Marks the tool as one that changes nothing: it may run without being asked about.
    #[must_use]
    pub fn read_only(self) -> Self {
        self.with(|it| it.read_only = true)
    }

    /// Marks the tool as one that can destroy something.
    #[must_use]
    pub fn destructive(self) -> Self {
        self.with(|it| it.destructive = true)
    }

    /// Marks the tool as one that never runs beside another.
    #[must_use]
    pub fn exclusive(self) -> Self {
        self.with(|it| it.exclusive = true)
    }

    /// Marks the tool as one that may run twice for one call without harm, such as one that heeds
    /// the call's [key](crate::tool::ToolContext::idempotency_key). When a process dies while such a
    /// tool runs, it runs again as the run is resumed; of any other the model is told that nobody
    /// knows what came of it.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.with(|it| it.idempotent = true)
    }

    /// Marks the tool as one that never executes unless somebody approved the call. Where nobody
    /// is asked, the run is suspended until somebody decides.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_core::{
    ///     orchestrator::{OrchestratorOptions, StoppedBy, run},
    ///     testing::{RecordingResolver, ScriptedModel},
    ///     types::Tool,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let model = ScriptedModel::new().calls("wipe", json!({})).reply("Wiped.");
    /// let resolver = RecordingResolver::new().returning("wipe", json!("done"));
    /// let tools = || Some(vec![Tool::function("wipe", "Deletes everything").needs_approval()]);
    /// let options = OrchestratorOptions::default();
    /// let waiting = run(&model, vec![user!("Wipe it")], tools(), Some(&resolver), &[], options).await?;
    /// assert_eq!(waiting.stopped_by, StoppedBy::ApprovalPending);
    /// assert!(resolver.calls().is_empty());
    ///
    /// let suspended = waiting.suspended.expect("it waits");
    /// let decisions = vec![suspended.pending()[0].approve()];
    /// let options = OrchestratorOptions { resume: Some(suspended), decisions, ..Default::default() };
    /// let output = run(&model, vec![], tools(), Some(&resolver), &[], options).await?;
    /// assert_eq!(output.response.content_text(), Some("Wiped."));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn needs_approval(self) -> Self {
        self.with(|it| it.needs_approval = true)
    }

    /// Stops the tool when a call of it takes longer, and tells the model. It counts instead of
    /// the run's own limit for tools; `Duration::MAX` lifts that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use siumai_core::types::Tool;
    ///
    /// let tool = Tool::function("search", "Searches the web").timeout(Duration::from_secs(20));
    /// assert_eq!(tool.time_limit(), Some(Duration::from_secs(20)));
    /// ```
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(|it| it.time_limit = Some(limit))
    }

    /// Cuts off a result of the tool that has more bytes, and tells the model. It counts instead of
    /// the run's own [limit](crate::orchestrator::OrchestratorOptions::max_result_bytes);
    /// `usize::MAX` lifts that.
    ///
    /// ```
    /// use siumai_core::types::Tool;
    ///
    /// let tool = Tool::function("read", "Reads a page").max_result_bytes(20_000);
    /// assert_eq!(tool.result_limit(), Some(20_000));
    /// ```
    #[must_use]
    pub fn max_result_bytes(self, limit: usize) -> Self {
        self.with(|it| it.result_limit = Some(limit))
    }

    /// The name a model calls it by: 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the model is told about it.
    pub fn description(&self) -> &str {
        &self.0.description
    }

    /// The JSON Schema of its arguments.
    pub fn parameters(&self) -> &Value {
        &self.0.parameters
    }

    /// Whether it changes nothing.
    pub fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    /// Whether it can destroy something.
    pub fn is_destructive(&self) -> bool {
        self.0.destructive
    }

    /// Whether it never runs beside another.
    pub fn is_exclusive(&self) -> bool {
        self.0.exclusive
    }

    /// Whether it may run twice for one call: marked so, or one that changes nothing.
    pub fn is_idempotent(&self) -> bool {
        self.0.idempotent || self.0.read_only
    }

    /// Whether it never executes unless somebody approved the call.
    pub fn is_approval_needed(&self) -> bool {
        self.0.needs_approval
    }

    /// How long a call of it may take, if [`timeout`](Self::timeout) was set.
    pub fn time_limit(&self) -> Option<Duration> {
        self.0.time_limit
    }

    /// How many bytes a result of it may have, if [`max_result_bytes`](Self::max_result_bytes) was set.
    pub fn result_limit(&self) -> Option<usize> {
        self.0.result_limit
    }

    /// Whether both are the same definition in memory, not only alike.
    ///
    /// ```
    /// use siumai_core::types::Tool;
    ///
    /// let tool = Tool::function("get_time", "The time");
    /// assert!(tool.is_same(&tool.clone()));
    /// assert!(!tool.is_same(&Tool::function("get_time", "The time")));
    /// ```
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What `make` makes of the definition: made once for all its copies, if all ask for the same
    /// type.
    pub(crate) fn made<T: Any + Send + Sync>(&self, make: impl Fn(&Self) -> T) -> Arc<T> {
        let kept = self.0.made.0.get_or_init(|| Arc::new(make(self)));
        Arc::clone(kept).downcast().unwrap_or_else(|_| Arc::new(make(self)))
    }

    fn with(mut self, change: impl FnOnce(&mut Definition)) -> Self {
        let definition = Arc::make_mut(&mut self.0);
        definition.made = Made::default();
        change(definition);
        self
    }
}

/// Which tools the model may or must call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// It must call at least one tool.
    Required,
    /// It must call none.
    None,
    /// It must call this one.
    Specific {
        /// The tool's name.
        tool_name: String,
    },
}

/// A model's wish to have a tool executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tells this call from the others of the same reply; never empty.
    pub id: String,
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// The arguments: an object, or, where what the model wrote is not a JSON object, that text as a string.
    pub arguments: Value,
}

/// What came of a [`ToolCall`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResult {
    /// The [`id`](ToolCall::id) of the call.
    pub call_id: String,
    /// The tool's name, as in the call.
    pub name: String,
    /// What the tool returned, or what the model is told instead.
    pub output: Value,
    /// What really happened to the call.
    pub status: ToolStatus,
    /// The tool that was executed, where a repair gave the call another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_name: Option<String>,
    /// The arguments it was executed with, where approval or a repair changed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_arguments: Option<Value>,
    /// What the model is told beside the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How many bytes the output had, where it was too large and is not all here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated_from: Option<u64>,
    /// What the models of agents that ran for the call cost, each model once, and those of agents
    /// below them included. Empty where none ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents_usage: Vec<ModelUsage>,
}

/// What really happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolStatus {
    /// The tool returned a value.
    Executed,
    /// The tool ran and failed.
    Failed,
    /// It could not be executed: no such tool is on offer, or the arguments do not fit. It did not run.
    Invalid,
    /// Approval refused it; it did not run.
    Denied,
    /// A limit of the run held it back; it did not run.
    Skipped,
    /// It took too long and was stopped.
    TimedOut,
    /// The run was cancelled before it finished.
    Cancelled,
    /// The run ended for another reason before it finished.
    Interrupted,
    /// The process died while it ran: nobody knows what came of it.
    Indeterminate,
    /// It waits for somebody to approve it; it did not run yet.
    Pending,
}

impl ToolResult {
    /// The value a tool returned for `call`.
    ///
    /// ```
    /// use siumai_core::types::{ToolCall, ToolResult, ToolStatus};
    /// use serde_json::json;
    ///
    /// let call = ToolCall { id: "call_1".into(), name: "add".into(), arguments: json!({ "a": 1 }) };
    /// let result = ToolResult::executed(&call, json!(2));
    /// assert_eq!((result.call_id.as_str(), result.status), ("call_1", ToolStatus::Executed));
    /// ```
    pub fn executed(call: &ToolCall, output: Value) -> Self {
        Self::new(call, ToolStatus::Executed, output)
    }

    /// A result other than a returned value; `told` is a whole sentence for the model.
    pub fn unexecuted(call: &ToolCall, status: ToolStatus, told: impl Into<String>) -> Self {
        Self::new(call, status, Value::String(told.into()))
    }

    /// Whether it is anything but the value of a tool.
    pub fn is_error(&self) -> bool {
        self.status != ToolStatus::Executed
    }

    /// The name of the tool that was executed.
    pub fn executed_name(&self) -> &str {
        self.modified_name.as_deref().unwrap_or(&self.name)
    }

    fn new(call: &ToolCall, status: ToolStatus, output: Value) -> Self {
        Self {
            call_id: call.id.clone(),
            name: call.name.clone(),
            output,
            status,
            modified_name: None,
            modified_arguments: None,
            note: None,
            truncated_from: None,
            agents_usage: Vec::new(),
        }
    }
}

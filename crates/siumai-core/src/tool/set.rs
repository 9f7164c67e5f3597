//! Tools and the functions that execute them, kept together.
use std::{
    fmt,
    future::ready,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use futures_util::{FutureExt, future::Either};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Answer, ToolContext, ToolResolver, Toolbox, parameters::parameters_of};
use crate::{
    LlmError,
    model::LanguageModel,
    types::{Tool, Warning},
};

/// Tools with the functions that execute them: what a run offers and who resolves its calls, in
/// one, so that the two can't disagree.
///
/// A run is given the set as its resolver, and offers what the set defines:
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
/// use siumai_core::{orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolSet, user};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// What to begin with.
///     a: f64,
///     /// What to add to it.
///     b: f64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let set = ToolSet::new().function("add", "Adds two numbers", |it: Add| async move { it.a + it.b });
/// assert_eq!(set.definitions()[0].parameters()["required"], json!(["a", "b"]));
///
/// let model = ScriptedModel::new().calls("add", json!({ "a": 1, "b": 2 })).reply("It is 3.");
/// let agent = ToolLoopAgent::with_tools(model, set);
/// let (_, steps) = agent.generate(vec![user!("What is 1 + 2?")]).await?;
/// assert_eq!(steps[0].tool_results[0].output, json!(3.0));
/// # Ok(())
/// # }
/// ```
///
/// Mistakes, such as a name that is there twice, are told by [`build`](Self::build), all at once;
/// a run with a set that has one fails with the same error before its model is asked.
///
/// Cloning is cheap, and clones share the functions.
#[derive(Clone, Default)]
pub struct ToolSet(Arc<Parts>);

#[derive(Clone, Default)]
struct Parts {
    definitions: Vec<Tool>,
    /// Each executes the tool at the same place.
    functions: Vec<Function>,
    /// Whether the definitions can be offered, once somebody has asked.
    checked: OnceLock<Result<(), LlmError>>,
}

type Function =
    Arc<dyn Fn(Value, ToolContext) -> BoxFuture<'static, Result<Value, LlmError>> + Send + Sync>;

impl ToolSet {
    /// A set without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function whose arguments are the fields of `A`, or none if `A` is `()`.
    ///
    /// The schema is made from `A`: doc comments on its fields are what the model reads of them,
    /// and fields that are an `Option` or have a default may be left out.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_core::tool::{ToolContext, ToolResolver, ToolSet};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Division {
    ///     by: i64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let set = ToolSet::new()
    ///     .function("flip", "Flips a coin", |(): ()| async { "heads" })
    ///     .function("divide", "Divides 100", |it: Division| async move {
    ///         100_i64.checked_div(it.by).ok_or("There is no division by zero.")
    ///     });
    /// assert_eq!(set.call_tool("divide", json!({ "by": 4 })).await?, json!(25));
    /// let failed = set.call_tool("divide", json!({ "by": 0 })).await.unwrap_err();
    /// assert_eq!(failed.message(), "There is no division by zero.");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn function<A, F, R>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: Fn(A) -> R + Send + Sync + 'static,
        R: Future<Output: Answer> + Send + 'static,
    {
        self.function_with(name, description, move |arguments, _| function(arguments))
    }

    /// Adds a function that also wants to know about the call: its id, the history, how to report
    /// progress, what the user gave to the run.
    ///
    /// ```
    /// use serde_json::json;
    /// use siumai_core::{
    ///     orchestrator::{OrchestratorOptions, ToolLoopAgent},
    ///     testing::ScriptedModel,
    ///     tool::ToolSet,
    ///     user,
    /// };
    ///
    /// struct Tenant(&'static str);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let set = ToolSet::new().function_with("whoami", "Who is asking", |(): (), context| async move {
    ///     context.get::<Tenant>().map(|it| it.0.to_owned())
    /// });
    /// let model = ScriptedModel::new().calls("whoami", json!({})).reply("You are from acme.");
    /// let agent = ToolLoopAgent::with_tools(model, set).with_context(Tenant("acme"));
    /// let (_, steps) = agent.generate(vec![user!("Who am I?")]).await?;
    /// assert_eq!(steps[0].tool_results[0].output, json!("acme"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn function_with<A, F, R>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: Fn(A, ToolContext) -> R + Send + Sync + 'static,
        R: Future<Output: Answer> + Send + 'static,
    {
        let definition = Tool::function_with_schema(name, description, parameters_of::<A>());
        self.typed(definition, move |arguments, context| {
            function(arguments, context).map(Answer::into_answer)
        })
    }

    /// Adds a tool with a schema of its own. The arguments that `handler` gets fit it.
    ///
    /// ```
    /// use serde_json::{Value, json};
    /// use siumai_core::{tool::{ToolResolver, ToolSet}, types::Tool};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let echo = Tool::function("echo", "Says it again").parameter("text", "string", "What", true);
    /// let set = ToolSet::new().tool(echo, |arguments, _| async move { Ok(arguments["text"].clone()) });
    /// assert_eq!(set.call_tool("echo", json!({ "text": "owl" })).await?, json!("owl"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tool<F, R>(mut self, definition: Tool, handler: F) -> Self
    where
        F: Fn(Value, ToolContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, LlmError>> + Send + 'static,
    {
        let parts = self.parts();
        parts.definitions.push(definition);
        parts
            .functions
            .push(Arc::new(move |arguments, context| handler(arguments, context).boxed()));
        self
    }

    /// Marks the tool that was added last, or changes its definition otherwise.
    ///
    /// ```
    /// use siumai_core::{tool::ToolSet, types::Tool};
    ///
    /// let set = ToolSet::new()
    ///     .function("wipe", "Deletes everything", |(): ()| async {})
    ///     .marked(|it| it.destructive().needs_approval());
    /// assert!(set.definitions()[0].is_destructive());
    /// ```
    #[must_use]
    pub fn marked(mut self, mark: impl FnOnce(Tool) -> Tool) -> Self {
        if let Some(definition) = self.parts().definitions.last_mut() {
            *definition = mark(definition.clone());
        }
        self
    }

    /// Adds tools that were made elsewhere: another set, or what `#[tool]` made of a function or
    /// of the methods of a type.
    #[expect(
        clippy::should_implement_trait,
        reason = "a chain of setters reads so; nobody writes `set + tools`"
    )]
    #[must_use]
    pub fn add(mut self, tools: impl IntoToolSet) -> Self {
        let added = tools.into_tool_set();
        let parts = self.parts();
        parts.definitions.extend(added.0.definitions.iter().cloned());
        parts.functions.extend(added.0.functions.iter().cloned());
        self
    }

    /// Adds those tools of `other` that are not here already, shared with it.
    pub(crate) fn join(mut self, other: &Self) -> Self {
        for (definition, function) in other.0.definitions.iter().zip(&other.0.functions) {
            if !self.0.definitions.iter().any(|it| it.is_same(definition)) {
                let parts = self.parts();
                parts.definitions.push(definition.clone());
                parts.functions.push(Arc::clone(function));
            }
        }
        self
    }

    /// The set, if it can be offered.
    ///
    /// ```
    /// use siumai_core::tool::ToolSet;
    ///
    /// let set = ToolSet::new()
    ///     .function("look up", "Looks something up", |(): ()| async {})
    ///     .function("count", "Counts", |_: u32| async {});
    /// assert_eq!(
    ///     set.build().unwrap_err().to_string(),
    ///     "`look up` can't be a tool's name; use 1 to 64 of a-z, A-Z, 0-9, `_` and `-`; and \
    ///      the parameters of tool `count` are not an object; put them into one, a property each"
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// If a name can't be used or is there twice, or a schema is none or not of an object. The
    /// error tells all that is wrong.
    pub fn build(self) -> Result<Self, LlmError> {
        self.check()?;
        Ok(self)
    }

    /// Whether `model` can be offered the tools; what it can't be told of them exactly comes back as
    /// warnings. A run asks the same before it begins.
    ///
    /// ```
    /// use siumai_core::{testing::ScriptedModel, tool::ToolSet};
    ///
    /// let set = ToolSet::new().function("flip", "Flips a coin", |(): ()| async { "heads" });
    /// assert_eq!(set.check_for(&ScriptedModel::new())?, []);
    /// # Ok::<(), siumai_core::LlmError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), or if the model's provider would refuse them.
    pub fn check_for(&self, model: &dyn LanguageModel) -> Result<Vec<Warning>, LlmError> {
        self.check()?;
        model.check_tools(self.definitions())
    }

    /// The tools, in the order in which they were added.
    pub fn definitions(&self) -> &[Tool] {
        &self.0.definitions
    }

    /// Adds a function whose arguments are read as `A`.
    pub(super) fn typed<A, F, R>(self, definition: Tool, function: F) -> Self
    where
        A: DeserializeOwned,
        F: Fn(A, ToolContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, LlmError>> + Send + 'static,
    {
        self.tool(definition, move |arguments, context| match arguments_of(arguments) {
            Ok(arguments) => Either::Left(function(arguments, context)),
            Err(error) => Either::Right(ready(Err(error))),
        })
    }

    fn check(&self) -> Result<(), LlmError> {
        let check = || Toolbox::new(self.0.definitions.clone()).map(|_| ());
        self.0.checked.get_or_init(check).clone()
    }

    fn parts(&mut self) -> &mut Parts {
        let parts = Arc::make_mut(&mut self.0);
        parts.checked = OnceLock::new();
        parts
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.definitions.iter().position(|it| it.name() == name)
    }
}

#[async_trait]
impl ToolResolver for ToolSet {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.call_tool_with(name, arguments, &ToolContext::new("call_0", 0)).await
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let Some(place) = self.place(name) else {
            return Err(LlmError::ToolExecutionError(format!("There is no tool named `{name}`.")));
        };
        self.0.functions[place](arguments, context.clone()).await
    }

    fn has_tool(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    fn definitions(&self) -> Result<Vec<Tool>, LlmError> {
        self.check()?;
        Ok(self.0.definitions.clone())
    }
}

impl fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.definitions.iter().map(Tool::name);
        f.debug_tuple("ToolSet").field(&names.collect::<Vec<_>>()).finish()
    }
}

/// What can be [added](ToolSet::add) to a set: another set, a function that `#[tool]` made a tool,
/// or a type whose methods are tools, by value or shared.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no tools",
    note = "put `#[tool]` on the function, or on the `impl` block and those of its methods that are tools"
)]
pub trait IntoToolSet {
    /// The tools.
    fn into_tool_set(self) -> ToolSet;
}

/// A type some of whose methods are tools, which share the value: `#[tool]` on an `impl` block
/// implements it.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use serde_json::json;
/// use siumai_core::tool::{ToolGroup, ToolResolver, ToolSet};
///
/// struct Counter(Mutex<u32>);
///
/// impl ToolGroup for Counter {
///     fn tools(self: Arc<Self>) -> ToolSet {
///         ToolSet::new().function("count", "Counts on", move |(): ()| {
///             let counter = Arc::clone(&self);
///             async move {
///                 let mut count = counter.0.lock().unwrap();
///                 *count += 1;
///                 *count
///             }
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let counter = Arc::new(Counter(Mutex::new(7)));
/// let set = ToolSet::new().add(Arc::clone(&counter));
/// assert_eq!(set.call_tool("count", json!({})).await?, json!(8));
/// assert_eq!(*counter.0.lock().unwrap(), 8);
/// # Ok(())
/// # }
/// ```
pub trait ToolGroup: Send + Sync + 'static {
    /// The tools.
    fn tools(self: Arc<Self>) -> ToolSet;
}

impl IntoToolSet for ToolSet {
    fn into_tool_set(self) -> ToolSet {
        self
    }
}

impl<G: ToolGroup> IntoToolSet for G {
    fn into_tool_set(self) -> ToolSet {
        Arc::new(self).tools()
    }
}

impl<G: ToolGroup> IntoToolSet for Arc<G> {
    fn into_tool_set(self) -> ToolSet {
        self.tools()
    }
}

/// The arguments of a call as a function takes them.
pub(crate) fn arguments_of<A: DeserializeOwned>(arguments: Value) -> Result<A, LlmError> {
    let is_empty = arguments.as_object().is_some_and(Map::is_empty);
    let mut read = serde_json::from_value(arguments);
    if is_empty && read.is_err() {
        // `()` takes none, which JSON writes otherwise than an object without any.
        read = serde_json::from_value(Value::Null).or(read);
    }
    read.map_err(|error| {
        LlmError::ToolExecutionError(format!(
            "The arguments can't be used: {error}. Call the tool again with others."
        ))
    })
}

#[cfg(test)]
mod tests;

//! The contract of whoever executes tools.
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use serde_json::Value;

use super::ToolContext;
use crate::{LlmError, types::Tool};

/// Executes tools by name.
///
/// ```
/// use serde_json::{Value, json};
/// use siumai_core::{LlmError, async_trait, tool::ToolResolver};
///
/// struct Weather;
///
/// #[async_trait]
/// impl ToolResolver for Weather {
///     async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
///         match name {
///             "get_weather" => Ok(json!({ "city": arguments["city"], "temperature": 72 })),
///             _ => Err(LlmError::ToolExecutionError(format!("no tool named `{name}`"))),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let answer = Weather.call_tool("get_weather", json!({ "city": "Tokyo" })).await?;
/// assert_eq!(answer, json!({ "city": "Tokyo", "temperature": 72 }));
/// # Ok(())
/// # }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not execute tools",
    note = "implement `ToolResolver` for it (with `#[async_trait]`), and pass a reference, as in `Some(&resolver)`"
)]
pub trait ToolResolver: Send + Sync {
    /// Executes the tool `name` with `arguments`, an object that fits the tool's schema.
    ///
    /// # Errors
    ///
    /// An error is told to the model, which may try something else; one made
    /// with [`LlmError::fatal`] ends the run.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped at one of its awaits when the run is cancelled or its stream dropped.
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError>;

    /// The same with more to know about the call. This is what the loop calls;
    /// implement it if a tool wants the context.
    ///
    /// # Errors
    ///
    /// As [`call_tool`](Self::call_tool).
    // Not `async`, or each call would be a future in a future.
    fn call_tool_with<'r, 'n, 'c, 'f>(
        &'r self,
        name: &'n str,
        arguments: Value,
        context: &'c ToolContext,
    ) -> BoxFuture<'f, Result<Value, LlmError>>
    where
        'r: 'f,
        'n: 'f,
        'c: 'f,
        Self: 'f,
    {
        // The tool has not asked for it.
        let _: &ToolContext = context;
        self.call_tool(name, arguments)
    }

    /// Whether it executes the tool `name`. A call of one that it does not is left to the
    /// caller of the run, which ends with the call pending.
    fn has_tool(&self, name: &str) -> bool {
        // Unless it says otherwise, it takes them all.
        let _: &str = name;
        true
    }

    /// The tools that it executes, where it knows them: a run that is given no tools offers these.
    ///
    /// ```
    /// use siumai_core::{
    ///     orchestrator::{OrchestratorOptions, generate},
    ///     testing::ScriptedModel,
    ///     tool::ToolSet,
    ///     user,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let set = ToolSet::new().function("toss", "Tosses a coin", |(): ()| async { "heads" });
    /// let model = ScriptedModel::new().calls("toss", serde_json::json!({})).reply("Heads.");
    /// let options = OrchestratorOptions::default();
    /// let (_, steps) = generate(&model, vec![user!("Toss")], None, Some(&set), &[], options).await?;
    /// assert_eq!(steps[0].tool_results[0].output, "heads");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If they can't be offered. A run fails with that before it asks its model, whether it was
    /// given tools or not.
    fn definitions(&self) -> Result<Vec<Tool>, LlmError> {
        Ok(Vec::new())
    }
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        impl<R: ToolResolver + ?Sized> ToolResolver for $pointer {
            async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
                (**self).call_tool(name, arguments).await
            }

            async fn call_tool_with(
                &self,
                name: &str,
                arguments: Value,
                context: &ToolContext,
            ) -> Result<Value, LlmError> {
                (**self).call_tool_with(name, arguments, context).await
            }

            fn has_tool(&self, name: &str) -> bool {
                (**self).has_tool(name)
            }

            fn definitions(&self) -> Result<Vec<Tool>, LlmError> {
                (**self).definitions()
            }
        }
    )+};
}

forward!(&R, Box<R>, Arc<R>);

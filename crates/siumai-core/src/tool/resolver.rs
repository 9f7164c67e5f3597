//! The contract of whoever executes tools.
use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use crate::{CancellationToken, LlmError, journal::tool_effect};

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
    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        // The tool has not asked for it.
        let _: &ToolContext = context;
        self.call_tool(name, arguments).await
    }

    /// Whether it executes the tool `name`. A call of one that it does not is left to the
    /// caller of the run, which ends with the call pending.
    fn has_tool(&self, name: &str) -> bool {
        // Unless it says otherwise, it takes them all.
        let _: &str = name;
        true
    }
}

/// What a tool may know of the call it executes.
///
/// ```
/// use siumai_core::tool::ToolContext;
///
/// let context = ToolContext::new("call_1", 0);
/// assert!(!context.cancellation.is_cancelled());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolContext {
    /// The id of the call.
    pub call_id: String,
    /// The number of the step, from 0.
    pub step_number: usize,
    /// What tells this call from every other of all runs, and stays the same when the run is
    /// resumed: pass it on to what must not do the same thing twice.
    pub idempotency_key: String,
    /// Cancelled when the run is, or when nobody waits for the call any more. A tool's future is
    /// dropped then; this is for work that it left to somebody else, such as a thread.
    pub cancellation: CancellationToken,
    progress: Option<Progress>,
}

/// Where a tool's reports go.
#[derive(Clone)]
struct Progress(Arc<dyn Fn(Value) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl ToolContext {
    /// The context of a call.
    pub fn new(call_id: impl Into<String>, step_number: usize) -> Self {
        let call_id = call_id.into();
        let idempotency_key = tool_effect(step_number, &call_id);
        let cancellation = CancellationToken::new();
        Self { call_id, step_number, idempotency_key, cancellation, progress: None }
    }

    /// Tells whoever watches the run how far the call is, as
    /// [`ToolProgress`](crate::orchestrator::StreamEvent::ToolProgress): in words, a number, or a
    /// piece of what will be the result. The model does not hear of it.
    ///
    /// It may be called from any thread and never waits. Where nobody watches, nothing comes of it.
    /// Up to 64 reports of a call wait for a reader who is late; beyond that the oldest are
    /// dropped. What is said after the call has ended is dropped too.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use serde_json::{Value, json};
    /// use siumai_core::{
    ///     LlmError, async_trait,
    ///     orchestrator::{OrchestratorOptions, StreamEvent, generate_stream},
    ///     testing::ScriptedModel,
    ///     tool::{ToolContext, ToolResolver},
    ///     types::Tool,
    ///     user,
    /// };
    ///
    /// struct Copier;
    ///
    /// #[async_trait]
    /// impl ToolResolver for Copier {
    ///     async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
    ///         Ok(json!("copied"))
    ///     }
    ///
    ///     async fn call_tool_with(
    ///         &self,
    ///         name: &str,
    ///         arguments: Value,
    ///         context: &ToolContext,
    ///     ) -> Result<Value, LlmError> {
    ///         context.progress("half of it is copied");
    ///         self.call_tool(name, arguments).await
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), LlmError> {
    /// let model = ScriptedModel::new().calls("copy", json!({})).reply("Done.");
    /// let tools = Some(vec![Tool::function("copy", "Copies the file")]);
    /// let options = OrchestratorOptions::default();
    /// let mut stream =
    ///     generate_stream(&model, vec![user!("Copy it")], tools, Some(&Copier), &[], options)?;
    /// let mut told = Vec::new();
    /// while let Some(event) = stream.next().await {
    ///     if let StreamEvent::ToolProgress { name, value, .. } = event? {
    ///         told.push((name, value));
    ///     }
    /// }
    /// assert_eq!(told, [("copy".to_owned(), json!("half of it is copied"))]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self, value: impl Into<Value>) {
        if let Some(Progress(report)) = &self.progress {
            report(value.into());
        }
    }

    /// Hands what the tool reports to `report`, in place of whoever heard of it before.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use siumai_core::tool::ToolContext;
    ///
    /// let (sender, reports) = mpsc::channel();
    /// let context = ToolContext::new("call_1", 0).reporting_to(move |value| {
    ///     sender.send(value).ok();
    /// });
    /// context.progress(0.5);
    /// assert_eq!(reports.recv().unwrap(), 0.5);
    /// ```
    #[must_use]
    pub fn reporting_to(mut self, report: impl Fn(Value) + Send + Sync + 'static) -> Self {
        self.progress = Some(Progress(Arc::new(report)));
        self
    }

    /// Gives the call another key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// Gives the call a token of its own that is cancelled with `run`.
    ///
    /// ```
    /// use siumai_core::{CancellationToken, tool::ToolContext};
    ///
    /// let run = CancellationToken::new();
    /// let context = ToolContext::new("call_1", 0).cancelled_with(&run);
    /// run.cancel();
    /// assert!(context.cancellation.is_cancelled());
    /// ```
    #[must_use]
    pub fn cancelled_with(mut self, run: &CancellationToken) -> Self {
        self.cancellation = run.child_token();
        self
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
        }
    )+};
}

forward!(&R, Box<R>, Arc<R>);

//! What a tool may know of the call that it executes.
use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use super::UserContext;
use crate::{
    CancellationToken,
    journal::{call_key, tool_effect},
    types::ChatMessage,
};

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
    /// Cancelled when the run is, or when nobody waits for the call any more. A tool's future is
    /// dropped then; this is for work that it left to somebody else, such as a thread.
    pub cancellation: CancellationToken,
    run_id: Option<Arc<str>>,
    idempotency_key: OnceLock<String>,
    messages: Option<Arc<Vec<ChatMessage>>>,
    user: UserContext,
    progress: Option<Progress>,
    above: Option<Above>,
}

/// What the run that makes the call hands down to a run below it: the orchestrator's own affair.
pub(crate) type Above = Arc<dyn Any + Send + Sync>;

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
        Self::with_token(call_id.into(), step_number, CancellationToken::new())
    }

    /// The context of a call that is cancelled by `cancellation`.
    pub(crate) fn with_token(
        call_id: String,
        step_number: usize,
        cancellation: CancellationToken,
    ) -> Self {
        Self {
            call_id,
            step_number,
            cancellation,
            run_id: None,
            idempotency_key: OnceLock::new(),
            messages: None,
            user: UserContext::default(),
            progress: None,
            above: None,
        }
    }

    /// What tells this call from every other of all runs, and stays the same when the run is
    /// resumed: pass it on to what must not do the same thing twice.
    ///
    /// ```
    /// use siumai_core::tool::ToolContext;
    ///
    /// let context = ToolContext::new("call_1", 0).with_idempotency_key("transfer-7");
    /// assert_eq!(context.idempotency_key(), "transfer-7");
    /// ```
    pub fn idempotency_key(&self) -> &str {
        self.idempotency_key.get_or_init(|| match &self.run_id {
            Some(run_id) => call_key(run_id, self.step_number, &self.call_id),
            None => tool_effect(self.step_number, &self.call_id, 1),
        })
    }

    /// The run's history up to the reply that made the call, without the leading system messages.
    ///
    /// It is shared with the run, so looking at it costs nothing. Where a journal has the tool
    /// executed [elsewhere](crate::orchestrator::perform), there is none.
    ///
    /// ```
    /// use siumai_core::{tool::ToolContext, user};
    ///
    /// let context = ToolContext::new("call_1", 0).with_messages(vec![user!("Pay 7")]);
    /// assert_eq!(context.messages()[0].text(), Some("Pay 7"));
    /// ```
    pub fn messages(&self) -> &[ChatMessage] {
        self.messages.as_deref().map_or(&[], Vec::as_slice)
    }

    /// What the run's user gave it for its tools, by its type: see [`UserContext`].
    ///
    /// ```
    /// use siumai_core::tool::{ToolContext, UserContext};
    ///
    /// struct Tenant(&'static str);
    ///
    /// let context = ToolContext::new("call_1", 0).with_user(UserContext::new().with(Tenant("acme")));
    /// assert_eq!(context.get::<Tenant>().map(|it| it.0), Some("acme"));
    /// assert_eq!(context.get::<u32>(), None);
    /// ```
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.user.get()
    }

    /// Everything that the run's user gave it for its tools, to be passed on to another run.
    pub fn user(&self) -> &UserContext {
        &self.user
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

    /// Whether anybody hears what the tool reports.
    pub(crate) fn is_heard(&self) -> bool {
        self.progress.is_some()
    }

    /// What the run that makes the call hands down to a run below it, if it is a `T`.
    pub(crate) fn above<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.above.clone()?.downcast().ok()
    }

    /// Hands `above` down to a run below the call.
    pub(crate) fn below(mut self, above: Above) -> Self {
        self.above = Some(above);
        self
    }

    /// Gives the call a history to look at.
    #[must_use]
    pub fn with_messages(mut self, messages: impl Into<Arc<Vec<ChatMessage>>>) -> Self {
        self.messages = Some(messages.into());
        self
    }

    /// Gives the call what its tool may [`get`](Self::get).
    #[must_use]
    pub fn with_user(mut self, user: UserContext) -> Self {
        self.user = user;
        self
    }

    /// Gives the call a key by the run that it is of.
    pub(crate) fn of_run(mut self, run_id: &Arc<str>) -> Self {
        self.run_id = Some(Arc::clone(run_id));
        self
    }

    /// Gives the call another key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = OnceLock::from(key.into());
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

//! A resolver that does what it is told and remembers what it was asked.
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    LlmError,
    tool::{ToolContext, ToolResolver},
};

/// Executes tools by a table, and keeps the calls in the order they began.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{testing::RecordingResolver, tool::ToolResolver};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let resolver = RecordingResolver::new().returning("get_weather", json!("sunny"));
/// assert_eq!(resolver.call_tool("get_weather", json!({ "city": "Tokyo" })).await?, json!("sunny"));
/// assert_eq!(resolver.calls(), [("get_weather".to_owned(), json!({ "city": "Tokyo" }))]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct RecordingResolver {
    tools: HashMap<String, Behaviour>,
    calls: Mutex<Vec<(String, Value)>>,
}

type Function = Box<dyn Fn(&Value) -> Result<Value, LlmError> + Send + Sync>;

struct Behaviour {
    delay: Duration,
    function: Function,
}

impl RecordingResolver {
    /// A resolver without tools: it executes none.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tool `name` returns `output`.
    #[must_use]
    pub fn returning(self, name: impl Into<String>, output: Value) -> Self {
        self.function(name, move |_| Ok(output.clone()))
    }

    /// The tool `name` returns `output` after a while, in the runtime's time.
    #[must_use]
    pub fn returning_after(self, name: impl Into<String>, delay: Duration, output: Value) -> Self {
        self.with(name, delay, Box::new(move |_| Ok(output.clone())))
    }

    /// The tool `name` fails.
    #[must_use]
    pub fn failing(self, name: impl Into<String>, error: LlmError) -> Self {
        self.function(name, move |_| Err(error.clone()))
    }

    /// The tool `name` panics.
    #[must_use]
    #[expect(clippy::panic, reason = "a tool that panics is what a test asks for here")]
    pub fn panicking(self, name: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        self.function(name, move |_| std::panic::panic_any(message.clone()))
    }

    /// The tool `name` does what `function` does.
    #[must_use]
    pub fn function(
        self,
        name: impl Into<String>,
        function: impl Fn(&Value) -> Result<Value, LlmError> + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Duration::ZERO, Box::new(function))
    }

    /// The calls so far: name and arguments, in the order they began.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(mut self, name: impl Into<String>, delay: Duration, function: Function) -> Self {
        self.tools.insert(name.into(), Behaviour { delay, function });
        self
    }
}

#[async_trait]
impl ToolResolver for RecordingResolver {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push((name.to_owned(), arguments.clone()));
        }
        let Some(tool) = self.tools.get(name) else {
            return Err(LlmError::ToolExecutionError(format!("no tool named `{name}`")));
        };
        if !tool.delay.is_zero() {
            tokio::time::sleep(tool.delay).await;
        }
        (tool.function)(&arguments)
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        _: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.call_tool(name, arguments).await
    }

    fn has_tool(&self, name: &str) -> bool {
        self.tools.contains_key(name)
    }
}

impl fmt::Debug for RecordingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.tools.keys().collect();
        names.sort_unstable();
        f.debug_struct("RecordingResolver")
            .field("tools", &names)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

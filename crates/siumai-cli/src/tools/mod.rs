//! The tools the program brings along, as one resolver.
//!
//! Each is a file: what the model is told about it, what it takes, what it does.
mod blocking;
mod calculator;
mod command;
mod dates;
mod files;
mod offered;
mod root;

use std::{fmt, path::Path, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;
use siumai::{
    LlmError, async_trait,
    tool::{ToolContext, ToolResolver},
    types::Tool,
};

pub(crate) use self::{offered::Offered, root::Root};
use crate::clock::Clock;

/// One tool of the program.
#[async_trait]
trait BuiltIn: Send + Sync {
    /// What the model is told about it.
    fn definition(&self) -> Tool;

    /// Does it.
    async fn call(&self, arguments: Value) -> Result<Value, LlmError>;

    /// Does it, and says how far it is where that takes long.
    async fn call_with(&self, arguments: Value, _: &ToolContext) -> Result<Value, LlmError> {
        self.call(arguments).await
    }
}

/// The tools the program offers to the model.
#[derive(Clone)]
pub(crate) struct BuiltIns {
    offers: Arc<[Offer]>,
    root: Root,
}

#[derive(Clone)]
struct Offer {
    definition: Tool,
    tool: Arc<dyn BuiltIn>,
}

impl BuiltIns {
    /// All of them; those that touch files stay inside `root`.
    pub(crate) fn new(root: &Root, clock: &Clock) -> Self {
        let root = || root.clone();
        let clock = || clock.clone();
        let tools: [Arc<dyn BuiltIn>; 10] = [
            Arc::new(calculator::Calculator),
            Arc::new(dates::CurrentTime(clock())),
            Arc::new(dates::ConvertTime(clock())),
            Arc::new(dates::DateAdd(clock())),
            Arc::new(dates::DateDifference(clock())),
            Arc::new(files::ListFiles(root())),
            Arc::new(files::SearchFiles(root())),
            Arc::new(files::ReadFile(root())),
            Arc::new(files::WriteFile(root())),
            Arc::new(command::RunCommand(root())),
        ];
        let offers = tools.into_iter().map(|tool| Offer { definition: tool.definition(), tool });
        Self { offers: offers.collect(), root: root() }
    }

    /// Those of `names` that are there, in their own order.
    pub(crate) fn those_of(&self, names: &[String]) -> Self {
        let is_wanted = |offer: &&Offer| names.iter().any(|name| name == offer.definition.name());
        let offers = self.offers.iter().filter(is_wanted).cloned().collect();
        Self { offers, root: self.root.clone() }
    }

    /// What the model is told about them.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Tool> {
        self.offers.iter().map(|offer| &offer.definition)
    }

    /// The folder that they stay in.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    fn find(&self, name: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.definition.name() == name)
    }

    fn unknown(&self, name: &str) -> LlmError {
        unknown(name, &self.definitions().map(Tool::name).collect::<Vec<_>>())
    }
}

#[async_trait]
impl ToolResolver for BuiltIns {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        let offer = self.find(name).ok_or_else(|| self.unknown(name))?;
        offer.tool.call(arguments).await
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let offer = self.find(name).ok_or_else(|| self.unknown(name))?;
        offer.tool.call_with(arguments, context).await
    }

    fn has_tool(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

impl fmt::Debug for BuiltIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.definitions().map(Tool::name)).finish()
    }
}

/// None of `names` is `name`; the nearest may be meant.
fn unknown(name: &str, names: &[&str]) -> LlmError {
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let list = names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    LlmError::invalid_input(format!("no tool named `{name}`; {hint}there are: {list}"))
}

/// The one of `names` that is spelled most like `name`, if any is at all alike.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let scored = names.map(|it| (it, strsim::jaro_winkler(&wanted, &it.to_lowercase())));
    let (near, score) = scored.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (score >= 0.75).then_some(near)
}

/// A failure the model is told about; `told` is whole sentences that say what to do next.
fn told(told: impl Into<String>) -> LlmError {
    LlmError::ToolExecutionError(told.into())
}

/// The arguments of a call. The loop has checked them against the schema before.
fn read_arguments<T: DeserializeOwned>(arguments: Value) -> Result<T, LlmError> {
    serde_json::from_value(arguments).map_err(|misfit| {
        told(format!("The arguments do not fit: {misfit}. Call the tool again with ones that do."))
    })
}

#[cfg(test)]
mod tests;

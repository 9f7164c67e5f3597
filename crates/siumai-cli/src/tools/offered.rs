//! All that is offered to the model: the program's own tools, and those of MCP servers.
use std::{fmt, path::Path, time::Duration};

use serde_json::Value;
use siumai::{
    LlmError, async_trait,
    mcp::{McpServers, Offered as Found},
    tool::{ToolContext, ToolResolver, ToolSet},
    types::Tool,
};

use super::{BuiltIns, unknown};

/// How long servers may take to end by themselves when a run is over.
const GRACE: Duration = Duration::from_millis(500);

/// What is offered to the model.
#[derive(Clone)]
pub(crate) struct Offered {
    own: BuiltIns,
    servers: McpServers,
    /// Of the servers.
    others: ToolSet,
}

impl Offered {
    /// `own` tools, and those of `servers`, which are connected; and what is wrong with the servers.
    pub(crate) async fn with_servers(own: BuiltIns, servers: McpServers) -> (Self, Vec<LlmError>) {
        let Found { tools, failed, .. } = servers.offered().await;
        (Self { own, servers, others: tools }, failed)
    }

    /// Those of `names`, in their own order.
    ///
    /// # Errors
    ///
    /// If there is no tool of one of the names.
    pub(crate) fn only(self, names: &[String]) -> Result<Self, LlmError> {
        names.iter().try_for_each(|name| self.check(name))?;
        Ok(self.those_of(names))
    }

    /// Those of `names` that are there, in their own order.
    pub(crate) fn those_of(self, names: &[String]) -> Self {
        let is_wanted = |tool: &Tool| names.iter().any(|name| name == tool.name());
        let wanted = self.others.definitions().iter().filter(|it| is_wanted(it));
        let others = wanted.fold(ToolSet::new(), |set, tool| forwarded(set, tool, &self.others));
        Self { own: self.own.those_of(names), servers: self.servers, others }
    }

    /// Whether there is a tool of that name.
    ///
    /// # Errors
    ///
    /// If there is none; the nearest is named.
    pub(crate) fn check(&self, name: &str) -> Result<(), LlmError> {
        if self.has_tool(name) {
            return Ok(());
        }
        Err(unknown(name, &self.definitions().map(Tool::name).collect::<Vec<_>>()))
    }

    /// What the model is told about them.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Tool> {
        self.own.definitions().chain(self.others.definitions())
    }

    /// All of them as a set.
    pub(crate) fn to_set(&self) -> ToolSet {
        self.definitions().fold(ToolSet::new(), |set, tool| forwarded(set, tool, self))
    }

    /// The folder that the program's own stay in.
    pub(crate) fn root(&self) -> &Path {
        self.own.root()
    }

    /// Lets the servers end.
    pub(crate) async fn close(&self) {
        // Those that take longer are killed with the last that knows them.
        tokio::time::timeout(GRACE, self.servers.close()).await.ok();
    }
}

/// `set` with the tool of `from`.
fn forwarded<R: ToolResolver + Clone + 'static>(set: ToolSet, tool: &Tool, from: &R) -> ToolSet {
    let (name, from) = (tool.name().to_owned(), from.clone());
    set.tool(tool.clone(), move |arguments, context| {
        let (name, from) = (name.clone(), from.clone());
        async move { from.call_tool_with(&name, arguments, &context).await }
    })
}

#[async_trait]
impl ToolResolver for Offered {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.call_tool_with(name, arguments, &ToolContext::new("call_0", 0)).await
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        if self.others.has_tool(name) {
            return self.others.call_tool_with(name, arguments, context).await;
        }
        self.own.call_tool_with(name, arguments, context).await
    }

    fn has_tool(&self, name: &str) -> bool {
        self.own.has_tool(name) || self.others.has_tool(name)
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.definitions().map(Tool::name)).finish()
    }
}

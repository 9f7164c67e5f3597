//! Servers as a set of tools.
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use rmcp::model::Tool as Described;
use serde_json::{Map, Value};
use siumai_core::{
    LlmError,
    tool::{ToolContext, ToolResolver, ToolSet},
    types::Tool,
};

use crate::{content, definition, fault::Report, link::Link, names, server::McpServer};

/// The tools of any number of MCP servers: what they are, and who executes them.
///
/// Servers are connected side by side when their tools are first listed or called, and again when a
/// connection was lost. One that hangs, dies or talks nonsense costs the calls of its own tools an
/// error that the model is told. A tool is named after its server: `read_file` of `files` is
/// `files__read_file`.
///
/// Dropping the last clone ends connections and processes at once; [`close`](Self::close) lets the
/// servers end by themselves.
///
/// It is a handle: clones share the connections. It has to be used inside a tokio runtime with time
/// and IO, in which the protocol's library runs a task for each connection.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::ToolLoopAgent,
///     testing::ScriptedModel,
///     tool::{ToolResolver, ToolSet},
/// };
/// use siumai_mcp::{AgentServer, McpServer, McpServers};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// // An agent, as a server in the same process.
/// let connect = || async {
///     let model = ScriptedModel::new().reply("It is noon.");
///     let agent = ToolLoopAgent::with_tools(model, ToolSet::new());
///     let (ours, theirs) = tokio::io::duplex(1024);
///     tokio::spawn(AgentServer::new("clock", "Tells the time", agent).serve(theirs));
///     Ok(ours)
/// };
/// let servers = McpServers::new([McpServer::stream("wall", connect)])?;
///
/// let tools = ToolSet::new().add(servers.tools().await?);
/// assert_eq!(tools.definitions()[0].name(), "wall__clock");
/// let answer = tools.call_tool("wall__clock", json!({ "prompt": "What time is it?" })).await?;
/// assert_eq!(answer, json!("It is noon."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct McpServers(Arc<Shared>);

struct Shared {
    members: Vec<Member>,
    catalog: Mutex<Arc<Catalog>>,
}

struct Member {
    link: Link,
}

/// The tools that were listed last.
#[derive(Default)]
struct Catalog(Vec<Arc<Entry>>);

struct Entry {
    tool: Tool,
    /// Whose it is, by the place of its member.
    member: usize,
    /// What the server calls it.
    original: String,
}

/// What can be had of the servers just now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Offered {
    /// The tools of the servers that can be reached.
    pub tools: ToolSet,
    /// What is wrong with the others, and with tools that can't be offered.
    pub failed: Vec<LlmError>,
}

impl McpServers {
    /// The tools of `servers`. Nothing is started yet.
    ///
    /// # Errors
    ///
    /// If a server has a name that can't begin those of tools, or two have the same.
    pub fn new(servers: impl IntoIterator<Item = McpServer>) -> Result<Self, LlmError> {
        let mut members: Vec<Member> = Vec::new();
        for server in servers {
            server.check()?;
            if members.iter().any(|it| it.link.server.name == server.name) {
                let name = &server.name;
                return Err(LlmError::invalid_input(format!(
                    "two MCP servers are named `{name}`; rename one"
                )));
            }
            members.push(Member { link: Link::new(server) });
        }
        Ok(Self(Arc::new(Shared { members, catalog: Mutex::default() })))
    }

    /// The tools of all servers, as they are now: a server that says that its list has changed is
    /// asked again. Servers that are not connected are, side by side.
    ///
    /// A set stays as it is. Ask for another before the next run, to offer what has changed since;
    /// a call of a tool that is gone tells the model so.
    ///
    /// # Errors
    ///
    /// If a server can't be reached, or offers what can't be offered to a model.
    /// [`offered`](Self::offered) gives the rest all the same.
    pub async fn tools(&self) -> Result<ToolSet, LlmError> {
        let Offered { tools, failed } = self.offered().await;
        failed.into_iter().next().map_or(Ok(tools), Err)
    }

    /// The tools that can be had, and what is wrong with the others.
    pub async fn offered(&self) -> Offered {
        let members = &self.0.members;
        let listings = join_all(members.iter().map(Member::tools)).await;
        let mut failed = Vec::new();
        let mut available = Vec::new();
        for (place, listing) in listings.into_iter().enumerate() {
            match listing {
                Ok(listed) => available.push((place, listed)),
                Err(report) => failed.push(report.for_people()),
            }
        }
        let catalog = Arc::new(self.catalog_of(&available, &mut failed));
        *self.0.catalog() = Arc::clone(&catalog);
        let tools = catalog.0.iter().fold(ToolSet::new(), |set, it| self.with(set, it));
        Offered { tools, failed }
    }

    /// `set` with the tool, which stays the same whatever is listed later.
    fn with(&self, set: ToolSet, entry: &Arc<Entry>) -> ToolSet {
        let (servers, entry) = (self.clone(), Arc::clone(entry));
        set.tool(entry.tool.clone(), move |arguments, context| {
            let (servers, entry) = (servers.clone(), Arc::clone(&entry));
            async move { servers.call(&entry, arguments, &context).await }
        })
    }

    /// Ends all connections in order, which takes up to a few seconds: servers that are processes
    /// end by themselves if they can. Whoever calls a tool afterwards starts its server again.
    pub async fn close(&self) {
        join_all(self.0.members.iter().map(|it| it.link.close())).await;
    }

    fn catalog_of(
        &self,
        available: &[(usize, Arc<Vec<Described>>)],
        failed: &mut Vec<LlmError>,
    ) -> Catalog {
        let mut listed: Vec<(usize, &Described)> = Vec::new();
        for (place, tools) in available {
            for tool in tools.iter() {
                // The second of a name could never be called.
                if !listed.iter().any(|(other, it)| other == place && it.name == tool.name) {
                    listed.push((*place, tool));
                }
            }
        }
        let server = |place: usize| &self.0.members[place].link.server;
        let pairs: Vec<_> =
            listed.iter().map(|(place, tool)| (server(*place).name(), &*tool.name)).collect();
        let names = names::assign(&pairs);
        let mut entries = Vec::with_capacity(listed.len());
        for ((member, described), name) in listed.into_iter().zip(names) {
            let tool = definition::tool(&name, described, server(member).believes_hints);
            match definition::check(&tool) {
                Ok(()) => {
                    let original = described.name.to_string();
                    entries.push(Arc::new(Entry { tool, member, original }));
                }
                Err(why) => failed.push(LlmError::invalid_input(format!(
                    "a tool of the MCP server `{}` can't be offered: {}",
                    server(member).name(),
                    why.message()
                ))),
            }
        }
        Catalog(entries)
    }

    async fn call(
        &self,
        Entry { tool, member, original }: &Entry,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let name = tool.name();
        let connection = self.0.members[*member].link.connection().await;
        let connection = connection.map_err(|it| it.for_the_model(name))?;
        let listed = connection.tools().await.map_err(|it| it.for_the_model(name))?;
        if !listed.iter().any(|it| it.name == *original) {
            return Err(gone(name));
        }
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        let result = connection.call(original, arguments, context).await;
        let result = result.map_err(|it| it.for_the_model(name))?;
        content::value(result).map_err(LlmError::ToolExecutionError)
    }

    /// The tool of that name. A run that goes on in another process knows names that were not
    /// listed in this one.
    async fn entry(&self, name: &str) -> Result<Arc<Entry>, LlmError> {
        if let Some(entry) = self.listed(name) {
            return Ok(entry);
        }
        for member in self.0.members.iter().filter(|it| it.may_have(name)) {
            member.tools().await.map_err(|it| it.for_the_model(name))?;
        }
        self.offered().await;
        self.listed(name).ok_or_else(|| gone(name))
    }

    fn listed(&self, name: &str) -> Option<Arc<Entry>> {
        self.0.catalog().0.iter().find(|it| it.tool.name() == name).cloned()
    }
}

fn gone(name: &str) -> LlmError {
    LlmError::ToolExecutionError(format!(
        "The tool `{name}` is not offered by its MCP server any more. Do without it."
    ))
}

impl Shared {
    fn catalog(&self) -> MutexGuard<'_, Arc<Catalog>> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Whether the name could be one of its tools.
    fn may_have(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.link.server.name());
        rest.is_some_and(|rest| rest.starts_with(names::BETWEEN))
    }

    async fn tools(&self) -> Result<Arc<Vec<Described>>, Report> {
        self.link.connection().await?.tools().await
    }
}

#[async_trait]
impl ToolResolver for McpServers {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        self.call_tool_with(name, arguments, &ToolContext::new("call_0", 0)).await
    }

    async fn call_tool_with(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.call(&*self.entry(name).await?, arguments, context).await
    }

    /// A tool that was listed, or has a name that one of the servers could give.
    fn has_tool(&self, name: &str) -> bool {
        self.listed(name).is_some() || self.0.members.iter().any(|it| it.may_have(name))
    }

    /// The tools that were listed last.
    fn definitions(&self) -> Result<Vec<Tool>, LlmError> {
        Ok(self.0.catalog().0.iter().map(|it| it.tool.clone()).collect())
    }
}

impl fmt::Debug for McpServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.0.members.iter().map(|it| &it.link.server);
        f.debug_list().entries(servers).finish()
    }
}

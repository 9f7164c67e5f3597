//! An MCP server as it is described: how it is reached, and how long it is waited for.
use std::{fmt, io, pin::Pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use siumai_core::LlmError;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "stdio")]
use crate::command::CommandLine;
#[cfg(feature = "http")]
use crate::http::Address;
use crate::{names, secrets::Secrets};

/// A server whose tools are wanted. Nothing is started or asked before they are.
///
/// ```
/// use std::time::Duration;
/// use siumai_mcp::McpServer;
///
/// let files = McpServer::command("files", "npx")
///     .args(["-y", "@modelcontextprotocol/server-filesystem", "."])
///     .call_timeout(Duration::from_secs(30));
/// let search = McpServer::http("search", "https://example.com/mcp?key=abc123")
///     .header("authorization", "Bearer abc123");
/// assert_eq!(files.name(), "files");
/// // What may be a secret is not shown.
/// assert_eq!(search.address(), "https://example.com/mcp");
/// ```
#[derive(Clone)]
pub struct McpServer {
    pub(crate) name: String,
    pub(crate) reach: Reach,
    pub(crate) limits: Limits,
    pub(crate) believes_hints: bool,
    secrets: Vec<String>,
}

/// How a server is reached.
#[derive(Clone)]
pub(crate) enum Reach {
    #[cfg(feature = "stdio")]
    Command(CommandLine),
    #[cfg(feature = "http")]
    Http(Address),
    Stream(Arc<dyn Fn() -> BoxFuture<'static, io::Result<BoxedStream>> + Send + Sync>),
}

/// Both directions of a stream.
pub(crate) type BoxedStream = Pin<Box<dyn Stream>>;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// How long a server is waited for, and how much it may say at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) handshake: Duration,
    pub(crate) call: Duration,
    pub(crate) message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(30),
            call: Duration::from_secs(120),
            message_bytes: 8 * 1024 * 1024,
        }
    }
}

impl McpServer {
    /// A server that is a child process and speaks over its standard input and output.
    ///
    /// It has the environment of this process, unless [`without_env`](Self::without_env) takes
    /// something out of it.
    #[cfg(feature = "stdio")]
    pub fn command(name: impl Into<String>, program: impl Into<String>) -> Self {
        Self::new(name, Reach::Command(CommandLine::new(program.into())))
    }

    /// A server behind an address, which speaks streamable HTTP.
    #[cfg(feature = "http")]
    pub fn http(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(name, Reach::Http(Address::new(url.into())))
    }

    /// A server at the other end of a stream that `connect` opens, such as a socket, or a pipe to
    /// one in the same process. It is called again when the connection is lost.
    pub fn stream<F, C, S>(name: impl Into<String>, connect: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let connect = move || {
            let connecting = connect();
            let boxed = async { Ok(Box::pin(connecting.await?) as BoxedStream) };
            Box::pin(boxed) as BoxFuture<'static, _>
        };
        Self::new(name, Reach::Stream(Arc::new(connect)))
    }

    fn new(name: impl Into<String>, reach: Reach) -> Self {
        let (name, limits, secrets) = (name.into(), Limits::default(), Vec::new());
        Self { name, reach, limits, believes_hints: true, secrets }
    }

    /// Gives it another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds arguments to the command line.
    #[cfg(feature = "stdio")]
    #[must_use]
    pub fn args<A: Into<String>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.with_command(|it| it.arguments.extend(arguments.into_iter().map(Into::into)))
    }

    /// Sets a variable of the process's environment. Its value is never shown.
    #[cfg(feature = "stdio")]
    #[must_use]
    pub fn env(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_command(|it| {
            it.set.insert(name.into(), value.into());
        })
    }

    /// Takes a variable out of the environment that the process gets from this one.
    #[cfg(feature = "stdio")]
    #[must_use]
    pub fn without_env(self, name: impl Into<String>) -> Self {
        self.with_command(|it| it.removed.push(name.into()))
    }

    /// The folder that the process is started in.
    #[cfg(feature = "stdio")]
    #[must_use]
    pub fn current_dir(self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.with_command(|it| it.folder = Some(folder.into()))
    }

    /// Sends a header with every request. Its value is never shown.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Reach::Http(address) = &mut self.reach {
            address.headers.push((name.into(), value.into()));
        }
        self
    }

    /// Keeps `value` from being shown, wherever it turns up: in the command line, the address, or
    /// what the server says. What is shorter than six bytes is shown all the same.
    #[must_use]
    pub fn secret(mut self, value: impl Into<String>) -> Self {
        self.secrets.push(value.into());
        self
    }

    /// How long it may take from the start until its tools are listed; 30 seconds if nothing is said.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.limits.handshake = limit;
        self
    }

    /// How long a call may go without an answer or a report of progress; two minutes if nothing is said.
    #[must_use]
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.limits.call = limit;
        self
    }

    /// How many bytes a message may have; 8 MiB if nothing is said. More ends the connection.
    #[must_use]
    pub fn max_message_bytes(mut self, limit: usize) -> Self {
        self.limits.message_bytes = limit;
        self
    }

    /// Takes no notice of what the server says of its own tools: each counts as one that can
    /// destroy something. For servers of strangers, who may call anything harmless.
    #[must_use]
    pub fn without_hints(mut self) -> Self {
        self.believes_hints = false;
        self
    }

    /// What it is called; the names of its tools begin with it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its command line or address, without what looks like a secret.
    pub fn address(&self) -> String {
        let shown = match &self.reach {
            #[cfg(feature = "stdio")]
            Reach::Command(command) => command.shown(),
            #[cfg(feature = "http")]
            Reach::Http(address) => address.shown(),
            Reach::Stream(_) => "a stream".to_owned(),
        };
        Secrets::new(self.secrets.iter().cloned()).taken_out_of(&shown)
    }

    /// What must not be shown of what it says.
    pub(crate) fn secrets(&self) -> Secrets {
        let own = match &self.reach {
            #[cfg(feature = "stdio")]
            Reach::Command(command) => command.secrets(),
            #[cfg(feature = "http")]
            Reach::Http(address) => address.secrets(),
            Reach::Stream(_) => Vec::new(),
        };
        Secrets::new(own.into_iter().chain(self.secrets.iter().cloned()))
    }

    /// Whether it can be a server of a set.
    pub(crate) fn check(&self) -> Result<(), LlmError> {
        let name = &self.name;
        if name.is_empty() || name.len() > 32 || !name.chars().all(names::is_allowed) {
            return Err(LlmError::invalid_input(format!(
                "an MCP server can't be named `{name}`; use 1 to 32 of a-z, A-Z, 0-9, _ and -"
            )));
        }
        Ok(())
    }

    #[cfg(feature = "stdio")]
    fn with_command(mut self, change: impl FnOnce(&mut CommandLine)) -> Self {
        if let Reach::Command(command) = &mut self.reach {
            change(command);
        }
        self
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer")
            .field("name", &self.name)
            .field("address", &self.address())
            .field("limits", &self.limits)
            .field("believes_hints", &self.believes_hints)
            .finish_non_exhaustive()
    }
}

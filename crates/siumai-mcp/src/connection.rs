//! One connection to a server: the handshake, the list of its tools, and calls.
use std::{
    error::Error,
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use rmcp::{
    Peer, RoleClient, ServiceError, ServiceExt,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, CancelledNotificationParam,
        ClientRequest, JsonObject, PaginatedRequestParams, RequestId, ServerResult, Tool,
    },
    service::{ClientInitializeError, PeerRequestOptions, RunningService},
    transport::IntoTransport,
};
use siumai_core::tool::ToolContext;

#[cfg(feature = "stdio")]
use crate::process::Process;
use crate::{
    diagnosis::Diagnosis,
    fault::{Fault, Report},
    lines::{self, Lines, Nothing},
    listener::Listener,
    server::{McpServer, Reach},
};

/// How many tools a server may list, on how many pages.
const MOST_TOOLS: usize = 1_000;
const MOST_PAGES: usize = 100;

/// A call that reports progress for ever ends after this.
const LONGEST_CALL: Duration = Duration::from_secs(60 * 60);

/// How long a server may take to end by itself when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// A server that has shaken hands. Dropping it ends its process.
pub(crate) struct Connection {
    server: McpServer,
    peer: Peer<RoleClient>,
    listener: Listener,
    diagnosis: Arc<Diagnosis>,
    has_served: AtomicBool,
    /// The tools, as they were after so many changes.
    listed: Mutex<Option<(u64, Arc<Vec<Tool>>)>>,
    /// Until it is closed.
    running: Mutex<Option<Running>>,
}

/// What runs as long as the connection does. The task that reads is told to end when this is
/// dropped, and the process is killed.
struct Running {
    service: RunningService<RoleClient, Listener>,
    #[cfg(feature = "stdio")]
    process: Option<Process>,
}

impl Connection {
    /// Starts or reaches `server`.
    pub(crate) async fn open(server: &McpServer) -> Result<Self, Report> {
        let diagnosis = Arc::new(Diagnosis::default());
        let limit = server.limits.handshake;
        let opening = tokio::time::timeout(limit, Self::reach(server, &diagnosis)).await;
        let opened = opening.unwrap_or(Err(Fault::Handshake(limit)));
        opened.map_err(|fault| report(server, &diagnosis, fault))
    }

    async fn reach(server: &McpServer, diagnosis: &Arc<Diagnosis>) -> Result<Self, Fault> {
        let longest = server.limits.message_bytes;
        match &server.reach {
            #[cfg(feature = "stdio")]
            Reach::Command(command) => {
                let (process, streams, errors) =
                    Process::start(command.to_command()).map_err(|error| {
                        Fault::Start(format!("{error}; check that the command is installed"))
                    })?;
                let lines = Lines::new(streams, longest, errors, Arc::clone(diagnosis));
                let mut connection = Self::greet(server, lines, diagnosis).await?;
                if let Ok(Some(running)) = connection.running.get_mut() {
                    running.process = Some(process);
                }
                Ok(connection)
            }
            #[cfg(feature = "http")]
            Reach::Http(address) => {
                let transport = address.transport(longest).map_err(Fault::Start)?;
                Self::greet(server, transport, diagnosis).await
            }
            Reach::Stream(connect) => {
                let stream = connect().await.map_err(|error| Fault::Start(error.to_string()))?;
                let streams = tokio::io::split(stream);
                let lines = Lines::new(streams, longest, Nothing, Arc::clone(diagnosis));
                Self::greet(server, lines, diagnosis).await
            }
        }
    }

    /// Shakes hands. From there a task of the protocol's library moves the messages.
    async fn greet<T, E, A>(
        server: &McpServer,
        transport: T,
        diagnosis: &Arc<Diagnosis>,
    ) -> Result<Self, Fault>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: Error + Send + Sync + 'static,
    {
        let listener = Listener::default();
        let greeting = listener.clone().serve(transport).await;
        let service = greeting.map_err(|error| unopened(&error, diagnosis))?;
        let peer = service.peer().clone();
        let running = Running {
            service,
            #[cfg(feature = "stdio")]
            process: None,
        };
        Ok(Self {
            server: server.clone(),
            peer,
            listener,
            diagnosis: Arc::clone(diagnosis),
            has_served: AtomicBool::new(false),
            listed: Mutex::default(),
            running: Mutex::new(Some(running)),
        })
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_over(&self) -> bool {
        self.peer.is_transport_closed() || self.diagnosis.how_it_ended().is_some()
    }

    /// Whether a tool was called with success.
    pub(crate) fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Acquire)
    }

    /// What its tools are; asked again if the server said that they have changed.
    pub(crate) async fn tools(&self) -> Result<Arc<Vec<Tool>>, Report> {
        let changes = self.listener.list_changes();
        if let Some((at, tools)) = &*self.listed()
            && *at == changes
        {
            return Ok(Arc::clone(tools));
        }
        let limit = self.server.limits.handshake;
        let listing = tokio::time::timeout(limit, self.list_pages()).await;
        let tools = listing.unwrap_or(Err(Fault::Handshake(limit)));
        let tools = Arc::new(tools.map_err(|fault| self.report(fault))?);
        *self.listed() = Some((changes, Arc::clone(&tools)));
        Ok(tools)
    }

    async fn list_pages(&self) -> Result<Vec<Tool>, Fault> {
        if self.peer.peer_info().is_none_or(|it| it.capabilities.tools.is_none()) {
            return Ok(Vec::new());
        }
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let asked = Some(PaginatedRequestParams::default().with_cursor(cursor));
            let page = self.peer.list_tools(asked).await.map_err(|it| self.fault(it))?;
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if tools.len() > MOST_TOOLS {
                break;
            }
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(Fault::Nonsense(format!(
            "a list of more than {MOST_TOOLS} tools or {MOST_PAGES} pages"
        )))
    }

    /// Calls the tool that the server calls `name`. Dropping the future tells the server.
    pub(crate) async fn call(
        &self,
        name: &str,
        arguments: JsonObject,
        context: &ToolContext,
    ) -> Result<CallToolResult, Report> {
        let calling = self.call_once(name, arguments, context);
        let result = calling.await.map_err(|fault| self.report(fault))?;
        self.has_served.store(true, Ordering::Release);
        Ok(result)
    }

    async fn call_once(
        &self,
        name: &str,
        arguments: JsonObject,
        context: &ToolContext,
    ) -> Result<CallToolResult, Fault> {
        let params = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let limit = self.server.limits.call;
        let options = PeerRequestOptions::with_timeout(limit)
            .reset_timeout_on_progress()
            .with_max_total_timeout(LONGEST_CALL);
        let handle = self.peer.send_cancellable_request(request, options).await;
        let handle = handle.map_err(|it| self.fault(it))?;
        let _reports = self.listener.report(handle.progress_token.clone(), context);
        let mut unanswered = Unanswered { peer: &self.peer, id: Some(handle.id.clone()) };
        let answer = tokio::select! {
            answer = handle.await_response() => answer,
            () = context.cancellation.cancelled() => {
                return Err(Fault::Cancelled);
            }
        };
        unanswered.id = None;
        match answer.map_err(|it| self.fault(it))? {
            ServerResult::CallToolResult(result) => Ok(result),
            ServerResult::EmptyResult(_) => Ok(CallToolResult::default()),
            ServerResult::InputRequiredResult(_) => {
                Err(Fault::Refused("it asks for something that nobody here can give".to_owned()))
            }
            _ => Err(Fault::Nonsense("no result of a tool".to_owned())),
        }
    }

    /// Ends it in order: the server may end by itself before its process is killed.
    pub(crate) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut running) = running else { return };
        // One that can't be closed in time is dropped, which ends it too.
        running.service.close_with_timeout(GRACE).await.ok();
        #[cfg(feature = "stdio")]
        if let Some(process) = &running.process {
            process.ends_within(GRACE).await;
        }
    }

    fn listed(&self) -> MutexGuard<'_, Option<(u64, Arc<Vec<Tool>>)>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, error: ServiceError) -> Fault {
        let ended = |how: String| Fault::Ended(self.diagnosis.how_it_ended().unwrap_or(how));
        match error {
            ServiceError::McpError(error) => match error.message.strip_prefix(lines::NONSENSE) {
                Some(why) => Fault::Nonsense(why.trim().to_owned()),
                None => Fault::Refused(error.message.into_owned()),
            },
            ServiceError::Timeout { timeout } => Fault::Call(timeout),
            ServiceError::UnexpectedResponse => {
                Fault::Nonsense("it answers something else than was asked".to_owned())
            }
            ServiceError::TransportSend(error) => ended(in_full(&*error.error)),
            ServiceError::TransportClosed => ended("closed the connection".to_owned()),
            other => ended(format!("failed: {other}")),
        }
    }

    fn report(&self, fault: Fault) -> Report {
        report(&self.server, &self.diagnosis, fault)
    }
}

/// A call whose answer nobody waits for any more. The server is told when this is dropped.
struct Unanswered<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let cancelled =
            CancelledNotificationParam::new(Some(id), Some("nobody waits for it".to_owned()));
        // Asked once, it puts the message in line. Where there is no room, the server is stuck anyway.
        self.peer.notify_cancelled(cancelled).now_or_never();
    }
}

/// Why a connection could not be opened.
fn unopened(error: &ClientInitializeError, diagnosis: &Diagnosis) -> Fault {
    if let Some(how) = diagnosis.how_it_ended() {
        return Fault::Ended(format!("{how} before the handshake was done"));
    }
    match error {
        ClientInitializeError::JsonRpcError(error) => Fault::Refused(error.message.to_string()),
        ClientInitializeError::TransportError { error, .. } => Fault::Start(in_full(&*error.error)),
        ClientInitializeError::ConnectionClosed(_) => {
            Fault::Ended("closed the connection before the handshake was done".to_owned())
        }
        ClientInitializeError::ExpectedInitResult(_)
        | ClientInitializeError::ExpectedInitResponse(_) => {
            Fault::Nonsense("it does not answer the handshake as MCP says".to_owned())
        }
        other => Fault::Nonsense(other.to_string()),
    }
}

/// The error and what lies beneath it, each said once.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(beneath) = source {
        let said = beneath.to_string();
        if !text.contains(&said) {
            // Writing to a string does not fail.
            write!(text, ": {said}").ok();
        }
        source = beneath.source();
    }
    text
}

fn report(server: &McpServer, diagnosis: &Diagnosis, fault: Fault) -> Report {
    let secrets = server.secrets();
    let last_words = diagnosis.last_words().filter(|_| fault.is_about_the_server());
    Report {
        server: server.name.clone(),
        address: server.address(),
        fault: fault.map(|text| secrets.taken_out_of(&text)),
        last_words: last_words.map(|it| secrets.taken_out_of(&it)),
    }
}

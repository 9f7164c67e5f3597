//! A server that does as it is told, well or badly, at the other end of a pipe.
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use siumai_mcp::McpServer;
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split,
};

/// What the server does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers the request with this result.
    Result(Value),
    /// Answers it with this error.
    Error(&'static str),
    /// Sends this message.
    Say(Value),
    /// Writes this line, whatever it is.
    Write(String),
    /// Offers these tools from now on.
    Offer(Value),
    /// Goes away.
    Leave,
}

type Script = dyn Fn(&Request) -> Vec<Act> + Send + Sync;

/// A request as the server sees it.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) params: Value,
    /// How many connections there were before this one.
    pub(crate) connection: usize,
}

/// A server whose answers are a function of the request.
#[derive(Clone)]
pub(crate) struct Scripted {
    script: Arc<Script>,
    tools: Arc<Mutex<Value>>,
    heard: Arc<Mutex<Vec<Value>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    /// Does as `script` says when a tool is called, and all else as it should.
    pub(crate) fn calls(script: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::new(move |request| match request.method.as_str() {
            "tools/call" => script(request),
            _ => well_behaved(request),
        })
    }

    /// Does as `script` says whatever is asked.
    pub(crate) fn new(script: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            tools: Arc::new(Mutex::new(json!([tool("echo")]))),
            heard: Arc::default(),
            connections: Arc::default(),
        }
    }

    pub(crate) fn offering(self, tools: Value) -> Self {
        *self.tools.lock().unwrap() = tools;
        self
    }

    /// The server as one whose tools are wanted.
    pub(crate) fn server(&self, name: &str) -> McpServer {
        let this = self.clone();
        McpServer::stream(name, move || {
            let this = this.clone();
            async move { Ok(this.connect()) }
        })
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the server heard of this method.
    pub(crate) fn heard(&self, method: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|it| it["method"] == method).map(|it| it["params"].clone()).collect()
    }

    /// The answers to a message, and whether the server stays.
    pub(crate) fn answer(&self, message: &Value, connection: usize) -> (Vec<String>, bool) {
        self.heard.lock().unwrap().push(message.clone());
        let Some(id) = message.get("id") else { return (Vec::new(), true) };
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let request = Request { method, params: message["params"].clone(), connection };
        let mut lines = Vec::new();
        for act in (self.script)(&request) {
            lines.push(match act {
                Act::Result(Value::Null) if request.method == "tools/list" => {
                    let tools = self.tools.lock().unwrap().clone();
                    json!({ "jsonrpc": "2.0", "id": id, "result": { "tools": tools } }).to_string()
                }
                Act::Result(result) => {
                    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
                }
                Act::Error(told) => {
                    let error = json!({ "code": -32000, "message": told });
                    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
                }
                Act::Say(message) => message.to_string(),
                Act::Write(line) => line,
                Act::Offer(tools) => {
                    *self.tools.lock().unwrap() = tools;
                    continue;
                }
                Act::Leave => return (lines, false),
            });
        }
        (lines, true)
    }

    fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        let connection = self.connections.fetch_add(1, Ordering::SeqCst);
        let (read, write) = split(theirs);
        let this = self.clone();
        beside(async move { this.serve(read, write, connection).await });
        ours
    }

    async fn serve(
        &self,
        read: ReadHalf<DuplexStream>,
        mut write: WriteHalf<DuplexStream>,
        connection: usize,
    ) -> io::Result<()> {
        let mut lines = BufReader::new(read).lines();
        while let Some(line) = lines.next_line().await? {
            let (answers, stays) = self.answer(&serde_json::from_str(&line)?, connection);
            for answer in answers {
                write.write_all(answer.as_bytes()).await?;
                write.write_all(b"\n").await?;
            }
            if !stays {
                break;
            }
        }
        Ok(())
    }
}

/// Does `work` beside the test: a server is somewhere else.
#[expect(clippy::disallowed_methods, reason = "the other side of a connection is nobody's future")]
pub(crate) fn beside(work: impl Future<Output: Send> + Send + 'static) {
    tokio::spawn(work);
}

/// What a server should do.
pub(crate) fn well_behaved(request: &Request) -> Vec<Act> {
    let result = match request.method.as_str() {
        "initialize" => json!({
            "protocolVersion": "2025-06-18",
            "capabilities": { "tools": { "listChanged": true } },
            "serverInfo": { "name": "scripted", "version": "1" }
        }),
        // Filled in by the server.
        "tools/list" => Value::Null,
        _ => {
            json!({ "content": [{ "type": "text", "text": request.params["arguments"].to_string() }] })
        }
    };
    vec![Act::Result(result)]
}

/// A tool that takes anything.
pub(crate) fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "Says it again", "inputSchema": { "type": "object" } })
}

/// The result that is this text.
pub(crate) fn text(text: &str) -> Act {
    Act::Result(json!({ "content": [{ "type": "text", "text": text }] }))
}

//! What several tests use: the folders of recorded traffic, and a transport without a socket.
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use siumai_core::{
    LlmError, async_trait,
    model::{Assembler, LanguageModel, ModelEvent},
    types::ChatRequest,
};
use siumai_providers::{
    OpenAiChat,
    http::{Body, HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport},
};

/// Where the recordings lie: where a variable says, or beside the workspace.
pub(crate) fn recordings() -> Option<PathBuf> {
    let (variable, default) = ("SIUMAI_WIRE_DIR", "../shared/wire");
    #[expect(clippy::disallowed_methods, reason = "the recordings may lie anywhere")]
    let given = std::env::var_os(variable);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if_there(root.join(given.as_deref().unwrap_or(default.as_ref())))
}

/// A folder that lies beside the recordings.
pub(crate) fn beside_recordings(name: &str) -> Option<PathBuf> {
    if_there(recordings()?.with_file_name(name))
}

pub(crate) fn wire_folder(api: &str) -> Option<PathBuf> {
    let folder = recordings()?.join(api);
    folder.is_dir().then_some(folder)
}

/// `folder`; if it isn't there that is said, and whoever needs it has nothing to test.
fn if_there(folder: PathBuf) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder);
    }
    // Not by a macro, whose output is shown of tests that fail alone.
    let missing = folder.display();
    let told = "set SIUMAI_WIRE_DIR to where the recordings are";
    writeln!(io::stdout(), "skipped: there is no folder {missing}; {told}").unwrap();
    None
}

/// The folders in `folder`, in the order of their names.
pub(crate) fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An answer that is always the same, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Bytes>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, pieces: vec![body.into()] }
    }

    pub(crate) fn events(body: impl Into<Bytes>) -> Self {
        Self::new(200, "text/event-stream", body)
    }

    /// What `http` of a recording's description says, with `body`.
    pub(crate) fn recorded(http: &Value, body: impl Into<Bytes>) -> Self {
        let headers = http["headers"].as_object().unwrap().iter();
        Self {
            status: http["status"].as_u64().unwrap().try_into().unwrap(),
            headers: headers.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect(),
            pieces: vec![body.into()],
        }
    }

    /// The same bytes in pieces of `size`.
    pub(crate) fn in_pieces_of(mut self, size: usize) -> Self {
        let body = self.pieces.concat();
        self.pieces = body.chunks(size).map(Bytes::copy_from_slice).collect();
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn response(&self) -> HttpResponse {
        let pieces = stream::iter(self.pieces.clone()).map(Ok);
        let response = HttpResponse::new(self.status, Body::new(pieces));
        self.headers.iter().fold(response, |response, (name, value)| {
            let name = HeaderName::try_from(name).unwrap();
            response.with_header(name, HeaderValue::try_from(value).unwrap())
        })
    }
}

/// Gives one answer after the other, and keeps what was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canned(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answers: Vec<Answer>,
    requests: Vec<HttpRequest>,
}

impl Canned {
    pub(crate) fn new(mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        Self(Arc::new(Mutex::new(State { answers, requests: Vec::new() })))
    }

    /// What was posted, in order.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        state
            .requests
            .iter()
            .map(|it| serde_json::from_slice(&it.body.to_bytes()).unwrap())
            .collect()
    }

    pub(crate) fn with_requests<T>(&self, look: impl FnOnce(&[HttpRequest]) -> T) -> T {
        look(&self.0.lock().unwrap().requests)
    }
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, LlmError> {
        let mut state = self.0.lock().unwrap();
        state.requests.push(request);
        let answer = state.answers.pop().expect("more was asked than there are answers");
        Ok(answer.response())
    }
}

/// A model whose next answer is `answer`.
pub(crate) fn model(answer: Answer) -> OpenAiChat {
    let transport = Canned::new(vec![answer]);
    let model = OpenAiChat::openai().api_key("sk-test").model("gpt-test").transport(transport);
    model.build().unwrap()
}

/// What came of a reply: its events up to its end or an error.
pub(crate) async fn read(
    model: &dyn LanguageModel,
    request: ChatRequest,
) -> (Vec<ModelEvent>, Option<LlmError>) {
    let mut stream = match model.stream(request).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

/// The events put together.
pub(crate) fn assembled(events: &[ModelEvent]) -> Assembler {
    let mut assembler = Assembler::new("call");
    for event in events {
        assembler.push(event.clone()).unwrap();
    }
    assembler
}

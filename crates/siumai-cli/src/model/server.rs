//! Asks model servers which models they have.
use std::time::Duration;

use serde::Deserialize;
use siumai::async_trait;

/// How long a server on this machine may take to answer: who has none is not to wait.
const NEARBY: Duration = Duration::from_millis(200);
/// How long one that was asked for may take.
const ASKED_FOR: Duration = Duration::from_secs(10);

/// Model servers, as a choice sees them.
#[async_trait]
pub(crate) trait Servers: Sync {
    /// The models of the server whose API is at `base_url`, or why they can't be listed.
    async fn models(&self, base_url: &str, key: Option<&str>) -> Result<Models, String>;

    /// The models of the server on this machine, if one answers at once.
    async fn on_this_machine(&self, base_url: &str) -> Option<Models>;
}

/// The names of a server's models, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Models(pub(crate) Vec<String>);

impl Models {
    /// The first that answers in words.
    pub(crate) fn first_that_chats(&self) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|name| !name.contains("embed"))
    }
}

/// The servers of the real world.
#[derive(Debug)]
pub(crate) struct Http;

#[async_trait]
impl Servers for Http {
    async fn models(&self, base_url: &str, key: Option<&str>) -> Result<Models, String> {
        list(base_url, key, ASKED_FOR).await
    }

    async fn on_this_machine(&self, base_url: &str) -> Option<Models> {
        list(base_url, None, NEARBY).await.ok()
    }
}

async fn list(base_url: &str, key: Option<&str>, limit: Duration) -> Result<Models, String> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }

    let mut client = reqwest::Client::builder().timeout(limit);
    if is_on_this_machine(base_url) {
        client = client.no_proxy();
    }
    let url = format!("{}/models", base_url.trim_end_matches('/'));
    let mut request = client.build().map_err(reason)?.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await.map_err(reason)?;
    if !answer.status().is_success() {
        return Err(format!("it answers with status {}", answer.status().as_u16()));
    }
    let body = answer.bytes().await.map_err(reason)?;
    let list: List = serde_json::from_slice(&body)
        .map_err(|_| "what it answers is no list of models; check the URL".to_owned())?;
    Ok(Models(list.data.into_iter().map(|it| it.id).collect()))
}

fn is_on_this_machine(base_url: &str) -> bool {
    ["://127.", "://localhost", "://[::1]"].iter().any(|it| base_url.contains(it))
}

/// What lies beneath, without the URL, which is said elsewhere.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    if error.is_builder() {
        return "the URL is none; it begins with http:// or https://".to_owned();
    }
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string().to_lowercase()
}

//! What a run was started with, as it is kept beside it, so that it goes on without being told again.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use siumai::LlmError;

use crate::{
    args::{Approve, LimitArgs, McpArgs, ModelArgs},
    clock::Clock,
    failure::Failure,
    mcp,
    tools::{BuiltIns, Offered, Root},
};

/// What a run was started with. It holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// How the prompt begins.
    pub(crate) prompt: String,
    /// As `--model`; what was chosen, once it is.
    pub(crate) model: Option<String>,
    /// As `--base-url`.
    pub(crate) base_url: Option<String>,
    /// The names of the tools on offer.
    pub(crate) tools: Vec<String>,
    /// The MCP servers that some of them are of.
    #[serde(default)]
    pub(crate) mcp: McpArgs,
    /// The folder that they can't leave, from the root of the disk.
    pub(crate) root: PathBuf,
    pub(crate) limits: LimitArgs,
    pub(crate) approve: Approve,
}

impl Setup {
    /// What a run was kept with.
    ///
    /// # Errors
    ///
    /// If it is none of this program, or of a newer version.
    pub(crate) fn read(metadata: &Value) -> Result<Self, Failure> {
        serde_json::from_value(metadata.clone()).map_err(|error| {
            Failure::failed(format!(
                "the run was not kept by this version of the program ({error}); `siumai runs show` \
                 shows what it did"
            ))
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!(self)
    }

    pub(crate) fn model(&self) -> ModelArgs {
        ModelArgs { model: self.model.clone(), base_url: self.base_url.clone() }
    }

    /// The tools on offer that are still there, and what is wrong with the servers of others.
    ///
    /// # Errors
    ///
    /// If the folder is not there any more, or what is said of a server makes no sense.
    pub(crate) async fn tools(&self) -> Result<(Offered, Vec<LlmError>), Failure> {
        let root = Root::open(&self.root).map_err(|error| {
            let root = self.root.display();
            Failure::failed(format!(
                "the folder {root} that the run works in can't be opened: {error}; put it back"
            ))
        })?;
        let own = BuiltIns::new(&root, &Clock::system());
        let (all, failed) = Offered::with_servers(own, mcp::servers(&self.mcp, root.path())?).await;
        Ok((all.those_of(&self.tools), failed))
    }
}

/// `url` without a user, a password or a query, where keys may be.
pub(crate) fn without_secrets(url: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(url).ok()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.as_str().trim_end_matches('/').to_owned())
}

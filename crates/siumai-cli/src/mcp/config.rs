//! The file of `--mcp-config`: `mcpServers`, as other programs write it.
use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use siumai::mcp::McpServer;

use super::{
    expand::{Expanded, Lookup},
    is_of_a_name, without_keys,
};
use crate::failure::Failure;

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "mcpServers", alias = "servers")]
    servers: BTreeMap<String, Entry>,
}

/// One server. What other programs write beside this is not looked at.
#[derive(Deserialize)]
struct Entry {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    #[serde(alias = "serverUrl")]
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    disabled: bool,
}

/// The servers in `file`, without those that are disabled.
///
/// # Errors
///
/// If it can't be read, or something in it makes no sense.
pub(super) fn read(
    file: &Path,
    root: &Path,
    lookup: Lookup<'_>,
) -> Result<Vec<McpServer>, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("the file {name} of --mcp-config can't be read: {error}"))
    })?;
    let config: Config = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "the file {name} of --mcp-config: {error}; it should read {{\"mcpServers\": {{\"NAME\": \
             {{\"command\": …, \"args\": […]}}}}}}"
        ))
    })?;
    let enabled = config.servers.into_iter().filter(|(_, entry)| !entry.disabled);
    enabled
        .map(|(server, entry)| {
            let place = format!("the server `{server}` in {name}");
            entry.server(&server, &place, root, lookup)
        })
        .collect()
}

impl Entry {
    fn server(
        self,
        name: &str,
        place: &str,
        root: &Path,
        lookup: Lookup<'_>,
    ) -> Result<McpServer, Failure> {
        let name = name.replace(|it: char| !is_of_a_name(it), "_");
        let expand = |text: &str| Expanded::of(text, place, lookup);
        match (&self.command, &self.url) {
            (Some(command), None) => {
                let program = expand(command)?;
                let mut server =
                    program.hidden_in(without_keys(McpServer::command(name, &*program.text)));
                for argument in &self.args {
                    let argument = expand(argument)?;
                    server = argument.hidden_in(server).args([argument.text.as_str()]);
                }
                for (variable, value) in &self.env {
                    server = server.env(variable, expand(value)?.text);
                }
                let folder = self.cwd.as_deref().map(expand).transpose()?;
                Ok(server.current_dir(folder.map_or(root.to_owned(), |it| root.join(it.text))))
            }
            (None, Some(url)) => {
                let url = expand(url)?;
                let mut server = url.hidden_in(McpServer::http(name, &*url.text));
                for (header, value) in &self.headers {
                    server = server.header(header, expand(value)?.text);
                }
                Ok(server)
            }
            (None, None) => {
                Err(Failure::usage(format!("{place} has no `command` and no `url`; give it one")))
            }
            (Some(_), Some(_)) => {
                Err(Failure::usage(format!("{place} has a `command` and a `url`; keep one")))
            }
        }
    }
}

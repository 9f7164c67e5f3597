//! MCP servers: which ones are meant, and what their tools are.
mod config;
mod expand;
mod serve;

use std::{path::Path, time::Duration};

use siumai::mcp::{McpServer, McpServers};

use self::expand::{Expanded, Lookup};
pub(crate) use self::serve::serve;
use crate::{args::McpArgs, environment, failure::Failure};

/// The servers that were meant; nothing is started yet. Commands are in the folder `root`.
///
/// # Errors
///
/// If what is said of one makes no sense.
pub(crate) fn servers(args: &McpArgs, root: &Path) -> Result<McpServers, Failure> {
    let servers = described(args, root, &environment::variable)?;
    McpServers::new(servers).map_err(|error| Failure::usage(error.to_string()))
}

/// Whether what was said of the servers can be kept with a run.
///
/// # Errors
///
/// If it looks as if it held a secret.
pub(crate) fn check_can_be_kept(args: &McpArgs) -> Result<(), Failure> {
    // What is put in the place of variables is kept by name. It is too short to count as a secret.
    let lookup = |_: &str| Ok(Some("$".to_owned()));
    for said in &args.mcp {
        let server = one(said, Path::new("."), &lookup)?;
        let (_, rest) = split_name(said);
        let is_cut = is_url(rest) && Expanded::of(rest, "--mcp", &lookup)?.text != server.address();
        if is_cut || server.address().contains('…') {
            return Err(Failure::usage(format!(
                "--mcp holds what looks like a secret ({}), and the run is kept; put it into a variable \
                 of the environment and write ${{NAME}} in its place, or add --no-save",
                server.address()
            )));
        }
    }
    Ok(())
}

fn described(args: &McpArgs, root: &Path, lookup: Lookup<'_>) -> Result<Vec<McpServer>, Failure> {
    let mut servers = match &args.mcp_config {
        Some(file) => config::read(file, root, lookup)?,
        None => Vec::new(),
    };
    for said in &args.mcp {
        let server = one(said, root, lookup)?;
        let name = free_name(server.name(), &servers);
        servers.push(server.named(name));
    }
    let Some(limit) = args.mcp_timeout.map(|it| Duration::from_secs(it.get())) else {
        return Ok(servers);
    };
    Ok(servers.into_iter().map(|it| it.handshake_timeout(limit)).collect())
}

/// A name like `name` that none of `servers` has.
fn free_name(name: &str, servers: &[McpServer]) -> String {
    let is_free = |name: &String| !servers.iter().any(|it| it.name() == name);
    let others = (2..).map(|number| format!("{name}{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(others);
    names.find(is_free).unwrap_or_default()
}

/// The server that `--mcp` describes: `[NAME=]COMMAND` or `[NAME=]URL`.
fn one(said: &str, root: &Path, lookup: Lookup<'_>) -> Result<McpServer, Failure> {
    let (name, rest) = split_name(said);
    if is_url(rest) {
        let url = Expanded::of(rest, "--mcp", lookup)?;
        let host = rest.split(['/', ':']).find(|it| !it.is_empty() && !it.starts_with("http"));
        let name = name.unwrap_or_else(|| as_name(host.unwrap_or_default()));
        let server = McpServer::http(name, &*url.text);
        return Ok(url.hidden_in(server));
    }
    let words = shlex::split(rest).filter(|it| !it.is_empty()).ok_or_else(|| {
        Failure::usage(format!(
            "--mcp `{rest}` is no command; write a program and its arguments, as in a shell, or an address"
        ))
    })?;
    let name = name.unwrap_or_else(|| as_name(telling(&words)));
    let words = words.iter().map(|it| Expanded::of(it, "--mcp", lookup));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let [program, arguments @ ..] = &words[..] else {
        return Err(Failure::usage("--mcp is empty; give it a command or an address"));
    };
    let server = McpServer::command(name, &*program.text)
        .current_dir(root)
        .args(arguments.iter().map(|it| it.text.as_str()));
    let server = words.iter().fold(server, |server, it| it.hidden_in(server));
    Ok(without_keys(server))
}

/// Servers don't see the keys of providers, unless they are given them by name.
fn without_keys(server: McpServer) -> McpServer {
    let keys = siumai::provider_names().filter_map(siumai::key_variable);
    keys.fold(server, McpServer::without_env)
}

/// A name that stands before it, as in `files=npx …`.
fn split_name(said: &str) -> (Option<String>, &str) {
    let is_name = |it: &str| !it.is_empty() && it.chars().all(is_of_a_name);
    match said.split_once('=') {
        Some((name, rest)) if is_name(name) => (Some(name.to_owned()), rest.trim()),
        _ => (None, said.trim()),
    }
}

fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|it| text.starts_with(it))
}

fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// The word of a command line that says which server it is: what a launcher launches, or the program.
fn telling(words: &[String]) -> &str {
    let [program, arguments @ ..] = words else { return "" };
    let file =
        |it: &str| Path::new(it).file_stem().is_some_and(|it| LAUNCHERS.iter().any(|l| it == *l));
    let launched =
        arguments.iter().find(|it| !it.starts_with('-') && !LAUNCHERS.contains(&it.as_str()));
    match launched {
        Some(launched) if file(program) => launched,
        _ => program,
    }
}

const LAUNCHERS: [&str; 12] = [
    "bun", "bunx", "deno", "docker", "node", "npx", "pipx", "python", "python3", "run", "uv", "uvx",
];

/// What is left of a path, a package or a host as the name of a server.
fn as_name(word: &str) -> String {
    let last = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let package = last.split('@').next().filter(|it| !it.is_empty()).unwrap_or(last);
    let package = package.strip_suffix(".js").or(package.strip_suffix(".py")).unwrap_or(package);
    let name = package.replace(|it: char| !is_of_a_name(it), "_");
    let name: String = name.chars().take(LONGEST_NAME).collect();
    if name.is_empty() { "mcp".to_owned() } else { name }
}

/// Room for a number behind it.
const LONGEST_NAME: usize = 29;

#[cfg(test)]
mod tests;

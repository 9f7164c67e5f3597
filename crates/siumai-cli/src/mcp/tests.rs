use std::{fs, path::Path};

use siumai::mcp::McpServer;

use super::{check_can_be_kept, described, expand::Lookup};
use crate::{args::McpArgs, failure::Failure};

const LOOKUP: Lookup<'static> = &|name| {
    Ok(match name {
        "TOKEN" => Some("abc123456".to_owned()),
        "PLACE" => Some("my/notes".to_owned()),
        _ => None,
    })
};

fn said(words: &[&str]) -> McpArgs {
    McpArgs { mcp: words.iter().map(|it| (*it).to_owned()).collect(), ..McpArgs::default() }
}

/// The names and addresses of the servers that are meant.
fn shown(args: &McpArgs) -> Vec<(String, String)> {
    let servers = described(args, Path::new("."), LOOKUP).unwrap();
    servers.iter().map(|it: &McpServer| (it.name().to_owned(), it.address())).collect()
}

fn configured(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mcp.json");
    fs::write(&file, text).unwrap();
    let args = McpArgs { mcp_config: Some(file), ..McpArgs::default() };
    described(&args, Path::new("."), LOOKUP)?;
    Ok(shown(&args))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn a_server_is_named_after_what_it_is() {
    let args = said(&[
        "npx -y @modelcontextprotocol/server-filesystem@1.2 '/my files'",
        "uvx mcp-server-git",
        "./bin/clock --fast",
        "python3 tools/weather.py",
        "uvx mcp-server-git --other",
        "https://api.example.com/mcp",
        "mine=docker run -i image",
    ]);
    let expected = [
        ("server-filesystem", "npx -y @modelcontextprotocol/server-filesystem@1.2 '/my files'"),
        ("mcp-server-git", "uvx mcp-server-git"),
        ("clock", "./bin/clock --fast"),
        ("weather", "python3 tools/weather.py"),
        ("mcp-server-git2", "uvx mcp-server-git --other"),
        ("api_example_com", "https://api.example.com/mcp"),
        ("mine", "docker run -i image"),
    ];
    assert_eq!(shown(&args), pairs(&expected));
}

#[test]
fn variables_stand_for_their_values_and_are_not_shown() {
    let args = said(&["x --key ${TOKEN} ${PLACE}/a ${NONE:-b}", "https://x.org/${TOKEN}/mcp"]);
    let expected = [("x", "x --key … …/a b"), ("x_org", "https://x.org/…/mcp")];
    assert_eq!(shown(&args), pairs(&expected));
    let missing = described(&said(&["x ${NONE}"]), Path::new("."), LOOKUP).unwrap_err();
    assert_eq!(missing.message, "--mcp: the variable NONE is not set");
    let open = described(&said(&["x ${NONE"]), Path::new("."), LOOKUP).unwrap_err();
    assert_eq!(open.message, "--mcp: `${` without `}` in `${NONE`");
}

#[test]
fn what_is_no_command_is_told() {
    let error = described(&said(&["x 'y"]), Path::new("."), LOOKUP).unwrap_err();
    assert_eq!(
        error.message,
        "--mcp `x 'y` is no command; write a program and its arguments, as in a shell, or an address"
    );
}

#[test]
fn a_secret_is_not_kept_with_a_run() {
    for secret in
        ["x --token abc", "x API_KEY=abc", "https://x.org/mcp?key=abc", "a=https://u:p@x.org/"]
    {
        let error = check_can_be_kept(&said(&[secret])).unwrap_err();
        assert!(error.message.starts_with("--mcp holds what looks like a secret"), "{secret}");
    }
    for fine in ["npx -y server .", "https://x.org/mcp", "a=https://x.org/mcp", "x ${TOKEN}"] {
        assert_eq!(check_can_be_kept(&said(&[fine])), Ok(()), "{fine}");
    }
}

#[test]
fn a_file_is_read_as_other_programs_write_it() {
    let text = r#"{ "mcpServers": {
        "my files": { "command": "npx", "args": ["-y", "files", "${PLACE}"], "env": { "A": "${TOKEN}" } },
        "off": { "command": "nothing", "disabled": true },
        "web": { "type": "http", "url": "https://x.org/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" } }
    } }"#;
    let expected = [("my_files", "npx -y files …"), ("web", "https://x.org/mcp")];
    assert_eq!(configured(text).unwrap(), pairs(&expected));
}

#[test]
fn a_file_with_mistakes_is_refused() {
    let told = |text: &str| configured(text).unwrap_err().message;
    assert!(told("{").contains("it should read {\"mcpServers\""));
    assert!(
        told(r#"{ "mcpServers": { "a": {} } }"#)
            .ends_with("has no `command` and no `url`; give it one")
    );
    let unset = told(r#"{ "mcpServers": { "a": { "command": "x", "args": ["${NONE}"] } } }"#);
    assert!(unset.ends_with("the variable NONE is not set"), "{unset}");
    let args = McpArgs { mcp_config: Some("no-such-file".into()), ..McpArgs::default() };
    let missing = described(&args, Path::new("."), LOOKUP).unwrap_err();
    assert!(missing.message.contains("no-such-file of --mcp-config can't be read"), "{missing:?}");
}

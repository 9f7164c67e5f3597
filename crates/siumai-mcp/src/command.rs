//! The command line of a server that is a child process, and what may be shown of it.
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use tokio::process::Command;

use crate::secrets::{LEFT_OUT, address};

/// Words that tell a name of a secret from other names.
const SECRET_WORDS: [&str; 9] =
    ["apikey", "api_key", "api-key", "auth", "credential", "header", "passw", "secret", "token"];

/// What is started, and with what.
#[derive(Clone)]
pub(crate) struct CommandLine {
    program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) removed: Vec<String>,
    pub(crate) folder: Option<PathBuf>,
}

impl CommandLine {
    pub(crate) fn new(program: String) -> Self {
        let (set, removed) = Default::default();
        Self { program, arguments: Vec::new(), set, removed, folder: None }
    }

    pub(crate) fn to_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for name in &self.removed {
            command.env_remove(name);
        }
        command.envs(&self.set);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    pub(crate) fn shown(&self) -> String {
        command_line(&self.program, &self.arguments).0
    }

    /// What must not be shown of it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let (_, left_out) = command_line(&self.program, &self.arguments);
        self.set.values().cloned().chain(left_out).collect()
    }
}

/// A command line as it may be shown, and the values that were left out of it.
fn command_line(program: &str, arguments: &[String]) -> (String, Vec<String>) {
    let mut words = vec![quoted(program)];
    let mut left_out = Vec::new();
    let mut follows_secret_flag = false;
    for value in arguments {
        let is_flag = value.starts_with('-');
        let shown = match value.split_once('=') {
            _ if follows_secret_flag && !is_flag => Cow::from(LEFT_OUT),
            Some((name, _)) if is_secret_name(name) => format!("{name}={LEFT_OUT}").into(),
            _ => address(value),
        };
        if shown != *value {
            left_out.push(value.clone());
            left_out.extend(value.split_once('=').map(|(_, value)| value.to_owned()));
        }
        follows_secret_flag = is_flag && !value.contains('=') && is_secret_name(value);
        words.push(quoted(&shown));
    }
    (words.join(" "), left_out)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word)) || name.ends_with("key")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests;

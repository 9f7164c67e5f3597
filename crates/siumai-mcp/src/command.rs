//! The command line of a server that is a child process.
use std::{collections::BTreeMap, path::PathBuf};

use tokio::process::Command;

use crate::secrets::{Argument, Secrets, command_line};

/// What is started, and with what.
#[derive(Clone)]
pub(crate) struct CommandLine {
    program: String,
    pub(crate) arguments: Vec<Argument>,
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
        command.args(self.arguments.iter().map(|it| &it.value));
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

    pub(crate) fn secrets(&self) -> Secrets {
        let (_, left_out) = command_line(&self.program, &self.arguments);
        Secrets::new(self.set.values().cloned().chain(left_out))
    }
}

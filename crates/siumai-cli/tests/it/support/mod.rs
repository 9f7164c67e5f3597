//! The program in a folder of its own, and what it may meet there.
mod server;
mod terminal;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

pub(crate) use self::{
    server::{Answer, Server, says},
    terminal::Terminal,
};

/// A folder to run in, without keys, settings or a model server.
pub(crate) struct Place {
    folder: TempDir,
    state: TempDir,
    settings: Vec<(&'static str, String)>,
}

/// What the program wrote, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            state: TempDir::new().unwrap(),
            settings: Vec::new(),
        }
    }

    /// A place where `OPENAI_BASE_URL` and a key lead to `server`.
    pub(crate) fn with(server: &Server) -> Self {
        Self::new().set("OPENAI_BASE_URL", server.url()).set("OPENAI_API_KEY", "sk-canary")
    }

    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where runs are kept.
    pub(crate) fn runs_file(&self) -> PathBuf {
        self.state.path().join("siumai/runs.db")
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The program with `arguments`, to be started.
    pub(crate) fn siumai(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siumai"));
        command.args(arguments).current_dir(self.folder.path());
        for name in [
            "SIUMAI_MODEL",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "VISUAL",
            "EDITOR",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        // Nothing listens there.
        command.env("OLLAMA_HOST", "127.0.0.1:9").env("TZ", "UTC");
        command.env("XDG_STATE_HOME", self.state.path());
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Seen {
        self.siumai(arguments).output().unwrap().into()
    }

    /// Runs the program to its end with `input` piped in.
    pub(crate) fn run_with(&self, input: &[u8], arguments: &[&str]) -> Seen {
        let mut child = self.siumai(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Makes a pipe of that name; [`wait_for`](Self::wait_for) hears when a command opens it.
    pub(crate) fn pipe(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
    }

    /// Waits until somebody opens the pipe to write; it ends when the last who does is gone.
    pub(crate) fn wait_for(&self, name: &str) -> Held {
        Held(fs::File::open(self.path(name)).unwrap())
    }
}

/// A pipe that somebody holds open.
pub(crate) struct Held(fs::File);

impl Held {
    /// Waits until nobody does any more.
    pub(crate) fn wait_for_end(mut self) {
        self.0.read_to_end(&mut Vec::new()).unwrap();
    }
}

impl From<Output> for Seen {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Reads `from` up to and with the first line that has `wanted`.
pub(crate) fn read_until(from: &mut impl BufRead, wanted: &str) -> String {
    let mut read = String::new();
    while !read.contains(wanted) {
        let count = from.read_line(&mut read).unwrap();
        assert!(count > 0, "`{wanted}` never came; there was: {read}");
    }
    read
}

/// Reads `from` up to and with `wanted`, which need not end a line.
pub(crate) fn read_words(from: &mut impl Read, wanted: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(wanted) {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

/// Sends Ctrl-C's signal.
pub(crate) fn interrupt(child: &Child) {
    signal(child, rustix::process::Signal::INT);
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, signal).unwrap();
}

/// What is left of the child's standard error and output, and its exit code.
pub(crate) fn rest(mut child: Child) -> Seen {
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut err).unwrap();
    }
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).unwrap();
    }
    Seen { code: child.wait().unwrap().code(), out, err }
}

/// The lines of the child's standard error.
pub(crate) fn stderr_of(child: &mut Child) -> impl BufRead + use<> {
    BufReader::new(child.stderr.take().unwrap())
}

//! The program, run offline as somebody new would run it.
use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use crate::{cargo, root};

/// One call of the program, and what it must answer.
struct Scene {
    arguments: &'static [&'static str],
    /// What is piped into it.
    input: &'static str,
    expected: Expected,
    /// What its answer, or its complaint, must say.
    says: &'static str,
}

#[derive(Clone, Copy)]
enum Expected {
    Answer,
    /// Fails with this exit code.
    Failure(i32),
}

const SCENES: [Scene; 8] = [
    Scene::new(&["--help"], "run"),
    Scene::new(&["run", "what is (3+4)*12"], "84"),
    Scene::new(&["tools"], "calculator"),
    Scene::new(&["models"], "offline"),
    Scene::new(&["run", "-m", "offline", "-o", "json", "what is (3+4)*12"], "84"),
    Scene { input: "what is 6*7\n", ..Scene::new(&["run", "-m", "offline", "-"], "42") },
    Scene::new(&["runs", "ls"], "what is 6*7"),
    Scene {
        expected: Expected::Failure(2),
        ..Scene::new(&["run", "--no-such-option", "hello"], "--no-such-option")
    },
];

impl Scene {
    const fn new(arguments: &'static [&'static str], says: &'static str) -> Self {
        Self { arguments, input: "", expected: Expected::Answer, says }
    }

    fn command_line(&self) -> String {
        let quote = |word: &&str| {
            if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() }
        };
        let words: Vec<String> = self.arguments.iter().map(quote).collect();
        format!("cargo run -- {}", words.join(" "))
    }

    fn perform(&self) -> Result<(), String> {
        let mut command = cargo(&["run", "--quiet", "--"]);
        without_keys(&mut command).env("XDG_STATE_HOME", state_folder());
        let output = feed(command.args(self.arguments), self.input)
            .map_err(|error| format!("it did not start ({error})"))?;
        let (code, said) = match self.expected {
            Expected::Answer => (0, &output.stdout),
            Expected::Failure(code) => (code, &output.stderr),
        };
        let said = String::from_utf8_lossy(said);
        if output.status.code() != Some(code) {
            return Err(format!("it ended with {}, not {code}{}", output.status, quote(&output)));
        }
        if !said.contains(self.says) {
            return Err(format!("it did not say `{}`{}", self.says, quote(&output)));
        }
        Ok(())
    }
}

/// Plays every scene, up to the first that goes wrong.
pub(crate) fn run() -> Result<(), String> {
    match fs::remove_dir_all(state_folder()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(format!("what the last time left behind can't be removed ({error})"));
        }
        _ => {}
    }
    for scene in &SCENES {
        println!("$ {}", scene.command_line());
        scene.perform().map_err(|why| format!("`{}`: {why}", scene.command_line()))?;
    }
    println!("{} scenes went as they should", SCENES.len());
    Ok(())
}

/// Where the program keeps its runs here: not among those of whoever develops it.
fn state_folder() -> PathBuf {
    root().join("target").join("e2e")
}

/// Somebody new has no key, and no preference.
fn without_keys(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let is_setting = name.to_str().is_some_and(|name| {
            name.starts_with("SIUMAI_") || name.ends_with("_API_KEY") || name.ends_with("_BASE_URL")
        });
        if is_setting {
            command.env_remove(name);
        }
    }
    command
}

fn feed(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It ended without reading; what it said about that is what counts.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    child.wait_with_output()
}

fn quote(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
}

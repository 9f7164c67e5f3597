//! The one place that reads the environment.
use std::{env::VarError, path::PathBuf};

use secrecy::SecretString;
use siumai::otel::Otlp;

use crate::failure::Failure;

/// What is set for the program from outside. It holds a key, so it has no `Debug`.
pub(crate) struct Environment {
    /// `SIUMAI_MODEL`: what `--model` is if it is left out.
    pub(crate) model: Option<String>,
    /// `OPENAI_API_KEY`.
    pub(crate) openai_key: Option<String>,
    /// `OPENAI_BASE_URL`.
    pub(crate) openai_base_url: Option<String>,
    /// `OLLAMA_HOST`, as Ollama itself reads it.
    pub(crate) ollama_host: Option<String>,
    /// `VISUAL` or `EDITOR`.
    pub(crate) editor: Option<String>,
    /// The keys of all providers, which no recording may hold.
    pub(crate) keys: Vec<SecretString>,
    /// `XDG_STATE_HOME`, or where the system wants programs to keep what they need again.
    pub(crate) state_folder: Option<PathBuf>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and what belongs to it.
    pub(crate) otlp: Option<Otlp>,
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`: whether telemetry tells what was said.
    pub(crate) tells_content: bool,
}

impl Environment {
    /// Reads it; a variable that is set to nothing is not set.
    pub(crate) fn read() -> Result<Self, Failure> {
        Ok(Self {
            model: variable("SIUMAI_MODEL")?,
            openai_key: variable(OPENAI_API_KEY)?,
            openai_base_url: variable("OPENAI_BASE_URL")?,
            ollama_host: variable("OLLAMA_HOST")?,
            editor: variable("VISUAL")?.or(variable("EDITOR")?),
            keys: keys(),
            state_folder: state_folder(),
            otlp: otlp()?,
            tells_content: tells_content()?,
        })
    }

    /// Where the API of Ollama is.
    pub(crate) fn ollama_url(&self) -> String {
        let host = self.ollama_host.as_deref().unwrap_or_default().trim_end_matches('/');
        let (scheme, host) = host.split_once("://").unwrap_or(("http", host));
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port),
            _ => (host, "11434"),
        };
        // What a server listens on everywhere is asked here.
        let name = if matches!(name, "" | "0.0.0.0" | "localhost") { "127.0.0.1" } else { name };
        format!("{scheme}://{name}:{port}/v1")
    }
}

/// The variable of the key, which commands that tools run don't see.
pub(crate) const OPENAI_API_KEY: &str = "OPENAI_API_KEY";

/// What is shorter, in bytes, stands where a server wants a key and looks at none, such as `none`.
const SHORTEST_KEY: usize = 6;

#[expect(clippy::disallowed_methods, reason = "this is the program's one place that reads it")]
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|it| !it.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("the variable {name} is not UTF-8; set it again")))
        }
    }
}

/// What is not UTF-8 was never sent as a key.
fn keys() -> Vec<SecretString> {
    let names = siumai::provider_names().filter_map(siumai::key_variable);
    let keys = names.filter_map(|name| variable(name).ok().flatten());
    keys.filter(|key| key.len() >= SHORTEST_KEY).map(SecretString::from).collect()
}

fn otlp() -> Result<Option<Otlp>, Failure> {
    let service_name = variable("OTEL_SERVICE_NAME")?.unwrap_or_else(|| "siumai".to_owned());
    Ok(siumai::otel::from_env().map(|it| it.service_name(service_name)))
}

/// In the words of those who instrument other programs; events are not made here.
fn tells_content() -> Result<bool, Failure> {
    let mode = variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")?;
    let mode = mode.map(|it| it.to_ascii_lowercase());
    Ok(matches!(mode.as_deref(), Some("true" | "span_only" | "span_and_event")))
}

fn state_folder() -> Option<PathBuf> {
    // One that depends on where the program is started counts as not set.
    folder("XDG_STATE_HOME").filter(|it| it.is_absolute()).or_else(|| {
        if cfg!(windows) {
            return folder("LOCALAPPDATA");
        }
        let home = std::env::home_dir().filter(|it| it.is_absolute())?;
        let inside =
            if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
        Some(home.join(inside))
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the program's one place that reads it")]
fn folder(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

#[cfg(test)]
mod tests;

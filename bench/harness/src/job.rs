//! One measurement, and how its script is written into the path of a URL.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a client is to do, given to it as JSON in its only argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Host and port of the server.
    pub server: String,
    pub wire: Wire,
    pub script: Script,
    /// How often the run is made, one after the other.
    pub repeat: usize,
    /// How many runs are made at once.
    pub at_once: usize,
    pub gate: Option<Gate>,
}

/// What kind of API the client talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    Chat,
    Responses,
    Messages,
}

/// A run, as the server plays it: steps with tool calls, then an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Script {
    /// Steps with tool calls; the answer comes after them.
    pub steps: usize,
    /// Tool calls a step.
    pub calls: usize,
    /// Bytes of a tool's result.
    pub result: usize,
    /// Pieces that the answer is streamed in.
    pub deltas: usize,
    pub is_streamed: bool,
}

/// Makes runs wait for each other: the server holds back the rest of the first and of the last
/// reply until as many runs have come that far. A client that caps its concurrency never gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// A number that no other measurement of the same server has.
    pub id: u64,
    pub runs: usize,
}

impl Job {
    /// The base URL that the client is given; it ends with `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.server, self.base_path())
    }

    pub fn base_path(&self) -> String {
        let gate = self.gate.unwrap_or(Gate { id: 0, runs: 0 });
        format!("/{}/{}-{}/v1", self.script, gate.id, gate.runs)
    }

    /// How many runs there are, and how many requests in all of them.
    pub fn runs(&self) -> usize {
        self.repeat * self.at_once
    }

    pub fn requests(&self) -> usize {
        self.runs() * (self.script.steps + 1)
    }
}

impl Wire {
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// What follows the base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
        }
    }
}

impl Script {
    /// The tool results of the whole run.
    pub fn results(&self) -> usize {
        self.steps * self.calls
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, calls, result, deltas, is_streamed } = self;
        let manner = if *is_streamed { "sse" } else { "json" };
        write!(f, "{steps}-{calls}-{result}-{deltas}-{manner}")
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no script");
        let parts: Vec<&str> = text.split('-').collect();
        let [steps, calls, result, deltas, manner] = parts[..] else { return Err(wrong()) };
        let number = |it: &str| it.parse().map_err(|_| wrong());
        Ok(Self {
            steps: number(steps)?,
            calls: number(calls)?,
            result: number(result)?,
            deltas: number(deltas)?,
            is_streamed: manner == "sse",
        })
    }
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no gate");
        let (id, runs) = text.split_once('-').ok_or_else(wrong)?;
        let (id, runs) = (id.parse().map_err(|_| wrong())?, runs.parse().map_err(|_| wrong())?);
        Ok(Self { id, runs })
    }
}

//! What a request means, and in what two of them differ.
use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::secrets::{SCRUBBED, Secrets};
use crate::types::ChatRequest;

/// How much of a path into JSON is shown, in characters.
const PATH: usize = 60;

/// A request without what a model does not see: how it is delivered, the history of its messages
/// on their wires, rules of how tools are run and the order of tools.
#[derive(Debug, PartialEq)]
pub(super) struct Meaning {
    system: Vec<Value>,
    messages: Vec<Value>,
    tools: Vec<Value>,
    tool_choice: Value,
    settings: Value,
}

/// The first difference between a request and one that was recorded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) likeness: Likeness,
    /// Where it is, without what stands there.
    pub(super) place: String,
}

/// How near two requests are, the greater the nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness {
    /// How many of the first messages are the same.
    messages: usize,
    /// How many parts of the request are the same.
    parts: usize,
    /// Whether what was recorded goes on as far.
    goes_on: bool,
    distance: Reverse<usize>,
}

impl Meaning {
    /// What is left of `request` without `secrets`.
    pub(super) fn of(request: &ChatRequest, secrets: &Secrets) -> serde_json::Result<Self> {
        let mut request = serde_json::to_value(request)?;
        secrets.scrub(&mut request);
        let mut list = |name: &str| match request[name].take() {
            Value::Array(values) => values,
            _ => Vec::new(),
        };
        let [system, messages] = [list("system"), list("messages")].map(without_origins);
        let tools = list("tools").into_iter().map(as_offered).collect();
        let (tool_choice, settings) = (request["tool_choice"].take(), request["settings"].take());
        let mut meaning = Self { system, messages, tools, tool_choice, settings };
        meaning.tools.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        Ok(meaning)
    }

    /// Whether the answer was to fit a schema.
    pub(super) fn wants_schema(&self) -> bool {
        self.settings["response_format"]["type"] == "json_schema"
    }

    /// Takes further secrets out.
    pub(super) fn scrub(&mut self, secrets: &Secrets) {
        let lists = [&mut self.system, &mut self.messages, &mut self.tools];
        let values = lists.into_iter().flatten();
        values.chain([&mut self.tool_choice, &mut self.settings]).for_each(|it| secrets.scrub(it));
    }

    /// The first difference to what was `recorded`, if there is one.
    pub(super) fn difference(&self, recorded: &Self) -> Option<Difference> {
        let parts = [
            differing_messages("system message", &self.system, &recorded.system),
            differing_messages("message", &self.messages, &recorded.messages),
            differing_tools(&self.tools, &recorded.tools),
            (self.tool_choice != recorded.tool_choice).then(|| "the tool choice".to_owned()),
            (self.settings != recorded.settings)
                .then(|| format!("the settings at {}", path(&self.settings, &recorded.settings))),
        ];
        let alike = parts.iter().filter(|it| it.is_none()).count();
        let place = parts.into_iter().flatten().next()?;
        let pairs = self.messages.iter().zip(&recorded.messages);
        let messages = pairs.take_while(|(a, b)| a == b).count();
        let (asked, recorded) = (self.messages.len(), recorded.messages.len());
        let distance = Reverse(asked.abs_diff(recorded));
        let goes_on = recorded >= asked;
        Some(Difference { likeness: Likeness { messages, parts: alike, goes_on, distance }, place })
    }
}

fn without_origins(mut messages: Vec<Value>) -> Vec<Value> {
    for message in &mut messages {
        if let Value::Object(fields) = message {
            fields.remove("origin");
        }
    }
    messages
}

/// A tool as a model sees it.
fn as_offered(mut tool: Value) -> Value {
    let seen = ["name", "description", "parameters"];
    let fields: Map<_, _> = seen.map(|it| (it.to_owned(), tool[it].take())).into_iter().collect();
    fields.into()
}

fn differing_messages(what: &str, asked: &[Value], recorded: &[Value]) -> Option<String> {
    let pairs = asked.iter().zip(recorded);
    let same = pairs.take_while(|(asked, recorded)| asked == recorded).count();
    let number = same + 1;
    match (asked.get(same), recorded.get(same)) {
        (None, None) => None,
        (Some(_), None) => Some(format!("{what} {number}, which it has not")),
        (None, Some(_)) => Some(format!("{what} {number}, which is missing here")),
        (Some(asked), Some(recorded)) => {
            let path = path(asked, recorded);
            let role = recorded["role"].as_str().unwrap_or_default();
            let tool = tool_at(recorded, &path);
            let whose = tool.map_or_else(|| role.to_owned(), |name| format!("{role} `{name}`"));
            Some(format!("{what} {number} ({whose}) at {path}"))
        }
    }
}

/// The name of the tool whose call or result stands where `path` leads to.
fn tool_at<'a>(message: &'a Value, path: &str) -> Option<&'a str> {
    let part = path.strip_prefix("`content[")?.split(']').next()?.parse::<usize>().ok()?;
    message["content"][part]["name"].as_str()
}

fn differing_tools(asked: &[Value], recorded: &[Value]) -> Option<String> {
    let find = |tools: &[Value], wanted: &Value| {
        tools.iter().find(|it| it["name"] == wanted["name"]).cloned()
    };
    let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
    for tool in asked {
        match find(recorded, tool) {
            None => return Some(format!("the tool `{}`, which it has not", name(tool))),
            Some(other) if other != *tool => {
                return Some(format!("the tool `{}` at {}", name(tool), path(tool, &other)));
            }
            Some(_) => {}
        }
    }
    match recorded.iter().find(|it| find(asked, it).is_none()) {
        Some(missing) => Some(format!("the tool `{}`, which is missing here", name(missing))),
        // Several of one name.
        None => (asked != recorded).then(|| "the tools".to_owned()),
    }
}

/// Where two values that differ first do: names of fields, numbers of items and of characters,
/// and nothing of what stands there.
fn path(asked: &Value, recorded: &Value) -> String {
    let mut steps = String::new();
    let (asked, recorded) = descend(asked, recorded, &mut steps);
    if let Some((end, _)) = steps.char_indices().nth(PATH) {
        steps.truncate(end);
        steps.push('…');
    }
    let steps = format!("`{}`", steps.trim_start_matches('.'));
    let (Some(asked), Some(recorded)) = (asked.as_str(), recorded.as_str()) else { return steps };
    let pairs = asked.chars().zip(recorded.chars());
    let character = pairs.take_while(|(asked, recorded)| asked == recorded).count() + 1;
    let hint = if recorded.contains(SCRUBBED) {
        ", where a secret was scrubbed that the replay was not told"
    } else {
        ""
    };
    format!("{steps}, character {character}{hint}")
}

/// Goes down to where the values differ, and notes the steps.
fn descend<'a>(
    asked: &'a Value,
    recorded: &'a Value,
    steps: &mut String,
) -> (&'a Value, &'a Value) {
    let deeper = match (asked, recorded) {
        (Value::Object(asked), Value::Object(recorded)) => {
            let mut names = recorded.keys().chain(asked.keys());
            names.find(|it| asked.get(*it) != recorded.get(*it)).map(|name| {
                steps.extend([".", name]);
                (asked.get(name), recorded.get(name))
            })
        }
        (Value::Array(asked), Value::Array(recorded)) => {
            let pairs = asked.iter().zip(recorded);
            let place = pairs.take_while(|(asked, recorded)| asked == recorded).count();
            steps.extend(["[", &place.to_string(), "]"]);
            Some((asked.get(place), recorded.get(place)))
        }
        _ => None,
    };
    match deeper {
        Some((Some(asked), Some(recorded))) => descend(asked, recorded, steps),
        _ => (asked, recorded),
    }
}

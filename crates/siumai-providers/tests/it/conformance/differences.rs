//! What is not as it was recorded, and which of it is meant to be so.
use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

/// A field that is not as it was recorded.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) field: String,
    pub(crate) what: String,
}

impl Difference {
    pub(crate) fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self { field: field.into(), what: what.into() }
    }

    /// The same, said of a part of what is compared.
    pub(crate) fn within(self, part: &str) -> Self {
        Self { field: format!("{part}{}", self.field), ..self }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}

/// The fields that are not alike.
pub(crate) fn compare(ours: &Map<String, Value>, recorded: &Map<String, Value>) -> Vec<Difference> {
    let names: BTreeSet<_> = ours.keys().chain(recorded.keys()).collect();
    let of =
        |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    let pairs = names.into_iter().map(|name| (name, of(ours, name), of(recorded, name)));
    let unlike = pairs.filter(|(_, ours, recorded)| ours != recorded);
    let differences = unlike.map(|(name, ours, recorded)| {
        let (ours, recorded) = first_unlike(ours, recorded);
        Difference::new(name, format!("ours {ours}, recorded {recorded}"))
    });
    differences.collect()
}

/// Of two lists of one length, the items that differ: the lists themselves are long.
fn first_unlike(ours: Value, recorded: Value) -> (Value, Value) {
    if let (Value::Array(a), Value::Array(b)) = (&ours, &recorded)
        && a.len() == b.len()
        && let Some((a, b)) = a.iter().zip(b).find(|(a, b)| a != b)
    {
        return (a.clone(), b.clone());
    }
    (ours, recorded)
}

/// What `differences.json` lists: recordings that are read differently on purpose. An entry
/// explains one field of one recording.
#[derive(Default)]
pub(crate) struct Explained {
    entries: Vec<Entry>,
    used: usize,
}

struct Entry {
    recording: String,
    field: String,
}

impl Explained {
    pub(crate) fn listed() -> Self {
        Self::parse(include_str!("differences.json"))
    }

    fn parse(text: &str) -> Self {
        let listed: Vec<Value> = serde_json::from_str(text).unwrap();
        let entries = listed.iter().map(|entry| {
            let told = |name: &str| {
                let text = entry[name].as_str().filter(|it| !it.trim().is_empty());
                text.unwrap_or_else(|| panic!("an entry without {name}: {entry}")).to_owned()
            };
            // The reason is for people; there must be one.
            told("reason");
            Entry { recording: told("recording"), field: told("field") }
        });
        Self { entries: entries.collect(), used: 0 }
    }

    /// `found` in the recording `id` without what is explained. An entry that explains nothing
    /// is wrong too: its reason is gone.
    pub(crate) fn without(&mut self, id: &str, mut found: Vec<Difference>) -> Vec<Difference> {
        let mut idle = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.recording == id) {
            match found.iter().position(|it| it.field == entry.field) {
                Some(at) => {
                    found.remove(at);
                    self.used += 1;
                }
                None => idle.push(Difference::new(
                    &entry.field,
                    "it is listed as a difference, and is none; take it out of the list",
                )),
            }
        }
        found.extend(idle);
        found
    }

    /// How many entries were needed.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

#[test]
fn an_entry_explains_one_field_of_one_recording_and_is_wrong_when_it_explains_nothing() {
    let list = r#"[{ "recording": "chat/a", "field": "text", "reason": "It is so." }]"#;
    let mut explained = Explained::parse(list);
    let found = |fields: &[&str]| -> Vec<_> {
        fields.iter().map(|field| Difference::new(*field, "ours 1, recorded 2")).collect()
    };
    assert_eq!(explained.without("chat/a", found(&["text", "usage"])), found(&["usage"]));
    assert_eq!(explained.without("chat/b", found(&["text"])), found(&["text"]));
    let [idle] = &explained.without("chat/a", Vec::new())[..] else { panic!("it was needed") };
    assert_eq!(idle.field, "text");
    assert_eq!(explained.used(), 1);
}

//! Every wire against recorded traffic with independently derived facts: one suite, one table.
//!
//! It reads the folder that `SIUMAI_WIRE_DIR` names, all of it: a folder of an API that it
//! doesn't know is a failure, and so is one without recordings. What is read otherwise than it
//! was recorded, and on purpose, is explained in `differences.json`.
mod cases;
mod conversations;
mod counting;
mod differences;
mod facts;
mod meaning;
mod prefix;
pub(crate) mod wires;
mod words;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use futures_util::FutureExt;

use self::{
    differences::{Difference, Explained},
    wires::Wire,
};
use crate::support::recordings;

/// The APIs that there are recordings of, and the wire that each speaks.
pub(crate) const APIS: [(&str, &dyn Wire); 6] = [
    ("openai-chat", &wires::Chat),
    ("openai-responses", &wires::Responses),
    ("anthropic", &wires::Messages),
    ("gemini", &wires::GenerateContent),
    ("openai-compatible", &wires::Chat),
    ("responses-compatible", &wires::Responses),
];

/// Where the recorded tool loops are, beside the folders of the APIs.
const CONVERSATIONS: &str = "conversations";

#[tokio::test]
async fn every_recording_is_read_and_every_conversation_goes_on_as_it_did() {
    let Some(recordings) = recordings() else { return };
    let mut suite = Suite::new(&recordings);
    for (api, wire) in APIS {
        let row = Row {
            api,
            cases: suite.cases(api, wire).await,
            conversations: suite.conversations(api, wire).await,
        };
        suite.rows.push(row);
    }
    suite.failures.extend(unknown(&recordings));
    suite.failures.extend(unknown(&recordings.join(CONVERSATIONS)));
    if suite.rows.iter().all(|row| row.cases.number == 0) {
        suite.failures.push(format!("{}: there is nothing in it", recordings.display()));
    }
    // Not by a macro, whose output is shown of tests that fail alone.
    std::io::stdout().write_all(suite.table().as_bytes()).unwrap();
    assert!(suite.failures.is_empty(), "{}", suite.list());
}

/// What has been found so far.
struct Suite {
    recordings: PathBuf,
    explained: Explained,
    rows: Vec<Row>,
    failures: Vec<String>,
}

struct Row {
    api: &'static str,
    cases: Count,
    conversations: Count,
}

#[derive(Clone, Copy, Default)]
struct Count {
    number: usize,
    passed: usize,
}

impl Suite {
    fn new(recordings: &Path) -> Self {
        Self {
            recordings: recordings.to_owned(),
            explained: Explained::listed(),
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    async fn cases(&mut self, api: &str, wire: &dyn Wire) -> Count {
        let mut count = Count::default();
        for (id, folder) in self.recorded(api) {
            let found = unless_it_panics(cases::check(&folder, wire)).await;
            self.add(&id, found, &mut count);
        }
        count
    }

    async fn conversations(&mut self, api: &str, wire: &dyn Wire) -> Count {
        let mut count = Count::default();
        for (id, folder) in self.recorded(&format!("{CONVERSATIONS}/{api}")) {
            let found = unless_it_panics(conversations::check(&folder, wire, api)).await;
            self.add(&id, found, &mut count);
        }
        count
    }

    /// The recordings in the folder of that name, if it is there. It is not left empty.
    fn recorded(&mut self, name: &str) -> Vec<(String, PathBuf)> {
        let folder = self.recordings.join(name);
        if !folder.is_dir() {
            return Vec::new();
        }
        let found = folders(&folder);
        if found.is_empty() {
            self.failures.push(format!("{name}: there is no recording in it"));
        }
        let id = |path: &Path| format!("{name}/{}", name_of(path));
        found.into_iter().map(|path| (id(&path), path)).collect()
    }

    fn add(&mut self, id: &str, found: Vec<Difference>, count: &mut Count) {
        let wrong = self.explained.without(id, found);
        count.number += 1;
        count.passed += usize::from(wrong.is_empty());
        self.failures.extend(wrong.iter().map(|it| format!("{id}: {it}")));
    }

    fn table(&self) -> String {
        let mut table = format!(
            "\n{:<22}{:>7}{:>9}{:>16}{:>9}\n",
            "API", "cases", "passed", "conversations", "passed"
        );
        let mut line = |api: &str, cases: Count, conversations: Count| {
            let (a, b) = (cases, conversations);
            let numbers = [(a.number, 7), (a.passed, 9), (b.number, 16), (b.passed, 9)];
            write!(table, "{api:<22}").unwrap();
            for (number, width) in numbers {
                write!(table, "{number:>width$}").unwrap();
            }
            table.push('\n');
        };
        for row in &self.rows {
            line(row.api, row.cases, row.conversations);
        }
        let sum = |count: fn(&Row) -> Count| {
            self.rows.iter().map(count).fold(Count::default(), |sum, it| Count {
                number: sum.number + it.number,
                passed: sum.passed + it.passed,
            })
        };
        line("all", sum(|row| row.cases), sum(|row| row.conversations));
        writeln!(table, "{} facts are read otherwise on purpose", self.explained.used()).unwrap();
        table
    }

    fn list(&self) -> String {
        let about: BTreeSet<_> = self.failures.iter().map(|it| it.split(": ").next()).collect();
        format!("{} failed:\n{}", about.len(), self.failures.join("\n"))
    }
}

/// What is found, or that nothing is since something panicked on the way: the recordings that
/// come after it are read all the same.
async fn unless_it_panics(finding: impl Future<Output = Vec<Difference>>) -> Vec<Difference> {
    let found = AssertUnwindSafe(finding).catch_unwind().await;
    found.unwrap_or_else(|_| vec![Difference::new("panic", "see above what it says")])
}

/// The folders in `parent` that belong to no API.
fn unknown(parent: &Path) -> Vec<String> {
    if !parent.is_dir() {
        return Vec::new();
    }
    let is_known = |name: &str| name == CONVERSATIONS || APIS.iter().any(|(api, _)| *api == name);
    let names = folders(parent).into_iter().map(|path| name_of(&path));
    let strange = names.filter(|name| !is_known(name) && !name.starts_with('.'));
    strange.map(|name| format!("{name}: no wire is known for this folder")).collect()
}

/// The folders in `parent`, in the order of their names.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = parent.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

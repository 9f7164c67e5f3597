//! `search_files`: which lines of which files have a text.
use std::{io::Read, path::Path};

use cap_std::fs::File;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use super::{
    read,
    walk::{Depth, LEFT_OUT, Next, Pattern, walk},
};
use crate::tools::{
    BuiltIn, Root,
    blocking::{Stop, blocking},
    read_arguments,
    root::cannot,
    told,
};

/// More lines than this are not returned.
const MAX_MATCHES: usize = 100;
/// More of a line is not shown.
const MAX_LINE_CHARS: usize = 300;
/// Larger files are passed over, and counted.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Searches files for a text.
#[derive(Debug)]
pub(in crate::tools) struct SearchFiles(pub(in crate::tools) Root);

#[derive(Deserialize)]
struct Arguments {
    text: String,
    path: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    case_sensitive: bool,
}

#[async_trait]
impl BuiltIn for SearchFiles {
    fn definition(&self) -> Tool {
        let path = format!("The folder or file to search in; the root if left out; {LEFT_OUT}");
        Tool::function(
            "search_files",
            "Search files for a text: find which lines of which files contain it",
        )
        .parameter("text", "string", "The text to search for, word for word", true)
        .parameter("path", "string", &path, false)
        .parameter(
            "pattern",
            "string",
            "Only files whose name or path fits this pattern, for example `*.md` or `src/**/*.rs`",
            false,
        )
        .parameter(
            "case_sensitive",
            "boolean",
            "Whether capital letters matter; they don't if left out",
            false,
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let arguments: Arguments = read_arguments(arguments)?;
        let root = self.0.clone();
        blocking(move |stop| search(&root, &arguments, stop)).await
    }
}

fn search(root: &Root, arguments: &Arguments, stop: &Stop) -> Result<Value, LlmError> {
    let mut hunt = Hunt::new(arguments)?;
    let pattern = Pattern::read(arguments.pattern.as_deref())?;
    let start = root.relative(arguments.path.as_deref().unwrap_or("."));
    let metadata =
        root.dir().metadata(&start).map_err(|error| cannot("searched", &start, &error))?;
    if metadata.is_dir() {
        walk(root, &start, Depth::All, stop, &mut |found| {
            if !found.kind.is_file() || !pattern.takes(found.path) {
                return Ok(Next::GoOn);
            }
            match found.dir.open(found.name) {
                Ok(file) => hunt.search(file, found.path, stop),
                Err(_) => Ok(hunt.pass_over()),
            }
        })?;
    } else {
        hunt.search(read::open(root, &start)?, &start, stop)?;
    }
    Ok(hunt.answer())
}

struct Hunt {
    wanted: Regex,
    matches: Vec<Value>,
    files: usize,
    passed_over: usize,
    is_cut: bool,
}

impl Hunt {
    fn new(arguments: &Arguments) -> Result<Self, LlmError> {
        if arguments.text.is_empty() {
            return Err(told("The text to search for is empty. Call the tool again with one."));
        }
        if arguments.text.contains('\n') {
            return Err(told(
                "The text to search for has several lines. Call the tool again with one of them.",
            ));
        }
        let wanted = RegexBuilder::new(&regex::escape(&arguments.text))
            .case_insensitive(!arguments.case_sensitive)
            .build()
            .map_err(|_| {
                told("The text to search for is too long. Call the tool again with less.")
            })?;
        Ok(Self { wanted, matches: Vec::new(), files: 0, passed_over: 0, is_cut: false })
    }

    fn search(&mut self, file: File, path: &Path, stop: &Stop) -> Result<Next, LlmError> {
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 > MAX_FILE_BYTES || bytes.contains(&0) {
            return Ok(self.pass_over());
        }
        self.files += 1;
        if !self.wanted.is_match(&bytes) {
            return Ok(Next::GoOn);
        }
        for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            stop.check()?;
            let Some(found) = self.wanted.find(line) else { continue };
            if self.matches.len() == MAX_MATCHES {
                self.is_cut = true;
                return Ok(Next::Enough);
            }
            self.matches.push(json!({
                "path": path.to_string_lossy(),
                "line": place + 1,
                "text": excerpt(line, found.start()),
            }));
        }
        Ok(Next::GoOn)
    }

    fn pass_over(&mut self) -> Next {
        self.passed_over += 1;
        Next::GoOn
    }

    fn answer(self) -> Value {
        let mut answer = json!({ "matches": self.matches, "files_searched": self.files });
        if self.passed_over > 0 {
            // Binary, too large, or not readable.
            answer["files_passed_over"] = self.passed_over.into();
        }
        if self.is_cut {
            answer["note"] = format!(
                "Only the first {MAX_MATCHES} lines are returned. Search a folder inside, use a \
                 pattern, or search for more specific text."
            )
            .into();
        }
        answer
    }
}

/// What is shown of a line: all of it, or the part around the match.
fn excerpt(line: &[u8], found: usize) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    if text.chars().count() <= MAX_LINE_CHARS {
        return text.to_owned();
    }
    let before = String::from_utf8_lossy(&line[..found]).chars().count();
    let from = before.saturating_sub(MAX_LINE_CHARS / 3);
    let middle: String = text.chars().skip(from).take(MAX_LINE_CHARS).collect();
    let (head, tail) = (
        if from > 0 { "…" } else { "" },
        if text.chars().count() > from + MAX_LINE_CHARS { "…" } else { "" },
    );
    format!("{head}{middle}{tail}")
}

//! The files that the rules look at, read once.
use std::{collections::BTreeSet, fs, io, path::Path};

use super::code::Code;

/// The files people write, and the names of all that is there.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: Vec<SourceFile>,
    /// Every file and folder, for links.
    pub(super) paths: BTreeSet<String>,
}

/// A file, by its path from the root, with `/` between folders.
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) text: String,
    /// The tokens, if it is Rust.
    pub(super) code: Option<Code>,
}

impl Tree {
    /// Reads what is below `root`, without build output and hidden folders.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// The file at `path`, if people write it.
    pub(super) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !is_skipped(&name) {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                    self.paths.insert(path);
                }
            } else {
                if is_written_by_people(&path) {
                    let text = fs::read_to_string(entry.path()).map_err(|error| {
                        io::Error::new(error.kind(), format!("{path}: {error}"))
                    })?;
                    self.files.push(SourceFile::new(&path, text));
                }
                self.paths.insert(path);
            }
        }
        Ok(())
    }
}

fn is_skipped(folder: &str) -> bool {
    folder == "target" || folder.starts_with('.') && ![".cargo", ".ci", ".github"].contains(&folder)
}

/// Recorded and generated files are what they are.
fn is_written_by_people(path: &str) -> bool {
    let kinds = ["md", "rs", "sh", "toml", "yaml", "yml"];
    path.starts_with(".ci/")
        || Path::new(path).extension().is_some_and(|kind| kinds.iter().any(|it| kind == *it))
}

impl SourceFile {
    pub(super) fn new(path: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = is_kind(path, "rs").then(|| Code::read(&text));
        Self { path: path.to_owned(), text, code }
    }

    pub(super) fn is_markdown(&self) -> bool {
        is_kind(&self.path, "md")
    }

    /// Unit tests live in a file of their own, integration tests in a folder.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
    }

    /// Whether it is in one of these places: a folder that ends with `/`, or a file.
    pub(super) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            if place.ends_with('/') { self.path.starts_with(place) } else { self.path == *place }
        })
    }

    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }
}

fn is_kind(path: &str, kind: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == kind)
}

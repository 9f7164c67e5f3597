//! Goes through a folder in order, without following symbolic links.
use std::{
    io,
    path::{Path, PathBuf},
};

use cap_std::fs::{Dir, FileType};
use globset::{GlobBuilder, GlobMatcher};
use siumai::LlmError;

use crate::tools::{Root, blocking::Stop, root::cannot, told};

/// What a walk says of the folders it leaves out, for descriptions of tools.
pub(super) const LEFT_OUT: &str = "hidden folders, caches and installed packages are left out";

/// Something found in a folder.
pub(super) struct Found<'a> {
    /// Its folder, and its name there.
    pub(super) dir: &'a Dir,
    pub(super) name: &'a Path,
    /// Its path as seen from the root.
    pub(super) path: &'a Path,
    pub(super) kind: FileType,
}

/// Whether to look for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Enough,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What lies in the folder itself.
    Folder,
    /// What lies in folders below, too.
    All,
}

/// Folders below this are not entered; it takes a strange tree to have them.
const MAX_DEPTH: usize = 64;

/// Shows everything under `start` to `visit`: by name, a folder before what is in it.
///
/// A folder that can't be read is passed over, unless it is `start` itself.
pub(super) fn walk(
    root: &Root,
    start: &Path,
    depth: Depth,
    stop: &Stop,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<Next, LlmError>,
) -> Result<(), LlmError> {
    let failed = |error: io::Error| cannot("listed", start, &error);
    let dir = root.dir().open_dir(start).map_err(failed)?;
    let names = names(&dir).map_err(failed)?;
    let shown = if start == Path::new(".") { PathBuf::new() } else { start.to_owned() };
    let levels = if depth == Depth::All { MAX_DEPTH } else { 0 };
    walk_dir(&dir, names, &shown, levels, stop, visit).map(drop)
}

/// A pattern for names, such as `*.rs`, or for paths, such as `src/**/*.rs`.
pub(super) struct Pattern(Option<GlobMatcher>);

impl Pattern {
    /// # Errors
    ///
    /// If it is no pattern.
    pub(super) fn read(pattern: Option<&str>) -> Result<Self, LlmError> {
        let Some(pattern) = pattern.map(str::trim).filter(|it| !it.is_empty()) else {
            return Ok(Self(None));
        };
        match GlobBuilder::new(pattern).literal_separator(true).build() {
            Ok(glob) => Ok(Self(Some(glob.compile_matcher()))),
            Err(error) => Err(told(format!(
                "`{pattern}` is no pattern for file names: {}. Call the tool again with one like \
                 `*.txt` or `src/**/*.rs`.",
                error.kind()
            ))),
        }
    }

    /// Whether the file at `path` is one of those; without a pattern all are.
    pub(super) fn takes(&self, path: &Path) -> bool {
        let Some(glob) = &self.0 else { return true };
        let name = path.file_name().map(Path::new);
        glob.is_match(path) || name.is_some_and(|name| glob.is_match(name))
    }
}

fn walk_dir(
    dir: &Dir,
    names: Vec<(PathBuf, FileType)>,
    shown: &Path,
    levels: usize,
    stop: &Stop,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<Next, LlmError>,
) -> Result<Next, LlmError> {
    for (name, kind) in names {
        stop.check()?;
        let path = shown.join(&name);
        if visit(&Found { dir, name: &name, path: &path, kind })? == Next::Enough {
            return Ok(Next::Enough);
        }
        if !kind.is_dir() || levels == 0 || is_left_out(&name) {
            continue;
        }
        let Ok(below) = dir.open_dir(&name) else { continue };
        let Ok(names) = self::names(&below) else { continue };
        if names.iter().any(|(name, _)| name == Path::new("CACHEDIR.TAG")) {
            continue;
        }
        if walk_dir(&below, names, &path, levels - 1, stop, visit)? == Next::Enough {
            return Ok(Next::Enough);
        }
    }
    Ok(Next::GoOn)
}

fn is_left_out(folder: &Path) -> bool {
    let name = folder.as_os_str().as_encoded_bytes();
    name.starts_with(b".") || matches!(name, b"node_modules" | b"__pycache__")
}

fn names(dir: &Dir) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        names.push((PathBuf::from(entry.file_name()), entry.file_type()?));
    }
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(names)
}

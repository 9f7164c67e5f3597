//! `list_files`: what a folder holds.
use serde::Deserialize;
use serde_json::{Map, Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use super::walk::{Depth, Found, LEFT_OUT, Next, Pattern, walk};
use crate::tools::{
    BuiltIn, Root,
    blocking::{Stop, blocking},
    read_arguments,
};

/// More entries than this are not listed.
const MAX_ENTRIES: usize = 500;

/// Lists files and folders.
#[derive(Debug)]
pub(in crate::tools) struct ListFiles(pub(in crate::tools) Root);

#[derive(Deserialize)]
struct Arguments {
    path: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    recursive: bool,
}

#[async_trait]
impl BuiltIn for ListFiles {
    fn definition(&self) -> Tool {
        Tool::function("list_files", "List the files and folders in a folder, with their sizes")
            .parameter("path", "string", "The folder, for example `src`; the root if left out", false)
            .parameter(
                "pattern",
                "string",
                "Only files whose name or path fits this pattern, for example `*.md` or `src/**/*.rs`",
                false,
            )
            .parameter(
                "recursive",
                "boolean",
                &format!("Whether to list folders inside folders too; {LEFT_OUT}"),
                false,
            )
            .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let arguments: Arguments = read_arguments(arguments)?;
        let root = self.0.clone();
        blocking(move |stop| list(&root, &arguments, stop)).await
    }
}

fn list(root: &Root, arguments: &Arguments, stop: &Stop) -> Result<Value, LlmError> {
    let folder = root.relative(arguments.path.as_deref().unwrap_or("."));
    let pattern = Pattern::read(arguments.pattern.as_deref())?;
    let is_patterned = arguments.pattern.is_some();
    let depth = if arguments.recursive { Depth::All } else { Depth::Folder };
    let mut entries = Vec::new();
    let mut is_cut = false;
    walk(root, &folder, depth, stop, &mut |found| {
        if !pattern.takes(found.path) || is_patterned && found.kind.is_dir() {
            return Ok(Next::GoOn);
        }
        if entries.len() == MAX_ENTRIES {
            is_cut = true;
            return Ok(Next::Enough);
        }
        entries.push(entry(found));
        Ok(Next::GoOn)
    })?;
    let mut answer = json!({ "path": folder.to_string_lossy(), "entries": entries });
    if is_cut {
        answer["note"] = format!(
            "Only the first {MAX_ENTRIES} entries are listed. List a folder inside, or use a pattern."
        )
        .into();
    }
    Ok(answer)
}

fn entry(found: &Found<'_>) -> Value {
    let mut entry = Map::new();
    entry.insert("path".into(), found.path.to_string_lossy().into());
    let kind = match found.kind {
        kind if kind.is_dir() => "folder",
        kind if kind.is_symlink() => "link",
        kind if kind.is_file() => "file",
        _ => "other",
    };
    entry.insert("type".into(), kind.into());
    if found.kind.is_file() {
        // It may have gone since it was listed; then it has no size.
        let size = found.dir.symlink_metadata(found.name).map(|it| it.len());
        entry.insert("bytes".into(), size.ok().into());
    }
    entry.into()
}

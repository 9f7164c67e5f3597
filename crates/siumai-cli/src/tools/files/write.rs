//! `write_file`: puts text into a file.
use std::{io::Write, path::Path};

use cap_std::fs::OpenOptions;
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use crate::tools::{BuiltIn, Root, blocking::blocking, read_arguments, root::cannot, told};

/// Writes a text file.
#[derive(Debug)]
pub(in crate::tools) struct WriteFile(pub(in crate::tools) Root);

#[derive(Deserialize)]
struct Arguments {
    path: String,
    content: String,
    #[serde(default)]
    append: bool,
}

#[async_trait]
impl BuiltIn for WriteFile {
    fn definition(&self) -> Tool {
        Tool::function(
            "write_file",
            "Write text to a file: create it, or replace what it holds; folders on the way are made",
        )
        .parameter("path", "string", "The path of the file, for example `notes/today.txt`", true)
        .parameter("content", "string", "The text to write", true)
        .parameter(
            "append",
            "boolean",
            "Whether to add the text to the end instead of replacing what the file holds",
            false,
        )
        .destructive()
        .exclusive()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let arguments: Arguments = read_arguments(arguments)?;
        let root = self.0.clone();
        blocking(move |_| write(&root, &arguments)).await
    }
}

fn write(root: &Root, arguments: &Arguments) -> Result<Value, LlmError> {
    let path = root.relative(&arguments.path);
    let failed = |error| cannot("written", &path, &error);
    let existed = check_target(root, &path)?;
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        root.dir().create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).append(arguments.append).truncate(!arguments.append);
    let mut file = root.dir().open_with(&path, &options).map_err(failed)?;
    file.write_all(arguments.content.as_bytes()).map_err(failed)?;
    Ok(json!({
        "path": path.to_string_lossy(),
        "bytes_written": arguments.content.len(),
        "created": !existed,
    }))
}

/// Says whether the file is there already; what can't be written to is an error.
fn check_target(root: &Root, path: &Path) -> Result<bool, LlmError> {
    let shown = path.display();
    match root.dir().metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(told(format!(
            "`{shown}` is a folder. Call the tool again with the path of a file in it."
        ))),
        Ok(metadata) if !metadata.is_file() => Err(told(format!(
            "`{shown}` is no ordinary file and is not written to. Use another path."
        ))),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot("written", path, &error)),
    }
}

//! `read_file`: the text of a file, a piece at a time.
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use cap_std::fs::File;
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use crate::tools::{
    BuiltIn, Root,
    blocking::{Stop, blocking},
    read_arguments,
    root::cannot,
    told,
};

/// More than this is not returned at once.
const MAX_BYTES: usize = 100_000;

/// Reads a text file.
#[derive(Debug)]
pub(in crate::tools) struct ReadFile(pub(in crate::tools) Root);

#[derive(Deserialize)]
struct Arguments {
    path: String,
    offset: Option<u64>,
    limit: Option<u64>,
}

#[async_trait]
impl BuiltIn for ReadFile {
    fn definition(&self) -> Tool {
        Tool::function_with_schema(
            "read_file",
            "Read the contents of a text file",
            json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "The path of the file, for example `notes/today.txt`" },
                    "offset": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "The line to begin with, counted from 1; the first if left out",
                    },
                    "limit": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "How many lines to read; as many as fit if left out",
                    },
                },
                "required": ["path"],
                "additionalProperties": false,
            }),
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Arguments { path, offset, limit } = read_arguments(arguments)?;
        let root = self.0.clone();
        let first = offset.unwrap_or(1).max(1);
        let limit = limit.unwrap_or(u64::MAX).max(1);
        blocking(move |stop| {
            let path = root.relative(&path);
            let file = open(&root, &path)?;
            let piece = read(file, first, limit, stop, |error| cannot("read", &path, &error))?;
            answer(&path, first, piece)
        })
        .await
    }
}

/// Opens a plain file: a pipe or a device could keep its reader waiting for ever.
pub(super) fn open(root: &Root, path: &Path) -> Result<File, LlmError> {
    let failed = |error| cannot("read", path, &error);
    let metadata = root.dir().metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let path = path.display();
        return Err(told(format!("`{path}` is a folder. Call `list_files` to see what is in it.")));
    }
    if !metadata.is_file() {
        let path = path.display();
        return Err(told(format!("`{path}` is no ordinary file and can't be read. Try another.")));
    }
    root.dir().open(path).map_err(failed)
}

/// Some lines of a file.
struct Piece {
    bytes: Vec<u8>,
    /// How many lines it has.
    lines: u64,
    /// How many lines the file has before it, at most as many as were asked for.
    before: u64,
    /// Whether the file goes on.
    more: bool,
    /// Whether its only line is longer than what is returned at once.
    is_cut: bool,
}

fn read(
    file: File,
    first: u64,
    limit: u64,
    stop: &Stop,
    failed: impl Fn(std::io::Error) -> LlmError,
) -> Result<Piece, LlmError> {
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut before = 0;
    while before + 1 < first && skip_line(&mut reader, stop, &failed)? {
        before += 1;
    }
    let mut piece = Piece { bytes: Vec::new(), lines: 0, before, more: false, is_cut: false };
    while piece.lines < limit {
        stop.check()?;
        let start = piece.bytes.len();
        let room = MAX_BYTES - start;
        // One byte more than there is room for tells whether the line fits.
        let taken = (&mut reader).take(room as u64 + 1).read_until(b'\n', &mut piece.bytes);
        match taken.map_err(&failed)? {
            0 => return Ok(piece),
            taken if taken <= room => piece.lines += 1,
            _ if piece.lines == 0 => {
                piece.bytes.truncate(MAX_BYTES);
                (piece.lines, piece.is_cut, piece.more) = (1, true, true);
                return Ok(piece);
            }
            _ => {
                piece.bytes.truncate(start);
                piece.more = true;
                return Ok(piece);
            }
        }
    }
    piece.more = !reader.fill_buf().map_err(failed)?.is_empty();
    Ok(piece)
}

/// Passes over a line; says whether there was one.
fn skip_line(
    reader: &mut impl BufRead,
    stop: &Stop,
    failed: impl Fn(std::io::Error) -> LlmError,
) -> Result<bool, LlmError> {
    let mut has_any = false;
    loop {
        stop.check()?;
        let buffer = reader.fill_buf().map_err(&failed)?;
        if buffer.is_empty() {
            return Ok(has_any);
        }
        has_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn answer(path: &Path, first: u64, piece: Piece) -> Result<Value, LlmError> {
    let Piece { bytes, lines, before, more, is_cut } = piece;
    let shown = path.display();
    if lines == 0 && first > 1 {
        return Err(told(format!(
            "`{shown}` has only {before} lines, so there is nothing from line {first} on. Call \
             the tool again with a smaller offset."
        )));
    }
    let text = text(bytes, is_cut).map_err(|why| {
        told(format!(
            "`{shown}` is no text file: {why}. Only UTF-8 text can be read; try another file."
        ))
    })?;
    let last = before + lines;
    let mut answer = json!({ "path": path.to_string_lossy(), "text": text });
    if first > 1 || more {
        answer["lines"] = format!("{first}-{last}").into();
    }
    if is_cut {
        answer["note"] = format!(
            "Line {first} is longer than {MAX_BYTES} bytes and was cut off; offset {} is the next line.",
            last + 1
        )
        .into();
    } else if more {
        answer["note"] = format!("The file goes on; read it with offset {}.", last + 1).into();
    }
    Ok(answer)
}

/// The bytes as text, or why they are none.
fn text(mut bytes: Vec<u8>, is_cut: bool) -> Result<String, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it looks like UTF-16".to_owned());
    }
    if bytes.contains(&0) {
        return Err("it has binary data".to_owned());
    }
    if is_cut
        && let Err(error) = str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        // The cut went through a character.
        bytes.truncate(error.valid_up_to());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

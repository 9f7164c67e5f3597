use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::tools::{BuiltIn, Root};

/// A folder `root` with some files, beside a `secret.txt` that must stay out of reach.
struct Place {
    outside: TempDir,
    root: Root,
}

impl Place {
    fn new() -> Self {
        let outside = TempDir::new().unwrap();
        fs::write(outside.path().join("secret.txt"), "secret").unwrap();
        let root = outside.path().join("root");
        fs::create_dir(&root).unwrap();
        let root = Root::open(&root).unwrap();
        Self { outside, root }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (path, content) in files {
            let path = place.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        place
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.outside.path().join("root").join(path)
    }

    fn secret(&self) -> String {
        fs::read_to_string(self.outside.path().join("secret.txt")).unwrap()
    }

    async fn read(&self, arguments: Value) -> Result<Value, String> {
        call(&ReadFile(self.root.clone()), arguments).await
    }

    async fn list(&self, arguments: Value) -> Result<Value, String> {
        call(&ListFiles(self.root.clone()), arguments).await
    }

    async fn search(&self, arguments: Value) -> Result<Value, String> {
        call(&SearchFiles(self.root.clone()), arguments).await
    }

    async fn write(&self, arguments: Value) -> Result<Value, String> {
        call(&WriteFile(self.root.clone()), arguments).await
    }
}

async fn call(tool: &dyn BuiltIn, arguments: Value) -> Result<Value, String> {
    tool.call(arguments).await.map_err(|error| error.message().to_owned())
}

#[cfg(unix)]
fn link(to: impl AsRef<Path>, at: impl AsRef<Path>) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

fn outside(path: &str) -> Result<Value, String> {
    Err(format!(
        "`{path}` lies outside the folder this tool is confined to, so it was not touched. Use a \
         path inside, relative to the folder, such as `notes/today.txt`; `list_files` shows what \
         is there."
    ))
}

#[tokio::test]
async fn paths_that_leave_the_root_are_refused_by_every_tool() {
    let place = Place::with(&[("sub/inner.txt", "inner")]);
    let absolute = place.outside.path().join("secret.txt").display().to_string();
    for path in ["../secret.txt", "sub/../../secret.txt", "..", "/etc/passwd", &*absolute] {
        assert_eq!(place.read(json!({ "path": path })).await, outside(path));
        assert_eq!(place.list(json!({ "path": path })).await, outside(path));
        assert_eq!(place.search(json!({ "path": path, "text": "e" })).await, outside(path));
        assert_eq!(place.write(json!({ "path": path, "content": "x" })).await, outside(path));
    }
    assert_eq!(place.secret(), "secret");
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_leave_the_root_are_refused_by_every_tool() {
    let place = Place::new();
    link("../secret.txt", place.path("file"));
    link(place.outside.path().join("secret.txt"), place.path("absolute"));
    link("..", place.path("up"));
    link("file", place.path("chain"));
    link("../new.txt", place.path("dangling"));
    for path in ["file", "absolute", "up/secret.txt", "chain"] {
        assert_eq!(place.read(json!({ "path": path })).await, outside(path));
        assert_eq!(place.search(json!({ "path": path, "text": "e" })).await, outside(path));
        assert_eq!(place.write(json!({ "path": path, "content": "x" })).await, outside(path));
    }
    assert_eq!(place.list(json!({ "path": "up" })).await, outside("up"));
    assert_eq!(
        place.write(json!({ "path": "up/new.txt", "content": "x" })).await,
        outside("up/new.txt")
    );
    assert_eq!(
        place.write(json!({ "path": "dangling", "content": "x" })).await,
        outside("dangling")
    );
    assert_eq!(place.secret(), "secret");
    assert!(!place.outside.path().join("new.txt").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let place = Place::with(&[("sub/a.txt", "hello")]);
    link("sub/a.txt", place.path("link"));
    link("../sub", place.path("sub/loop"));
    assert_eq!(place.read(json!({ "path": "link" })).await.unwrap()["text"], "hello");
    assert_eq!(
        place.read(json!({ "path": "sub/loop/loop/a.txt" })).await.unwrap()["text"],
        "hello"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_walk_does_not_follow_links() {
    let place = Place::with(&[("sub/a.txt", "needle")]);
    link("..", place.path("sub/up"));
    link("a.txt", place.path("sub/again"));
    let expected = json!({
        "matches": [{ "path": "sub/a.txt", "line": 1, "text": "needle" }],
        "files_searched": 1,
    });
    assert_eq!(place.search(json!({ "text": "needle" })).await.unwrap(), expected);
    let listed = place.list(json!({ "recursive": true })).await.unwrap();
    let expected = json!([
        { "path": "sub", "type": "folder" },
        { "path": "sub/a.txt", "type": "file", "bytes": 6 },
        { "path": "sub/again", "type": "link" },
        { "path": "sub/up", "type": "link" },
    ]);
    assert_eq!(listed["entries"], expected);
}

#[tokio::test]
async fn a_whole_path_into_the_root_is_taken() {
    let place = Place::with(&[("a.txt", "hello")]);
    let whole = place.path("a.txt").canonicalize().unwrap().display().to_string();
    let expected = json!({ "path": "a.txt", "text": "hello" });
    assert_eq!(place.read(json!({ "path": whole })).await.unwrap(), expected);
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let told = "`no.txt` can't be read: there is no such file or folder. Call `list_files` to see what is there.";
    assert_eq!(Place::new().read(json!({ "path": "no.txt" })).await, Err(told.to_owned()));
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let place = Place::with(&[("sub/a.txt", "")]);
    let told = "`sub` is a folder. Call `list_files` to see what is in it.";
    assert_eq!(place.read(json!({ "path": "sub" })).await, Err(told.to_owned()));
    let told = "`sub` is a folder. Call the tool again with the path of a file in it.";
    assert_eq!(place.write(json!({ "path": "sub", "content": "" })).await, Err(told.to_owned()));
    let told = "`sub/a.txt` can't be listed: a part of the path is a file, not a folder. Call `list_files` to see what is there.";
    assert_eq!(place.list(json!({ "path": "sub/a.txt" })).await, Err(told.to_owned()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_not_waited_for() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    let told = "`pipe` is no ordinary file and can't be read. Try another.";
    assert_eq!(place.read(json!({ "path": "pipe" })).await, Err(told.to_owned()));
    let told = "`pipe` is no ordinary file and is not written to. Use another path.";
    assert_eq!(place.write(json!({ "path": "pipe", "content": "x" })).await, Err(told.to_owned()));
    assert_eq!(place.search(json!({ "text": "x" })).await.unwrap()["files_searched"], 0);
}

#[tokio::test]
async fn a_small_file_is_read_whole() {
    let place = Place::with(&[("a.txt", "one\ntwo\n"), ("empty.txt", "")]);
    assert_eq!(
        place.read(json!({ "path": "a.txt" })).await.unwrap(),
        json!({ "path": "a.txt", "text": "one\ntwo\n" })
    );
    assert_eq!(
        place.read(json!({ "path": "empty.txt" })).await.unwrap(),
        json!({ "path": "empty.txt", "text": "" })
    );
}

#[tokio::test]
async fn some_lines_of_a_file_are_read() {
    let place = Place::with(&[("a.txt", "one\ntwo\nthree\nfour")]);
    let expected = json!({
        "path": "a.txt", "text": "two\nthree\n", "lines": "2-3",
        "note": "The file goes on; read it with offset 4.",
    });
    assert_eq!(
        place.read(json!({ "path": "a.txt", "offset": 2, "limit": 2 })).await.unwrap(),
        expected
    );
    let expected = json!({ "path": "a.txt", "text": "four", "lines": "4-4" });
    assert_eq!(place.read(json!({ "path": "a.txt", "offset": 4 })).await.unwrap(), expected);
    let told = "`a.txt` has only 4 lines, so there is nothing from line 9 on. Call the tool again with a smaller offset.";
    assert_eq!(place.read(json!({ "path": "a.txt", "offset": 9 })).await, Err(told.to_owned()));
}

#[tokio::test]
async fn a_huge_file_is_read_piece_by_piece() {
    let lines: Vec<_> = (1..=50_000).map(|number| format!("line {number}\n")).collect();
    let lines = lines.concat();
    let place = Place::with(&[("huge.txt", &lines)]);
    let mut read = String::new();
    let mut offset = 1;
    loop {
        let piece = place.read(json!({ "path": "huge.txt", "offset": offset })).await.unwrap();
        let text = piece["text"].as_str().unwrap();
        assert!(text.len() <= 100_000);
        read.push_str(text);
        offset += text.lines().count();
        if piece.get("note").is_none() {
            break;
        }
        assert_eq!(piece["note"], format!("The file goes on; read it with offset {offset}."));
    }
    assert!(read == lines, "the pieces are not the whole");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_cut_between_characters() {
    let place = Place::with(&[("long.txt", &format!("a{}\nlast\n", "é".repeat(60_000)))]);
    let piece = place.read(json!({ "path": "long.txt" })).await.unwrap();
    assert_eq!(piece["text"], format!("a{}", "é".repeat(49_999)));
    assert_eq!(
        piece["note"],
        "Line 1 is longer than 100000 bytes and was cut off; offset 2 is the next line."
    );
    assert_eq!(
        place.read(json!({ "path": "long.txt", "offset": 2 })).await.unwrap()["text"],
        "last\n"
    );
}

#[tokio::test]
async fn what_is_not_text_is_refused() {
    let place = Place::new();
    for (name, bytes, why) in [
        ("zero.bin", &b"ab\0c"[..], "it has binary data"),
        ("latin1.txt", &b"caf\xe9"[..], "it is not UTF-8"),
        ("utf16.txt", &b"\xff\xfea\0"[..], "it looks like UTF-16"),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        let told = format!(
            "`{name}` is no text file: {why}. Only UTF-8 text can be read; try another file."
        );
        assert_eq!(place.read(json!({ "path": name })).await, Err(told));
    }
}

#[tokio::test]
async fn a_folder_is_listed_in_order_with_sizes() {
    let place = Place::with(&[("b.txt", "12345"), ("a/x.rs", ""), (".hidden", "1")]);
    let expected = json!({
        "path": ".",
        "entries": [
            { "path": ".hidden", "type": "file", "bytes": 1 },
            { "path": "a", "type": "folder" },
            { "path": "b.txt", "type": "file", "bytes": 5 },
        ],
    });
    assert_eq!(place.list(json!({})).await.unwrap(), expected);
}

#[tokio::test]
async fn a_pattern_takes_names_or_paths() {
    let place =
        Place::with(&[("a.rs", ""), ("src/b.rs", ""), ("src/deep/c.rs", ""), ("src/d.md", "")]);
    let found = async |pattern: &str| {
        let arguments = json!({ "pattern": pattern, "recursive": true });
        let listed = place.list(arguments).await.unwrap();
        let paths = listed["entries"].as_array().unwrap().iter();
        paths.map(|it| it["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("*.rs").await, ["a.rs", "src/b.rs", "src/deep/c.rs"]);
    assert_eq!(found("src/*.rs").await, ["src/b.rs"]);
    assert_eq!(found("src/**/*.{rs,md}").await, ["src/b.rs", "src/d.md", "src/deep/c.rs"]);
    let told = place.list(json!({ "pattern": "a[" })).await.unwrap_err();
    assert!(told.starts_with("`a[` is no pattern for file names: "), "{told}");
}

#[tokio::test]
async fn hidden_folders_caches_and_packages_are_left_out_of_a_walk() {
    let place = Place::with(&[
        (".git/config", "needle"),
        ("target/CACHEDIR.TAG", "needle"),
        ("target/debug/a.txt", "needle"),
        ("node_modules/b.js", "needle"),
        ("src/c.txt", "needle"),
    ]);
    let found = place.search(json!({ "text": "needle" })).await.unwrap();
    assert_eq!(found["matches"], json!([{ "path": "src/c.txt", "line": 1, "text": "needle" }]));
    let named = place.search(json!({ "text": "needle", "path": ".git" })).await.unwrap();
    assert_eq!(named["matches"], json!([{ "path": ".git/config", "line": 1, "text": "needle" }]));
}

#[tokio::test]
async fn a_long_listing_is_cut_and_says_so() {
    let place = Place::new();
    for number in 0..501 {
        fs::write(place.path(&format!("{number:03}")), "").unwrap();
    }
    let listed = place.list(json!({})).await.unwrap();
    assert_eq!(listed["entries"].as_array().unwrap().len(), 500);
    assert_eq!(
        listed["note"],
        "Only the first 500 entries are listed. List a folder inside, or use a pattern."
    );
}

#[tokio::test]
async fn a_text_is_found_with_its_lines() {
    let place = Place::with(&[
        ("a.txt", "One\r\ntwo one\n"),
        ("b/c.md", "nothing\nONE\n"),
        ("d.txt", "none?"),
    ]);
    let expected = json!({
        "matches": [
            { "path": "a.txt", "line": 1, "text": "One" },
            { "path": "a.txt", "line": 2, "text": "two one" },
            { "path": "b/c.md", "line": 2, "text": "ONE" },
            { "path": "d.txt", "line": 1, "text": "none?" },
        ],
        "files_searched": 3,
    });
    assert_eq!(place.search(json!({ "text": "one" })).await.unwrap(), expected);
    let found = place.search(json!({ "text": "ONE", "case_sensitive": true })).await.unwrap();
    assert_eq!(found["matches"], json!([{ "path": "b/c.md", "line": 2, "text": "ONE" }]));
    let found = place.search(json!({ "text": "one?", "pattern": "*.txt" })).await.unwrap();
    assert_eq!(found["matches"], json!([{ "path": "d.txt", "line": 1, "text": "none?" }]));
    let found = place.search(json!({ "text": "two", "path": "a.txt" })).await.unwrap();
    assert_eq!(found["matches"], json!([{ "path": "a.txt", "line": 2, "text": "two one" }]));
}

#[tokio::test]
async fn binary_files_are_passed_over_and_counted() {
    let place = Place::with(&[("a.bin", "needle\0"), ("b.txt", "needle")]);
    let expected = json!({
        "matches": [{ "path": "b.txt", "line": 1, "text": "needle" }],
        "files_searched": 1,
        "files_passed_over": 1,
    });
    assert_eq!(place.search(json!({ "text": "needle" })).await.unwrap(), expected);
}

#[tokio::test]
async fn many_matches_are_cut_and_long_lines_shortened() {
    let place = Place::with(&[("a.txt", &"needle\n".repeat(101))]);
    let found = place.search(json!({ "text": "needle" })).await.unwrap();
    assert_eq!(found["matches"].as_array().unwrap().len(), 100);
    assert_eq!(
        found["note"],
        "Only the first 100 lines are returned. Search a folder inside, use a pattern, or search \
         for more specific text."
    );
    let place = Place::with(&[("b.txt", &format!("{}needle{}", "é".repeat(500), "x".repeat(500)))]);
    let found = place.search(json!({ "text": "needle" })).await.unwrap();
    let expected = format!("…{}needle{}…", "é".repeat(100), "x".repeat(194));
    assert_eq!(found["matches"][0]["text"], expected);
}

#[tokio::test]
async fn an_empty_text_is_not_searched_for() {
    let told = "The text to search for is empty. Call the tool again with one.";
    assert_eq!(Place::new().search(json!({ "text": "" })).await, Err(told.to_owned()));
}

#[tokio::test]
async fn a_file_is_created_with_its_folders() {
    let place = Place::new();
    let expected = json!({ "path": "new/deep/a.txt", "bytes_written": 6, "created": true });
    assert_eq!(
        place.write(json!({ "path": "new/deep/a.txt", "content": "héllo" })).await.unwrap(),
        expected
    );
    assert_eq!(fs::read_to_string(place.path("new/deep/a.txt")).unwrap(), "héllo");
}

#[tokio::test]
async fn a_file_is_replaced_or_added_to() {
    let place = Place::with(&[("a.txt", "a long old text")]);
    let expected = json!({ "path": "a.txt", "bytes_written": 3, "created": false });
    assert_eq!(place.write(json!({ "path": "a.txt", "content": "new" })).await.unwrap(), expected);
    place.write(json!({ "path": "a.txt", "content": "er", "append": true })).await.unwrap();
    assert_eq!(fs::read_to_string(place.path("a.txt")).unwrap(), "newer");
}

#[tokio::test]
async fn a_path_without_a_name_is_refused() {
    let told = "`.` is a folder. Call the tool again with the path of a file in it.";
    assert_eq!(
        Place::new().write(json!({ "path": "", "content": "x" })).await,
        Err(told.to_owned())
    );
}

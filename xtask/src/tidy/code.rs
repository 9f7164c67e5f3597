//! Rust as a flat list of tokens, so that a rule sees code and never a comment or a string.
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The tokens of a file.
#[derive(Default)]
pub(super) struct Code {
    tokens: Vec<Token>,
    paths: Vec<CodePath>,
    /// Where it stops being Rust.
    pub(super) broken_at: Option<usize>,
}

/// An identifier, a literal, or one character of punctuation.
struct Token {
    text: String,
    line: usize,
}

/// A path that is imported or spelled out: `std::env::var`, `super::run::Run`, `crate::types::*`.
pub(super) struct CodePath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    pub(super) is_import: bool,
}

impl Code {
    pub(super) fn read(text: &str) -> Self {
        match text.parse::<TokenStream>() {
            Ok(stream) => {
                let mut tokens = Vec::new();
                flatten(stream, &mut tokens);
                let paths = read_paths(&tokens);
                Self { tokens, paths, broken_at: None }
            }
            Err(error) => Self { broken_at: Some(error.span().start().line), ..Self::default() },
        }
    }

    /// The lines on which `pattern` begins: code as one would write it, in any layout.
    ///
    /// It may be cut off anywhere: `#[expect` is found with a reason behind it and without.
    pub(super) fn find(&self, pattern: &str) -> Vec<usize> {
        let pattern = split(pattern);
        let starts = self.tokens.windows(pattern.len().max(1)).filter(|window| {
            window.iter().map(|token| token.text.as_str()).eq(pattern.iter().copied())
        });
        starts.filter_map(|window| window.first()).map(|token| token.line).collect()
    }

    pub(super) fn contains(&self, pattern: &str) -> bool {
        !self.find(pattern).is_empty()
    }

    pub(super) fn paths(&self) -> &[CodePath] {
        &self.paths
    }

    /// The names of the modules that are declared.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.tokens.windows(2).filter_map(|pair| match pair {
            [keyword, name] if keyword.text == "mod" => Some(name.text.as_str()),
            _ => None,
        })
    }

    /// What stands in string literals, with its line.
    pub(super) fn strings(&self) -> impl Iterator<Item = (usize, &str)> {
        self.tokens.iter().filter_map(|token| {
            let (_, rest) = token.text.split_once('"')?;
            Some((token.line, rest))
        })
    }
}

impl CodePath {
    /// Whether it begins with `prefix`, segment by segment.
    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        let mut segments = self.segments.iter();
        prefix.split("::").all(|part| segments.next().is_some_and(|it| it == part))
    }

    /// Whether it ends with `suffix`, segment by segment.
    pub(super) fn ends_with(&self, suffix: &str) -> bool {
        let mut segments = self.segments.iter().rev();
        suffix.rsplit("::").all(|part| segments.next().is_some_and(|it| it == part))
    }

    pub(super) fn first(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    pub(super) fn last(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }

    pub(super) fn text(&self) -> String {
        self.segments.join("::")
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), tokens);
                let line = group.span_close().start().line;
                tokens.push(Token { text: close.to_owned(), line });
            }
            other => tokens.push(Token { text: other.to_string(), line }),
        }
    }
}

/// Words and single characters, without the white space.
fn split(pattern: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = pattern.trim_start();
    let mut parts = Vec::new();
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after.trim_start();
    }
    parts
}

fn read_paths(tokens: &[Token]) -> Vec<CodePath> {
    let mut reader = PathReader { tokens, at: 0, paths: Vec::new() };
    while reader.at < tokens.len() {
        if reader.word() == Some("use") {
            reader.at += 1;
            // `impl Trait + use<'a>` imports nothing.
            if reader.text() != "<" {
                reader.import(&[]);
            }
        } else if reader.word().is_some() {
            reader.mention();
        } else {
            reader.at += 1;
        }
    }
    reader.paths
}

struct PathReader<'a> {
    tokens: &'a [Token],
    at: usize,
    paths: Vec<CodePath>,
}

impl<'a> PathReader<'a> {
    /// What follows `use`, or one branch of it.
    fn import(&mut self, prefix: &[&'a str]) {
        let mut segments = prefix.to_vec();
        let line = self.line();
        self.skip("::");
        loop {
            match self.text() {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(), "}" | "") {
                        self.import(&segments);
                        self.skip(",");
                    }
                    self.at += 1;
                    return;
                }
                segment => {
                    // `fmt::{self}` is `fmt`.
                    if segment != "self" || segments.is_empty() {
                        segments.push(segment);
                    }
                    self.at += 1;
                }
            }
            if !self.skip("::") {
                break;
            }
        }
        if self.text() == "as" {
            self.at += 2;
        }
        self.push(&segments, line, true);
    }

    /// A path in the middle of code. One word alone is none.
    fn mention(&mut self) {
        let line = self.line();
        let mut segments = Vec::new();
        while let Some(word) = self.word() {
            segments.push(word);
            self.at += 1;
            if !self.skip("::") {
                break;
            }
        }
        if segments.len() > 1 {
            self.push(&segments, line, false);
        }
    }

    fn push(&mut self, segments: &[&str], line: usize, is_import: bool) {
        let segments = segments.iter().map(|&it| it.to_owned()).collect();
        self.paths.push(CodePath { segments, line, is_import });
    }

    fn skip(&mut self, what: &str) -> bool {
        let end = self.at + what.len();
        let matches = self.tokens.get(self.at..end).is_some_and(|tokens| {
            tokens.iter().zip(what.chars()).all(|(token, c)| token.text.chars().eq([c]))
        });
        if matches {
            self.at = end;
        }
        matches
    }

    fn word(&self) -> Option<&'a str> {
        let text = self.text();
        text.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(text)
    }

    fn text(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |token| token.text.as_str())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }
}

//! Links between the pages of the repository lead somewhere.
use super::{
    Finding,
    tree::{SourceFile, Tree},
};

pub(super) fn check(file: &SourceFile, tree: &Tree, findings: &mut Vec<Finding>) {
    if !file.is_markdown() {
        return;
    }
    for (number, line) in prose(file) {
        for target in targets(&line) {
            if let Err(message) = resolve(file, target, tree) {
                findings.push(Finding::new(file, number, message));
            }
        }
    }
}

/// The lines outside code blocks, without code in them.
fn prose(file: &SourceFile) -> impl Iterator<Item = (usize, String)> {
    let mut in_block = false;
    file.lines().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            return None;
        }
        let words: String = line.split('`').step_by(2).collect();
        (!in_block).then_some((number, words))
    })
}

/// What `[text](target)` and `[text]: target` lead to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    inline.chain(reference.and_then(|(_, rest)| rest.split(' ').next()))
}

fn resolve(file: &SourceFile, target: &str, tree: &Tree) -> Result<(), String> {
    let is_page = !target.contains(':') && (target.contains(['/', '.', '#']) || !is_guide(file));
    if !is_page {
        return Ok(());
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { join(&file.path, path) };
    if !path.is_empty() && !tree.paths.contains(&path) {
        return Err(format!("the link `{target}` leads nowhere; there is no `{path}`"));
    }
    match tree.file(&path) {
        Some(page) if !heading.is_empty() && page.is_markdown() && !has_heading(page, heading) => {
            Err(format!("the link `{target}` leads nowhere; `{path}` has no such heading"))
        }
        _ => Ok(()),
    }
}

/// A page of the documentation may link to what the code defines; rustdoc checks those.
fn is_guide(file: &SourceFile) -> bool {
    file.path.contains("/src/")
}

/// `link`, from the folder that `page` is in.
fn join(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    parts.push("..");
                }
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// A heading's anchor is its words in lower case, joined by hyphens.
fn has_heading(page: &SourceFile, anchor: &str) -> bool {
    let headings = page.lines().filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).any(|heading| {
        let words = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        words
            .map(|c| if c == ' ' { '-' } else { c })
            .flat_map(char::to_lowercase)
            .eq(anchor.chars())
    })
}

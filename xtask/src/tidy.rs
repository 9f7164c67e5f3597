//! The rules of the tree that no compiler keeps.
//!
//! A rule is a function over files that were read before; [`check`] runs them all. What is found
//! reads `path:line: what is wrong; what to do`. The same rules run as a test of this package.
mod code;
mod dependencies;
mod habits;
mod layers;
mod links;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;

use self::tree::{SourceFile, Tree};
use crate::root;

/// Checks the tree this program was built from.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read(root()).map_err(|error| format!("the tree can't be read ({error})"))?;
    let mut findings = check(&tree);
    findings.extend(dependencies::check(&dependencies::of_the_core()?));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{} files are tidy", tree.files.len());
            Ok(())
        }
        count => Err(format!("{count} findings in {} files", tree.files.len())),
    }
}

/// Everything that is wrong with the files of a tree, in the order of the files.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        text::check(file, &mut findings);
        habits::check(file, &mut findings);
        layers::check(file, &mut findings);
        links::check(file, tree, &mut findings);
    }
    layers::check_call_sites(tree, &mut findings);
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &SourceFile, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

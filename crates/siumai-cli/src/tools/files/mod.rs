//! Files and folders inside the root: list, search, read, write.
mod list;
mod read;
mod search;
mod walk;
mod write;

pub(super) use self::{list::ListFiles, read::ReadFile, search::SearchFiles, write::WriteFile};

#[cfg(test)]
mod tests;

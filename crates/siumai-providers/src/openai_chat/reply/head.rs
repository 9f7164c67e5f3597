//! How the pieces of a reply begin: mostly all alike, with who answers and when, which then need
//! not be read again.
use super::super::wire::reply::Reply;
use crate::json::{read_into, read_on};

/// The field that differs.
const CHOICES: &str = "choices";

/// As long may a beginning be that is kept, in bytes.
const LIMIT: usize = 512;

/// The last piece up to its choices.
#[derive(Debug, Default)]
pub(super) struct Head(String);

impl Head {
    /// Reads `piece` into `reply`; of one that begins as the last did, only what is behind that.
    ///
    /// # Errors
    ///
    /// If it is no object, or a field has another sort of value than it may.
    pub(super) fn read<'a>(
        &mut self,
        piece: &'a str,
        reply: &mut Reply<'a>,
    ) -> serde_json::Result<()> {
        if !self.0.is_empty() && piece.starts_with(&self.0) {
            return read_on(reply, piece, CHOICES, self.0.len());
        }
        read_into(reply, piece)?;
        let head = piece.get(..reply.choices.place).filter(|it| it.len() <= LIMIT);
        if let Some(head) = head.filter(|_| says_who_alone(reply)) {
            self.0.clear();
            self.0.push_str(head);
        }
        Ok(())
    }
}

/// Whether `reply` has nothing beside its choices that is not the same whenever it is told again.
fn says_who_alone(reply: &Reply<'_>) -> bool {
    let Reply { id: _, model: _, choices: _, usage, x_groq, error, search_results, citations } =
        reply;
    let has_pages = search_results.is_some() || citations.is_some();
    usage.is_none() && x_groq.is_none() && error.is_none() && !has_pages
}

#[cfg(test)]
mod tests;

//! What must not be shown of a server, and its address without.
#[cfg(any(feature = "stdio", feature = "http"))]
use std::borrow::Cow;

/// What is shorter is no secret: taking out every `1` or `true` would leave nothing to read.
const SHORTEST_SECRET: usize = 6;

/// What stands where something was left out.
pub(crate) const LEFT_OUT: &str = "…";

/// Values that must not be shown, wherever they turn up.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of `values` that are long enough to be one.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<_> =
            values.into_iter().filter(|it| it.len() >= SHORTEST_SECRET).collect();
        // A secret that holds another is taken out whole.
        values.sort_by_key(|it| std::cmp::Reverse(it.len()));
        Self(values)
    }

    /// `text` without them.
    pub(crate) fn taken_out_of(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, LEFT_OUT))
    }
}

/// `text` without the user, the password, the query and the fragment of an address in it.
#[cfg(any(feature = "stdio", feature = "http"))]
pub(crate) fn address(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let host_end = rest[..end].find('/').unwrap_or(end);
    let host = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
    if host == 0 && end == rest.len() {
        return text.into();
    }
    format!("{scheme}://{}", &rest[host..end]).into()
}

#[cfg(all(test, any(feature = "stdio", feature = "http")))]
mod tests;

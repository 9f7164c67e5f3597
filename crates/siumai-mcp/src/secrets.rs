//! What may be shown of a server: its command line and address without what looks like a secret.
use std::borrow::Cow;

/// What is shorter is no secret: taking out every `1` or `true` would leave nothing to read.
const SHORTEST_SECRET: usize = 6;

/// What stands where something was left out.
const LEFT_OUT: &str = "…";

/// Words that tell a name of a secret from other names.
const SECRET_WORDS: [&str; 9] =
    ["apikey", "api_key", "api-key", "auth", "credential", "header", "passw", "secret", "token"];

/// Values that must not be shown, wherever they turn up.
#[derive(Clone, Default)]
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

/// An argument of a command line.
#[derive(Clone)]
pub(crate) struct Argument {
    pub(crate) value: String,
    pub(crate) is_secret: bool,
}

/// A command line as it may be shown, and the values that were left out of it.
pub(crate) fn command_line(program: &str, arguments: &[Argument]) -> (String, Vec<String>) {
    let mut words = vec![quoted(program)];
    let mut left_out = Vec::new();
    let mut follows_secret_flag = false;
    for Argument { value, is_secret } in arguments {
        let is_flag = value.starts_with('-');
        let shown = match value.split_once('=') {
            _ if *is_secret || (follows_secret_flag && !is_flag) => Cow::from(LEFT_OUT),
            Some((name, _)) if is_secret_name(name) => format!("{name}={LEFT_OUT}").into(),
            _ => address(value),
        };
        if shown != *value {
            left_out.push(value.clone());
            left_out.extend(value.split_once('=').map(|(_, value)| value.to_owned()));
        }
        follows_secret_flag = is_flag && !value.contains('=') && is_secret_name(value);
        words.push(quoted(&shown));
    }
    (words.join(" "), left_out)
}

/// `text` without the user, the password, the query and the fragment of an address in it.
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

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word)) || name.ends_with("key")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests;

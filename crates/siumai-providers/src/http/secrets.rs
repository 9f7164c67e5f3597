//! What must not be shown, whoever sends it back.
use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::Url;

/// What stands for a secret.
const STAND_IN: &str = "[secret]";

/// A text of fewer bytes may well be part of another word.
const SHORT: usize = 8;

/// The secrets of one endpoint.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Those that a URL may hold: user and password, and the values of its query; as they are,
    /// as they are written in the URL, and as they are sent in a header.
    pub(super) fn of_url(url: &Url) -> Self {
        let mut secrets = Self::default();
        let user = decoded(url.username());
        if let Some(password) = url.password() {
            let pair = format!("{user}:{}", decoded(password));
            secrets.add(&STANDARD.encode(pair));
            secrets.add(password);
            secrets.add(&decoded(password));
        } else {
            // A user alone is a token.
            secrets.add(url.username());
            secrets.add(&user);
            if !user.is_empty() {
                secrets.add(&STANDARD.encode(format!("{user}:")));
            }
        }
        let written = url.query().unwrap_or_default().split('&');
        written.filter_map(|it| it.split_once('=')).for_each(|(_, value)| secrets.add(value));
        url.query_pairs().for_each(|(_, value)| secrets.add(&value));
        secrets
    }

    pub(super) fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        let is_known = self.0.iter().any(|it| it.expose_secret() == secret);
        if secret.is_empty() || is_known {
            return;
        }
        self.0.push(secret.into());
        // What holds another goes before it, or a part of it would be left.
        self.0.sort_by_key(|it| std::cmp::Reverse(it.expose_secret().len()));
    }

    /// `text` without any of them.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.iter().map(ExposeSecret::expose_secret) {
            if let Some(beginning) = secret.as_bytes().get(..SHORT) {
                // Where not even that is, nothing has to be taken out.
                if memmem::find(text.as_bytes(), beginning).is_some() {
                    text = text.replace(secret, STAND_IN);
                    cut_beginning(&mut text, secret);
                }
            } else {
                text = without_word(&text, secret);
            }
        }
        text
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.taken_out_of(text) != text
    }
}

/// Takes off the end of `text` where that is how `secret` begins: it was cut there.
fn cut_beginning(text: &mut String, secret: &str) {
    let lengths = (SHORT..secret.len()).rev().filter(|length| secret.is_char_boundary(*length));
    let found = lengths.map(|it| &secret[..it]).find(|beginning| text.ends_with(beginning));
    if let Some(beginning) = found {
        text.truncate(text.len() - beginning.len());
        text.push_str(STAND_IN);
    }
}

/// `text` without `word` where it stands by itself.
fn without_word(text: &str, word: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices(word) {
        let is_joined = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        let after = at + word.len();
        if is_joined(text[..at].chars().next_back()) || is_joined(text[after..].chars().next()) {
            continue;
        }
        kept.push_str(&text[rest..at]);
        kept.push_str(STAND_IN);
        rest = after;
    }
    kept.push_str(&text[rest..]);
    kept
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests;

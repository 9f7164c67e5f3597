//! Reads JSON from its front to its end, into what is there already.
//!
//! A piece of a stream is some words in many fields, and walking the fields is what reading a stream
//! costs. Here that is all that is done: names are compared where they lie, text without escapes is
//! borrowed, nothing large is moved, null stands for absent, and of fields of one name the last
//! counts. Whatever else a value may be is serde's to read, and so is all that is told of JSON that is
//! none.
use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{Error, IgnoredAny},
};
use serde_json::{Value, value::RawValue};

use super::{Count, Few, JsonText, MaybeText, Text};

/// What has the fields of an object.
pub(crate) trait Fields<'a>: Default {
    /// Reads the field `name`, whose value comes next, or [passes over](Json::skip) it.
    fn read(&mut self, name: &str, json: &mut Json<'a>) -> serde_json::Result<()>;
}

/// Makes a struct read the fields of an object that it has, by their names, and pass over others.
macro_rules! fields {
    ($object:ty: $($field:ident $(as $name:literal)?),+ $(,)?) => {
        impl<'a> $crate::json::Fields<'a> for $object {
            fn read(
                &mut self,
                name: &str,
                json: &mut $crate::json::Json<'a>,
            ) -> serde_json::Result<()> {
                match name {
                    $($crate::json::field_name!($field $($name)?) => {
                        $crate::json::Read::read(&mut self.$field, json)
                    })+
                    _ => json.skip(),
                }
            }
        }
    };
}

macro_rules! field_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}
pub(crate) use {field_name, fields};

/// What has the value of a field.
pub(crate) trait Read<'a> {
    /// Reads the value that comes next.
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()>;
}

/// The object that `text` is.
///
/// # Errors
///
/// As [`read_into`].
pub(crate) fn object<'a, T: Fields<'a>>(text: &'a str) -> serde_json::Result<T> {
    let mut object = T::default();
    read_into(&mut object, text).map(|()| object)
}

/// The objects of the list that `text` is.
///
/// # Errors
///
/// As [`read_into`].
pub(crate) fn objects<'a, T: Fields<'a>>(text: &'a str) -> serde_json::Result<Few<T>> {
    let mut list = Few::default();
    read_from(text, 0, |json| list.read(json)).map(|()| list)
}

/// Reads the object that `text` is into `object`.
///
/// # Errors
///
/// If it is none, or a field has another sort of value than it may.
pub(crate) fn read_into<'a>(object: &mut impl Fields<'a>, text: &'a str) -> serde_json::Result<()> {
    read_from(text, 0, |json| json.fields(object))
}

/// Reads on in the object that `text` is, from the value of its field `name`, which begins at `at`.
///
/// # Errors
///
/// As [`read_into`].
pub(crate) fn read_on<'a>(
    object: &mut impl Fields<'a>,
    text: &'a str,
    name: &str,
    at: usize,
) -> serde_json::Result<()> {
    read_from(text, at, |json| object.read(name, json).and_then(|()| json.more_fields(object)))
}

fn read_from<'a>(
    text: &'a str,
    at: usize,
    read: impl FnOnce(&mut Json<'a>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    let mut json = Json { text, at };
    read(&mut json).and_then(|()| json.end()).map_err(|error| {
        // Where it is no JSON is told best by who reads nothing else.
        serde_json::from_str::<IgnoredAny>(text).err().unwrap_or(error)
    })
}

/// Whatever is there.
#[derive(Debug)]
pub(crate) struct Passed;

/// JSON, read up to somewhere.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    /// How much of the text has been read, in bytes.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Passes over the next value.
    pub(crate) fn skip(&mut self) -> serde_json::Result<()> {
        if self.plain_text().is_some() || self.whole_number().is_some() || self.is_null() {
            return Ok(());
        }
        self.by_serde::<IgnoredAny>().map(drop)
    }

    /// The next value, if it is text without escapes.
    pub(crate) fn plain_text(&mut self) -> Option<&'a str> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = start + plain_length(self.text.as_bytes().get(start..)?);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// The next value, if it is text without escapes of numbers.
    pub(crate) fn text(&mut self) -> Option<Text<'a>> {
        match self.plain_text() {
            Some(text) => Some(text.into()),
            None => self.escaped_text().map(|text| Text(Cow::Owned(text))),
        }
    }

    #[inline(never)]
    fn escaped_text(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        let bytes = self.text.as_bytes();
        let next = |from: usize| Some(from + plain_length(bytes.get(from..)?));
        let start = self.at + 1;
        let mut end = next(start)?;
        while bytes.get(end) == Some(&b'\\') {
            if bytes.get(end + 1) == Some(&b'u') {
                return None;
            }
            end = next(end + 2)?;
        }
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        let mut text = String::with_capacity(end - start);
        let (mut from, mut to) = (start, next(start)?);
        while to < end {
            text.push_str(self.text.get(from..to)?);
            text.push(match bytes.get(to + 1)? {
                b'"' => '"',
                b'\\' => '\\',
                b'/' => '/',
                b'n' => '\n',
                b't' => '\t',
                b'r' => '\r',
                b'b' => '\x08',
                b'f' => '\x0c',
                _ => return None,
            });
            from = to + 2;
            to = next(from)?;
        }
        text.push_str(self.text.get(from..end)?);
        self.at = end + 1;
        Some(text)
    }

    /// The next value of whatever sort.
    pub(crate) fn value<T: Deserialize<'a> + Default>(&mut self) -> serde_json::Result<T> {
        if self.is_null() { Ok(T::default()) } else { self.by_serde() }
    }

    /// Reads the items of a list with `read`, each when it comes; of null none. Whether there is a list.
    pub(crate) fn items(
        &mut self,
        mut read: impl FnMut(&mut Self) -> serde_json::Result<()>,
    ) -> serde_json::Result<bool> {
        if self.is_null() {
            return Ok(false);
        }
        self.take(b'[', "a list")?;
        if self.ends(b']') {
            return Ok(true);
        }
        loop {
            read(self)?;
            if self.ends(b']') {
                return Ok(true);
            }
            self.take(b',', "`,` or `]`")?;
        }
    }

    fn fields(&mut self, object: &mut impl Fields<'a>) -> serde_json::Result<()> {
        self.take(b'{', "an object")?;
        if self.ends(b'}') {
            return Ok(());
        }
        self.field(object)?;
        self.more_fields(object)
    }

    /// Reads the fields behind one.
    fn more_fields(&mut self, object: &mut impl Fields<'a>) -> serde_json::Result<()> {
        while !self.ends(b'}') {
            self.take(b',', "`,` or `}`")?;
            self.field(object)?;
        }
        Ok(())
    }

    #[inline]
    fn field(&mut self, object: &mut impl Fields<'a>) -> serde_json::Result<()> {
        let unescaped;
        let name = if let Some(name) = self.plain_text() {
            name
        } else {
            unescaped = self.by_serde::<String>()?;
            &unescaped
        };
        self.take(b':', "`:`")?;
        object.read(name, self)
    }

    #[cold]
    fn by_serde<T: Deserialize<'a>>(&mut self) -> serde_json::Result<T> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        let value = values.next().unwrap_or_else(|| Err(expected("a value")))?;
        self.at += values.byte_offset();
        Ok(value)
    }

    /// The next value, if it is a whole number of a usual size.
    fn whole_number(&mut self) -> Option<u64> {
        let first = self.peek().filter(u8::is_ascii_digit)?;
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().position(|it| !it.is_ascii_digit()).unwrap_or(rest.len());
        let goes_on = matches!(rest.as_bytes().get(length), Some(b'.' | b'e' | b'E'));
        if goes_on || (first == b'0' && length > 1) {
            return None;
        }
        let number = rest.get(..length)?.parse().ok()?;
        self.at += length;
        Some(number)
    }

    /// Whether null comes next, which is passed over then.
    fn is_null(&mut self) -> bool {
        const NULL: &[u8] = b"null";
        let comes = self.peek() == Some(b'n') && self.text.as_bytes()[self.at..].starts_with(NULL);
        self.at += if comes { NULL.len() } else { 0 };
        comes
    }

    /// Whether `mark` comes next, which is passed over then.
    #[inline]
    fn ends(&mut self, mark: u8) -> bool {
        let comes = self.peek() == Some(mark);
        self.at += usize::from(comes);
        comes
    }

    #[inline]
    fn take(&mut self, mark: u8, what: &str) -> serde_json::Result<()> {
        if self.ends(mark) { Ok(()) } else { Err(expected(what)) }
    }

    fn end(&mut self) -> serde_json::Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(expected("nothing more")) }
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let next = *self.text.as_bytes().get(self.at)?;
        if next > b' ' { Some(next) } else { self.peek_behind_space() }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
        let is_space = |it: &u8| matches!(it, b' ' | b'\n' | b'\r' | b'\t');
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|it| is_space(it)).count();
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cold]
fn expected(what: &str) -> serde_json::Error {
    serde_json::Error::custom(format_args!("expected {what}"))
}

/// How long the text is before a quote, an escape or a byte that may not be in text: all of
/// `bytes`, if there is none.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte that is less than what is taken from it borrows, which sets its top bit, if only
        // now; a byte above it may then look so too. With one bit turned, a quote stands where the
        // space was, right behind those that may not be in text.
        let quote_or_less = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
        let escape = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let found = (quote_or_less | escape) & !word & TOPS;
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |it: &u8| *it < b' ' || matches!(it, b'"' | b'\\');
    let before = bytes.len() - rest.len();
    before + rest.iter().position(is_special).unwrap_or(rest.len())
}

impl<'a> Read<'a> for Option<Text<'a>> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        *self = match json.text() {
            Some(text) => Some(text),
            None => json.value()?,
        };
        Ok(())
    }
}

impl<'a> Read<'a> for MaybeText<'a> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        *self = match json.text() {
            Some(text) => text.into(),
            None => json.value()?,
        };
        Ok(())
    }
}

impl<'a> Read<'a> for JsonText<'a> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        *self = match json.text() {
            Some(text) => Self(text),
            None => json.value()?,
        };
        Ok(())
    }
}

impl Read<'_> for Count {
    fn read(&mut self, json: &mut Json<'_>) -> serde_json::Result<()> {
        *self = match json.whole_number() {
            Some(number) => Self(Some(number)),
            None => json.value()?,
        };
        Ok(())
    }
}

impl Read<'_> for Option<u64> {
    fn read(&mut self, json: &mut Json<'_>) -> serde_json::Result<()> {
        *self = match json.whole_number() {
            Some(number) => Some(number),
            None => json.value()?,
        };
        Ok(())
    }
}

impl Read<'_> for Option<Passed> {
    fn read(&mut self, json: &mut Json<'_>) -> serde_json::Result<()> {
        *self = if json.is_null() { None } else { json.skip().map(|()| Some(Passed))? };
        Ok(())
    }
}

/// Leaves values of these sorts to serde.
macro_rules! by_serde {
    ($($value:ty),+) => {$(
        impl<'a> Read<'a> for $value {
            fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
                *self = json.value()?;
                Ok(())
            }
        }
    )+};
}

by_serde!(Option<bool>, Option<Box<Value>>, Option<&'a RawValue>, Option<Vec<&'a RawValue>>);

impl<'a, T: Fields<'a>> Read<'a> for Option<T> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        if json.is_null() {
            *self = None;
            return Ok(());
        }
        json.fields(self.insert(T::default()))
    }
}

impl<'a, T: Fields<'a>> Read<'a> for Few<T> {
    fn read(&mut self, json: &mut Json<'a>) -> serde_json::Result<()> {
        *self = Self::default();
        let read = |json: &mut Json<'a>| {
            if self.first.is_none() {
                return json.fields(self.first.insert(T::default()));
            }
            let mut item = T::default();
            json.fields(&mut item)?;
            self.rest.push(item);
            Ok(())
        };
        json.items(read).map(drop)
    }
}

#[cfg(test)]
mod tests;

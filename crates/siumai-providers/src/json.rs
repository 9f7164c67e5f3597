//! Values as the wires read them: borrowed from the bytes that arrived, and no stricter
//! than they must be.
mod read;

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::{Number, Value};

pub(crate) use self::read::{
    Fields, Json, Passed, Read, field_name, fields, object, objects, read_into, read_on,
};

/// Text, borrowed where it has no escapes; a number is the text it is written as.
///
/// An `Option<Cow<str>>` would not do: serde copies it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Text<'a>(Cow<'a, str>);

/// Text; nothing for anything that is none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct MaybeText<'a>(Option<Text<'a>>);

/// JSON as text. Where the JSON itself is sent, it is made the text it should have been.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct JsonText<'a>(Text<'a>);

/// A number of tokens; absent for anything that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count(pub(crate) Option<u64>);

/// A list that mostly has one item, which then needs no memory of its own.
#[derive(Debug, PartialEq)]
pub(crate) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

/// The name of a kind as a log may tell it: what is no plain word could be anything.
pub(crate) fn plain_word(name: &str) -> &str {
    let is_plain = name.len() <= 64
        && name.bytes().all(|it| it.is_ascii_lowercase() || matches!(it, b'_' | b'.'));
    if is_plain { name } else { "no plain word" }
}

/// `value` as JSON. Its `Display` says the same, and takes longer.
pub(crate) fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl MaybeText<'_> {
    /// The text; empty if there is none.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", Text::as_str)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// The text, if there is any.
    pub(crate) fn filled(self) -> Option<String> {
        self.0.map(String::from).filter(|it| !it.is_empty())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a str> for MaybeText<'a> {
    fn from(text: &'a str) -> Self {
        Self(Some(text.into()))
    }
}

impl<'a> From<Text<'a>> for MaybeText<'a> {
    fn from(text: Text<'a>) -> Self {
        Self(Some(text))
    }
}

impl From<JsonText<'_>> for String {
    fn from(text: JsonText<'_>) -> Self {
        text.0.into()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> Few<T> {
    pub(crate) fn one(item: T) -> Self {
        Self { first: Some(item), rest: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether there is more than one.
    pub(crate) fn are_several(&self) -> bool {
        !self.rest.is_empty()
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextReader(PhantomData))
    }
}

struct TextReader<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TextReader<'a> {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MaybeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything(PhantomData))
    }
}

/// What is nothing where it is given what it is not made of.
trait Lenient<'de>: Default {
    fn of_text(_: Text<'de>) -> Self {
        Self::default()
    }

    fn of_number(_: &Number) -> Self {
        Self::default()
    }
}

impl<'de: 'a, 'a> Lenient<'de> for MaybeText<'a> {
    fn of_text(text: Text<'de>) -> Self {
        text.into()
    }
}

impl Lenient<'_> for Count {
    fn of_number(number: &Number) -> Self {
        // Some servers count in floats.
        Self(number.as_u64().or_else(|| whole_number(number.as_f64()?)))
    }
}

fn whole_number(number: f64) -> Option<u64> {
    // Beyond this a float skips numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..EXACT).contains(&number);
    is_whole.then(|| number.to_string().parse().ok()).flatten()
}

/// Reads whatever is there.
struct Anything<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for Anything<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_number(&number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::of_number(&number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(Number::from_f64(number).map_or_else(T::default, |it| T::of_number(&it)))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(TextReader<'a>);

        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = JsonText<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON as text, an object or a list")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<JsonText<'a>, E> {
                self.0.visit_borrowed_str(text).map(JsonText)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<JsonText<'a>, E> {
                self.0.visit_str(text).map(JsonText)
            }

            fn visit_unit<E>(self) -> Result<JsonText<'a>, E> {
                Ok(JsonText::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JsonText<'a>, A::Error> {
                let value = Value::deserialize(MapAccessDeserializer::new(map))?;
                Ok(JsonText(Text(Cow::Owned(value.to_string()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<JsonText<'a>, A::Error> {
                let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(JsonText(Text(Cow::Owned(value.to_string()))))
            }
        }

        deserializer.deserialize_any(Reader(TextReader(PhantomData)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Few<T>, E> {
                Ok(Few::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let mut few = Few { first: seq.next_element()?, rest: Vec::new() };
                while let Some(item) = seq.next_element()? {
                    few.rest.push(item);
                }
                Ok(few)
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests;

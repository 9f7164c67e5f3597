//! A call whose arguments come in pieces, each with the place it belongs to, as Vertex AI sends
//! them where it is asked to.
use serde_json::{Map, Value, json, map::Entry};

use super::wire::{Piece, Placed};

/// How deep a place may lie: as deep as JSON is read at all.
const DEPTH: usize = 64;

/// How many places of a list may be left out before one that is told.
const GAP: usize = 16;

/// A call that may go on.
#[derive(Debug)]
pub(super) struct OpenCall {
    /// Its place among the calls of the reply.
    pub(super) index: usize,
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) signature: Option<String>,
    arguments: Value,
}

/// One step on the way to a place: a field, or a place in a list.
enum Step<'a> {
    Field(&'a str),
    Place(usize),
}

impl OpenCall {
    pub(super) fn new(index: usize, id: Option<String>, name: String) -> Self {
        Self { index, id, name, signature: None, arguments: Map::new().into() }
    }

    /// Takes in one more piece; nothing comes of one whose place is none.
    pub(super) fn add(&mut self, piece: Placed<'_>) -> Option<()> {
        let Placed { json_path, piece } = piece;
        let place = find(&mut self.arguments, json_path.as_str())?;
        match (piece, place) {
            // Text comes in as many pieces as it likes.
            (Piece::Text(more), Value::String(text)) => text.push_str(more.as_str()),
            (Piece::Text(text), place) => *place = Value::String(text.into()),
            (Piece::Other(value), place) => *place = value,
        }
        Some(())
    }

    /// Takes in arguments that came whole.
    pub(super) fn add_whole(&mut self, arguments: Map<String, Value>) {
        if let Value::Object(fields) = &mut self.arguments {
            fields.extend(arguments);
        }
    }

    pub(super) fn arguments(&self) -> String {
        self.arguments.to_string()
    }

    /// The part that goes back: as if the call had come in one.
    pub(super) fn to_part(&self) -> String {
        let mut call = Map::new();
        if let Some(id) = &self.id {
            call.insert("id".to_owned(), json!(id));
        }
        call.insert("name".to_owned(), json!(self.name));
        call.insert("args".to_owned(), self.arguments.clone());
        let mut part = Map::from_iter([("functionCall".to_owned(), call.into())]);
        if let Some(signature) = &self.signature {
            part.insert("thoughtSignature".to_owned(), json!(signature));
        }
        Value::Object(part).to_string()
    }
}

/// The place that a path such as `$.items[0]['a b']` (RFC 9535) leads to, made where it is not.
fn find<'a>(arguments: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut rest = path.strip_prefix('$')?;
    let mut place = arguments;
    for _ in 0..DEPTH {
        if rest.is_empty() {
            return Some(place);
        }
        let (step, after) = step(rest)?;
        (place, rest) = (enter(place, &step)?, after);
    }
    None
}

fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(path) = path.strip_prefix('.') {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        return (!name.is_empty()).then_some((Step::Field(name), rest));
    }
    let path = path.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(path) = path.strip_prefix(quote) {
            let (name, rest) = path.split_once(quote)?;
            return Some((Step::Field(name), rest.strip_prefix(']')?));
        }
    }
    let (place, rest) = path.split_once(']')?;
    Some((Step::Place(place.parse().ok()?), rest))
}

fn enter<'a>(at: &'a mut Value, step: &Step<'_>) -> Option<&'a mut Value> {
    match *step {
        Step::Field(name) => {
            if !at.is_object() {
                *at = Map::new().into();
            }
            match at.as_object_mut()?.entry(name) {
                Entry::Occupied(field) => Some(field.into_mut()),
                Entry::Vacant(field) => Some(field.insert(Value::Null)),
            }
        }
        Step::Place(place) => {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let list = at.as_array_mut()?;
            if place > list.len() + GAP {
                return None;
            }
            if place >= list.len() {
                list.resize(place + 1, Value::Null);
            }
            list.get_mut(place)
        }
    }
}

//! The items of a reply, as far as they have come.
use serde_json::{Map, Value};
use siumai_core::{
    model::{Delta, ModelEvent, ToolCallDelta},
    types::Origin,
};

use super::super::wire;
use crate::http::Fault;

/// The items of a reply, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

/// An item of a reply.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// The server's own count.
    index: Option<u64>,
    /// The names that its pieces may call it by.
    id: String,
    call_id: String,
    /// What of it has been told in pieces.
    told: Vec<Channel>,
    /// Where its text is from, until it is whole.
    pub(super) sources: Vec<ModelEvent>,
    pub(super) call: Option<CallState>,
    /// All of it; nothing until it has come.
    pub(super) whole: Option<Whole>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum CallState {
    /// Its name has not come yet.
    Nameless,
    Begun,
}

/// An item as it is to be sent back.
#[derive(Debug)]
pub(super) struct Whole {
    json: String,
    pub(super) nature: Nature,
}

/// What decides whether an item can be sent back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Nature {
    Any,
    Reasoning,
    /// Reasoning that the provider has and did not send, in whatever form.
    ReasoningElsewhere,
    /// What came in pieces is not in it, as with some servers.
    Hollow,
}

/// What the pieces of an item make up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Channel {
    Text,
    Refusal,
    Summary,
    Thinking,
    Arguments,
}

impl Items {
    /// The place of a new item, which is also what its call is counted by.
    pub(super) fn add(&mut self, item: Item) -> usize {
        self.0.push(item);
        self.0.len() - 1
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Item {
        &mut self.0[place]
    }

    /// The item that a piece belongs to: by the server's count, else by its name, else the last
    /// one that is not whole.
    pub(super) fn find(&self, index: Option<u64>, id: &str, call_id: &str) -> Option<usize> {
        self.0.iter().rposition(|item| match (item.index, index) {
            (Some(its), Some(index)) => its == index,
            _ if id.is_empty() && call_id.is_empty() => item.whole.is_none(),
            _ => item.is_called(id, call_id),
        })
    }

    /// Which of the items of a finished reply, of which there are `count`, have not come yet.
    pub(super) fn missing(
        &self,
        count: usize,
    ) -> impl Fn(u64, &wire::OutputItem<'_>) -> bool + use<> {
        let whole = || self.0.iter().filter(|it| it.whole.is_some());
        let is_complete = whole().count() >= count;
        // Ids may repeat: only what came before the end is known by them.
        let known: Vec<_> =
            whole().map(|it| (it.index, it.id.clone(), it.call_id.clone())).collect();
        move |index, item| {
            let is_called = |name: &str| {
                !name.is_empty() && [item.id.as_str(), item.call_id.as_str()].contains(&name)
            };
            let is_it = |(its, id, call_id): &(Option<u64>, String, String)| {
                *its == Some(index) || is_called(id) || is_called(call_id)
            };
            !is_complete && !known.iter().any(is_it)
        }
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = CallState> {
        self.0.iter().filter_map(|it| it.call)
    }

    /// The items as they are to be sent back, if all of them came whole.
    pub(super) fn into_origin(
        mut self,
        wire: &str,
        is_incomplete: bool,
        is_stored: Option<bool>,
    ) -> Option<Origin> {
        if self.0.iter().all(|it| it.index.is_some()) {
            self.0.sort_by_key(|it| it.index);
        }
        let wholes = self.0.into_iter().map(|it| it.whole);
        let mut wholes = wholes.collect::<Option<Vec<_>>>()?;
        if wholes.iter().any(|it| it.nature == Nature::Hollow) {
            return None;
        }
        // Reasoning is refused without what it led to.
        while is_incomplete && wholes.last().is_some_and(|it| it.nature != Nature::Any) {
            wholes.pop();
        }
        // What the provider has not kept either can't be spoken of again.
        if is_stored == Some(false) {
            wholes.retain(|it| it.nature != Nature::ReasoningElsewhere);
        }
        let items: Vec<_> = wholes.iter().map(|it| it.json.as_str()).collect();
        (!items.is_empty()).then(|| Origin::new(wire, format!("[{}]", items.join(","))))
    }
}

impl Item {
    pub(super) fn new(index: Option<u64>, id: &str, call_id: &str) -> Self {
        Self { index, id: id.to_owned(), call_id: call_id.to_owned(), ..Self::default() }
    }

    /// Takes in the names it has now.
    pub(super) fn rename(&mut self, id: &str, call_id: &str) {
        id.clone_into(&mut self.id);
        call_id.clone_into(&mut self.call_id);
    }

    /// What its call is known by: its own id will do where the call has none.
    pub(super) fn call_name(&self) -> Option<String> {
        [&self.call_id, &self.id].into_iter().find(|it| !it.is_empty()).cloned()
    }

    pub(super) fn has_told(&mut self, channel: Channel) {
        if self.lacks(channel) {
            self.told.push(channel);
        }
    }

    pub(super) fn lacks(&self, channel: Channel) -> bool {
        !self.told.contains(&channel)
    }

    fn is_called(&self, id: &str, call_id: &str) -> bool {
        [id, call_id].iter().any(|it| !it.is_empty() && (*it == self.id || *it == self.call_id))
    }
}

impl Whole {
    pub(super) fn read(json: &str) -> Result<Self, Fault> {
        if wire::is_complete(json) {
            return Ok(Self { json: json.to_owned(), nature: Nature::Any });
        }
        let read = serde_json::from_str(json);
        let mut item: Map<String, Value> =
            read.map_err(|error| Fault::malformed(&error, json.as_bytes()))?;
        let nature = if wire::is_hollow(&item) { Nature::Hollow } else { Nature::Any };
        wire::complete(&mut item);
        Ok(Self { json: Value::Object(item).to_string(), nature })
    }
}

impl Channel {
    /// A piece of the item with this place.
    pub(super) fn delta(self, place: usize, text: String) -> ModelEvent {
        ModelEvent::Delta(match self {
            Self::Text => Delta::content(text),
            Self::Refusal => Delta::refusal(text),
            Self::Summary | Self::Thinking => Delta::reasoning(text),
            Self::Arguments => Delta::tool_call(ToolCallDelta::arguments(place, text)),
        })
    }
}

//! The tool calls of a reply, put together from their pieces.
use siumai_core::model::ToolCallDelta;

/// The tool calls of a reply. They are counted by their place in it, since some servers count
/// wrongly or not at all.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<OpenCall>);

#[derive(Debug)]
struct OpenCall {
    /// The server's own count.
    index: Option<u64>,
    id: String,
    /// Arguments that came before the name.
    held: String,
    has_begun: bool,
}

/// A piece of a call.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The server's own count.
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// Its place among the pieces that came together, if there are several.
    pub(super) position: Option<usize>,
}

impl Calls {
    /// Takes in a whole call: its number, and what it brings.
    pub(super) fn add(&mut self, call: Piece) -> (usize, Option<ToolCallDelta>) {
        let at = self.begin(call.index);
        (at, self.0[at].go_on(at, call))
    }

    /// Takes in a piece: the number of its call, and what it brings.
    pub(super) fn go_on(&mut self, piece: Piece) -> (usize, Option<ToolCallDelta>) {
        let at = self.find(&piece).unwrap_or_else(|| self.begin(piece.index));
        (at, self.0[at].go_on(at, piece))
    }

    /// Whether a call has come that never got its name.
    pub(super) fn lack_a_name(&self) -> bool {
        self.0.iter().any(OpenCall::is_nameless)
    }

    /// Whether a call has come with an id.
    pub(super) fn have_ids(&self) -> bool {
        self.0.iter().any(|call| !call.id.is_empty())
    }

    fn begin(&mut self, index: Option<u64>) -> usize {
        let (id, held) = (String::new(), String::new());
        self.0.push(OpenCall { index, id, held, has_begun: false });
        self.0.len() - 1
    }

    /// Which call `piece` goes on with.
    fn find(&self, piece: &Piece) -> Option<usize> {
        let Some(index) = piece.index else { return self.find_uncounted(piece) };
        // Some servers count every call as the first, and tell them apart by their ids.
        let is_it = |call: &OpenCall| {
            call.index == Some(index) && (piece.name.is_empty() || !call.is_other(&piece.id))
        };
        let counted = self.0.iter().rposition(is_it);
        // Others begin to count when the calls have begun.
        let place = || usize::try_from(index).ok();
        counted.or_else(|| place().filter(|at| self.may_go_on(*at, piece)))
    }

    /// The same without a count: by its id, by its place among others, else it is the last.
    fn find_uncounted(&self, piece: &Piece) -> Option<usize> {
        let is_it = |call: &OpenCall| !piece.id.is_empty() && call.id == piece.id;
        let named = self.0.iter().rposition(is_it);
        let place = piece.position.filter(|_| piece.id.is_empty());
        let place = place.or_else(|| self.0.len().checked_sub(1));
        named.or_else(|| place.filter(|at| self.may_go_on(*at, piece)))
    }

    /// Whether the call with the number `at`, which was not counted, may go on with `piece`.
    fn may_go_on(&self, at: usize, piece: &Piece) -> bool {
        let begins = |call: &OpenCall| !call.has_begun && piece.id.is_empty();
        let may = |call: &OpenCall| piece.name.is_empty() || begins(call);
        self.0
            .get(at)
            .is_some_and(|call| (call.index.is_none() || piece.index.is_none()) && may(call))
    }
}

impl OpenCall {
    fn is_nameless(&self) -> bool {
        let has_come = !self.id.is_empty() || !self.held.is_empty();
        has_come && !self.has_begun
    }

    fn is_other(&self, id: &str) -> bool {
        !id.is_empty() && !self.id.is_empty() && self.id != id
    }

    /// Takes in a piece; what it brings is a delta of the call with the number `at`.
    fn go_on(&mut self, at: usize, piece: Piece) -> Option<ToolCallDelta> {
        let Piece { id, name, arguments, .. } = piece;
        if self.has_begun {
            return (!arguments.is_empty()).then(|| ToolCallDelta::arguments(at, arguments));
        }
        if !id.is_empty() {
            self.id = id;
        }
        if self.held.is_empty() {
            self.held = arguments;
        } else {
            self.held.push_str(&arguments);
        }
        if name.is_empty() {
            return None;
        }
        self.has_begun = true;
        let id = Some(self.id.clone()).filter(|it| !it.is_empty());
        let arguments = std::mem::take(&mut self.held);
        Some(ToolCallDelta { index: at, id, name: Some(name), arguments })
    }
}

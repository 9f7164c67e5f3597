//! What the targets share: the laws, which are those of the property tests, and a bound on memory.
//!
//! The laws lie among the tests of `siumai-providers`, which try them too, for seconds instead
//! of hours. The framer is no part of that crate's API, so its file is compiled here once more:
//! nothing has to be made public for it.
use peak_alloc::PeakAlloc;

#[path = "../../crates/siumai-providers/tests/it/laws/history.rs"]
mod history;
#[path = "../../crates/siumai-providers/src"]
mod providers {
    pub(crate) mod sse;
}
#[path = "../../crates/siumai-providers/tests/it/laws/reading.rs"]
mod reading;
#[path = "../../crates/siumai-providers/tests/it/laws/replies.rs"]
mod replies;
#[path = "../../crates/siumai-providers/tests/it/laws/runs.rs"]
mod runs;
#[path = "../../crates/siumai-providers/tests/it/laws/sending.rs"]
mod sending;
#[path = "../../crates/siumai-providers/src/sse/laws.rs"]
mod stream_laws;

use self::providers::sse;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A provider's format.
#[derive(Clone, Copy)]
pub enum Wire {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
}

/// Reads `data` as an answer over `wire`: see `Answer::read` for what its first bytes say.
pub fn reply(wire: Wire, data: &[u8]) {
    let wire = match wire {
        Wire::OpenAiChat => reading::Wire::OpenAiChat,
        Wire::OpenAiResponses => reading::Wire::OpenAiResponses,
        Wire::Anthropic => reading::Wire::Anthropic,
        Wire::Gemini => reading::Wire::Gemini,
    };
    if let Some(answer) = reading::Answer::read(data) {
        bounded(data.len(), || replies::check(wire, &answer));
    }
}

/// Reads `data` as an event stream: its first bytes say how it is cut and how large an event may be.
pub fn event_stream(data: &[u8]) {
    let [cuts, limit, stream @ ..] = data else { return };
    bounded(data.len(), || stream_laws::check(stream, *cuts, usize::from(*limit)));
}

/// Reads `data` as a stored history.
pub fn history(data: &[u8]) {
    bounded(data.len(), || history::check(data));
}

/// Memory grows with what arrived, not with its square.
fn bounded(bytes: usize, work: impl FnOnce()) {
    const FOR_EACH_BYTE: usize = 600;
    // What is made once and kept, such as compiled expressions, comes with the first that needs it.
    const IN_ANY_CASE: usize = 4 << 20;
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    let held = MEMORY.peak_usage().saturating_sub(before);
    let most = bytes * FOR_EACH_BYTE + IN_ANY_CASE;
    assert!(held <= most, "{held} bytes were held at once for {bytes} bytes");
}

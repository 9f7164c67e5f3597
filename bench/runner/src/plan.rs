//! What is measured, with whom, how often.
use harness::{Gate, Job, Script, Wire};

/// A program that does the work.
pub struct ClientSpec {
    pub name: &'static str,
    pub title: &'static str,
    pub package: &'static str,
    /// What it is given beside its job.
    pub argument: Option<&'static str>,
    pub wire: Wire,
    /// Another library: it is slower, and measured less often.
    pub is_peer: bool,
}

const fn client(name: &'static str, title: &'static str, package: &'static str) -> ClientSpec {
    ClientSpec { name, title, package, argument: None, wire: Wire::Chat, is_peer: false }
}

pub const CLIENTS: [ClientSpec; 9] = [
    client("ours", "siumai", "client-siumai"),
    ClientSpec {
        wire: Wire::Responses,
        ..client("ours-responses", "siumai, Responses", "client-siumai")
    },
    ClientSpec {
        wire: Wire::Messages,
        ..client("ours-messages", "siumai, Messages", "client-siumai")
    },
    client("floor-hyper", "floor (hyper)", "client-floor"),
    ClientSpec {
        argument: Some("reqwest"),
        ..client("floor-reqwest", "floor (reqwest)", "client-floor")
    },
    client("handwritten", "hand-written", "client-handwritten"),
    ClientSpec { is_peer: true, ..client("genai", "genai 0.7", "peer-genai") },
    ClientSpec { is_peer: true, ..client("rig", "rig 0.44", "peer-rig") },
    ClientSpec { is_peer: true, ..client("siumai-beta", "siumai 0.11 beta 12", "peer-siumai") },
];

/// One thing to do, for all clients alike.
pub struct Cell {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    pub script: Script,
    pub repeat: usize,
    pub at_once: usize,
    pub rounds: usize,
    /// Rounds of other libraries; none where they would take all day.
    pub peer_rounds: usize,
    pub is_quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Processor time a model call.
    Loop,
    /// The same, where the server has a processor of its own.
    Apart,
    /// Processor time a piece of text.
    Text,
    /// Processor time and memory a run.
    Many,
}

impl Cell {
    /// Only the loops of one call are measured on every wire; that is enough to see one that differs.
    pub fn has_part(&self, client: &ClientSpec) -> bool {
        let is_other_wire = client.wire != Wire::Chat;
        !(is_other_wire && (self.script.calls > 1 || self.script.steps == 20))
    }

    pub fn job(&self, client: &ClientSpec, server: &str, gate_id: u64) -> Job {
        let gate = (self.at_once > 1).then_some(Gate { id: gate_id, runs: self.at_once });
        Job {
            server: server.to_owned(),
            wire: client.wire,
            script: self.script,
            repeat: self.repeat,
            at_once: self.at_once,
            gate,
        }
    }

    /// What the processor time of a measurement is divided by.
    pub fn units(&self) -> usize {
        let runs = self.repeat * self.at_once;
        match self.kind {
            Kind::Loop | Kind::Apart => runs * (self.script.steps + 1),
            Kind::Text => runs * self.script.deltas,
            Kind::Many => runs,
        }
    }
}

const fn cell(name: &'static str, title: &'static str, kind: Kind, script: Script) -> Cell {
    Cell {
        name,
        title,
        kind,
        script,
        repeat: 1,
        at_once: 1,
        rounds: 7,
        peer_rounds: 1,
        is_quick: false,
    }
}

/// A tool loop. Short ones are repeated, so that there is something to measure.
const fn tools(
    name: &'static str,
    title: &'static str,
    (steps, calls, result): (usize, usize, usize),
    is_streamed: bool,
) -> Cell {
    let script = Script { steps, calls, result, deltas: 20, is_streamed };
    let (repeat, rounds) = match steps {
        20 => (20, 9),
        100 => (4, 9),
        _ => (1, 7),
    };
    // Where tens of megabytes are sent, noise is small and time is long.
    let rounds = if calls * result > 10_000 { 5 } else { rounds };
    let peer_rounds = if calls > 1 && (steps > 100 || result > 200) { 0 } else { 400 / steps };
    let peer_rounds = if peer_rounds > 3 { 3 } else { peer_rounds };
    Cell { repeat, rounds, peer_rounds, ..cell(name, title, Kind::Loop, script) }
}

/// A tool loop whose client goes to sleep while the server works, and is woken when it answers.
const fn apart(
    name: &'static str,
    title: &'static str,
    (calls, result): (usize, usize),
    is_streamed: bool,
) -> Cell {
    let cell = tools(name, title, (100, calls, result), is_streamed);
    Cell { kind: Kind::Apart, rounds: 9, peer_rounds: 0, ..cell }
}

const fn text(name: &'static str, title: &'static str, deltas: usize, repeat: usize) -> Cell {
    let script = Script { steps: 0, calls: 1, result: 0, deltas, is_streamed: true };
    Cell { repeat, peer_rounds: 3, ..cell(name, title, Kind::Text, script) }
}

const fn many(name: &'static str, title: &'static str, at_once: usize, rounds: usize) -> Cell {
    let script = Script { steps: 5, calls: 1, result: 200, deltas: 40, is_streamed: true };
    let peer_rounds = if at_once > 1000 { 0 } else { 1 };
    Cell { at_once, rounds, peer_rounds, ..cell(name, title, Kind::Many, script) }
}

const fn quick(cell: Cell) -> Cell {
    Cell { is_quick: true, ..cell }
}

pub const CELLS: [Cell; 37] = [
    tools("loop-20-200", "20 steps, 200 B", (20, 1, 200), false),
    quick(tools("loop-20-4k", "20 steps, 4 KB", (20, 1, 4096), false)),
    quick(tools("loop-100-200", "100 steps, 200 B", (100, 1, 200), false)),
    quick(tools("loop-100-4k", "100 steps, 4 KB", (100, 1, 4096), false)),
    quick(tools("loop-400-200", "400 steps, 200 B", (400, 1, 200), false)),
    quick(tools("loop-400-4k", "400 steps, 4 KB", (400, 1, 4096), false)),
    tools("loop-20-200-x4", "20 steps, 4 calls, 200 B", (20, 4, 200), false),
    tools("loop-20-4k-x4", "20 steps, 4 calls, 4 KB", (20, 4, 4096), false),
    quick(tools("loop-100-200-x4", "100 steps, 4 calls, 200 B", (100, 4, 200), false)),
    tools("loop-100-4k-x4", "100 steps, 4 calls, 4 KB", (100, 4, 4096), false),
    tools("loop-400-200-x4", "400 steps, 4 calls, 200 B", (400, 4, 200), false),
    tools("loop-400-4k-x4", "400 steps, 4 calls, 4 KB", (400, 4, 4096), false),
    tools("stream-20-200", "20 steps, 200 B, streamed", (20, 1, 200), true),
    tools("stream-20-4k", "20 steps, 4 KB, streamed", (20, 1, 4096), true),
    tools("stream-100-200", "100 steps, 200 B, streamed", (100, 1, 200), true),
    quick(tools("stream-100-4k", "100 steps, 4 KB, streamed", (100, 1, 4096), true)),
    quick(tools("stream-400-200", "400 steps, 200 B, streamed", (400, 1, 200), true)),
    tools("stream-400-4k", "400 steps, 4 KB, streamed", (400, 1, 4096), true),
    tools("stream-20-200-x4", "20 steps, 4 calls, 200 B, streamed", (20, 4, 200), true),
    tools("stream-20-4k-x4", "20 steps, 4 calls, 4 KB, streamed", (20, 4, 4096), true),
    tools("stream-100-200-x4", "100 steps, 4 calls, 200 B, streamed", (100, 4, 200), true),
    tools("stream-100-4k-x4", "100 steps, 4 calls, 4 KB, streamed", (100, 4, 4096), true),
    tools("stream-400-200-x4", "400 steps, 4 calls, 200 B, streamed", (400, 4, 200), true),
    tools("stream-400-4k-x4", "400 steps, 4 calls, 4 KB, streamed", (400, 4, 4096), true),
    apart("apart-200", "100 steps, 200 B", (1, 200), false),
    apart("apart-4k", "100 steps, 4 KB", (1, 4096), false),
    apart("apart-200-x4", "100 steps, 4 calls, 200 B", (4, 200), false),
    apart("apart-4k-x4", "100 steps, 4 calls, 4 KB", (4, 4096), false),
    apart("apart-stream-200", "100 steps, 200 B, streamed", (1, 200), true),
    apart("apart-stream-4k", "100 steps, 4 KB, streamed", (1, 4096), true),
    apart("apart-stream-200-x4", "100 steps, 4 calls, 200 B, streamed", (4, 200), true),
    apart("apart-stream-4k-x4", "100 steps, 4 calls, 4 KB, streamed", (4, 4096), true),
    text("text-10k", "10,000 deltas", 10_000, 10),
    quick(text("text-100k", "100,000 deltas", 100_000, 2)),
    many("many-100", "100 streamed runs at once", 100, 5),
    quick(many("many-1000", "1,000 streamed runs at once", 1000, 3)),
    many("many-5000", "5,000 streamed runs at once", 5000, 1),
];

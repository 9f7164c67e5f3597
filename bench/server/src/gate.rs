//! Makes runs wait for each other, so that all of them are under way at once.
use std::{cell::RefCell, collections::HashMap};

use harness::Gate;
use tokio::sync::watch;

/// The gates of all measurements, by number and place.
#[derive(Default)]
pub struct Gates(RefCell<HashMap<(u64, Place), watch::Sender<usize>>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    FirstReply,
    LastReply,
}

impl Gates {
    /// Waits until all runs of `gate` are here.
    pub async fn pass(&self, gate: Gate, place: Place) {
        let mut arrived = {
            let mut gates = self.0.borrow_mut();
            let sender = gates.entry((gate.id, place)).or_insert_with(|| watch::Sender::new(0));
            let receiver = sender.subscribe();
            sender.send_modify(|count| *count += 1);
            // Those that wait are told once, not at each arrival.
            receiver
        };
        // The sender stays in the map.
        let _closed = arrived.wait_for(|count| *count >= gate.runs).await;
    }
}

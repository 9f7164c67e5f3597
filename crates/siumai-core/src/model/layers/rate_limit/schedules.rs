//! Several who share one limit, under many schedules.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use futures_util::FutureExt;
use shuttle::{future::block_on, thread};

use super::*;
use crate::{model::collect, sync::explore::explore, testing::ScriptedModel, user};

#[test]
fn requests_get_the_one_place_in_turn_and_whoever_goes_away_frees_it() {
    explore(|| {
        let model = ScriptedModel::new().reply("One.").reply("Two.").reply("Three.");
        let hour = Duration::from_secs(3600);
        let limited = Arc::new(RateLimit::new(model).requests_per(3, hour).at_once(1));
        let under_way = Arc::new(AtomicUsize::new(0));
        let request = || ChatRequest::new(vec![user!("Hi")]);
        let asking = [(); 2].map(|()| {
            let (limited, under_way) = (Arc::clone(&limited), Arc::clone(&under_way));
            thread::spawn(move || {
                let reply = block_on(limited.stream(request())).unwrap();
                assert_eq!(under_way.fetch_add(1, SeqCst), 0, "two have the one place");
                thread::yield_now();
                under_way.fetch_sub(1, SeqCst);
                block_on(collect(reply)).unwrap();
            })
        });
        // Waits, or has a reply, and wants neither any more.
        drop(limited.stream(request()).now_or_never());
        for it in asking {
            it.join().unwrap();
        }
        let begun = limited.model.requests().len();
        assert_eq!(limited.pace.as_ref().unwrap().begun().len(), begun);
    });
}

//! The queue between a driver and its reader, polled by hand.
use std::{pin::pin, task::Context};

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::*;

/// Polls as a reader does: only when the queue is empty. Returns what it read, at most 100 items.
fn read<F: Future<Output = ()>>(emitter: &Emitter<u32>, driver: F) -> Vec<u32> {
    let mut driver = pin!(driver);
    let mut cx = Context::from_waker(Waker::noop());
    let mut items = Vec::new();
    for _ in 0..100 {
        emitter.release();
        let polled = driver.as_mut().poll(&mut cx);
        items.extend(std::iter::from_fn(|| emitter.take()));
        if polled.is_ready() {
            return items;
        }
    }
    panic!("the driver hangs after {items:?}")
}

#[test]
fn items_come_in_order_and_the_driver_gives_way_after_each() {
    let emitter = Emitter::new(Waker::noop().clone(), true);
    let mut driver = pin!(async {
        emitter.emit(1).await;
        emitter.emit(2).await;
    });
    let mut cx = Context::from_waker(Waker::noop());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let is_ready = driver.as_mut().poll(&mut cx).is_ready();
        seen.push((is_ready, emitter.has_parked(), emitter.take()));
        emitter.release();
    }
    assert_eq!(seen, [(false, true, Some(1)), (false, true, Some(2)), (true, false, None)]);
}

#[test]
fn what_emits_inside_a_set_of_futures_is_woken_and_goes_on() {
    let emitter = Emitter::new(Waker::noop().clone(), true);
    let several = async {
        let emitter = &emitter;
        let tools = (0..3).map(async |tool| {
            for round in 0..4 {
                emitter.emit(10 * tool + round).await;
            }
        });
        tools.collect::<FuturesUnordered<_>>().collect::<()>().await;
    };
    let mut items = read(&emitter, several);
    items.sort_unstable();
    assert_eq!(items, [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
}

#[test]
fn a_handle_is_the_other_end_of_the_same_queue() {
    let emitter = Emitter::new(Waker::noop().clone(), true);
    let items = read(&emitter, emitter.handle().emit(7));
    assert_eq!(items, [7]);
    assert_eq!(emitter.take(), None);
}

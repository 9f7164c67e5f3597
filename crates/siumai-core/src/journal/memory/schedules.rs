//! Two who drive the same runs, under many schedules.
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures_util::FutureExt;
use shuttle::thread;

use super::*;
use crate::{journal::RecordKind, sync::explore::explore};

/// Opens the run until that works, writes two records, and looks at what there is.
fn drive(journal: &MemoryJournal, open: &AtomicUsize, name: &str) {
    let mark = |end: &str| Record::new(RecordKind::Begun, None, format!("{name} {end}"));
    let run = loop {
        match journal.open("run-1").now_or_never().unwrap() {
            Ok(run) => break run,
            Err(error) => assert_eq!(error.code(), Some("run_is_driven")),
        }
        thread::yield_now();
    };
    assert_eq!(open.fetch_add(1, SeqCst), 0, "two drive one run");
    for end in ["begins", "ends"] {
        run.append(&[mark(end)]).now_or_never().unwrap().unwrap();
    }
    let records = run.records().now_or_never().unwrap().unwrap();
    assert_eq!(records[records.len() - 2..], [mark("begins"), mark("ends")]);
    open.fetch_sub(1, SeqCst);
}

#[test]
fn two_who_open_one_run_get_it_one_after_the_other() {
    explore(|| {
        let journal = MemoryJournal::new();
        let open = Arc::new(AtomicUsize::new(0));
        let drivers = ["one", "two", "three"].map(|name| {
            let (journal, open) = (journal.clone(), Arc::clone(&open));
            thread::spawn(move || drive(&journal, &open, name))
        });
        for driver in drivers {
            driver.join().unwrap();
        }
        assert_eq!(journal.records("run-1").len(), 6);
    });
}

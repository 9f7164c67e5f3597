//! One driver a run, whatever becomes of drivers.
use std::{fs, sync::Barrier, thread};

use futures_util::FutureExt;
use siumai_core::journal::Journal;
use siumai_durable::SqliteJournal;

use crate::support::{Place, record, refusal, run, text};

/// What a process leaves behind that is killed: its lease, and a file that nobody has locked.
async fn kill_a_driver(place: &Place) {
    let journal = place.open();
    let driver = run(&journal).await;
    driver.append(&[record(0)]).await.unwrap();
    let lease: String = rusqlite::Connection::open(place.path())
        .unwrap()
        .query_row("SELECT lease FROM runs", [], |row| row.get(0))
        .unwrap();
    drop((driver, journal));
    place.change(&format!("UPDATE runs SET lease = '{lease}'"));
    let (name, _) = lease.split_once('.').unwrap();
    fs::write(place.path().with_file_name(format!("runs.db-driver-{name}")), "").unwrap();
}

#[tokio::test]
async fn a_run_that_is_driven_is_refused_and_deleted_by_nobody() {
    let place = Place::new();
    let (here, there) = (place.open(), place.open());
    let driver = run(&here).await;
    driver.append(&[record(0)]).await.unwrap();
    let expected = "the run `run-1` is driven by somebody else; wait until that has ended";
    for journal in [&here, &there] {
        assert_eq!(text(&refusal(journal, "run-1").await, "run_is_driven"), expected);
        assert_eq!(text(&journal.delete("run-1").unwrap_err(), "run_is_driven"), expected);
    }
    drop(driver);
    drop(run(&there).await);
    assert!(here.delete("run-1").unwrap());
}

#[tokio::test]
async fn a_driver_that_died_frees_its_runs_and_its_file_is_cleared_away() {
    let place = Place::new();
    kill_a_driver(&place).await;
    assert_eq!(place.files(), ["runs.db", "runs.db-driver", "runs.db-lock"]);
    let journal = place.open();
    let driver = run(&journal).await;
    driver.append(&[record(1)]).await.unwrap();
    assert_eq!(driver.records().await.unwrap(), [record(0), record(1)]);
    let count = |files: Vec<String>| files.iter().filter(|it| it.ends_with("-driver")).count();
    assert_eq!(count(place.files()), 1);
    drop((driver, journal));
    assert_eq!(place.files(), ["runs.db", "runs.db-lock"]);
}

#[tokio::test]
async fn a_driver_whose_lease_was_taken_can_not_write() {
    let place = Place::new();
    let (old, new) = (place.open(), place.open());
    let driver = run(&old).await;
    driver.append(&[record(0)]).await.unwrap();
    // Its lock is lost, as on a network that was away for a while.
    for file in fs::read_dir(place.path().parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        if path.to_str().unwrap().contains("-driver-") {
            fs::remove_file(path).unwrap();
        }
    }
    let successor = run(&new).await;
    let refused = driver.append(&[record(1)]).await.unwrap_err();
    assert_eq!(
        text(&refused, "lease_lost"),
        "the run `run-1` was taken over by another driver; leave it to that"
    );
    successor.append(&[record(2)]).await.unwrap();
    // It can't let go of what is not its own, either.
    drop(driver);
    assert_eq!(text(&refusal(&old, "run-1").await, "run_is_driven").split(' ').count(), 13);
    assert_eq!(successor.records().await.unwrap(), [record(0), record(2)]);
}

#[test]
fn of_many_who_want_a_run_at_once_one_gets_it() {
    let place = Place::new();
    let start = Barrier::new(8);
    let taken: usize = thread::scope(|scope| {
        let drivers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    // Making the file at once is part of it.
                    let journal = SqliteJournal::open(place.path()).unwrap();
                    let opened = Journal::open(&journal, "run-1").now_or_never().unwrap();
                    let is_taken = opened.is_ok();
                    start.wait();
                    drop(opened);
                    usize::from(is_taken)
                })
            })
            .collect();
        drivers.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert_eq!(taken, 1);
}

#[test]
fn many_drivers_write_their_runs_side_by_side() {
    let place = Place::new();
    thread::scope(|scope| {
        for number in 0..6 {
            let place = &place;
            scope.spawn(move || {
                let journal = place.open();
                let id = format!("run-{number}");
                let driver = Journal::open(&journal, &id).now_or_never().unwrap().unwrap();
                for at in 0..20 {
                    driver.append(&[record(at)]).now_or_never().unwrap().unwrap();
                }
            });
        }
    });
    let journal = place.open();
    let expected: Vec<_> = (0..20).map(record).collect();
    for number in 0..6 {
        assert_eq!(journal.records(&format!("run-{number}")).unwrap(), expected);
    }
}

//! A damaged file is an error, and never a shorter run.
use std::fs;

use futures_util::FutureExt;
use siumai_core::journal::{Journal, Record};
use siumai_durable::{RunStatus, SqliteJournal};

use crate::support::{Place, record, run, text};

/// Changes the file by `sql`, and returns what reading the run says then.
async fn read_after(sql: &str) -> String {
    let (place, _) = Place::with_a_run().await;
    place.change(sql);
    let journal = place.open();
    let error = journal.records("run-1").unwrap_err();
    // Whoever drives it hears the same.
    let driven = run(&journal).await.records().await.unwrap_err();
    assert_eq!(error.to_string(), driven.to_string(), "{sql}");
    let text = text(&error, "damaged");
    let (_, why) = text.split_once("is damaged: ").unwrap();
    why.split("; put back").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_record_that_was_changed_is_noticed() {
    let changed = "record 1, or what stands before it, was changed";
    for change in [
        "body = replace(body, 'what', 'that')",
        "effect = 'step-7/model'",
        "effect = NULL",
        "kind = 'outcome'",
        "kind = 'unheard_of'",
        "version = 0",
        "checksum = zeroblob(32)",
    ] {
        let sql = format!("UPDATE records SET {change} WHERE place = 1");
        assert_eq!(read_after(&sql).await, changed, "{change}");
    }
}

#[tokio::test]
async fn records_that_are_missing_or_moved_are_noticed() {
    assert_eq!(read_after("DELETE FROM records WHERE place = 1").await, "record 1 is missing");
    let last = "DELETE FROM records WHERE place = 2";
    assert_eq!(read_after(last).await, "it had 3 records, and 2 are there");
    assert_eq!(read_after("DELETE FROM records").await, "it had 3 records, and 0 are there");
    let hidden = "DELETE FROM records WHERE place = 2; UPDATE runs SET records = 2";
    assert_eq!(read_after(hidden).await, "its records are not those that were written last");
    let swapped = "UPDATE records SET place = 9 WHERE place = 1; \
                   UPDATE records SET place = 1 WHERE place = 2; \
                   UPDATE records SET place = 2 WHERE place = 9";
    assert_eq!(read_after(swapped).await, "record 1, or what stands before it, was changed");
}

#[tokio::test]
async fn a_run_that_was_renamed_or_marked_otherwise_is_noticed() {
    let first = "record 0, or what stands before it, was changed";
    assert_eq!(read_after("UPDATE runs SET metadata = '1'").await, first);
    assert_eq!(read_after("UPDATE runs SET created = 1").await, first);
    let (place, _) = Place::with_a_run().await;
    place.change(
        "PRAGMA foreign_keys = OFF; UPDATE records SET run_id = 'run-2'; UPDATE runs SET id = 'run-2'",
    );
    text(&place.open().records("run-2").unwrap_err(), "damaged");
}

#[tokio::test]
async fn a_damaged_run_is_listed_as_such_and_hides_no_other() {
    let (place, _) = Place::with_a_run().await;
    let journal = place.open();
    let other = Journal::open(&journal, "other").await.unwrap();
    other.append(&[record(0)]).await.unwrap();
    drop((other, journal));
    place.change("DELETE FROM records WHERE run_id = 'run-1' AND place = 2");
    let mut listed = place.open().runs().unwrap();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(matches!(listed[0].status, RunStatus::Interrupted), "{listed:?}");
    assert!(matches!(listed[1].status, RunStatus::Damaged), "{listed:?}");
    assert!(place.open().delete("run-1").unwrap());
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "Dear diary, ".repeat(1000)).unwrap();
    let refused = place.refused("not_a_journal");
    assert!(refused.contains("it is no SQLite database; give the path of another"), "{refused}");

    let place = Place::new();
    place.change("CREATE TABLE cats (name TEXT)");
    let refused = place.refused("not_a_journal");
    assert!(refused.contains("a database of another program"), "{refused}");

    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    assert!(SqliteJournal::open(place.path()).is_err());
    assert!(SqliteJournal::open("").is_err());
}

#[test]
fn an_emptied_file_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    assert!(place.refused("damaged").contains("it is empty"));
}

/// What reading the run says when the file is `bytes`: an error, or records.
fn read(place: &Place, bytes: &[u8]) -> Result<Vec<Record>, String> {
    for file in ["", "-wal", "-shm"] {
        let path = format!("{}{file}", place.path().display());
        fs::remove_file(path).ok();
    }
    fs::write(place.path(), bytes).unwrap();
    let journal = SqliteJournal::open(place.path()).map_err(|error| error.to_string())?;
    let run = Journal::open(&journal, "run-1").now_or_never().unwrap();
    let run = run.map_err(|error| error.to_string())?;
    run.records().now_or_never().unwrap().map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_that_was_cut_anywhere_is_an_error() {
    let (place, _) = Place::with_a_run().await;
    let whole = fs::read(place.path()).unwrap();
    for length in (0..whole.len()).step_by(509) {
        let read = read(&place, &whole[..length]);
        assert!(read.is_err(), "of {length} bytes, {read:?} were read");
    }
}

#[tokio::test]
async fn a_byte_that_was_changed_anywhere_never_gives_another_run() {
    let (place, records) = Place::with_a_run().await;
    let whole = fs::read(place.path()).unwrap();
    let name: Vec<_> = (0..whole.len()).filter(|at| whole[*at..].starts_with(b"run-1")).collect();
    let is_name = |at: usize| name.iter().any(|name| (*name..name + 5).contains(&at));
    let mut noticed = 0;
    // Every one of them takes half a minute.
    let bytes = (0..whole.len()).filter(|at| whole[*at] != 0 && !is_name(*at));
    for at in bytes.step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x15;
        match read(&place, &changed) {
            Err(_) => noticed += 1,
            Ok(kept) => assert_eq!(kept, records, "byte {at}"),
        }
    }
    assert!(noticed > 60, "{noticed}");
}

//! Files of other versions.
use std::fs;

use rusqlite::Connection;

use crate::support::{Place, record, run};

/// A journal as version 1 wrote it. It is never changed; each version must read it.
const FIRST: &str = include_str!("versions/first.sql");

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let place = Place::new();
    drop(place.open());
    place.change("PRAGMA user_version = 2");
    let refused = place.refused("newer_version");
    assert!(refused.contains("is of version 2, and this library reads up to 1; update it"));
    place.change("PRAGMA user_version = -1");
    assert!(place.refused("damaged").contains("it can't be of version -1"));
}

#[tokio::test]
async fn a_file_of_version_1_is_read_and_written() {
    let place = Place::new();
    place.change(FIRST);
    let journal = place.open();
    let expected = vec![record(0), record(1), record(2)];
    assert_eq!(journal.records("run-1").unwrap(), expected);
    assert_eq!(journal.runs().unwrap()[0].metadata, "kept");
    run(&journal).await.append(&[record(3)]).await.unwrap();
    assert_eq!(journal.records("run-1").unwrap().len(), 4);
}

#[test]
fn a_file_that_is_made_is_as_one_of_version_1() {
    let (made, first) = (Place::new(), Place::new());
    drop(made.open());
    first.change(FIRST);
    let schema = |place: &Place| -> Vec<String> {
        let connection = Connection::open(place.path()).unwrap();
        let mut query =
            connection.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL").unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.map(|it| words(it.unwrap())).collect()
    };
    assert_eq!(schema(&made), schema(&first));
}

#[test]
fn opening_a_file_again_changes_nothing() {
    let place = Place::new();
    drop(place.open());
    let before = fs::read(place.path()).unwrap();
    drop(place.open());
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

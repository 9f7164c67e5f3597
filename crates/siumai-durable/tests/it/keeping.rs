//! What is kept, listed and deleted.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    journal::{Journal, Record, RecordKind},
    orchestrator::{OrchestratorOptions, RecordedRun, StoppedBy, ToolApproval, run},
    testing::{RecordingResolver, ScriptedModel, journal_conformance},
    types::Tool,
    user,
};
use siumai_durable::{RunStatus, SqliteJournal};

use crate::support::{Place, record, run as driven, second};

#[tokio::test]
async fn a_journal_in_a_file_keeps_to_the_contract() {
    let place = Place::new();
    assert_eq!(journal_conformance(|| place.open()).await, Ok(()));
    assert_eq!(place.files(), ["runs.db", "runs.db-lock"]);
}

#[tokio::test]
async fn a_journal_that_is_shared_keeps_to_the_contract() {
    let journal = Place::new();
    let journal = journal.open();
    assert_eq!(journal_conformance(|| journal.clone()).await, Ok(()));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let place = Place::new();
    let folder = place.path().with_file_name("new");
    let journal = SqliteJournal::open(folder.join("deep/runs.db")).unwrap();
    let run = driven(&journal).await;
    run.append(&[record(0)]).await.unwrap();
    let mode = |it: &std::path::Path| fs::metadata(it).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("deep"))), (0o700, 0o700));
    let files: Vec<_> = fs::read_dir(folder.join("deep")).unwrap().map(|it| it.unwrap()).collect();
    assert_eq!(files.len(), 5);
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
    }
}

fn options(journal: &SqliteJournal, id: &str) -> OrchestratorOptions {
    OrchestratorOptions {
        journal: Some(Arc::new(journal.clone())),
        run_id: Some(id.to_owned()),
        ..Default::default()
    }
}

/// A run for each way in which a run can stand, one second apart.
async fn one_of_each(place: &Place) -> SqliteJournal {
    let seconds = Arc::new(AtomicU64::new(0));
    let now = Arc::clone(&seconds);
    let journal = place.open().with_clock(move || second(now.load(Ordering::Relaxed)));
    let tick = || seconds.fetch_add(1, Ordering::Relaxed);
    tick();
    let model = ScriptedModel::new().reply("Hello.");
    let marked = journal.clone().with_metadata(json!({ "customer": "Ä" }));
    run(&model, vec![user!("hi")], None, None, &[], options(&marked, "ended")).await.unwrap();
    tick();
    let model = ScriptedModel::new().fails(LlmError::new(ErrorKind::NotFound, "no such model"));
    run(&model, vec![user!("hi")], None, None, &[], options(&journal, "failed")).await.unwrap_err();
    tick();
    let model = ScriptedModel::new().calls("pay", json!({})).calls("pay", json!({}));
    let pay = || Some(vec![Tool::function("pay", "Pays")]);
    let till = RecordingResolver::new().returning("pay", json!("paid"));
    let pausing = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|_, _| ToolApproval::Pause)),
        ..options(&journal, "waiting")
    };
    run(&model, vec![user!("hi")], pay(), Some(&till), &[], pausing).await.unwrap();
    tick();
    let interrupted = Journal::open(&journal, "interrupted").await.unwrap();
    let asked = Record::new(RecordKind::Intent, Some("step-2/tool/a".to_owned()), String::new());
    interrupted.append(&[record(0), asked]).await.unwrap();
    journal
}

#[tokio::test]
async fn runs_are_listed_with_how_they_stand() {
    let place = Place::new();
    let journal = one_of_each(&place).await;
    let running = Journal::open(&journal, "running").await.unwrap();
    running.append(&[record(0)]).await.unwrap();
    let _begun_by_nobody = Journal::open(&journal, "empty").await.unwrap();

    let listed = place.open().runs().unwrap();
    let status = |status: &RunStatus| match status {
        RunStatus::Failed(error) => format!("failed: {error}"),
        other => format!("{other:?}"),
    };
    let listed: Vec<_> = listed
        .iter()
        .map(|it| (&*it.id, status(&it.status), it.steps, it.updated, it.metadata.clone()))
        .collect();
    let expected = [
        ("interrupted", "Interrupted", 3, 4, Value::Null),
        ("running", "Running", 0, 4, Value::Null),
        ("waiting", "WaitingForApproval", 1, 3, Value::Null),
        ("failed", "failed: no such model", 1, 2, Value::Null),
        ("ended", "Ended(Answer)", 1, 1, json!({ "customer": "Ä" })),
    ];
    let expected = expected
        .map(|(id, status, steps, at, data)| (id, status.to_owned(), steps, second(at), data));
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_resumed_run_keeps_when_it_began_and_what_it_was_marked_with() {
    let place = Place::new();
    let journal = one_of_each(&place).await;
    let later = journal.clone().with_clock(|| second(9)).with_metadata(json!("other"));
    Journal::open(&later, "ended").await.unwrap().append(&[record(1)]).await.unwrap();
    let first = journal.runs().unwrap().remove(0);
    assert_eq!(first.id, "ended");
    assert_eq!((first.created, first.updated), (second(1), second(9)));
    assert_eq!(first.metadata, json!({ "customer": "Ä" }));
}

#[tokio::test]
async fn a_run_can_be_read_without_being_driven() {
    let place = Place::new();
    let journal = one_of_each(&place).await;
    let waiting = RecordedRun::read(&journal.records("waiting").unwrap()).unwrap().unwrap();
    assert_eq!(waiting.pending()[0].call.name, "pay");
    let ended = RecordedRun::read(&journal.records("ended").unwrap()).unwrap().unwrap();
    assert_eq!(ended.steps()[0].text(), Some("Hello."));
    assert_eq!(journal.records("never").unwrap(), []);
}

#[tokio::test]
async fn a_paused_run_goes_on_in_another_process_with_what_was_decided() {
    let place = Place::new();
    drop(one_of_each(&place).await);
    let journal = place.open();
    let waiting = RecordedRun::read(&journal.records("waiting").unwrap()).unwrap().unwrap();
    let resumed = OrchestratorOptions {
        decisions: vec![waiting.pending()[0].approve()],
        ..options(&journal, "waiting")
    };
    let model = ScriptedModel::new().reply("Paid.");
    let till = RecordingResolver::new().returning("pay", json!("paid"));
    let pay = Some(vec![Tool::function("pay", "Pays")]);
    let output = run(&model, vec![], pay.clone(), Some(&till), &[], resumed.clone()).await.unwrap();
    assert_eq!((till.calls().len(), output.stopped_by), (1, StoppedBy::Answer));

    let again = run(&model, vec![], pay, Some(&till), &[], resumed).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::DecisionRefused);
    assert_eq!(till.calls().len(), 1);
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_files() {
    let place = Place::new();
    let journal = place.open().with_metadata(json!("canary of metadata"));
    let canary = format!("canary{}", "x".repeat(20_000));
    let secret = Record::new(RecordKind::Begun, None, canary);
    for id in ["run-1", "canary of an id"] {
        Journal::open(&journal, id)
            .await
            .unwrap()
            .append(std::slice::from_ref(&secret))
            .await
            .unwrap();
    }
    let has_canary = || place.bytes().windows(6).any(|it| it == b"canary");
    assert!(has_canary());
    for id in ["run-1", "canary of an id"] {
        assert!(journal.delete(id).unwrap());
    }
    assert!(!has_canary());
    assert!(!journal.delete("run-1").unwrap());
    assert_eq!(journal.records("run-1").unwrap(), []);
}

#[tokio::test]
async fn a_deleted_run_can_begin_anew() {
    let (place, _) = Place::with_a_run().await;
    let journal = place.open();
    assert!(journal.delete("run-1").unwrap());
    driven(&journal).await.append(&[record(0)]).await.unwrap();
    assert_eq!(journal.records("run-1").unwrap(), [record(0)]);
}

#[test]
fn debug_shows_the_path_alone() {
    let place = Place::new();
    let journal = place.open().with_metadata(json!("canary"));
    let expected = format!("SqliteJournal {{ path: {:?}, .. }}", place.path());
    assert_eq!(format!("{journal:?}"), expected);
}

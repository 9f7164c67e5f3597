//! The suite of journals: memory passes it, and journals that break a rule don't.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use siumai_core::{
    LlmError, async_trait,
    journal::{Journal, MemoryJournal, Record, RunJournal},
    testing::journal_conformance,
};

/// A journal in memory with something wrong.
#[derive(Clone, Debug)]
struct Broken {
    journal: MemoryJournal,
    fault: Fault,
    opened: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    LosesTheLast,
    HasManyDrivers,
    MixesCase,
    ForgetsVersions,
    WritesOneByOne,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { journal: MemoryJournal::new(), fault, opened: Arc::default() }
    }
}

#[async_trait]
impl Journal for Broken {
    async fn open(&self, run_id: &str) -> Result<Box<dyn RunJournal>, LlmError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let run_id = match self.fault {
            Fault::MixesCase => run_id.to_lowercase(),
            Fault::HasManyDrivers if run_id == "driven" => format!("driven by {number}"),
            _ => run_id.to_owned(),
        };
        let run = self.journal.open(&run_id).await?;
        Ok(Box::new(BrokenRun { run, fault: self.fault }))
    }
}

struct BrokenRun {
    run: Box<dyn RunJournal>,
    fault: Fault,
}

#[async_trait]
impl RunJournal for BrokenRun {
    async fn records(&self) -> Result<Vec<Record>, LlmError> {
        let mut records = self.run.records().await?;
        match self.fault {
            Fault::LosesTheLast => drop(records.pop()),
            Fault::ForgetsVersions => {
                records = records.into_iter().map(|it| it.with_version(1)).collect();
            }
            _ => {}
        }
        Ok(records)
    }

    async fn append(&self, records: &[Record]) -> Result<(), LlmError> {
        if !matches!(self.fault, Fault::WritesOneByOne) {
            return self.run.append(records).await;
        }
        for record in records {
            self.run.append(std::slice::from_ref(record)).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_journal_in_memory_keeps_to_the_contract() {
    let journal = MemoryJournal::new();
    assert_eq!(journal_conformance(|| journal.clone()).await, Ok(()));
}

#[tokio::test]
async fn what_a_journal_does_wrong_is_named() {
    for (fault, rule) in [
        (Fault::LosesTheLast, "records come back as they were, in order"),
        (Fault::ForgetsVersions, "records come back as they were, in order"),
        (Fault::WritesOneByOne, "a batch is kept whole or not at all"),
        (Fault::HasManyDrivers, "a run has one driver at a time"),
        (Fault::MixesCase, "runs do not see each other, whatever they are called"),
    ] {
        let journal = Broken::new(fault);
        let broken = journal_conformance(|| journal.clone()).await.unwrap_err();
        assert!(broken.to_string().starts_with(rule), "{fault:?}: {broken}");
    }
}

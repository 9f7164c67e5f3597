//! What every journal must keep to, as a suite that any implementation can be put through.
use std::{fmt, sync::Arc};

use futures_util::FutureExt;

use super::interrupted::{self, Cutting};
use crate::{
    ErrorKind, LlmError,
    journal::{Journal, Record, RecordKind, RunJournal},
};

/// Puts a journal through the contract of [`Journal`]: order and bytes, all or nothing, one driver
/// a run, runs that don't see each other, and runs that are cut at each record and resumed.
///
/// `open` opens the same journal each time it is called, as another process would; what was opened
/// before may still be there. It writes runs of its own, so give it a journal to throw away.
///
/// ```
/// use siumai_core::{journal::MemoryJournal, testing::journal_conformance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::testing::BrokenRule> {
/// let journal = MemoryJournal::new();
/// journal_conformance(|| journal.clone()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first rule that does not hold, and what was seen instead.
pub async fn journal_conformance<J>(open: impl Fn() -> J + Sync) -> Result<(), BrokenRule>
where
    J: Journal + 'static,
{
    let open = || Arc::new(open()) as Arc<dyn Journal>;
    let suite = Suite { open: &open };
    let rules = [
        ("a run that never began has no records", suite.begins_empty().boxed()),
        ("records come back as they were, in order", suite.keeps_order_and_bytes().boxed()),
        ("a long journal is kept whole", suite.keeps_many().boxed()),
        ("a batch is kept whole or not at all", suite.keeps_batches_whole().boxed()),
        ("a run has one driver at a time", suite.has_one_driver().boxed()),
        ("runs do not see each other, whatever they are called", suite.keeps_runs_apart().boxed()),
        ("a run that was cut anywhere ends alike when it is resumed", suite.resumes().boxed()),
    ];
    for (rule, check) in rules {
        check.await.map_err(|seen| BrokenRule { rule, seen })?;
    }
    Ok(())
}

/// A rule of a contract that an implementation does not keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    rule: &'static str,
    seen: String,
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.seen)
    }
}

impl std::error::Error for BrokenRule {}

struct Suite<'a> {
    open: &'a (dyn Fn() -> Arc<dyn Journal> + Sync),
}

impl Suite<'_> {
    async fn begins_empty(&self) -> Result<(), String> {
        self.expect("new", &[]).await?;
        // Looking at it did not begin it.
        self.expect("new", &[]).await
    }

    async fn keeps_order_and_bytes(&self) -> Result<(), String> {
        let bodies =
            ["{}", "", "  \n\t", "\"ä ñ 🦀 \u{202e}\u{feff}\"", "a\0b", &"é".repeat(1 << 19)];
        let mut written = Vec::new();
        let run = self.run("bytes").await?;
        for (place, body) in bodies.into_iter().enumerate() {
            let effect = (place % 2 == 1).then(|| format!("step-{place}/tool/ä\0 {place}"));
            let record = Record::new(KINDS[place % KINDS.len()], effect, body.to_owned());
            let record = record.with_version(u32::try_from(place).unwrap_or_default());
            append(&*run, std::slice::from_ref(&record)).await?;
            written.push(record);
            same(&read(&*run).await?, &written)?;
        }
        append(&*run, &[]).await?;
        same(&read(&*run).await?, &written)?;
        drop(run);
        self.expect("bytes", &written).await
    }

    async fn keeps_many(&self) -> Result<(), String> {
        let written: Vec<_> = (0..500).map(numbered).collect();
        let run = self.run("many").await?;
        for batch in written.chunks(7) {
            append(&*run, batch).await?;
        }
        drop(run);
        self.expect("many", &written).await
    }

    /// A driver may be dropped at any await, so what it was writing may be there or not.
    async fn keeps_batches_whole(&self) -> Result<(), String> {
        let mut written = vec![numbered(0)];
        let run = self.run("batches").await?;
        append(&*run, &written).await?;
        let batch: Vec<_> = (1..5).map(numbered).collect();
        let is_done = run.append(&batch).now_or_never().is_some();
        drop(run);
        let kept = read(&*self.run("batches").await?).await?;
        if is_done || kept.len() > 1 {
            written.extend(batch);
        }
        same(&kept, &written)
    }

    async fn has_one_driver(&self) -> Result<(), String> {
        let journal = (self.open)();
        let first = journal.open("driven").await.map_err(|error| told("opening it", &error))?;
        append(&*first, &[numbered(0)]).await?;
        for other in [Arc::clone(&journal), (self.open)()] {
            let Err(refused) = other.open("driven").await else {
                return Err("it was opened a second time while the first driver had it".to_owned());
            };
            if (refused.kind(), refused.code()) != (ErrorKind::Journal, Some("run_is_driven")) {
                return Err(format!(
                    "a second driver was refused by an error of kind {:?} and code {:?}, not \
                     Journal and `run_is_driven`",
                    refused.kind(),
                    refused.code()
                ));
            }
            let beside = other.open("driven beside").await;
            beside.map_err(|error| told("opening another run meanwhile", &error))?;
        }
        append(&*first, &[numbered(1)]).await?;
        drop(first);
        self.expect("driven", &[numbered(0), numbered(1)]).await?;
        let again = journal.open("driven").await;
        again.map(drop).map_err(|error| told("opening it when its driver had gone", &error))
    }

    async fn keeps_runs_apart(&self) -> Result<(), String> {
        let long = "x".repeat(300);
        let ids = [
            "", " ", "a", "A", "a ", "ä", "a\u{308}", "a\0b", "a\nb", "../a", "/", "\\", "%", "*",
            "'; --", "\"", ".", "🦀", &long,
        ];
        let body = |id: &str| Record::new(RecordKind::Begun, None, format!("of {id:?}"));
        for id in ids {
            append(&*self.run(id).await?, &[body(id)]).await?;
        }
        for id in ids {
            let seen = self.expect(id, &[body(id)]).await;
            seen.map_err(|seen| format!("of the run {id:?}, {seen}"))?;
        }
        Ok(())
    }

    async fn resumes(&self) -> Result<(), String> {
        let whole = interrupted::play("whole", (self.open)()).await;
        let whole = whole.ended.map_err(|error| told("a run that nothing cuts", &error))?;
        for cut_at in 0.. {
            let id = format!("cut at {cut_at}");
            let cutting = Arc::new(Cutting::new((self.open)(), cut_at));
            let first = interrupted::play(&id, Arc::clone(&cutting) as Arc<dyn Journal>).await;
            if !cutting.has_cut() {
                return Ok(());
            }
            let kept = read(&*self.run(&id).await?).await?;
            let second = interrupted::play(&id, (self.open)()).await;
            let ended = second.ended.map_err(|error| told(&format!("the run {id}"), &error))?;
            interrupted::compare(&whole, &ended)
                .and_then(|()| interrupted::count(&kept, &first.executed, &second.executed))
                .map_err(|seen| format!("the run {id}: {seen}"))?;
        }
        Ok(())
    }

    /// The journal of the run, opened as another process would.
    async fn run(&self, id: &str) -> Result<Box<dyn RunJournal>, String> {
        (self.open)().open(id).await.map_err(|error| told("opening it", &error))
    }

    async fn expect(&self, id: &str, expected: &[Record]) -> Result<(), String> {
        same(&read(&*self.run(id).await?).await?, expected)
    }
}

const KINDS: [RecordKind; 5] = [
    RecordKind::Begun,
    RecordKind::Decision,
    RecordKind::Intent,
    RecordKind::Outcome,
    RecordKind::Ended,
];

fn numbered(number: usize) -> Record {
    Record::new(RecordKind::Decision, None, format!("{{\"number\":{number}}}"))
}

async fn append(run: &dyn RunJournal, records: &[Record]) -> Result<(), String> {
    run.append(records).await.map_err(|error| told("appending to it", &error))
}

async fn read(run: &dyn RunJournal) -> Result<Vec<Record>, String> {
    run.records().await.map_err(|error| told("reading it", &error))
}

fn same(kept: &[Record], written: &[Record]) -> Result<(), String> {
    if kept == written {
        return Ok(());
    }
    let place = kept.iter().zip(written).position(|(kept, written)| kept != written);
    let place = place.unwrap_or_else(|| kept.len().min(written.len()));
    Err(format!(
        "{} records were written and {} are there; the first that differs is record {place}, \
         written as {:?} and kept as {:?}",
        written.len(),
        kept.len(),
        written.get(place),
        kept.get(place)
    ))
}

fn told(what: &str, error: &LlmError) -> String {
    format!("{what} failed: {error}")
}

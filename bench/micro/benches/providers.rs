//! Providers without a network: replies read, from the bytes to the last event; requests written.
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use harness::{Desk, Script, Wire};
use micro::{block_on, history, model, tools};
use server::{Said, events, json};
use siumai_core::{model::LanguageModel, types::ChatRequest, user};

const DELTAS: usize = 1000;

/// Lines are found, events parsed, deltas told: a delta costs a thousandth of this.
fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read a stream of 1,000 deltas");
    for wire in Wire::ALL {
        let body = events(wire, &Said::Answer { deltas: DELTAS });
        group.throughput(Throughput::Bytes(body.len() as u64));
        let model = model(wire, true, body).unwrap();
        let request = ChatRequest::new(vec![user!("Hi")]);
        group.bench_function(BenchmarkId::from_parameter(format!("{wire:?}")), |bencher| {
            bencher.iter(|| ask(&*model, request.clone()));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("read a whole reply of 4 calls");
    for wire in Wire::ALL {
        let model = model(wire, false, json(wire, &Said::Calls(0..4))).unwrap();
        let request = ChatRequest::new(vec![user!("Hi")]).whole();
        group.bench_function(BenchmarkId::from_parameter(format!("{wire:?}")), |bencher| {
            bencher.iter(|| ask(&*model, request.clone()));
        });
    }
    group.finish();
}

/// The first request of a history writes its messages; the next has only to add to them.
fn requests(criterion: &mut Criterion) {
    let script = Script { steps: 100, calls: 1, result: 4096, deltas: 0, is_streamed: false };
    for (name, is_new) in [("write a new history of 100 steps", true), ("send one again", false)] {
        let mut group = criterion.benchmark_group(name);
        for wire in Wire::ALL {
            let model = model(wire, false, json(wire, &Said::Answer { deltas: 1 })).unwrap();
            let request = || {
                let messages = history(script.steps, Desk::new(&script)).unwrap();
                ChatRequest::new(messages).with_tools(tools()).whole()
            };
            let kept = request();
            group.bench_function(BenchmarkId::from_parameter(format!("{wire:?}")), |bencher| {
                if is_new {
                    bencher.iter_batched(
                        request,
                        |request| ask(&*model, request),
                        criterion::BatchSize::LargeInput,
                    );
                } else {
                    bencher.iter(|| ask(&*model, kept.clone()));
                }
            });
        }
        group.finish();
    }
}

/// Asks, and reads the reply to its end.
fn ask(model: &dyn LanguageModel, request: ChatRequest) -> usize {
    let counted = block_on(async {
        let mut stream = model.stream(request).await?;
        let mut count = 0;
        while let Some(event) = stream.next().await {
            event?;
            count += 1;
        }
        Ok(count)
    });
    counted.unwrap()
}

criterion_group!(benches, replies, requests);
criterion_main!(benches);

//! The loop alone: a scripted model, tools that answer at once, no provider.
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use harness::{Desk, Script, script};
use micro::{Resolver, block_on, scripted, tools};
use siumai_core::{
    orchestrator::{OrchestratorOptions, generate_stream_owned, run},
    system,
    testing::ScriptedModel,
    types::ChatMessage,
    user,
};

/// A step costs a share of this: what grows with the steps shows between the sizes.
fn runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    for steps in [10, 100, 400] {
        group.throughput(Throughput::Elements(steps as u64));
        group.bench_with_input(BenchmarkId::new("whole", steps), &steps, |bencher, &steps| {
            bencher.iter_batched(|| input(steps), whole, BatchSize::LargeInput);
        });
        group.bench_with_input(BenchmarkId::new("streamed", steps), &steps, |bencher, &steps| {
            bencher.iter_batched(|| input(steps), streamed, BatchSize::LargeInput);
        });
    }
    group.finish();
}

struct Input {
    model: ScriptedModel,
    resolver: Resolver,
    messages: Vec<ChatMessage>,
    options: OrchestratorOptions,
}

fn input(steps: usize) -> Input {
    let sizes = Script { steps, calls: 1, result: 200, deltas: 20, is_streamed: false };
    Input {
        model: scripted(steps).unwrap(),
        resolver: Resolver(Desk::new(&sizes)),
        messages: vec![system!(script::SYSTEM), user!(script::PROMPT)],
        options: OrchestratorOptions { max_steps: steps + 1, ..Default::default() },
    }
}

fn whole(input: Input) -> usize {
    let Input { model, resolver, messages, options } = input;
    let done = run(&model, messages, Some(tools()), Some(&resolver), &[], options);
    block_on(async { Ok(done.await?) }).unwrap().steps.len()
}

fn streamed(input: Input) -> usize {
    let Input { model, resolver, messages, options } = input;
    let counted = block_on(async {
        let tools = Some(tools());
        let run = generate_stream_owned(model, messages, tools, resolver, vec![], options).await?;
        let (mut events, mut count) = (run.stream, 0);
        while let Some(event) = events.next().await {
            event?;
            count += 1;
        }
        Ok(count)
    });
    counted.unwrap()
}

criterion_group!(benches, runs);
criterion_main!(benches);

//! Histories that a model sums up: what goes, what it costs, and what happens if it fails or dies.
use std::sync::Arc;

use futures_util::FutureExt;
use proptest::prelude::{ProptestConfig, proptest};
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError, assistant,
    history::{mend, rough_tokens},
    journal::{MemoryJournal, RecordKind},
    orchestrator::{
        Compaction, OrchestratorOptions, PrepareStepResult, RunOutput, StepResult, UsageLimits,
        run, total_tokens_over,
    },
    prices::{ModelPrice, PriceTable, Usd},
    testing::{RecordingResolver, Reply, ScriptedModel},
    types::{ChatMessage, Role, Usage, Warning},
    user,
};

use crate::{
    fixtures::{Scene, assert_answered_once, play, prepared, script, tool},
    histories::histories,
};

/// Every message is one token.
fn one(_: &ChatMessage) -> u64 {
    1
}

/// Sums up what is longer than seven messages, and keeps three.
fn compaction(summariser: ScriptedModel) -> Compaction {
    Compaction::new(summariser, 7).keeping(3).counting_by(one)
}

fn options(summariser: ScriptedModel) -> OrchestratorOptions {
    OrchestratorOptions { compaction: Some(compaction(summariser)), ..Default::default() }
}

/// A model that looks so often and then answers; each reply costs 11 tokens.
fn looking(times: usize) -> ScriptedModel {
    let look = |n| Reply::empty().call("look", json!({ "n": n })).usage(Usage::new(10, 1));
    let model = (0..times).fold(script(), |model, n| model.then(look(n)));
    model.then(Reply::text("Done.").usage(Usage::new(10, 1)))
}

fn summary(text: &str) -> Reply {
    Reply::text(text).usage(Usage::new(100, 20))
}

fn texts(messages: &[ChatMessage]) -> Vec<&str> {
    messages.iter().filter(|it| it.role() == Role::User).filter_map(ChatMessage::text).collect()
}

const FRAME: &str = "Summary of what came before; the messages themselves were left out:\n\n";

fn framed(summary: &str) -> ChatMessage {
    ChatMessage::user(format!("{FRAME}{summary}"))
}

#[tokio::test(start_paused = true)]
async fn h3_a_step_that_would_send_too_much_sends_a_summary_and_so_do_those_after_it() {
    let played = play(|_| {
        let summariser = script().then(summary("Looked thrice.")).then(summary("Looked more."));
        Scene::new(looking(6)).echoing(["look"]).options(options(summariser))
    })
    .await;
    let sent: Vec<_> = played.requests.iter().map(|it| it.messages.clone()).collect();
    let sizes: Vec<_> = sent.iter().map(Vec::len).collect();
    // 1 + 2 a step; at 9 the task, a summary and the last step stay.
    assert_eq!(sizes, [1, 3, 5, 7, 4, 6, 4]);
    let first = format!("{FRAME}Looked thrice.");
    let second = format!("{FRAME}Looked more.");
    assert_eq!(texts(&sent[4]), ["go", &first]);
    assert_eq!(sent[5][..4], sent[4][..], "the prefix is the same from step to step");
    assert_eq!(texts(&sent[6]), ["go", &second], "the first summary is part of the second");
    for messages in &sent {
        assert_answered_once(messages);
    }
    assert_eq!(played.messages().len(), 1 + 6 * 2 + 1, "the run's history stays whole");
    let kinds = played.event_types();
    assert_eq!(kinds.iter().filter(|it| *it == "history_summarised").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn h3_what_summaries_cost_is_part_of_the_run() {
    let played = play(|_| {
        let summariser = script().then(summary("Looked."));
        Scene::new(looking(4)).echoing(["look"]).options(options(summariser))
    })
    .await;
    let output = played.output();
    assert_eq!(output.usage.total_tokens, 5 * 11 + 120);
    let costs: Vec<_> = played.steps().iter().map(|it| it.summaries.len()).collect();
    assert_eq!(costs, [0, 0, 0, 0, 1]);
    assert_eq!(StepResult::merge_usage(played.steps()), output.usage);
    let price = ModelPrice::new("scripted", "script", 1.0, 1.0);
    let prices = PriceTable::new("2026-01-31", "the price list", vec![price]).unwrap();
    let cost = StepResult::merge_costs(played.steps(), &prices);
    assert_eq!(cost, Some(Usd::from(0.000_175)));
    assert!(total_tokens_over(174).should_stop(played.steps()));
    assert!(!total_tokens_over(175).should_stop(played.steps()));
}

#[tokio::test(start_paused = true)]
async fn h3_a_summary_counts_against_the_limits() {
    let played = play(|_| {
        let limits = UsageLimits { total_tokens: Some(170), ..Default::default() };
        let options = OrchestratorOptions { limits, ..options(script().then(summary("Looked."))) };
        Scene::new(looking(9)).echoing(["look"]).options(options)
    })
    .await;
    assert_eq!((played.steps().len(), played.requests.len()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn h3_if_no_summary_comes_the_run_goes_on_with_everything_and_a_warning() {
    let broken = LlmError::new(ErrorKind::Overloaded, "overloaded");
    for (reply, told) in [
        (script().fails(broken), "overloaded"),
        (script().then(Reply::empty()), "the model wrote no summary"),
    ] {
        let output = run_with(reply).await;
        let expected = Warning::NotSummarised { error: told.to_owned() };
        assert_eq!(output.warnings, [expected], "it is not asked again before it has grown");
        assert_eq!(output.steps.len(), 5);
    }
}

/// A run of five steps, the last of which is too long.
async fn run_with(summariser: ScriptedModel) -> RunOutput {
    let look = RecordingResolver::new().returning("look", json!("seen"));
    let model = looking(4);
    let messages = vec![user!("go")];
    let output =
        run(&model, messages, Some(vec![tool("look")]), Some(&look), &[], options(summariser))
            .await
            .unwrap();
    let sizes: Vec<_> = model.requests().iter().map(|it| it.messages().len()).collect();
    assert_eq!(sizes, [1, 3, 5, 7, 9]);
    output
}

#[tokio::test(start_paused = true)]
async fn h3_messages_of_prepare_step_are_sent_as_they_are() {
    let played = play(|_| {
        let mut options = prepared(Arc::new(|step| PrepareStepResult {
            messages: Some(step.messages.to_vec()),
            ..Default::default()
        }));
        options.compaction = Some(compaction(script()));
        Scene::new(looking(5)).echoing(["look"]).options(options)
    })
    .await;
    assert_eq!(played.requests[5].messages.len(), 11);
    assert_eq!(played.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn j2_a_summary_is_an_effect_that_is_not_repeated_once_it_is_finished() {
    let journal = MemoryJournal::new();
    let live = async |steps: usize, summaries: &[&str]| {
        let summariser = summaries.iter().fold(script(), |all, text| all.then(summary(text)));
        let look = Reply::empty().usage(Usage::new(10, 1));
        let replies = (6 - steps..6).map(|n| look.clone().call("look", json!({ "n": n })));
        let model = replies.fold(script(), ScriptedModel::then);
        let model = model.then(Reply::text("Done.").usage(Usage::new(10, 1)));
        let resolver = RecordingResolver::new().returning("look", json!("seen"));
        let options = OrchestratorOptions {
            run_id: Some("run-1".to_owned()),
            journal: Some(Arc::new(journal.clone())),
            ..options(summariser)
        };
        let tools = Some(vec![tool("look").idempotent()]);
        let output =
            run(&model, vec![user!("go")], tools, Some(&resolver), &[], options).await.unwrap();
        let sent = model.requests().last().map(|it| it.messages().to_vec());
        (output, sent)
    };
    let (whole, sent) = live(6, &["First.", "Second."]).await;
    let records = journal.records("run-1");
    let effects: Vec<_> = records.iter().filter_map(|it| it.effect()).collect();
    assert!(effects.contains(&"step-4/summary") && effects.contains(&"step-6/summary"));
    let of = |kind: RecordKind, what: &str, cut: usize| {
        let is_it = |it: &&siumai_core::journal::Record| {
            it.kind() == kind && it.effect().is_some_and(|it| it.contains(what))
        };
        records[..cut].iter().filter(is_it).count()
    };
    for cut in 0..=records.len() {
        journal.set_records("run-1", records[..cut].to_vec());
        let replies = of(RecordKind::Outcome, "/model", cut);
        let summaries = of(RecordKind::Outcome, "/summary", cut);
        let was_lost = of(RecordKind::Intent, "/summary", cut) > summaries;
        let (again, last) =
            live(6_usize.saturating_sub(replies), &["First.", "Second."][summaries..]).await;
        assert_eq!(again.messages, whole.messages, "{cut}");
        if last.is_some() {
            assert_eq!(last, sent, "{cut}");
        }
        let is_known = again.usage.total_tokens.get().is_some();
        let model_lost = of(RecordKind::Intent, "/model", cut) > replies;
        assert_eq!(is_known, !was_lost && !model_lost, "{cut}: what is lost may be on the bill");
    }
}

#[tokio::test(start_paused = true)]
async fn h3_a_history_that_somebody_holds_is_shortened_between_runs() {
    let all = [
        ChatMessage::system("Be brief."),
        user!("one"),
        assistant!("two"),
        user!("three"),
        assistant!("four"),
        user!("five"),
        assistant!("six"),
        user!("seven"),
        assistant!("eight"),
    ];
    let compaction = compaction(script().then(summary("One to six.")));
    let compacted = compaction.compact(&all).await.unwrap().unwrap();
    let expected = [&all[..1], &[framed("One to six.")], &all[7..]].concat();
    assert_eq!(compacted.messages, expected);
    assert_eq!(compacted.usage.usage.total_tokens, 120);
    assert_eq!(compacted.usage.model.as_deref(), Some("script"));
    assert_eq!(compaction.compact(&expected).await.unwrap(), None, "it is short enough");
    let error = compaction.compact(&all).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "the script is at its end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn h3_a_summary_never_parts_a_call_from_its_result(
        all in histories(),
        over in 0..200_u64,
        keep in 0..200_u64,
    ) {
        let compaction = Compaction::new(script().reply("In short."), over).keeping(keep);
        let compacted = compaction.compact(&all).now_or_never().unwrap().unwrap();
        let Some(compacted) = compacted else { return Ok(()) };
        let shorter = compacted.messages;
        assert_answered_once(&shorter);
        assert_eq!(mend(shorter.clone()).1, [], "nothing is left to mend");
        let (ours, kept): (Vec<_>, Vec<_>) =
            shorter.iter().partition(|it| !all.iter().any(|other| other.is_same(it)));
        assert_eq!(ours, [&framed("In short.")], "there is one message more");
        let mut rest = all.iter();
        for message in &kept {
            assert!(rest.any(|it| it.is_same(message)), "what stays is in order, as it was");
        }
        assert!(rest.next().is_none(), "and goes to the end");
        let leading = all.iter().take_while(|it| it.role() == Role::System).count();
        assert!(all[..leading].iter().zip(&shorter).all(|(a, b)| a.is_same(b)));
        let again = Compaction::new(script().reply("In short."), over).keeping(keep);
        let again = again.compact(&all).now_or_never().unwrap().unwrap().unwrap().messages;
        assert_eq!(again, shorter, "the same every time");
        let size = |messages: &[ChatMessage]| messages.iter().map(rough_tokens).sum::<u64>();
        let sizes = (size(&shorter), size(&all));
        assert!(sizes.0 <= sizes.1 + rough_tokens(ours[0]), "{sizes:?}");
    }
}

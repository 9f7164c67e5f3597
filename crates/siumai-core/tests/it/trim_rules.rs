//! What makes a history shorter: which messages go, and that none is ever torn.
use std::{collections::BTreeSet, sync::Arc};

use proptest::{
    prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::select,
};
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError, assistant,
    history::{Keep, drop_tool_results, last_exchanges, mend, rough_tokens, within_tokens},
    orchestrator::{OrchestratorOptions, PrepareStepContext, PrepareStepResult},
    system,
    types::{ChatMessage, ContentPart, Media, Role, ToolResult, ToolStatus},
    user,
};

use crate::{
    fixtures::{Scene, assert_answered_once, call, calling, play, script},
    histories::histories,
};

/// A system message, a task with two steps of a call each, and two more questions.
fn conversation() -> Vec<ChatMessage> {
    let (a, b) = (call("a", "look", json!({})), call("b", "look", json!({})));
    let saw = |call, what: &str| ChatMessage::tool(ToolResult::executed(call, json!(what)));
    vec![
        system!("Be brief."),
        user!("Where is the owl?"),
        calling([&a]),
        saw(&a, "a tree"),
        calling([&b]),
        saw(&b, "an owl"),
        assistant!("In the tree."),
        user!("Is it asleep?"),
        assistant!("Yes."),
        user!("And now?"),
    ]
}

/// Those of `messages` that stand at these places.
fn places<const N: usize>(messages: &[ChatMessage], places: [usize; N]) -> Vec<ChatMessage> {
    places.map(|at| messages[at].clone()).into()
}

/// Every message is one token.
fn one(_: &ChatMessage) -> u64 {
    1
}

#[test]
fn h3_the_last_exchanges_stay_whole() {
    let all = conversation();
    let last = |count, keep| last_exchanges(&all, count, keep);
    assert_eq!(last(1, Keep::Nothing), all[9..]);
    assert_eq!(last(1, Keep::System), places(&all, [0, 9]));
    assert_eq!(last(1, Keep::Task), places(&all, [0, 1, 9]));
    assert_eq!(last(2, Keep::Task), places(&all, [0, 1, 7, 8, 9]));
    assert_eq!(last(3, Keep::Nothing), all);
    assert_eq!(last(9, Keep::Task), all);
    assert_eq!(last(0, Keep::System), last(1, Keep::System), "the last one stays in any case");
    assert_eq!(last_exchanges(&[], 1, Keep::Task), []);
}

#[test]
fn h3_a_budget_of_tokens_keeps_the_last_exchanges_that_fit() {
    let all = conversation();
    let within = |budget, keep| within_tokens(&all, budget, keep, one);
    assert_eq!(within(10, Keep::Nothing), all);
    assert_eq!(within(9, Keep::Nothing), all[7..], "exchanges go whole");
    assert_eq!(within(9, Keep::Task), places(&all, [0, 1, 7, 8, 9]), "what is kept counts, too");
    assert_eq!(within(4, Keep::System), places(&all, [0, 7, 8, 9]));
    assert_eq!(within(3, Keep::System), places(&all, [0, 9]));
    assert_eq!(within(0, Keep::Task), places(&all, [0, 1, 9]), "these stay in any case");
}

#[test]
fn h3_the_first_steps_of_the_last_exchange_go_when_it_alone_is_too_large() {
    let all = conversation()[..6].to_vec();
    let within = |budget| within_tokens(&all, budget, Keep::System, one);
    assert_eq!(within(6), all);
    assert_eq!(within(5), places(&all, [0, 1, 4, 5]), "a call goes with its result");
    assert_eq!(within(0), places(&all, [0, 1, 4, 5]), "the question and the last step stay");
    let large = |it: &ChatMessage| if it.role() == Role::Tool { u64::MAX } else { 1 };
    assert_eq!(within_tokens(&all, 100, Keep::System, large), places(&all, [0, 1, 4, 5]));
}

#[test]
fn h3_a_system_message_between_exchanges_never_comes_to_stand_first() {
    let all = [user!("a"), assistant!("b"), system!("It is night."), user!("c"), assistant!("d")];
    assert_eq!(last_exchanges(&all, 1, Keep::Nothing), all[3..]);
    assert_eq!(within_tokens(&all, 3, Keep::Task, one), places(&all, [0, 3, 4]));
}

#[test]
fn h3_old_results_give_way_to_a_note_and_calls_stay() {
    let told =
        "The output of this call was left out to save room. Call the tool again if you need it.";
    let (a, b) = (call("a", "look", json!({})), call("b", "look", json!({})));
    let page = "All about owls. ".repeat(10);
    let saw = |call| ChatMessage::tool(ToolResult::executed(call, json!(page)));
    let denied = ToolResult::unexecuted(&b, ToolStatus::Denied, page.clone());
    let all = [
        calling([&a, &b]),
        saw(&a),
        ChatMessage::tool(denied.clone()),
        calling([&a]),
        saw(&a),
        assistant!("Well."),
        calling([&b]),
        saw(&b),
    ];
    let mut left_out = ToolResult::executed(&a, json!(told));
    left_out.truncated_from = Some(160);
    let left_out = ChatMessage::tool(left_out);
    let mut expected = all.clone();
    assert_eq!(drop_tool_results(&all, 3), expected);
    expected[1] = left_out.clone();
    assert_eq!(drop_tool_results(&all, 2), expected, "what did not execute is still told");
    expected[4] = left_out;
    assert_eq!(drop_tool_results(&all, 1), expected);
    assert!(drop_tool_results(&all, 0)[7].tool_results().all(|it| it.output == json!(told)));
}

#[test]
fn h3_tokens_are_counted_roughly_if_nobody_counts_them_better() {
    let a = call("a", "look", json!({ "at": "the owl" }));
    let parts = vec![ContentPart::text("12345"), ContentPart::image(Media::url("x"))];
    assert_eq!(rough_tokens(&ChatMessage::new(Role::User, parts)), 4 + 2 + 1_000);
    assert_eq!(rough_tokens(&calling([&a])), 4 + 1 + 4);
    let result = ToolResult::executed(&a, json!([1, 2, 3, 4]));
    assert_eq!(rough_tokens(&ChatMessage::tool(result)), 4 + 3);
    assert_eq!(rough_tokens(&ChatMessage::new(Role::Assistant, vec![])), 4);
}

#[tokio::test(start_paused = true)]
async fn h3_a_run_may_send_less_in_each_step_and_keeps_it_all() {
    let played = play(|_| {
        let shorter = |step: PrepareStepContext<'_>| PrepareStepResult {
            messages: Some(within_tokens(step.messages, 3, Keep::Task, one)),
            ..Default::default()
        };
        let options =
            OrchestratorOptions { prepare_step: Some(Arc::new(shorter)), ..Default::default() };
        let model = script().calls("look", json!({})).calls("look", json!({})).reply("Done.");
        let messages = vec![system!("Be brief."), user!("one"), assistant!("two"), user!("three")];
        Scene::new(model).messages(messages).echoing(["look"]).options(options)
    })
    .await;
    let all = played.messages();
    assert_eq!(all.len(), 9, "the history stays whole");
    let sent: Vec<_> = played.requests.iter().map(|it| it.messages.clone()).collect();
    let expected = [
        places(all, [1, 2, 3]),
        places(all, [1, 3, 4, 5]),
        // The task, the question and the last step are more than three, and stay.
        places(all, [1, 3, 6, 7]),
    ];
    assert_eq!(sent, expected);
    assert!(played.requests.iter().all(|it| it.system == [system!("Be brief.")]));
    assert_eq!(played.output().warnings, []);
}

#[tokio::test(start_paused = true)]
async fn h3_a_context_that_is_too_long_is_answered_by_less() {
    let played = play(|_| {
        let shorter = |messages: &[ChatMessage]| Some(last_exchanges(messages, 1, Keep::System));
        let options = OrchestratorOptions {
            on_context_too_long: Some(Arc::new(shorter)),
            ..Default::default()
        };
        let too_long = LlmError::new(ErrorKind::ContextTooLong, "too many tokens");
        let model = script().fails(too_long).reply("It flew off.");
        Scene::new(model).messages(conversation()).options(options)
    })
    .await;
    assert_eq!(played.requests[1].messages, [user!("And now?")]);
    assert_eq!(played.messages().len(), 11);
    assert_eq!(played.output().warnings, []);
}

#[derive(Clone, Copy, Debug)]
enum Policy {
    LastExchanges(usize, Keep),
    WithinTokens(u64, Keep),
    DropToolResults(usize),
}

impl Policy {
    fn applied(self, messages: &[ChatMessage]) -> Vec<ChatMessage> {
        match self {
            Self::LastExchanges(count, keep) => last_exchanges(messages, count, keep),
            Self::WithinTokens(budget, keep) => within_tokens(messages, budget, keep, rough_tokens),
            Self::DropToolResults(steps) => drop_tool_results(messages, steps),
        }
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let keep = || select(&[Keep::Task, Keep::System, Keep::Nothing][..]);
    prop_oneof![
        (0..7_usize, keep()).prop_map(|(count, keep)| Policy::LastExchanges(count, keep)),
        (0..400_u64, keep()).prop_map(|(budget, keep)| Policy::WithinTokens(budget, keep)),
        (0..6_usize).prop_map(Policy::DropToolResults),
    ]
}

/// The places of `kept` in `all`, in order; a message that is not there as it was is at none.
fn places_of(kept: &[ChatMessage], all: &[ChatMessage]) -> Vec<usize> {
    let mut from = 0;
    let places = kept.iter().filter_map(|it| {
        let at = from + all[from..].iter().position(|other| other.is_same(it))?;
        from = at + 1;
        Some(at)
    });
    places.collect()
}

fn tokens(messages: &[ChatMessage]) -> u64 {
    messages.iter().map(rough_tokens).sum()
}

/// What stays under any policy that takes messages away.
fn check_kept(all: &[ChatMessage], kept: &BTreeSet<usize>, keep: Keep) {
    let leading = all.iter().take_while(|it| it.role() == Role::System).count();
    let users: Vec<_> = (0..all.len()).filter(|at| all[*at].role() == Role::User).collect();
    assert!(keep == Keep::Nothing || (0..leading).all(|at| kept.contains(&at)));
    assert!(keep != Keep::Task || users.first().is_none_or(|at| kept.contains(at)));
    assert!(users.last().is_none_or(|at| kept.contains(at)), "the last question");
    let reply = all.iter().rposition(|it| it.role() == Role::Assistant);
    let is_after = |at: &usize| users.last().is_none_or(|last| at > last);
    assert!(reply.filter(is_after).is_none_or(|at| (at..all.len()).all(|at| kept.contains(&at))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn h3_whatever_is_made_shorter_stays_valid_and_is_made_shorter_once(
        all in histories(),
        policy in policies(),
    ) {
        assert_eq!(mend(all.clone()).1, [], "a made-up history is sound");
        let shorter = policy.applied(&all);
        assert_answered_once(&shorter);
        let (mended, warnings) = mend(shorter.clone());
        assert_eq!((&mended, &warnings[..]), (&shorter, &[][..]), "nothing is left to mend");
        assert_eq!(policy.applied(&shorter), shorter, "a second time changes nothing");

        let places = places_of(&shorter, &all);
        match policy {
            Policy::LastExchanges(_, keep) | Policy::WithinTokens(_, keep) => {
                assert_eq!(places.len(), shorter.len(), "messages stay as they were, in order");
                check_kept(&all, &places.iter().copied().collect(), keep);
            }
            Policy::DropToolResults(_) => assert_eq!(shorter.len(), all.len()),
        }
        let is_others = |it: &&ChatMessage| it.role() != Role::Tool;
        assert!(shorter.iter().filter(is_others).all(|it| all.iter().any(|other| other.is_same(it))));
    }

    #[test]
    fn h3_no_more_goes_than_must(all in histories(), budget in 0..400_u64, is_task in any::<bool>()) {
        let keep = if is_task { Keep::Task } else { Keep::System };
        let shorter = within_tokens(&all, budget, keep, rough_tokens);
        let least = within_tokens(&all, 0, keep, rough_tokens);
        assert!(tokens(&shorter) <= budget || shorter == least);
        assert_eq!(within_tokens(&all, tokens(&shorter), keep, rough_tokens), shorter);
        if tokens(&all) <= budget {
            assert_eq!(shorter, all);
        }
        // A little more room never keeps less.
        let roomier = within_tokens(&all, budget + 20, keep, rough_tokens);
        let kept: BTreeSet<_> = places_of(&roomier, &all).into_iter().collect();
        assert!(places_of(&shorter, &all).iter().all(|at| kept.contains(at)));
    }

    #[test]
    fn h3_dropping_results_drops_outputs_alone(all in histories(), steps in 0..5_usize) {
        let shorter = drop_tool_results(&all, steps);
        for (after, before) in shorter.iter().zip(&all) {
            assert_eq!(after.role(), before.role());
            assert_eq!(after.content().len(), before.content().len());
            for (after, before) in after.tool_results().zip(before.tool_results()) {
                let mut as_before = (**after).clone();
                as_before.output = before.output.clone();
                as_before.truncated_from = before.truncated_from;
                assert_eq!(as_before, **before, "a result is still of its call, and says what happened");
                assert!(after.output_size() <= before.output_size());
            }
        }
    }
}

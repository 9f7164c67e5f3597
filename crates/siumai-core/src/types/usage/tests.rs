//! Counting tokens: unknown is not nothing, and sums don't depend on their order.
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest},
};
use serde_json::json;

use super::*;

fn count() -> impl Strategy<Value = TokenCount> {
    let known = prop_oneof![0..1000_u64, any::<u64>()];
    proptest::option::weighted(0.8, known).prop_map(TokenCount::from)
}

fn usage() -> impl Strategy<Value = Usage> {
    (any::<bool>(), [(); 6].map(|()| count())).prop_map(|(estimated, counts)| {
        let [
            input_tokens,
            output_tokens,
            total_tokens,
            cached_input_tokens,
            cache_write_tokens,
            reasoning_tokens,
        ] = counts;
        Usage {
            input_tokens,
            output_tokens,
            total_tokens,
            cached_input_tokens,
            cache_write_tokens,
            reasoning_tokens,
            estimated,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_sum_is_the_same_in_any_order(usages in vec(usage(), 0..5), turn in 0..5_usize) {
        let sum: Usage = usages.iter().cloned().sum();
        let mut turned = usages.clone();
        turned.rotate_left(turn.min(usages.len()));
        assert_eq!(turned.into_iter().sum::<Usage>(), sum);

        let mut totals = usages.iter().map(|it| it.total_tokens.get());
        let expected = totals.try_fold(0_u64, |sum, it| Some(sum.saturating_add(it?)));
        assert_eq!(sum.total_tokens.get(), expected);
        assert_eq!(sum.estimated, usages.iter().any(|it| it.estimated));
    }

    #[test]
    fn usage_serialises_without_loss(usage in usage()) {
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
    }
}

#[test]
fn unknown_is_shown_as_unknown_and_serialised_as_null() {
    assert_eq!(format!("{:>8}|{}", TokenCount::UNKNOWN, TokenCount::from(7)), " unknown|7");
    assert_eq!(format!("{:?}", TokenCount::from(7)), "7");
    assert_eq!(serde_json::to_value(TokenCount::UNKNOWN).unwrap(), json!(null));
}

#[test]
fn what_is_left_out_in_json_is_unknown() {
    let usage: Usage = serde_json::from_value(json!({ "input_tokens": 3 })).unwrap();
    assert_eq!(usage, Usage { input_tokens: 3.into(), ..Usage::default() });
}

#[test]
fn a_count_equals_numbers_and_options_of_them() {
    assert_eq!(TokenCount::from(3), 3);
    assert_eq!(TokenCount::from(3), Some(3));
    assert_eq!(TokenCount::UNKNOWN, None);
    assert_ne!(TokenCount::UNKNOWN, 0);
}

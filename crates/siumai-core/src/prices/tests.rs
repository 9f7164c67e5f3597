use serde_json::json;

use super::*;
use crate::types::TokenCount;

fn table() -> PriceTable {
    let table = json!({
        "date": "2026-01-31",
        "source": "the price list",
        "models": [
            { "provider": "one", "model": "small", "input": 0.0375, "output": 2, "aliases": ["tiny"] },
            { "provider": "one", "model": "small-2024-01-01", "input": 9, "output": 9 },
            {
                "provider": "two", "model": "small",
                "input": 3, "cached_input": 0.3, "cache_write": 3.75, "output": 15
            },
        ],
    });
    PriceTable::from_json(&table.to_string()).unwrap()
}

fn refusal(models: &serde_json::Value) -> String {
    let table = json!({ "date": "", "source": "", "models": models });
    PriceTable::from_json(&table.to_string()).unwrap_err().to_string()
}

#[test]
fn a_model_is_found_by_its_name_an_alias_or_without_its_version() {
    let table = table();
    let price = |model| table.find("one", model).map(|it| it.output);
    let two = Some(Usd::from(2.0));
    for name in [
        "small",
        "tiny",
        "small-2025-04-14",
        "small-20250414",
        "tiny@20250414",
        "small-latest",
        "models/small",
    ] {
        assert_eq!(price(name), two, "{name}");
    }
    assert_eq!(price("small-2024-01-01"), Some(Usd::from(9.0)), "the version has its own price");
    for name in
        ["smaller", "small-2025", "small-0414", "-2025-04-14", "", "Small", "small-é0250414"]
    {
        assert_eq!(price(name), None, "{name}");
    }
    assert_eq!(table.find("three", "small"), None);
}

#[test]
fn each_sort_of_input_has_its_price() {
    let mut usage = Usage::new(1_000, 100);
    usage.cached_input_tokens = 500.into();
    usage.cache_write_tokens = 300.into();
    usage.reasoning_tokens = 90.into();
    let expected = 200.0 * 3.0 + 500.0 * 0.3 + 300.0 * 3.75 + 100.0 * 15.0;
    assert_eq!(table().cost("two", "small", &usage), Some(Usd::from(expected / 1e6)));
}

#[test]
fn a_usage_that_says_more_is_cached_than_read_costs_what_is_cached() {
    let mut usage = Usage::new(10, 0);
    usage.cached_input_tokens = 100.into();
    assert_eq!(table().cost("two", "small", &usage), Some(Usd::from(0.000_03)));
}

#[test]
fn what_is_unknown_has_no_cost() {
    let table = table();
    let mut unknown = [Usage::new(10, 10), Usage::new(10, 10)];
    unknown[0].input_tokens = TokenCount::UNKNOWN;
    unknown[1].output_tokens = TokenCount::UNKNOWN;
    assert_eq!(unknown.map(|it| table.cost("one", "small", &it)), [None, None]);
    assert_eq!(table.cost("one", "other", &Usage::new(10, 10)), None);
    assert_eq!(table.cost("one", "small", &Usage::zero()), Some(Usd::ZERO));
}

#[test]
fn sums_of_costs_do_not_drift() {
    let table = table();
    let one = table.cost("one", "small", &Usage::new(1, 0)).unwrap();
    let many: Usd = std::iter::repeat_n(one, 100_000).sum();
    assert_eq!(Some(many), table.cost("one", "small", &Usage::new(100_000, 0)));
}

#[test]
fn a_table_goes_through_json() {
    let text = serde_json::to_string(&table()).unwrap();
    assert_eq!(PriceTable::from_json(&text).unwrap(), table());
}

#[test]
fn mistakes_in_a_table_are_told() {
    assert_eq!(
        refusal(&json!([
            { "provider": "one", "model": "small", "input": 1, "output": 2 },
            { "provider": "one", "model": "other", "input": 1, "output": 2, "aliases": ["small"] },
        ])),
        "this is no price table: the price table has two prices for `one:small`; delete one"
    );
    assert_eq!(
        refusal(
            &json!([{ "provider": "one", "model": "small", "input": 0.000_000_1, "output": 2 }])
        ),
        "this is no price table: `one:small` has the price $0.0000001 for a million tokens; \
         give it six digits behind the point at most"
    );
    assert!(
        refusal(
            &json!([{ "provider": "one", "model": "small", "input": 1, "output": 2, "cached": 1 }])
        )
        .contains("unknown field `cached`")
    );
    assert!(
        refusal(&json!([{ "provider": "one", "model": "small", "input": -1, "output": 2 }]))
            .contains("an amount of dollars, not negative")
    );
}

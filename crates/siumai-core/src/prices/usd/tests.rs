use proptest::prelude::*;

use super::*;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn what_is_no_amount_is_refused() {
    for text in ["", ".", "1.", ".5", "-1", "1e3", "0.0000000000001", "NaN", "1,5", "$"] {
        assert!(text.parse::<Usd>().is_err(), "{text}");
    }
    for json in ["-1", "-0.5", "\"a\"", "true"] {
        assert!(serde_json::from_str::<Usd>(json).is_err(), "{json}");
    }
}

#[test]
fn an_amount_prints_as_it_is() {
    let shown = ["0", "2", "0.5", "0.000000000001", "12.340"].map(|it| usd(it).to_string());
    assert_eq!(shown, ["$0.00", "$2.00", "$0.50", "$0.000000000001", "$12.34"]);
}

#[test]
fn a_float_that_is_no_amount_is_nothing_and_a_huge_one_the_most() {
    assert_eq!([-1.0, f64::NAN, f64::NEG_INFINITY].map(Usd::from), [Usd::ZERO; 3]);
    assert_eq!(Usd::from(1e40), Usd(u128::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_amount_that_people_pay_goes_through_json_and_text_unchanged(units in 0..4_000 * UNITS) {
        let amount = Usd(units);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        prop_assert_eq!(usd(&amount.to_string()), amount);
    }
}

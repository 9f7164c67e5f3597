use super::{Text, find};

/// The expressions of a text, with 10 for `it`.
fn found(text: &str) -> Vec<String> {
    find(&Text::new(text)).iter().filter_map(|it| it.with(Some(10.0))).collect()
}

#[test]
fn expressions_in_signs_stay_as_they_are() {
    for (text, expected) in [
        ("What is (3+4)*12?", "(3+4)*12"),
        ("2 + 3 * 4", "2 + 3 * 4"),
        ("2^10", "2^10"),
        ("2**10", "2^10"),
        ("sqrt(2)", "sqrt(2)"),
        ("max(3, min(4, 5))", "max(3, min(4, 5))"),
        ("3 × 4 ÷ 2", "3 * 4 / 2"),
        ("1,250.50 + 2", "1250.50 + 2"),
        ("-5 + 3", "-5 + 3"),
        ("17 % 5", "17 % 5"),
        ("2 * pi", "2 * pi"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn words_become_signs() {
    for (text, expected) in [
        ("12 times 7", "12 * 7"),
        ("12% of 250", "12/100 * 250"),
        ("20 percent off 80", "80 * (1 - 20/100)"),
        ("250 + 10%", "250 * (1 + 10/100)"),
        ("add 15 and 27", "15 + 27"),
        ("add 5 to 7", "7 + 5"),
        ("subtract 5 from 12", "12 - 5"),
        ("the sum of 3, 4 and 5", "3 + 4 + 5"),
        ("the average of 4, 5 and six", "(4 + 5 + 6) / 3"),
        ("the square root of 144 plus 6", "sqrt(144) + 6"),
        ("5 squared", "5^2"),
        ("2 to the power of 16", "2 ^ 16"),
        ("half of 30", "30 / 2"),
        ("two hundred and one", ""),
        ("twenty five divided by five", "25 / 5"),
        ("17 mal 23", "17 * 23"),
        ("increase 80 by 5%", "80 * (1 + 5/100)"),
        ("5 miles to km", "5 miles to km"),
    ] {
        let found = found(text);
        assert_eq!(found.first().map_or("", String::as_str), expected, "{text}");
    }
}

#[test]
fn it_and_the_result_stand_for_what_came_before() {
    for (text, expected) in [
        ("multiply it by 3", "10 * 3"),
        ("divide the result by 4", "10 / 4"),
        ("then plus 5", "10 + 5"),
        ("take 5% of that", "5/100 * 10"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
    let expression = &find(&Text::new("multiply it by 3"))[0];
    assert_eq!((expression.refers(), expression.with(None)), (true, None));
    assert_eq!(expression.with(Some(-2.0)), Some("(-2) * 3".to_owned()));
}

#[test]
fn what_is_no_arithmetic_is_left_alone() {
    for text in [
        "2026-03-01",
        "I have 3 cats",
        "it",
        "C++ 5",
        "call 555",
        "1, 2 and 3",
        "a - b",
        "(",
        "()",
        "3 +",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn ranges_and_fractions_of_a_day_are_not_beyond_doubt() {
    let is_firm = |text: &str| find(&Text::new(text))[0].is_firm;
    assert_eq!((is_firm("24/7"), is_firm("1939-1945"), is_firm("24 * 7")), (false, false, true));
}

#[test]
fn nesting_without_end_is_no_expression() {
    assert_eq!(found(&"(".repeat(5000)), Vec::<String>::new());
    assert_eq!(found(&"half of ".repeat(500)), Vec::<String>::new());
}

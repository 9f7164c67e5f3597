use serde_json::json;

use super::*;

async fn result(expression: &str) -> String {
    match Calculator.call(json!({ "expression": expression })).await {
        Ok(answer) if answer["approximate"] == json!(true) => {
            format!("about {}", answer["result"].as_str().unwrap())
        }
        Ok(answer) => answer["result"].as_str().unwrap().to_owned(),
        Err(error) => panic!("{error}"),
    }
}

async fn refused(expression: &str) -> String {
    let told = Calculator.call(json!({ "expression": expression })).await.unwrap_err();
    let told = told.message().to_owned();
    let why = told.split_once("can't be calculated: ").unwrap().1;
    why.split_once(". Call the calculator again").unwrap().0.to_owned()
}

macro_rules! calculates {
    ($($name:ident: $($expression:literal => $result:literal),+ $(,)?;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $(assert_eq!(result($expression).await, $result, "{}", $expression);)+
        }
    )+};
}

macro_rules! refuses {
    ($($name:ident: $($expression:expr => $why:literal),+ $(,)?;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $(assert_eq!(refused(&$expression).await, $why);)+
        }
    )+};
}

calculates! {
    decimals_are_exact:
        "0.1 + 0.2" => "0.3", "1.1 * 1.1" => "1.21", "10/4" => "2.5", ".5 + 1." => "1.5",
        "1e-20 * 3" => "0.00000000000000000003", "1/7*7" => "1";
    integers_are_shown_without_a_point:
        "6 / 2" => "3", "2.50 * 4" => "10", "7 * 6 =" => "42";
    large_integers_keep_all_their_digits:
        "2^64" => "18446744073709551616", "123456789 * 987654321" => "121932631112635269",
        "9007199254740993 + 0" => "9007199254740993", "25!" => "15511210043330985984000000";
    operators_bind_as_on_paper:
        "2 + 3 * 4" => "14", "(2 + 3) * 4" => "20", "2^3^2" => "512", "-3^2" => "-9",
        "2 * -3" => "-6", "17 mod 5" => "2", "17 % 5" => "2", "2(3 + 4)" => "14";
    signs_of_other_keyboards_are_read:
        "3 × 4 ÷ 2" => "6", "10 − 4" => "6", "2 ** 10" => "1024", "3²" => "9", "√16" => "4",
        "4 x 5" => "20", "[1 + 2] * 3" => "9", "$20 * 3" => "60";
    commas_part_thousands:
        "1,000 + 5" => "1005", "1,234,567.5 * 2" => "2469135", "sqrt(1,024)" => "32";
    percentages_are_those_of_a_pocket_calculator:
        "12% of 250" => "30", "250 + 10%" => "275", "250 - 10%" => "225", "100 + 50 + 10%" => "165",
        "250 * 12%" => "30", "50%" => "0.5", "200 * 2 - 25% + 1" => "301", "(80 + 15%) * 2" => "184",
        "12.5% of (100 + 60)" => "20", "(5 + 5)% of 80" => "8", "-5%" => "-0.05";
    functions_take_one_argument_or_several:
        "sqrt(144)" => "12", "abs(-3)" => "3", "floor(-2.5)" => "-3", "ceil(2.1)" => "3",
        "round(2.5)" => "3", "round(10 / 3, 2)" => "3.33", "min(3, 1, 2)" => "1",
        "max(1,200)" => "200", "max(1/3, 0.33)" => "about 0.333333333333", "sum(1, 2, 3)" => "6",
        "average(1, 2)" => "1.5", "pow(2, 8)" => "256", "MAX(min(4, 9), 3)" => "4", "sin(pi)" => "0";
    what_is_not_exact_is_said_to_be_about:
        "1/3" => "about 0.333333333333", "2/3" => "about 0.666666666667",
        "sqrt(2)" => "about 1.41421356237", "2 * pi" => "about 6.28318530718",
        "log10(1000)" => "about 3", "-1/3" => "about -0.333333333333";
    very_small_and_very_large_numbers_are_not_cut:
        "1/3^300" => "about 7.30505658115e-144", "1 / 6.02214076e23" => "about 1.66053906717e-24",
        "e^100" => "about 2.68811714182e43", "pi * 1e30" => "about 3.14159265359e30",
        "2^3000" => "about 1.23023192216e903";
    units_are_converted:
        "5 miles to km" => "8.04672 km", "1 hour to minutes" => "60 minutes",
        "100 fahrenheit to celsius" => "about 37.7777777778 celsius";
}

refuses! {
    division_by_zero_is_an_error:
        "1/0" => "division by zero", "5 / (3 - 3)" => "division by zero", "17 mod 0" => "modulo by zero";
    nothing_is_an_error: "" => "it is empty", "  = " => "it is empty", "()" => "something is missing: a number is expected";
    parentheses_that_do_not_match_are_an_error:
        "3 * (4 + 5" => "a `)` is missing after `(`", "3 + 4)" => "a `)` has no `(`",
        "sqrt(2" => "a `)` is missing after `sqrt`";
    a_comma_never_glues_numbers_together:
        "1,5 + 2" => "a comma can only part thousands, as in 1,000, or the arguments of a function; write decimals with a point",
        "(1, 2)" => "a comma can only part thousands, as in 1,000, or the arguments of a function; write decimals with a point",
        "1234,567" => "a comma can only part thousands, as in 1,000, or the arguments of a function; write decimals with a point",
        "sin(1, 2)" => "`sin` takes one argument";
    unknown_words_are_named:
        "foo + 1" => "unknown identifier 'foo'", "import os" => "unknown identifier 'import'";
    what_is_no_arithmetic_is_refused:
        "1 == 1" => "`=` compares, and there is nothing to calculate",
        "2; 3" => "`;` is no part of a calculation", "\"abc\"" => "`\"` is no part of a calculation",
        "true" => "its result is no number", "@2000-01-01" => "`@` is no part of a calculation",
        "sqrt(-1)" => "its result is no real number", "(-8)^(1/3)" => "its result is no real number",
        "5 euro" => "exchange rates are not available";
    an_expression_that_takes_too_long_is_stopped:
        "3^3^3^3" => "it takes longer than 2 seconds";
    an_expression_that_is_too_long_is_refused:
        "1+".repeat(501) => "it is longer than 1000 characters";
}

#[tokio::test]
async fn deep_expressions_do_not_exhaust_the_stack() {
    assert_eq!(result(&format!("{}1", "-".repeat(998))).await, "1");
    assert_eq!(result(&format!("{}1{}", "(".repeat(499), ")".repeat(499))).await, "1");
    assert_eq!(result(&format!("{}4{}", "abs(".repeat(199), ")".repeat(199))).await, "4");
    assert_eq!(result(&format!("1{}", "+1".repeat(149))).await, "150");
}

#[tokio::test]
async fn the_result_names_the_expression() {
    let answer = Calculator.call(json!({ "expression": "12% of 250" })).await.unwrap();
    assert_eq!(answer, json!({ "expression": "12% of 250", "result": "30" }));
}

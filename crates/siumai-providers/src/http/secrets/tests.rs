use super::*;

const KEY: &str = "sk-canary-4f1d2b";

fn secrets(all: &[&str]) -> Secrets {
    let mut secrets = Secrets::default();
    for secret in all {
        secrets.add(secret);
    }
    secrets
}

fn left(all: &[&str], text: &str) -> String {
    secrets(all).taken_out_of(text)
}

#[test]
fn a_secret_is_taken_out_wherever_it_stands() {
    let text = format!("{KEY} in 'Bearer {KEY}' and x{KEY}y");
    assert_eq!(left(&[KEY], &text), "[secret] in 'Bearer [secret]' and x[secret]y");
    assert_eq!(left(&[" sk-canary-4f1d2b\n"], KEY), "[secret]");
    assert_eq!(left(&["", " "], "as it is"), "as it is");
}

#[test]
fn a_secret_that_was_cut_off_at_the_end_is_taken_out_too() {
    assert_eq!(left(&[KEY], "bad key sk-canary-4f"), "bad key [secret]");
    assert_eq!(left(&[KEY], "bad key sk-c"), "bad key sk-c", "so little tells nothing");
}

#[test]
fn a_secret_within_another_leaves_nothing_of_it() {
    assert_eq!(left(&["canary-4f1", KEY], &format!("key {KEY}")), "key [secret]");
}

#[test]
fn a_short_secret_is_a_word_of_its_own() {
    assert_eq!(left(&["us"], "please trust us, us-east"), "please trust [secret], [secret]-east");
    assert_eq!(left(&["2"], "12 of 2"), "12 of [secret]");
}

#[test]
fn what_a_url_holds_is_known_in_every_form() {
    let url = Url::parse("https://me:p%40ssword@example.com/v1?key=a%2Bbcdefgh&v=2").unwrap();
    let secrets = Secrets::of_url(&url);
    // The base64 of `me:p@ssword`.
    for shown in ["p@ssword", "p%40ssword", "a+bcdefgh", "a%2Bbcdefgh", "bWU6cEBzc3dvcmQ="] {
        assert_eq!(secrets.taken_out_of(shown), "[secret]", "{shown}");
        assert!(secrets.is_in(shown));
    }
    assert!(!secrets.is_in("me at example.com"), "a name beside a password is none");
    let token = Secrets::of_url(&Url::parse("https://token-4f1d@example.com").unwrap());
    assert!(token.is_in("token-4f1d") && token.is_in(&STANDARD.encode("token-4f1d:")));
    assert_eq!(format!("{token:?}"), "2 secrets");
}

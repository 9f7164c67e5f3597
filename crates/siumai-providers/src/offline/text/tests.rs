use super::{Kind, Text};

/// The tokens of a text as kind and bare value; words and marks are left out.
fn literals(text: &str) -> Vec<(Kind, String)> {
    let tokens = Text::new(text).tokens.into_iter();
    tokens
        .filter(|it| !matches!(it.kind, Kind::Word | Kind::Mark))
        .map(|it| (it.kind, it.value))
        .collect()
}

fn words(text: &str) -> Vec<String> {
    let tokens = Text::new(text).tokens.into_iter();
    tokens.filter(|it| it.kind == Kind::Word).map(|it| it.value).collect()
}

#[test]
fn literals_are_known_by_their_form() {
    for (text, kind, value) in [
        ("see https://example.com/a?b=1.", Kind::Url, "https://example.com/a?b=1"),
        ("(www.example.org)", Kind::Url, "www.example.org"),
        ("example.com", Kind::Url, "example.com"),
        ("to a.b+c@example.co.uk,", Kind::Email, "a.b+c@example.co.uk"),
        ("Asia/Tokyo", Kind::Zone, "Asia/Tokyo"),
        ("America/Argentina/Buenos_Aires.", Kind::Zone, "America/Argentina/Buenos_Aires"),
        ("CEST", Kind::Zone, "Europe/Berlin"),
        ("2026-03-01", Kind::Date, "2026-03-01"),
        ("2026-03-01T15:30:00Z", Kind::Date, "2026-03-01T15:30:00Z"),
        ("1.3.2026", Kind::Date, "2026-03-01"),
        ("3/1/2026", Kind::Date, "3/1/2026"),
        ("March 5th, 2026", Kind::Date, "2026-03-05"),
        ("5 March 2026", Kind::Date, "2026-03-05"),
        ("5. März", Kind::Date, "5. März"),
        ("15:30", Kind::Time, "15:30"),
        ("3pm", Kind::Time, "15:00"),
        ("12:05 am", Kind::Time, "00:05"),
        ("src/lib.rs", Kind::Path, "src/lib.rs"),
        ("./Übersicht.md,", Kind::Path, "./Übersicht.md"),
        ("/etc/hosts", Kind::Path, "/etc/hosts"),
        ("Cargo.toml?", Kind::Path, "Cargo.toml"),
        ("*.rs", Kind::Path, "*.rs"),
        ("A-1042", Kind::Identifier, "A-1042"),
        ("#1042", Kind::Identifier, "1042"),
        ("QX7K2", Kind::Identifier, "QX7K2"),
        ("\"two words\"", Kind::Quoted, "two words"),
        ("‘it’s late’", Kind::Quoted, "it’s late"),
        ("„zwei Wörter“", Kind::Quoted, "zwei Wörter"),
        ("`code`", Kind::Quoted, "code"),
        ("```rust\nfn main() {}\n```", Kind::Quoted, "fn main() {}"),
        ("'it's late'", Kind::Quoted, "it's late"),
        ("1,250.50", Kind::Number(1250.5), "1250.50"),
        ("1.250,50", Kind::Number(1250.5), "1250.50"),
        ("3,5", Kind::Number(3.5), "3.5"),
        (".5", Kind::Number(0.5), "0.5"),
        ("20EUR", Kind::Number(20.0), "20"),
    ] {
        assert_eq!(literals(text), [(kind, value.to_owned())], "{text}");
    }
}

#[test]
fn ordinary_words_are_no_literals() {
    for text in [
        "and/or",
        "km/h",
        "e.g. this",
        "i.e.",
        "the players' club",
        "don't",
        "U.S.",
        "hello…",
        "東京の天気",
        "24 %",
    ] {
        let found = literals(text);
        assert!(found.iter().all(|(kind, _)| matches!(kind, Kind::Number(_))), "{text}: {found:?}");
    }
    assert_eq!(words("Tokyo's Wetter, don’t"), ["tokyo's", "wetter", "don't"]);
}

#[test]
fn a_list_of_numbers_is_no_fraction() {
    let values: Vec<String> = literals("1,2,3").into_iter().map(|it| it.1).collect();
    assert_eq!(values, ["1", "2", "3"]);
}

#[test]
fn a_range_of_tokens_is_written_as_in_the_source() {
    let text = Text::new("weather  in São Paulo!");
    assert_eq!(text.written(1..4), "in São Paulo");
    assert_eq!((text.raw(3), text.raw(99), text.written(3..99)), ("Paulo", "", ""));
}

#[test]
fn a_phrase_counts_as_the_word_it_stands_for() {
    let text = Text::new("look up cats");
    assert!(text.tokens[0].stem.is_in("search"));
    assert!(text.tokens[1].stem.is_empty());
}

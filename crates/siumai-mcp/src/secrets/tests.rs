use super::{Argument, Secrets, address, command_line};

fn arguments(words: &[&str]) -> Vec<Argument> {
    words.iter().map(|it| Argument { value: (*it).to_owned(), is_secret: false }).collect()
}

fn shown(words: &[&str]) -> String {
    command_line("npx", &arguments(words)).0
}

#[test]
fn a_command_line_is_shown_as_it_is_typed() {
    assert_eq!(shown(&["-y", "server", "my files"]), "npx -y server 'my files'");
}

#[test]
fn what_follows_the_name_of_a_secret_is_left_out() {
    assert_eq!(shown(&["--api-key", "abc123", "run"]), "npx --api-key … run");
    assert_eq!(shown(&["--token=abc123"]), "npx --token=…");
    assert_eq!(shown(&["-e", "GITHUB_TOKEN=abc123"]), "npx -e GITHUB_TOKEN=…");
    assert_eq!(shown(&["--auth", "--verbose"]), "npx --auth --verbose");
}

#[test]
fn an_argument_that_is_called_a_secret_is_left_out() {
    let secret = Argument { value: "abc123".to_owned(), is_secret: true };
    let (line, left_out) = command_line("npx", &[secret]);
    assert_eq!((line.as_str(), left_out), ("npx …", vec!["abc123".to_owned()]));
}

#[test]
fn an_address_is_shown_without_user_and_query() {
    assert_eq!(address("https://me:pw@example.com:8080/mcp?key=1#x"), "https://example.com:8080/mcp");
    assert_eq!(address("https://example.com/a@b"), "https://example.com/a@b");
    assert_eq!(address("postgres://me:p@ss@db/x"), "postgres://db/x");
    assert_eq!(address("no address"), "no address");
}

#[test]
fn a_secret_is_taken_out_of_a_text_whole() {
    let secrets = Secrets::new(["abc123".to_owned(), "abc123456".to_owned(), "1".to_owned()]);
    assert_eq!(secrets.taken_out_of("1: abc123456, abc123"), "1: …, …");
}

use super::{Argument, command_line};

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

use super::command_line;

fn shown(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|it| (*it).to_owned()).collect();
    command_line("npx", &words).0
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

use super::*;

fn words(prompt: &str) -> Vec<String> {
    prompt.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_dash_before_or_behind_the_prompt_stands_for_what_is_piped_in() {
    let piped = || "piped\n".as_bytes();
    assert_eq!(prompt(&words("what is this"), piped()), Ok("what is this".to_owned()));
    assert_eq!(prompt(&words("-"), piped()), Ok("piped".to_owned()));
    assert_eq!(prompt(&words("sum up: -"), piped()), Ok("sum up:\n\npiped".to_owned()));
    assert_eq!(prompt(&words("- sum up"), piped()), Ok("piped\n\nsum up".to_owned()));
    assert_eq!(prompt(&words("what is 5 - 3"), piped()), Ok("what is 5 - 3".to_owned()));
}

#[test]
fn what_is_piped_in_must_be_text() {
    let failure = Failure::usage("standard input is not UTF-8; only text can be a prompt");
    assert_eq!(prompt(&words("-"), &b"\xff\xfe"[..]), Err(failure));
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

fn parse(arguments: &[&str]) -> Cli {
    Cli::try_parse_from([&["siumai"], arguments].concat()).unwrap()
}

#[test]
fn run_is_the_default_verb() {
    let cli = parse(&["-m", "offline", "what", "is", "6*7"]);
    assert!(cli.command.is_none());
    assert_eq!(cli.run.prompt, ["what", "is", "6*7"]);
    assert_eq!(cli.run.model.model.as_deref(), Some("offline"));
    let Some(Command::Run(run)) = parse(&["run", "-T", "calculator,read_file", "hi"]).command
    else {
        panic!("it is a run")
    };
    assert_eq!(
        (run.prompt, run.tools.tools),
        (vec!["hi".to_owned()], words("calculator read_file"))
    );
}

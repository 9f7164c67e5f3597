//! The command line itself.
use crate::support::Place;

#[test]
fn run_is_what_happens_without_a_verb() {
    let place = Place::new();
    for arguments in [
        &["what is (3+4)*12"][..],
        &["run", "what is (3+4)*12"],
        &["run", "what", "is", "(3+4)*12"],
        &["-m", "offline", "what is (3+4)*12"],
    ] {
        let seen = place.run(arguments);
        assert_eq!((seen.code, &*seen.out), (Some(0), "(3+4)*12 = 84\n"), "{arguments:?}");
    }
}

#[test]
fn a_prompt_may_be_piped_in() {
    let seen = Place::new().run_with(b"what is 6*7\n", &["run", "-m", "offline", "-"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "6*7 = 42\n"));
}

#[test]
fn no_prompt_and_no_terminal_is_wrong_usage() {
    let seen = Place::new().run(&[]);
    let message = "error: no prompt; give it as an argument, as in `siumai run \"what is 6*7\"`, \
                   or write `siumai run -` to read it from standard input\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), message));
    let seen = Place::new().run_with(b" \n", &["-"]);
    let message = "error: the prompt is empty; say what is to be done, as in `siumai run \"what \
                   is 6*7\"`\n";
    assert_eq!((seen.code, &*seen.err), (Some(2), message));
}

#[test]
fn bad_flags_are_named() {
    let place = Place::new();
    for (arguments, named) in [
        (&["--no-such-option", "hi"][..], "'--no-such-option'"),
        (&["--max-steps", "0", "hi"], "'--max-steps <N>'"),
        (&["--approve", "maybe", "hi"], "[possible values: ask, read-only, all, pause, none]"),
        (&["-q", "-v", "hi"], "cannot be used with"),
        (&["--root", "no/such/folder", "hi"], "the folder no/such/folder can't be opened"),
        (&["-T", "calculater", "hi"], "no tool named `calculater`; did you mean `calculator`?"),
        (
            &["--stop-on-tool", "read", "hi"],
            "--stop-on-tool: no tool named `read`; did you mean `read_file`?",
        ),
        (&["-T", "calculator", "--stop-on-tool", "read_file", "hi"], "no tool named `read_file`"),
    ] {
        let seen = place.run(arguments);
        assert_eq!((seen.code, &*seen.out), (Some(2), ""), "{arguments:?}");
        assert!(seen.err.starts_with("error: ") && seen.err.contains(named), "{}", seen.err);
    }
}

#[test]
fn the_tools_are_listed() {
    let seen = Place::new().run(&["tools"]);
    assert_eq!(seen.code, Some(0));
    assert!(
        seen.out.starts_with("calculator\n  Calculate an arithmetic expression"),
        "{}",
        seen.out
    );
    assert!(seen.out.contains("\nrun_command  (asks before it runs)\n"), "{}", seen.out);
    let seen = Place::new().run(&["tools", "-o", "json"]);
    let tools: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(tools[0]["name"], "calculator");
}

#[test]
fn completions_are_written() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let seen = Place::new().run(&["completions", shell]);
        assert_eq!(seen.code, Some(0));
        assert!(seen.out.contains("siumai"), "{shell}");
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let seen = Place::new().run(&["--help"]);
    assert_eq!((seen.code, &*seen.err), (Some(0), ""));
    assert!(seen.out.contains("130 interrupted"), "{}", seen.out);
}

#[test]
fn tools_stay_in_the_folder_that_is_given() {
    let place = Place::new();
    std::fs::create_dir(place.path("inner")).unwrap();
    place.write("inner/notes.txt", "inside");
    place.write("secret.txt", "outside");
    let seen = place.run(&["--root", "inner", "-m", "offline", "read the file notes.txt"]);
    assert!(seen.out.contains("inside"), "{}", seen.out);
    let seen = place.run(&["--root", "inner", "-m", "offline", "read the file ../secret.txt"]);
    assert!(seen.err.contains("lies outside the folder"), "{}", seen.err);
    assert!(!seen.out.contains("outside\n"), "{}", seen.out);
}

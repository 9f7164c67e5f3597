use super::{assign, is_allowed};

#[test]
fn a_tool_is_called_by_its_server_and_its_name() {
    assert_eq!(assign(&[("files", "read_file"), ("git", "log")]), ["files__read_file", "git__log"]);
}

#[test]
fn letters_that_models_may_not_use_become_others() {
    assert_eq!(assign(&[("files", "read/file.now")]), ["files__read_file_now"]);
}

#[test]
fn a_name_that_is_too_long_is_shortened_and_stays_its_own() {
    let long = "a".repeat(70);
    let longer = "a".repeat(71);
    let names = assign(&[("s", &long), ("s", &longer)]);
    assert!(names.iter().all(|it| it.len() == 64), "{names:?}");
    assert_ne!(names[0], names[1]);
    assert_eq!(assign(&[("s", &longer)])[0], names[1], "its neighbours don't matter");
}

#[test]
fn names_that_would_be_alike_are_told_apart() {
    let names = assign(&[("s", "a.b"), ("s", "a/b"), ("s", "a_b"), ("a", "b__c"), ("a__b", "c")]);
    assert_eq!((names[2].as_str(), names[3].as_str()), ("s__a_b", "a__b__c"));
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    assert!(names.iter().all(|it| it.chars().all(is_allowed)), "{names:?}");
}

use std::{fmt, io};

use serde_json::json;

use super::*;
use crate::ErrorKind;

#[test]
fn what_is_written_as_json_is_an_answer() {
    assert_eq!(().into_answer().unwrap(), json!(null));
    assert_eq!("owl".into_answer().unwrap(), json!("owl"));
    assert_eq!(vec![Some(1), None].into_answer().unwrap(), json!([1, null]));
    assert_eq!(BTreeMap::from([("a".to_owned(), 1)]).into_answer().unwrap(), json!({ "a": 1 }));
    assert_eq!(Json([(1, 'b')]).into_answer().unwrap(), json!([[1, "b"]]));
    assert_eq!(Ok::<_, io::Error>([1, 2]).into_answer().unwrap(), json!([1, 2]));
}

#[test]
fn an_error_of_any_type_is_told_with_its_causes() {
    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("The file was not read")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    let told = |answer: Result<(), Outer>| answer.into_answer().unwrap_err().message().to_owned();
    assert_eq!(told(Err(Outer(io::Error::other("disk gone")))), "The file was not read: disk gone");
    assert_eq!(Err::<(), _>("No.").into_answer().unwrap_err().message(), "No.");
}

#[test]
fn an_error_of_ours_stays_what_it_is() {
    let error = Err::<(), _>(LlmError::fatal("the database is gone")).into_answer().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FatalTool);
    let boxed: Box<dyn Error + Send + Sync> = error.into();
    assert_eq!(Err::<(), _>(boxed).into_answer().unwrap_err().kind(), ErrorKind::FatalTool);
}

#[test]
fn an_answer_that_is_no_json_is_an_error() {
    let error = Json(BTreeMap::from([((1, 2), 3)])).into_answer().unwrap_err();
    assert_eq!(
        error.message(),
        "The tool did its work, but its answer can't be written as JSON: key must be a string."
    );
}

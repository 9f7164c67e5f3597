use super::{Diagnosis, SHOWN_LINES, TAIL};

#[test]
fn the_last_lines_are_shown_without_paint() {
    let diagnosis = Diagnosis::default();
    assert_eq!(diagnosis.last_words(), None);
    diagnosis.said(b"\x1b[31merror:\x1b[0m no ");
    diagnosis.said("such file\r\n\n".as_bytes());
    assert_eq!(diagnosis.last_words().unwrap(), "error: no such file");
}

#[test]
fn a_flood_is_cut_at_its_beginning() {
    let diagnosis = Diagnosis::default();
    for number in 0..10_000 {
        diagnosis.said(format!("line {number}\n").as_bytes());
    }
    let words = diagnosis.last_words().unwrap();
    assert!(words.ends_with("line 9998\nline 9999"), "{words}");
    assert_eq!(words.lines().count(), SHOWN_LINES);
}

#[test]
fn a_line_that_was_cut_is_not_shown() {
    let diagnosis = Diagnosis::default();
    diagnosis.said("s".repeat(TAIL + 1).as_bytes());
    assert_eq!(diagnosis.last_words(), None);
    diagnosis.said(b"\nend");
    assert_eq!(diagnosis.last_words().unwrap(), "end");
}

#[test]
fn the_first_reason_counts() {
    let diagnosis = Diagnosis::default();
    diagnosis.ended("wrote too much");
    diagnosis.ended("closed the connection");
    assert_eq!(diagnosis.how_it_ended().unwrap(), "wrote too much");
}

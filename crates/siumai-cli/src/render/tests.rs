use super::*;

#[test]
fn nothing_that_moves_the_cursor_is_shown() {
    assert_eq!(printable("plain é"), "plain é");
    assert_eq!(printable("a\u{1b}[2J\nb\u{202e}c\u{9b}"), "a\\u{1b}[2J\\nb\\u{202e}c\\u{9b}");
    assert_eq!(printable_lines("a\n\tb\r"), "a\n\tb\\r");
}

use super::{Secrets, address};

#[test]
fn an_address_is_shown_without_user_and_query() {
    assert_eq!(
        address("https://me:pw@example.com:8080/mcp?key=1#x"),
        "https://example.com:8080/mcp"
    );
    assert_eq!(address("https://example.com/a@b"), "https://example.com/a@b");
    assert_eq!(address("postgres://me:p@ss@db/x"), "postgres://db/x");
    assert_eq!(address("no address"), "no address");
}

#[test]
fn a_secret_is_taken_out_of_a_text_whole() {
    let secrets = Secrets::new(["abc123".to_owned(), "abc123456".to_owned(), "1".to_owned()]);
    assert_eq!(secrets.taken_out_of("1: abc123456, abc123"), "1: …, …");
}

use super::*;

fn destination(url: &str) -> Destination {
    Destination::new(Url::parse(url).unwrap()).unwrap()
}

#[test]
fn a_request_says_host_path_and_query_and_nothing_else_of_its_url() {
    for (url, uri, host) in [
        ("http://example.com", "http://example.com/", "example.com"),
        ("https://example.com:443/v1?a=b#c", "https://example.com/v1?a=b", "example.com"),
        ("https://example.com:80/v1", "https://example.com:80/v1", "example.com:80"),
        ("http://me:secret@localhost:1/v 1", "http://localhost:1/v%201", "localhost:1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1", "[::1]:8080"),
    ] {
        let destination = destination(url);
        assert_eq!(
            (destination.uri.to_string().as_str(), destination.host.to_str().unwrap()),
            (uri, host)
        );
    }
}

#[test]
fn user_and_password_of_a_url_are_a_header() {
    for (url, pair) in [
        ("http://me:p%40ss@example.com", Some("me:p@ss")),
        ("http://token@example.com", Some("token:")),
        ("http://:secret@example.com", Some(":secret")),
        ("http://example.com", None),
    ] {
        let header = pair.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
        let authorization = destination(url).authorization;
        assert_eq!(authorization.as_ref().map(|it| it.to_str().unwrap()), header.as_deref());
        assert!(authorization.is_none_or(|it| it.is_sensitive()));
    }
}

#[test]
fn this_machine_is_known_by_name_and_address() {
    for url in ["http://localhost:1", "http://127.1.2.3", "http://[::1]:8080"] {
        assert!(destination(url).is_loopback, "{url}");
    }
    for url in ["http://example.com", "http://10.0.0.1", "http://localhost.example.com"] {
        assert!(!destination(url).is_loopback, "{url}");
    }
}

#[test]
fn a_url_that_is_too_long_for_a_request_is_refused() {
    let url = format!("http://example.com/{}", "a".repeat(1 << 16));
    let error = Destination::new(Url::parse(&url).unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "the URL can't be sent over HTTP: uri too long");
}

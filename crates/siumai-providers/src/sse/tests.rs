use proptest::prelude::*;

use super::*;

/// All events of a stream that arrives in `pieces`, its unended last one included.
fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (events, error) = laws::events(pieces.iter().copied(), EVENT_LIMIT);
    assert_eq!(error, None);
    events.into_iter().map(|(name, data)| (text(name), text(data))).collect()
}

fn data(stream: &str) -> Vec<String> {
    events(&[stream.as_bytes()]).into_iter().map(|(_, data)| data).collect()
}

#[test]
fn an_event_ends_with_an_empty_line() {
    assert_eq!(data("data: one\n\ndata: two\n\n"), ["one", "two"]);
}

#[test]
fn lines_end_with_a_line_feed_a_return_or_both() {
    assert_eq!(data("data: one\r\n\r\ndata: two\r\rdata: three\n\n"), ["one", "two", "three"]);
    assert_eq!(data("data: one\r\ndata: more\r\n\r\n"), ["one\nmore"]);
}

#[test]
fn several_lines_of_data_are_joined_by_line_feeds() {
    assert_eq!(data("data: one\ndata\ndata:two\n\n"), ["one\n\ntwo"]);
}

#[test]
fn one_space_after_the_colon_is_left_out() {
    assert_eq!(data("data:  two\n\ndata:none\n\n"), [" two", "none"]);
}

#[test]
fn comments_and_unknown_fields_are_ignored() {
    assert_eq!(data(": hello\nid: 7\nretry: 10\nfoo\ndata: one\n: more\n\n"), ["one"]);
}

#[test]
fn an_event_has_the_name_it_was_given_and_the_next_has_not() {
    let seen = events(&[b"event: error\ndata: one\n\ndata: two\n\n"]);
    assert_eq!(seen, [("error".into(), "one".into()), (String::new(), "two".into())]);
}

#[test]
fn a_name_without_data_is_no_event() {
    assert_eq!(events(&[b"event: ping\n\n\n\ndata: one\n\n"]), [(String::new(), "one".into())]);
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_start_and_only_there() {
    assert_eq!(data("\u{feff}data: one\n\n\u{feff}data: two\n\ndata: three\n\n"), ["one", "three"]);
    assert_eq!(events(&[b"\xef", b"\xbb\xbfdata: one\n\n"]).len(), 1);
}

#[test]
fn the_last_event_may_lack_its_empty_line() {
    assert_eq!(data("data: one\n\ndata: [DONE]\n"), ["one", "[DONE]"]);
    assert_eq!(data("data: one\n\ndata: [DONE]"), ["one", "[DONE]"]);
    assert_eq!(data("data: one\n\n"), ["one"]);
    assert_eq!(data(""), Vec::<String>::new());
}

#[test]
fn a_character_may_be_cut_in_two() {
    assert_eq!(events(&[b"data: \xe2\x98", b"\x83\n\n"]), [(String::new(), "☃".into())]);
}

#[test]
fn a_piece_is_held_no_longer_than_it_has_events() {
    let mut framer = Framer::default();
    for (piece, expected) in [
        ("data: one\n\ndata: tw", Some("one")),
        ("o\nda", None),
        ("ta: three\n\n", Some("two\nthree")),
    ] {
        let piece = Bytes::copy_from_slice(piece.as_bytes());
        framer.push(piece.clone());
        if let Some(expected) = expected {
            assert_eq!(framer.next_event().unwrap().unwrap().data, expected.as_bytes());
        }
        assert_eq!(framer.next_event(), Ok(None));
        assert!(piece.is_unique());
    }
}

#[test]
fn an_endless_line_is_an_error_and_is_not_kept() {
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let mut framer = Framer::default();
    framer.push(Bytes::from_static(b"data: "));
    assert_eq!(framer.next_event(), Ok(None));
    let fed = (0..100).take_while(|_| {
        framer.push(piece.clone());
        framer.next_event() == Ok(None)
    });
    assert_eq!(fed.count(), 15);
    assert!(framer.line.len() <= EVENT_LIMIT);
}

#[test]
fn an_event_of_endless_lines_is_an_error() {
    let line = Bytes::from([b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat());
    let mut framer = Framer::default();
    let fed = (0..100).take_while(|_| {
        framer.push(line.clone());
        framer.next_event() == Ok(None)
    });
    assert!((14..=16).contains(&fed.count()));
}

#[test]
fn a_large_line_is_an_error_whatever_it_says() {
    let stream = b"data: one\n\n: a comment that is long\ndata: two\n\n";
    let first = (vec![], b"one".to_vec());
    for pieces in [vec![&stream[..]], stream.chunks(1).collect()] {
        assert_eq!(laws::events(pieces, 16), (vec![first.clone()], Some(TooLarge)));
    }
}

#[test]
fn a_large_event_without_its_end_is_an_error() {
    let stream: &[u8] = b"data: 12345678\ndata: 12345678";
    assert_eq!(laws::events([stream], 16), (vec![], Some(TooLarge)));
}

/// Streams that look like streams: lines of every sort, ended in every way.
fn a_stream() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "data: ?[a-zé☃:\\[\\]]{0,8}",
        1 => "event: ?[a-z]{0,4}",
        1 => ":[a-z ]{0,4}",
        1 => "[a-z]{0,3}:?[ a-z]{0,3}",
        3 => Just(String::new()),
    ];
    let ended = (line, prop_oneof![3 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")]);
    let mark = prop_oneof![3 => Just(""), 1 => Just("\u{feff}")];
    (mark, prop::collection::vec(ended, 0..20)).prop_map(|(mark, lines)| {
        lines.into_iter().fold(mark.to_owned(), |stream, (line, end)| stream + &line + end)
    })
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_decodes_as_the_standard_says(
        stream in a_stream(),
        cuts in any::<u8>(),
    ) {
        laws::check(stream.as_bytes(), cuts, EVENT_LIMIT);
    }

    #[test]
    fn what_is_too_large_is_so_in_any_cut(
        stream in a_stream(),
        cuts in any::<u8>(),
        limit in 4..24_usize,
    ) {
        laws::check(stream.as_bytes(), cuts, limit);
    }

    #[test]
    fn arbitrary_bytes_decode_as_the_standard_says(
        stream in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b':')], 0..64),
        cuts in any::<u8>(),
        limit in 4..24_usize,
    ) {
        laws::check(&stream, cuts, limit);
    }
}

#[test]
fn what_fuzzing_begins_with_and_what_it_found_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/sse");
    for entry in std::fs::read_dir(folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        let [cuts, limit, stream @ ..] = &data[..] else { continue };
        laws::check(stream, *cuts, usize::from(*limit));
    }
}

/// What a framer holds at most of `piece`, given to it until it has enough; and how often it took it.
fn held(start: &str, piece: &Bytes) -> (usize, usize) {
    let mut framer = Framer::default();
    framer.push(Bytes::copy_from_slice(start.as_bytes()));
    let (mut most, mut taken) = (0, 0);
    loop {
        match framer.next_event() {
            Err(TooLarge) => return (most, taken),
            Ok(event) => assert_eq!(event, None, "nothing of it is an event"),
        }
        most = most.max(framer.line.capacity() + framer.joined.capacity() + framer.name.capacity());
        framer.push(piece.clone());
        taken += 1;
        assert!(taken < 100, "there is no end to what it takes");
    }
}

#[test]
fn a_framer_holds_no_more_than_an_event_may_be_large() {
    const MIB: usize = 1 << 20;
    let endless_line = Bytes::from(vec![b'x'; MIB]);
    // A vector doubles when it grows.
    let room = 2 * EVENT_LIMIT;
    for start in ["data: ", ": ", "event: ", "", "id"] {
        let (most, taken) = held(start, &endless_line);
        assert!(most <= room, "{most} bytes of `{start}`");
        assert!(taken <= EVENT_LIMIT / MIB + 1, "{taken} times");
    }
    let endless_lines = Bytes::from("data: x\n".repeat(MIB / 8));
    let (most, taken) = held("", &endless_lines);
    assert!(most <= room, "{most} bytes");
    // Of `data: x` and its line feed, one byte of each is kept.
    assert!(taken <= 4 * EVENT_LIMIT / MIB + 1, "{taken} times");
}

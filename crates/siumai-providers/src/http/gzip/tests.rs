use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use siumai_core::ErrorKind;

use super::*;

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::best())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = encoder();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(pieces: Vec<Vec<u8>>) -> Gunzip<impl Stream<Item = Result<Bytes, LlmError>> + Unpin> {
    let pieces = stream::iter(pieces.into_iter().map(|it| Ok(Bytes::from(it))));
    Gunzip::new(pieces, |_, error| LlmError::new(ErrorKind::IncompleteReply, error.to_string()))
}

/// All that comes out, and the error after it.
async fn read(pieces: Vec<Vec<u8>>) -> (String, Option<String>) {
    let (mut text, mut gunzip) = (String::new(), gunzip(pieces));
    while let Some(piece) = gunzip.next().await {
        match piece {
            Ok(bytes) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            Err(error) => return (text, Some(error.to_string())),
        }
    }
    (text, None)
}

#[tokio::test]
async fn it_does_not_matter_where_it_is_cut() {
    let text = "hello, hello, hello and goodbye";
    let whole = gzip(text);
    for at in 0..whole.len() {
        let pieces = vec![whole[..at].to_vec(), Vec::new(), whole[at..].to_vec()];
        assert_eq!(read(pieces).await, (text.to_owned(), None));
    }
    let letters = whole.iter().map(|byte| vec![*byte]).collect();
    assert_eq!(read(letters).await, (text.to_owned(), None));
}

#[tokio::test]
async fn members_one_after_the_other_are_one_text() {
    let both = [gzip("hello "), gzip("again")];
    assert_eq!(read(vec![both.concat()]).await, ("hello again".to_owned(), None));
    assert_eq!(read(both.to_vec()).await, ("hello again".to_owned(), None));
}

#[tokio::test]
async fn what_was_flushed_is_read_before_the_rest_has_come() {
    let mut encoder = encoder();
    encoder.write_all(b"hello").unwrap();
    encoder.flush().unwrap();
    let pieces = stream::iter([Ok(encoder.get_ref().clone().into())]).chain(stream::pending());
    let mut gunzip = Gunzip::new(pieces, |_, error| panic!("{error}"));
    assert_eq!(gunzip.next().await.unwrap().unwrap(), "hello");
}

#[tokio::test]
async fn what_is_cut_or_damaged_ends_in_an_error() {
    let whole = gzip("hello");
    for at in 0..whole.len() {
        assert!(read(vec![whole[..at].to_vec()]).await.1.is_some(), "cut at {at}");
    }
    let mut damaged = whole.clone();
    damaged[whole.len() - 8] ^= 1;
    let (text, error) = read(vec![damaged]).await;
    assert_eq!(
        (text.as_str(), error.as_deref()),
        ("hello", Some("corrupt gzip stream does not have a matching checksum"),)
    );
    let followed = [whole, b"more than a header".to_vec()].concat();
    assert_eq!(read(vec![followed]).await.1.as_deref(), Some("invalid gzip header"));
}

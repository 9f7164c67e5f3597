use std::sync::Arc;

use rmcp::transport::Transport;

use super::{Lines, MOST_UNASKED, Nothing};
use crate::diagnosis::Diagnosis;

/// How many messages come of `text`, and how they end.
async fn read(text: &str) -> (usize, String) {
    let diagnosis = Arc::new(Diagnosis::default());
    let streams = (text.as_bytes(), tokio::io::sink());
    let mut lines = Lines::new(streams, 1_000, Nothing, Arc::clone(&diagnosis));
    let mut count = 0;
    while lines.receive().await.is_some() {
        count += 1;
    }
    (count, diagnosis.how_it_ended().unwrap())
}

#[tokio::test]
async fn what_nobody_asked_for_has_an_end() {
    let message = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n";
    let (count, ended) = read(&message.repeat(MOST_UNASKED + 1)).await;
    assert_eq!(count, MOST_UNASKED);
    assert_eq!(ended, "sent 100000 messages in a row that nobody asked for");
}

#[tokio::test]
async fn an_answer_begins_the_count_anew() {
    let stray = "a line\n".repeat(600);
    let answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n";
    let (count, ended) = read(&format!("{stray}{answer}{stray}")).await;
    assert_eq!((count, ended.as_str()), (1, "closed the connection"));
}

//! What a client records of itself.
use siumai::{
    Siumai,
    model::{LanguageModel, layers::Replay},
    prelude::*,
};

#[tokio::test]
async fn a_client_that_records_keeps_its_key_to_itself() {
    let secrets = ["sk-canary-key", "canary-password", "canary-token"];
    let [key, password, token] = secrets;
    let mut file = Vec::new();
    let client = Siumai::builder()
        .openai()
        .model("m")
        .api_key(format!(" {key}\n"))
        .base_url(format!("http://me:{password}@127.0.0.1:9/v1?api-version=2030&token={token}"))
        .max_retries(0)
        .build()
        .unwrap();
    let recorder = client.record(&mut file);
    let request = ChatRequest::new(vec![user!("{secrets:?} 2030")]);
    assert!(recorder.stream(request.clone()).await.is_err(), "nothing listens there");
    assert!(!format!("{recorder:?}").contains("canary"));
    drop(recorder);
    let text = String::from_utf8(file).unwrap();
    assert!(!text.contains("canary") && text.contains(" 2030"), "{text}");

    let replay = secrets.into_iter().fold(text.parse::<Replay>().unwrap(), Replay::scrub);
    assert_eq!((replay.provider(), replay.model()), ("openai", "m"));
    let error = Siumai::new(replay).chat_request(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
}

use siumai_core::{
    async_trait,
    model::{LanguageModel, collect},
    types::ChatRequest,
    user,
};

use super::*;
use crate::{
    OpenAiChat,
    http::{HeaderName, HeaderValue, HttpRequest, HttpResponse, Transport},
};

/// Answers with this body, and an id for the request.
struct Canned {
    content_type: &'static str,
    body: &'static str,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, LlmError> {
        let headers = [("content-type", self.content_type), ("x-request-id", "req_7")];
        let response = HttpResponse::new(200, Body::whole(self.body));
        Ok(headers.into_iter().fold(response, |response, (name, value)| {
            response.with_header(HeaderName::from_static(name), HeaderValue::from_static(value))
        }))
    }
}

#[tokio::test]
async fn a_reply_carries_the_id_of_its_request() {
    let answers = [
        ("application/json", r#"{"id":"1","choices":[{"message":{"content":"Hi"}}]}"#),
        (
            "text/event-stream",
            ": wait\n\ndata: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        ),
    ];
    for (content_type, body) in answers {
        let model = OpenAiChat::ollama().model("m").transport(Canned { content_type, body });
        let model = model.build().unwrap();
        let stream = model.stream(ChatRequest::new(vec![user!("hello")])).await.unwrap();
        let reply = collect(stream).await.unwrap();
        let ids = (reply.id.as_deref(), reply.request_id.as_deref());
        assert_eq!(ids, (Some("1"), Some("req_7")), "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_it_began_has_no_start() {
    let canned = Canned {
        content_type: "text/event-stream",
        body: "data: {\"error\":{\"message\":\"no\"}}\n\n",
    };
    let model = OpenAiChat::ollama().model("m").transport(canned).build().unwrap();
    let mut stream = model.stream(ChatRequest::new(vec![user!("hello")])).await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.request_id(), Some("req_7"));
}

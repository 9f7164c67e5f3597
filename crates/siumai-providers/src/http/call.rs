//! One exchange with a provider, and how its failures are told.
use bytes::Bytes;
use siumai_core::{ErrorKind, LlmError};

use super::{
    Content, Endpoint, Fault, HttpResponse, Reported, advice::Advice, body::Whole,
    failure::kind_of_status, shown,
};

/// How much of an error's body is read, in bytes.
const ERROR_BODY: usize = 64 * 1024;

/// How much of what can't be read an error shows, in characters.
const EXCERPT: usize = 120;

/// What providers call the header with their id of a request: most, Anthropic, Azure, Mistral.
const REQUEST_IDS: [&str; 4] =
    ["x-request-id", "request-id", "apim-request-id", "mistral-correlation-id"];

/// One exchange with an endpoint: what its errors have to name.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    endpoint: &'a Endpoint,
    model: &'a str,
    request_id: Option<String>,
}

impl<'a> Call<'a> {
    /// The exchange that `response` answers.
    pub(super) fn answered(
        endpoint: &'a Endpoint,
        model: &'a str,
        response: &HttpResponse,
    ) -> Self {
        let id = REQUEST_IDS.iter().find_map(|name| response.header(*name));
        let request_id = id.map(|id| endpoint.quote(id));
        tracing::debug!(
            provider = endpoint.provider(),
            model,
            status = response.status,
            request_id,
            "an answer began"
        );
        Self { endpoint, model, request_id }
    }

    /// The error that `fault` is.
    pub(crate) fn error(&self, fault: Fault) -> LlmError {
        let provider = self.endpoint.provider();
        let error = match fault {
            Fault::Reported(reported) => self.reported(reported),
            Fault::Incomplete => LlmError::new(
                ErrorKind::IncompleteReply,
                format!("the reply of {provider} broke off before its end; ask again"),
            ),
            Fault::TooLarge { what, limit } => LlmError::new(
                ErrorKind::MalformedReply,
                format!("{what} of {provider} is larger than {} MiB", limit >> 20),
            ),
            Fault::Malformed { why, excerpt } => {
                let why = self.endpoint.quote(&why);
                let shown: String = self.endpoint.quote(&excerpt).chars().take(EXCERPT).collect();
                let message =
                    format!("the reply of {provider} can't be read: {why}; it begins `{shown}`");
                LlmError::new(ErrorKind::MalformedReply, message)
            }
        };
        self.identified(error)
    }

    /// A web page came where JSON was wanted.
    pub(crate) fn web_page(&self, status: u16) -> LlmError {
        let kind = kind_of_status(status);
        let message = format!(
            "{} does not look like an API: it answers with a web page; check the base URL",
            self.endpoint.address()
        );
        self.identified(LlmError::new(kind, message).with_status(status))
    }

    /// The provider's id of the request.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The error of a transport, in the midst of an answer.
    pub(crate) fn lost(&self, error: LlmError) -> LlmError {
        self.identified(self.endpoint.scrubbed(error))
    }

    /// `error` with the provider's id of the request.
    fn identified(&self, error: LlmError) -> LlmError {
        match &self.request_id {
            Some(id) => error.with_request_id(id),
            None => error,
        }
    }

    /// The error that `response` is.
    pub(super) async fn refused(
        &self,
        response: HttpResponse,
        read_error: fn(&[u8]) -> Option<Reported>,
    ) -> LlmError {
        let status = response.status;
        let advice = Advice::of(&response, self.endpoint.clock());
        if (300..400).contains(&status) {
            return self.redirected(&response);
        }
        let is_web_page = response.content() == Content::WebPage;
        // A refusal whose body can't be read is a refusal all the same.
        let body = response.body.read_whole(ERROR_BODY).await;
        let body = body.map_or_else(|_| Bytes::new(), Whole::into_bytes);
        if is_web_page || looks_like_html(&body) {
            return advice.on(self.web_page(status));
        }
        let plain = || Reported {
            message: Some(String::from_utf8_lossy(&body).into_owned()),
            ..Reported::default()
        };
        let mut reported = read_error(&body).unwrap_or_else(plain);
        reported.status = Some(status);
        let error = self.reported(reported).with_status(status);
        advice.on(self.identified(error))
    }

    fn redirected(&self, response: &HttpResponse) -> LlmError {
        let from = self.endpoint.url();
        let to = response.header("location").and_then(|location| from.join(location).ok());
        let to = to.map(|url| format!("to {}", self.endpoint.quote(&shown(&url))));
        let to = to.unwrap_or_else(|| "elsewhere".to_owned());
        let message =
            format!("{} redirects {to}; set the base URL to where the API is", shown(from));
        let error = LlmError::new(kind_of_status(response.status), message);
        self.identified(error.with_status(response.status))
    }

    fn reported(&self, reported: Reported) -> LlmError {
        let kind = reported.kind();
        let said = reported.message.map(|text| self.endpoint.quote(&text));
        let said = said
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "it does not say why".to_owned());
        let error = LlmError::new(kind, self.message(kind, &said));
        let error = match reported.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        };
        match reported.code.or(reported.category) {
            Some(code) => error.with_code(self.endpoint.quote(&code)),
            None => error,
        }
    }

    fn message(&self, kind: ErrorKind, said: &str) -> String {
        let (provider, model) = (self.endpoint.provider(), self.model);
        match kind {
            ErrorKind::Authentication if self.endpoint.has_key() => {
                format!("{provider} does not accept the API key: {said}; pass a valid one")
            }
            ErrorKind::Authentication => format!("{provider} wants an API key: {said}; pass one"),
            ErrorKind::PermissionDenied => format!("{provider} does not allow this: {said}"),
            ErrorKind::NotFound => format!(
                "{provider} has no model `{model}` at {}: {said}; check its name and the base URL",
                self.endpoint.address()
            ),
            ErrorKind::RateLimited => format!("{provider} limits how much is asked: {said}; wait"),
            ErrorKind::Overloaded => format!("{provider} is overloaded: {said}; try again later"),
            ErrorKind::Timeout => format!("{provider} waited too long: {said}; try again"),
            ErrorKind::Server => format!("{provider} failed: {said}; try again later"),
            ErrorKind::ContentFilter => format!("a filter of {provider} refused this: {said}"),
            ErrorKind::ContextTooLong => {
                format!("the conversation is too long for `{model}`: {said}; shorten the history")
            }
            _ => format!("{provider} refused the request: {said}"),
        }
    }
}

/// Whether `body` begins like a web page.
pub(crate) fn looks_like_html(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.first() == Some(&b'<')
}

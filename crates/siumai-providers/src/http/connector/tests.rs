use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use siumai_core::{ErrorKind, LlmError};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::http::{
    Body, HeaderMap, HttpClient, HttpRequest, HttpResponse, Transport, Url, body::Whole,
};

/// For `api.example.test` and `localhost`, by itself, until 2126.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
const KEY: &[u8] = include_bytes!("key.der");

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

async fn send(client: &HttpClient, url: &str) -> Result<HttpResponse, LlmError> {
    let url = Url::parse(url).unwrap();
    let destination = Arc::new(Destination::new(url.clone()).unwrap());
    let body = bytes::Bytes::from("{}").into();
    client.send(HttpRequest { url, headers: HeaderMap::new(), body, destination }).await
}

async fn text(body: Body) -> String {
    let whole = body.read_whole(99).await.map(Whole::into_bytes);
    String::from_utf8(whole.unwrap().into()).unwrap()
}

/// Reads to the end of a head or, after it, of a body of two bytes.
async fn hear(socket: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        heard.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(heard).unwrap()
}

async fn say(socket: &mut (impl AsyncWrite + Unpin), text: &str) {
    socket.write_all(text.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
}

/// Reads a request without TLS and answers it.
async fn answer_one(listener: &TcpListener) -> String {
    let (mut socket, _) = listener.accept().await.unwrap();
    let heard = hear(&mut socket, "\r\n\r\n{}").await;
    say(&mut socket, ANSWER).await;
    heard
}

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(KEY).unwrap().clone_key();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(server.with_single_cert(vec![CERTIFICATE.into()], key).unwrap()))
}

/// A client that trusts [`CERTIFICATE`].
fn trusting(proxies: Matcher) -> HttpClient {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let connector = Connector::new(proxies);
    connector.0.tls.set(Arc::new(tls)).unwrap();
    HttpClient::over(connector)
}

/// A place for a proxy, and the settings that lead to it, with a password.
async fn proxy() -> (TcpListener, Matcher) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:p%40ss@{}", listener.local_addr().unwrap());
    (listener, Matcher::builder().all(url).build())
}

#[tokio::test]
async fn a_certificate_that_nobody_trusted_vouches_for_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}/v1");
    let server = async {
        let (socket, _) = listener.accept().await.unwrap();
        acceptor().accept(socket).await.is_err()
    };
    let client = HttpClient::for_host(&Url::parse(&url).unwrap()).unwrap();
    let (is_hung_up, answer) = tokio::join!(server, send(&client, &url));
    assert!(is_hung_up);
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(
        error.to_string(),
        format!(
            "no connection to localhost:{port}: invalid peer certificate: UnknownIssuer; check the \
             network and the base URL"
        )
    );
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (listener, proxies) = proxy().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket, "\r\n\r\n").await;
        say(&mut socket, "HTTP/1.1 200 OK\r\n\r\n").await;
        acceptor().accept(socket).await.is_err()
    };
    let client = trusting(proxies);
    let answer = send(&client, "https://other.example.test/v1");
    let (is_hung_up, answer) = tokio::join!(server, answer);
    assert!(is_hung_up);
    let said = answer.unwrap_err().to_string();
    let start = "no connection to other.example.test:443: invalid peer certificate: certificate not \
                 valid for name";
    assert!(said.starts_with(start), "{said}");
}

#[tokio::test]
async fn https_goes_through_a_proxy_in_a_tunnel_that_it_cannot_see_into() {
    let (listener, proxies) = proxy().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let asked = hear(&mut socket, "\r\n\r\n").await;
        say(&mut socket, "HTTP/1.1 200 Connection established\r\n\r\n").await;
        let mut socket = acceptor().accept(socket).await.unwrap();
        let heard = hear(&mut socket, "\r\n\r\n{}").await;
        say(&mut socket, ANSWER).await;
        (asked, heard)
    };
    let client = trusting(proxies);
    let answer = send(&client, "https://api.example.test/v1?a=b");
    let ((asked, heard), answer) = tokio::join!(server, answer);
    assert_eq!(
        asked,
        "CONNECT api.example.test:443 HTTP/1.1\r\nHost: api.example.test:443\r\n\
         Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
    );
    assert_eq!(
        heard,
        "POST /v1?a=b HTTP/1.1\r\naccept-encoding: gzip\r\nhost: api.example.test\r\n\
         content-length: 2\r\n\r\n{}"
    );
    assert_eq!(text(answer.unwrap().body).await, "hello");
}

#[tokio::test]
async fn http_goes_through_a_proxy_that_is_told_the_whole_url_but_no_password_in_it() {
    let (listener, proxies) = proxy().await;
    let client = HttpClient::over(Connector::new(proxies));
    let answer = send(&client, "http://you:secret@api.example.test:8080/v1?a=b");
    let (heard, answer) = tokio::join!(answer_one(&listener), answer);
    assert_eq!(
        heard,
        "POST http://api.example.test:8080/v1?a=b HTTP/1.1\r\naccept-encoding: gzip\r\n\
         host: api.example.test:8080\r\nauthorization: Basic eW91OnNlY3JldA==\r\n\
         proxy-authorization: Basic bWU6cEBzcw==\r\ncontent-length: 2\r\n\r\n{}"
    );
    assert_eq!(text(answer.unwrap().body).await, "hello");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_without_its_password() {
    let (listener, proxies) = proxy().await;
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        hear(&mut socket, "\r\n\r\n").await;
        say(&mut socket, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    };
    let client = trusting(proxies);
    let ((), answer) = tokio::join!(server, send(&client, "https://api.example.test/v1"));
    assert_eq!(
        answer.unwrap_err().to_string(),
        "no connection to api.example.test:443: tunnel error: proxy authorization required; check \
         the network and the base URL"
    );
    assert_eq!(format!("{client:?}"), "HttpClient { .. }");
}

#[tokio::test]
async fn a_host_on_this_machine_is_asked_without_a_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_proxy, proxies) = proxy().await;
    let client = HttpClient::over(Connector::new(proxies));
    let url = format!("http://{address}/v1");
    let (heard, answer) = tokio::join!(answer_one(&listener), send(&client, &url));
    assert_eq!(
        heard,
        format!(
            "POST /v1 HTTP/1.1\r\naccept-encoding: gzip\r\nhost: {address}\r\n\
             content-length: 2\r\n\r\n{{}}"
        )
    );
    assert_eq!(text(answer.unwrap().body).await, "hello");
}
